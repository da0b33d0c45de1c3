"""Runs cells in a Jupyter kernel and prints how long each took, in seconds, as JSON.

usage: gonb.py KERNEL < cells, where cells is a JSON list of strings. The first cell prepares and is not timed.
"""
import json
import sys
import time

from jupyter_client.manager import KernelManager
from jupyter_client.kernelspec import KernelSpec

manager = KernelManager()
manager._kernel_spec = KernelSpec(argv=[sys.argv[1], "--kernel", "{connection_file}"], display_name="GoNB", language="go")
manager.start_kernel()
client = manager.client()
client.start_channels()
try:
    client.wait_for_ready(timeout=60)
    seconds = []
    for code in json.load(sys.stdin):
        shown = []

        def output(message):
            content = message["content"]
            shown.append(content.get("text") or str(content.get("data", "")) or "\n".join(content.get("traceback", [])))

        start = time.monotonic()
        reply = client.execute_interactive(code, timeout=300, output_hook=output)
        seconds.append(time.monotonic() - start)
        if reply["content"]["status"] != "ok":
            sys.exit(code + "\n" + "".join(shown))
    print(json.dumps({"seconds": seconds[1:], "last": "".join(shown)}))
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
