"""Runs a notebook under GoNB through nbclient, in the folder that it lies in, and writes it with its outputs.

usage: gonb.py GONB NOTEBOOK OUT
"""
import os
import sys

import nbformat
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

gonb, path, out = sys.argv[1:]
manager = KernelManager(kernel_name="gonb")  # its default, python3, would get arguments for IPython
manager._kernel_spec = KernelSpec(argv=[gonb, "--kernel", "{connection_file}"], display_name="GoNB", language="go")
notebook = nbformat.read(path, 4)
folder = os.path.dirname(os.path.abspath(path))
try:
    NotebookClient(notebook, km=manager, timeout=900, resources={"metadata": {"path": folder}}).execute()
finally:
    nbformat.write(notebook, out)
    manager.shutdown_kernel(now=True)
