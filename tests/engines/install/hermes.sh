#!/bin/bash
# Install Hermes Agent, a tool that tests/clients/test_connect.py connects, into .engines/tools-hermes: a virtual
# environment of its own. What this version of the script made is kept; remove .engines/tools-hermes to make it again.
# usage: tests/engines/install/hermes.sh      (needs .venv: tools/bootstrap.sh dev)
set -euo pipefail
name=hermes prefix=tools-hermes title=hermes about="about 230 MB"
source "$(dirname "${BASH_SOURCE[0]}")/venv.bash"

made && exit 0
install hermes-agent==0.19.0
[ -x "$prefix/bin/hermes" ] || fail "what was installed has no command"
finish
