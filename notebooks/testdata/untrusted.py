"""Opens the notebooks of a folder in JupyterLab, with a headless Chromium, and counts the pictures.

untrusted.py CHROMIUM FOLDER: JupyterLab's own folders are new, so it trusts none of the notebooks.
Then it trusts a copy of one that has an animation, and moves the slider by the arrow keys.
The exit status is 1 if a notebook does not show a picture for each SVG and each animation in it, or
if the slider does not move.
"""

import asyncio
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect

PATIENCE = 240  # seconds for a page on a busy machine


def wanted(path):
    """How many charts a notebook has."""
    count = 0
    for cell in json.loads(path.read_text())["cells"]:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            moves = "\\u003csvg" in "".join(data.get("text/html", []))
            count += "image/svg+xml" in data or moves
    return count


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


async def until(what, seconds, ask):
    """The first answer of ask that is true; errors are asked again."""
    end = asyncio.get_running_loop().time() + seconds
    answer = None
    while asyncio.get_running_loop().time() < end:
        try:
            if answer := await ask():
                return answer
        except OSError as err:
            answer = err
        await asyncio.sleep(0.5)
    sys.exit(f"{what}: not within {seconds} s: {answer}")


class Page:
    """A page of a browser, over its debugging protocol."""

    def __init__(self, socket):
        self.socket, self.number = socket, 0

    async def call(self, method, **params):
        self.number += 1
        await self.socket.write_message(json.dumps({"id": self.number, "method": method, "params": params}))
        while (text := await self.socket.read_message()) is not None:
            answer = json.loads(text)
            if answer.get("id") == self.number:
                return answer.get("result", {})
        sys.exit("the browser ended")

    async def value(self, expression):
        result = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return result.get("result", {}).get("value")


SHOWN = """(() => {
  const all = [...document.querySelectorAll('.jp-OutputArea-output img')];
  return all.filter(i => i.complete && i.naturalWidth > 0 && i.clientWidth > 0).length;
})()"""


async def opened(port, debugger, path):
    """The page of a notebook in JupyterLab."""
    address = f"http://127.0.0.1:{port}/lab/tree/{path}?reset"
    new = HTTPRequest(f"http://127.0.0.1:{debugger}/json/new?{address}", method="PUT", body=b"", request_timeout=PATIENCE)
    target = json.loads((await AsyncHTTPClient().fetch(new)).body)
    return Page(await websocket_connect(target["webSocketDebuggerUrl"], max_message_size=1 << 28))


SLIDER = """(() => {
  const slider = document.querySelector('[data-gsm-animation] input[type=range]');
  const cells = [...document.querySelectorAll('.jp-Notebook .jp-Cell')];
  return slider && {at: slider.value, cell: cells.findIndex(c => c.classList.contains('jp-mod-active')), focus: document.activeElement === slider};
})()"""


# This JupyterLab has no kernel for Go, so it asks for one, and its question has the keys.
ANSWER = """(() => {
  const no = document.querySelector('.jp-Dialog-button.jp-mod-reject');
  no?.click();
  return no !== null;
})()"""


async def press_keys(port, debugger, path):
    """Moves the slider of a trusted notebook by keys; JupyterLab has shortcuts for the same ones."""
    page = await opened(port, debugger, path)
    await until("the slider", PATIENCE, lambda: page.value(SLIDER))
    await until("the question for a kernel", PATIENCE, lambda: page.value(ANSWER))
    await page.value("document.querySelector('[data-gsm-animation] input[type=range]').focus()")
    seen = [await page.value(SLIDER)]
    for key, code in [("ArrowRight", 39), ("ArrowRight", 39), ("ArrowLeft", 37), ("ArrowDown", 40), ("ArrowUp", 38), ("End", 35)]:
        for kind in ("rawKeyDown", "keyUp"):
            await page.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)
        seen.append(await page.value(SLIDER))
    last = str(await page.value("document.querySelector('[data-gsm-animation] input[type=range]').max"))
    want = [{"at": at, "cell": seen[0]["cell"], "focus": True} for at in ("0", "1", "2", "1", "0", "1", last)]
    if seen != want:
        print(f"{path}: by the keys right, right, left, down, up and End the slider went {seen}, not {want}")
    return seen != want


