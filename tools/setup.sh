#!/bin/sh
# Makes .venv from uv.lock. Needs Python 3.12 and, for the engine's extension modules, a C++ compiler. Downloads no interpreter.
set -eu
cd "$(dirname "$0")/.."

UV_VERSION=0.13.9   # of .tools/bin/uv; another uv on the PATH is used when it runs and is at least UV_OLDEST
UV_OLDEST=0.9

say() { printf '%s\n' "$*" >&2; }

find_python() {
    for candidate in "${UV_PYTHON:-}" python3.12 python3 /usr/bin/python3.12 /opt/homebrew/bin/python3.12 /usr/local/bin/python3.12 \
        "$HOME"/.pyenv/versions/3.12*/bin/python3.12; do
        # Tried, not just found: a version manager's shim is on the PATH even when its version is not installed.
        if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 12))' >/dev/null 2>&1; then
            "$candidate" -c 'import os, sys; print(os.path.realpath(sys.executable))'
            return
        fi
    done
    say "Python 3.12 is not installed. Debian/Ubuntu: apt-get install python3.12 python3.12-venv python3.12-dev; macOS: brew install python@3.12"
    exit 1
}

recent_enough() {
    version=$("$1" --version 2>/dev/null) || return 1
    version=${version#uv }; version=${version%% *}
    [ "$(printf '%s\n%s\n' "$UV_OLDEST" "$version" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)" = "$UV_OLDEST" ]
}

find_uv() {
    for candidate in .tools/bin/uv uv; do
        if recent_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    say "Installing uv $UV_VERSION into .tools/"
    if ! "$1" -m venv .tools >&2; then
        say "Python's venv module is incomplete. Debian/Ubuntu: apt-get install python3.12-venv"
        exit 1
    fi
    .tools/bin/python -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION" >&2
    echo .tools/bin/uv
}

require_compiler() {
    if [ ! -d .venv/lib/python3.12/site-packages/hummingbot ] && ! c++ --version >/dev/null 2>&1; then
        say "A C++ compiler is needed to build the trading engine. Debian/Ubuntu: apt-get install g++ python3.12-dev; macOS: xcode-select --install"
        exit 1
    fi
}

python=$(find_python)
uv=$(find_uv "$python")
require_compiler
[ -d .venv/lib/python3.12/site-packages/hummingbot ] || say "Installing; the engine is compiled once, which takes a few minutes"

export UV_PYTHON="$python" UV_PYTHON_DOWNLOADS=never UV_PYTHON_PREFERENCE=only-system
export DIST_EXTRA_CONFIG="$PWD/tools/engine-build.cfg"   # builds the engine's modules in parallel: half the time
if [ "${1:-}" = --relock ]; then   # after a change of the workspace's members or dependencies
    exec "$uv" sync --quiet
fi
exec "$uv" sync --frozen --quiet
