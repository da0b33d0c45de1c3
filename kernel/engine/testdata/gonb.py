"""Runs cells in GoNB and prints how long each took and what it showed, as JSON.

usage: gonb.py GONB, with a cell as a JSON string on each line of the standard input.
"""
import json
import os
import sys
import time

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager



def cpu():
    """Returns the CPU time of GoNB and of the programs that it has waited for."""
    with open("/proc/%d/stat" % manager.provisioner.process.pid) as f:
        return sum(map(int, f.read().rsplit(")", 1)[1].split()[11:15])) / os.sysconf("SC_CLK_TCK")


manager = KernelManager()
manager._kernel_spec = KernelSpec(argv=[sys.argv[1], "--kernel", "{connection_file}"], display_name="GoNB", language="go")
manager.start_kernel()
client = manager.client()
client.start_channels()
try:
    client.wait_for_ready(timeout=60)
    for line in sys.stdin:
        shown = []

        def output(message):
            content = message["content"]
            shown.append(content.get("text") or "\n".join(content.get("traceback", [])) or str(content.get("data", "")))

        start, cpu_start = time.monotonic(), cpu()
        reply = client.execute_interactive(json.loads(line), timeout=300, output_hook=output)
        seconds = time.monotonic() - start
        print(json.dumps({"seconds": seconds, "cpu": cpu() - cpu_start, "status": reply["content"]["status"], "shown": "".join(shown)}), flush=True)
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
