#!/bin/bash
# Install llm, a client that tests/clients drives, into .engines/clients/llm: a virtual environment of its own.
# What this version of the script made is kept; remove .engines/clients/llm to make it again.
# usage: tests/engines/install/llm.sh      (needs .venv: tools/bootstrap.sh dev)
set -euo pipefail
name=llm prefix=clients/llm title=llm about="about 80 MB"
source "$(dirname "${BASH_SOURCE[0]}")/venv.bash"

made && exit 0
install llm==0.36
"$python" -I -c 'import llm.cli' >>"$log" 2>&1 || fail "what was installed does not start"
finish
