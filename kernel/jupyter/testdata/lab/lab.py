"""JupyterLab in headless Chromium: a breakpoint in the gutter, a stop, variables, steps, a change, and on.

usage: lab.py SCREENSHOT (with JUPYTER_PATH at the kernelspec)
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading

from playwright.sync_api import expect, sync_playwright

PATIENCE = 60_000  # ms, for a machine that is busy
SUM = """func sum(n int) int {
	total := 0
	for i := range n {
		total += i
	}
	return total
}"""


def notebook(folder):
    cell = lambda source: {"cell_type": "code", "id": f"c{len(source)}", "source": source, "metadata": {}, "outputs": [], "execution_count": None}
    with open(os.path.join(folder, "debug.ipynb"), "w") as f:
        json.dump({
            "nbformat": 4, "nbformat_minor": 5, "cells": [cell(SUM), cell('weights := []float32{0.5, -1.25, 3}\nfmt.Println("sum:", sum(4), len(weights))')],
            "metadata": {"kernelspec": {"name": "gsmlab", "display_name": "Go (gsmlab)", "language": "go"}, "language_info": {"name": "go"}},
        }, f)


def serve(folder):
    """A server, and the address of its page."""
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0", "--ServerApp.root_dir=" + folder, "--IdentityProvider.token=t",
         "--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    for line in server.stderr:
        found = re.search(r"http://(?:localhost|127\.0\.0\.1):(\d+)/lab", line)
        if found:
            break
    # what the server says later must not fill the pipe
    threading.Thread(target=lambda: [None for _ in server.stderr], daemon=True).start()
    return server, f"http://127.0.0.1:{found.group(1)}"


def variables(page):
    """The rows of the list of variables, as text."""
    return page.locator(".jp-DebuggerVariables-body").inner_text()


def main(screenshot):
    folder = tempfile.mkdtemp()
    notebook(folder)
    server, address = serve(folder)
    try:
        with sync_playwright() as p:
            browser = p.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.set_default_timeout(PATIENCE)
            expect.set_options(timeout=PATIENCE)
            try:
                walk(page, address, screenshot)
            except BaseException:
                page.screenshot(path=screenshot + ".failed.png")
                raise
            browser.close()
    finally:
        server.terminate()
        server.wait(20)


def walk(page, address, screenshot):
    page.goto(f"{address}/lab/tree/debug.ipynb?token=t&reset")
    bug = page.locator(".jp-DebuggerBugButton")
    expect(bug).to_be_enabled()
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    # the kernel answers
    cells.nth(0).locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    expect(cells.nth(0).locator(".jp-InputPrompt")).to_have_text("[1]:")
    for news in page.get_by_role("button", name="No", exact=True).all():
        news.click()
    bug.click()
    expect(page.locator(".jp-DebuggerSidebar")).to_be_visible()
    expect(page.locator(".cm-breakpoint-gutter").first).to_be_visible()

    # a breakpoint in the gutter of line 4
    line = cells.nth(0).locator(".cm-line").nth(3).bounding_box()
    gutter = cells.nth(0).locator(".cm-gutter.cm-breakpoint-gutter").bounding_box()
    page.mouse.click(gutter["x"] + gutter["width"] / 2, line["y"] + line["height"] / 2)
    expect(cells.nth(0).locator(".cm-breakpoint-icon")).to_have_count(1)
    expect(page.locator(".jp-DebuggerBreakpoint")).to_have_count(1)

    cells.nth(1).locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    frames = page.locator(".jp-DebuggerCallstackFrame")
    expect(frames.first).to_contain_text("sum")
    expect(page.locator(".jp-DebuggerEditor-highlight")).to_have_count(1)
    locals_ = page.locator(".jp-DebuggerVariables")
    expect(locals_).to_contain_text("total")
    for text in ("i", "n", "total"):
        expect(locals_.locator(".jp-DebuggerVariables-name").filter(has_text=re.compile(f"^{text}:?$")).first).to_be_visible()

    # a step: i is 1 then (the breakpoint is in the loop)
    def press(label):
        page.locator(f"[data-command='debugger:{label}'], .jp-DebuggerCallstack [title^='{label}' i]").first.click()
    press("next")
    expect(locals_).to_contain_text(re.compile(r"i:?\s*1"))

    # change a variable
    press("evaluate")
    console = page.locator(".jp-CodeConsole-promptCell .cm-content")
    console.click()
    page.keyboard.type("total = 100")
    page.keyboard.press("Shift+Enter")
    expect(locals_).to_contain_text(re.compile(r"total:?\s*100"))
    page.locator(".lm-DockPanel-tabBar .jp-mod-current, .lm-TabBar-tab").filter(has_text="Console").locator(".lm-TabBar-tabCloseIcon").first.click()
    page.screenshot(path=screenshot)

    # past the breakpoint, and on
    for want in ("2", "3"):
        press("continue")
        expect(locals_).to_contain_text(re.compile(rf"i:?\s*{want}"))
    press("continue")
    # 100 + 1 + 2 + 3
    expect(cells.nth(1).locator(".jp-Cell-outputArea")).to_contain_text("sum: 106 3")
    expect(frames).to_have_count(0)
    print("ok")


if __name__ == "__main__":
    main(sys.argv[1])
