#!/bin/sh
# Write requirements.lock (what `make up` installs) and requirements-dev.lock (the same and the tools of tests and
# checks) from pyproject.toml. Both hold for every platform and for Python 3.11 to 3.13, each file with its hashes.
# Versions already in the files stay unless --upgrade is given. usage: tools/lock.sh [--upgrade | --upgrade-package NAME]
set -eu
cd "$(dirname "$0")/.."
uv=.venv/bin/uv
[ -x "$uv" ] || uv=$(command -v uv) || { echo "lock: uv is missing: run make test once, which installs it" >&2; exit 69; }

compile() { # compile FILE EXTRA...: resolve into FILE
    file=$1
    shift
    sed -n 's/^requires = \["\(.*\)"\]$/\1/p' pyproject.toml |
        "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
            --no-config --custom-compile-command "make lock" --output-file "$file" "$@" pyproject.toml - >/dev/null
    echo "lock: $file: $(grep -c '^[a-z0-9].*==' "$file") distributions" >&2
}

compile requirements.lock --extra embedded "$@"
compile requirements-dev.lock --extra embedded --extra dev --constraints requirements.lock "$@"
