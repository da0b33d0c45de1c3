#!/bin/sh
# The notebooks' first cell runs this in the folder of the session's Go module (!*). GoNB's module has to be told where gsmlab
# is, and takes its pinned versions; that of gsmlab's own kernel, gsmcell, knows both.
set -e
root=$(cd "$(dirname "$0")/.." && pwd)
if ! grep -q '^module gsmcell$' go.mod; then
  cp "$root/go.mod" "$root/go.sum" .
  go mod edit -module gonb_session -require gsmlab@v0.0.0 -replace "gsmlab=$root"
fi