# Cells and outputs that are wider than their column, with the beginning of their text.
WIDE = """[...document.querySelectorAll('.jp-Notebook .cm-scroller, .jp-Notebook .jp-OutputArea-output, .jp-Notebook .jp-RenderedMarkdown')]
  .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.clientWidth + ' px for ' + e.scrollWidth + ': ' + e.textContent.slice(0, 60))"""


async def look(port, debugger, paths):
    failed = False
    for path in paths:
        page = await opened(port, debugger, path.name)
        want, shown = wanted(path), 0
        for _ in range(PATIENCE):
            shown = await page.value(SHOWN)
            if shown is not None and shown >= want:
                break
            await asyncio.sleep(1)
        trusted = await page.value("document.querySelectorAll('.jp-OutputArea-output img[src^=\"data:image/svg\"]').length")
        print(f"{path.name}: {shown} of {want} charts are shown")
        failed = failed or shown != want or trusted != 0
        if trusted:
            print(f"{path.name}: {trusted} of them are SVG: JupyterLab trusts the notebook")
        for wide in await page.value(WIDE):
            print(f"{path.name}: wider than its column: {wide}")
            failed = True
        await page.call("Page.close")
    return failed


async def main(chromium, folder):
    paths = sorted(pathlib.Path(folder).glob("*.ipynb"))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as own:
        environ = dict(os.environ, JUPYTER_CONFIG_DIR=own + "/config", JUPYTER_DATA_DIR=own + "/data", JUPYTER_RUNTIME_DIR=own + "/runtime",
                       JUPYTERLAB_SETTINGS_DIR=own + "/settings", JUPYTER_PLATFORM_DIRS="0", HOME=own)
        settings = pathlib.Path(own, "settings", "@jupyterlab", "notebook-extension")
        settings.mkdir(parents=True)
        # all cells are drawn, not only those in the window
        settings.joinpath("tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}')
        moving = next(path for path in paths if "data-gsm-animation" in path.read_text())
        trusted = f"trusted/{moving.name}"
        pathlib.Path(folder, "trusted").mkdir()
        copy = json.loads(moving.read_text())
        copy["metadata"]["trusted"] = True  # trust is in what a notebook holds, not in its path
        pathlib.Path(folder, trusted).write_text(json.dumps(copy))
        subprocess.run([sys.executable, "-m", "jupyter", "trust", str(pathlib.Path(folder, trusted))], env=environ, check=True, stdout=subprocess.DEVNULL)
        port = free_port()
        log = open(own + "/log", "w+")
        lab = subprocess.Popen([sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--port-retries=0", "--ip=127.0.0.1",
                                "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"], env=environ, stdout=log, stderr=log)
        profile = own + "/profile"
        browser = subprocess.Popen([chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0",
                                    f"--user-data-dir={profile}", "--window-size=1300,900", "about:blank"], env=environ, stdout=log, stderr=log)
        try:
            async def serves():
                if lab.poll() is not None:
                    sys.exit("JupyterLab does not start:\n" + pathlib.Path(own, "log").read_text())
                with socket.create_connection(("127.0.0.1", port), timeout=1):
                    return True

            async def debugs():
                return re.match(r"\d+", pathlib.Path(profile, "DevToolsActivePort").read_text())

            await until("JupyterLab", PATIENCE, serves)
            debugger = int((await until("Chromium", PATIENCE, debugs)).group())
            return await look(port, debugger, paths) | await press_keys(port, debugger, trusted)
        finally:
            for process in (browser, lab):
                process.terminate()
                process.wait()


sys.exit(asyncio.run(main(*sys.argv[1:])))
