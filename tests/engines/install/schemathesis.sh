#!/bin/bash
# Install schemathesis, which tests/e2e/test_openapi.py drives, into .engines/schemathesis: a virtual environment of its own,
# since its versions of pytest and others are not flock's. What this version of the script made is kept; remove
# .engines/schemathesis to make it again.
# usage: tests/engines/install/schemathesis.sh      (needs .venv: tools/bootstrap.sh dev)
set -euo pipefail
name=schemathesis prefix=schemathesis title=schemathesis about="about 90 MB"
source "$(dirname "${BASH_SOURCE[0]}")/venv.bash"

made && exit 0
install schemathesis==4.32.5
"$prefix/bin/st" --version >>"$log" 2>&1 || fail "what was installed does not start"
finish
