#!/bin/bash
# Install the real piper with its HTTP server into .engines/piper: a virtual environment of its own.
# What this version of the script made is kept; remove .engines/piper to make it again.
# usage: tests/engines/install/piper.sh      (needs .venv: tools/bootstrap.sh dev)
set -euo pipefail
name=piper prefix=piper title=piper about="about 250 MB"
source "$(dirname "${BASH_SOURCE[0]}")/venv.bash"

made && exit 0
install 'piper-tts[http]==1.8.0'
"$python" -I -m piper.http_server --help >>"$log" 2>&1 || fail "what was installed does not start"
finish
