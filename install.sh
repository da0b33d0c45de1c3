#!/usr/bin/env bash
# Sets gsmlab up: checks the tools, downloads the Go modules, builds what live cells are built with, finds or installs
# the XLA plugin (PJRT), and makes a Python environment with Jupyter's clients for the tests, where there is Python.
# Needs no root, but for a browser, which only one test needs; changes nothing when everything is there already.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: ./install.sh [--check] [--prefix DIR] [--cuda] [--help]

  --check       only say what is there and what is missing; exit with 1 when something is missing
  --prefix DIR  put the plugin under DIR/lib/gsmlab/pjrt instead of the cache folder
  --cuda        install the CUDA plugin (2.3 GiB) even if no NVIDIA GPU is found; with a GPU it is the default
  --help        show this

Environment: GSM_CACHE (cache folder, default ~/.cache/gsmlab), PJRT_PLUGIN_LIBRARY_PATH (a folder that
has a plugin already), GSM_OFFLINE=1 (download no plugin and no clients), GO (the go command, default go).
USAGE
}

check=false
prefix=""
cuda=false
while [ $# -gt 0 ]; do
  case "$1" in
    --check) check=true ;;
    --cuda) cuda=true ;;
    --prefix)
      if [ $# -lt 2 ] || [ -z "$2" ]; then
        echo "install.sh: --prefix needs a folder" >&2
        exit 2
      fi
      prefix=$2
      shift
      ;;
    --prefix=?*) prefix=${1#--prefix=} ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      echo "install.sh: unknown option $1" >&2
      usage >&2
      exit 2
      ;;
  esac
  shift
done

# The plugin program runs in the repository; a relative prefix is meant from where we were called.
case "$prefix" in
  "" | /*) ;;
  *) prefix=$PWD/$prefix ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")"

go=${GO:-go}
missing=0

lacks() {
  echo "missing: $1"
  missing=$((missing + 1))
}

# The go.mod line "go 1.26.5" also makes an older Go (1.21 or later) fetch that toolchain by itself,
# but only where downloading toolchains works, so it is asked for here.
check_go() {
  local version major minor
  if ! command -v "$go" >/dev/null 2>&1; then
    lacks "Go 1.26 or later: https://go.dev/dl/ (Debian: golang-1.26-go or later; macOS: brew install go)"
    return
  fi
  version=$("$go" env GOVERSION 2>/dev/null || true) # go1.26.8, or the toolchain it switched to
  if [[ ! $version =~ go([0-9]+)\.([0-9]+) ]]; then
    lacks "Go 1.26 or later: \"$go env GOVERSION\" answers \"$version\""
    return
  fi
  major=${BASH_REMATCH[1]}
  minor=${BASH_REMATCH[2]}
  if [ "$major" -lt 1 ] || { [ "$major" -eq 1 ] && [ "$minor" -lt 26 ]; }; then
    lacks "Go 1.26 or later, this is $version: https://go.dev/dl/"
    return
  fi
  echo "present: $version"
}

# cgo needs a C compiler that also links: compile a program rather than look for a name.
check_cc() {
  local cc dir
  cc=$("$go" env CC 2>/dev/null || true)
  cc=${cc:-cc}
  dir=$(mktemp -d)
  echo 'int main(void) { return 0; }' >"$dir/try.c"
  # CC may hold options ("gcc -m64"), so it is split into words on purpose.
  # shellcheck disable=SC2086
  if $cc -o "$dir/try" "$dir/try.c" >/dev/null 2>&1; then
    echo "present: C compiler $cc"
  else
    lacks "a C compiler ($cc does not compile a program): Debian: apt install gcc libc6-dev; macOS: xcode-select --install"
  fi
  rm -rf "$dir"
}

modules() {
  if GOFLAGS="${GOFLAGS:-} -mod=readonly" GOPROXY=off "$go" mod download >/dev/null 2>&1; then
    echo "present: Go modules"
  elif $check; then
    lacks "Go modules: run ./install.sh without --check, or \"$go mod download\""
  else
    echo "downloading Go modules"
    "$go" mod download
    echo "installed: Go modules"
  fi
}

# Jupyter's own clients test the Jupyter kernel, and ONNX's runtime tests what deploy writes; nothing else needs
# Python. Without them those tests are skipped. Arguments: the folder in the cache, the requirements, what it is.
clients() {
  local name=$1 want=$2 what=$3 cache dir problem
  case "$(uname -s)" in
    Darwin) cache=$HOME/Library/Caches/gsmlab ;;
    *) cache=${XDG_CACHE_HOME:-$HOME/.cache}/gsmlab ;;
  esac
  dir=${GSM_CACHE:-$cache}/$name
  if cmp -s "$want" "$dir/requirements.txt" && "$dir/bin/python3" -c "" 2>/dev/null; then
    echo "present: $what, for tests"
    return
  fi
  if ! python3 -c "import sys; sys.exit(sys.version_info < (3, 10))" 2>/dev/null; then
    echo "without $what, for tests: they need Python 3.10 or later (Debian: apt install python3-venv); the tests with them will be skipped"
    return
  fi
  if $check; then
    lacks "$what, for tests: run ./install.sh without --check"
    return
  fi
  if [ -n "${GSM_OFFLINE:-}" ]; then
    echo "without $what, for tests: GSM_OFFLINE is set; the tests with them will be skipped"
    return
  fi
  echo "installing $what, for tests"
  rm -rf "$dir"
  mkdir -p "$(dirname "$dir")"
  if problem=$(install_clients "$dir" "$want" 2>&1); then
    cp "$want" "$dir/requirements.txt"
    echo "installed: $what, for tests, in $dir"
  else
    rm -rf "$dir"
    echo "without $what, for tests, which will be skipped: $(tail -n 1 <<<"$problem")"
  fi
}

# Debian's python3 comes without ensurepip; a pip that is there all the same can fill the environment.
install_clients() {
  local dir=$1 want=$2 pip options=(--quiet --no-input --disable-pip-version-check --only-binary :all: -r "$2")
  if python3 -m venv "$dir" >/dev/null 2>&1; then
    "$dir/bin/python3" -m pip install "${options[@]}"
    return
  fi
  rm -rf "$dir"
  python3 -m venv --without-pip "$dir" || return 1
  for pip in "python3 -m pip" pip3 pip; do
    # shellcheck disable=SC2086
    if $pip --version >/dev/null 2>&1; then
      $pip install "${options[@]}" --target "$("$dir/bin/python3" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
      return
    fi
  done
  echo "python3 has neither ensurepip nor pip (Debian: apt install python3-venv)"
  return 1
}

# A browser tests the page that gsm pack writes. It is Debian's package, which needs root.
browser() {
  if command -v chromium >/dev/null 2>&1; then
    echo "present: chromium, for tests"
    return
  fi
  if $check || [ -n "${GSM_OFFLINE:-}" ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "without chromium, for tests (Debian: apt install chromium); the test of the page will be skipped"
    return
  fi
  echo "installing chromium, for tests"
  if { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium; } >/dev/null 2>&1; then
    echo "installed: chromium, for tests"
  else
    echo "without chromium, for tests: apt could not install it; the test of the page will be skipped"
  fi
}

# What live cells are built with takes minutes the first time: not in somebody's first session, nor in a test.
cells() {
  if $check || [ "$(uname -s)" != Linux ]; then return; fi
  if "$go" run ./kernel </dev/null; then
    echo "present: what live cells are built with"
  else
    echo "without live cells: see above"
  fi
}

check_go
if [ $missing -eq 0 ]; then
  check_cc
fi
if [ $missing -gt 0 ] && ! $check; then
  echo "install.sh: install what is missing above and run it again" >&2
  exit 1
fi
if [ $missing -eq 0 ]; then
  modules
fi
if [ $missing -gt 0 ]; then
  echo "install.sh: not looking for the PJRT plugin before the above is there" >&2
  exit 1
fi

clients jupyter-clients kernel/jupyter/testdata/clients/requirements.txt "Jupyter clients"
clients onnx-clients deploy/testdata/clients/requirements.txt "ONNX clients"
browser
if command -v chromium >/dev/null 2>&1; then # tests look at notebooks with both
  clients jupyter-lab kernel/jupyter/testdata/lab/requirements.txt JupyterLab
fi
cells

args=()
if $check; then args+=(-check); fi
if [ -n "$prefix" ]; then args+=(-prefix "$prefix"); fi
if $cuda; then args+=(-cuda); fi
# bash 3.2 (macOS) takes an empty array for an unset variable.
if "$go" run ./internal/pjrt/cmd/plugin ${args[@]+"${args[@]}"}; then
  if [ $missing -gt 0 ]; then exit 1; fi
  echo "everything is there"
else
  if ! $check; then
    echo "install.sh: without the plugin gsmlab runs on its slower pure-Go backend" >&2
  fi
  exit 1
fi
