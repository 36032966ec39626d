#!/bin/bash
# Install pydantic-ai, a client that tests/clients drives, into .engines/clients/pydantic_ai: a virtual environment of its own.
# What this version of the script made is kept; remove .engines/clients/pydantic_ai to make it again.
# usage: tests/engines/install/pydantic_ai.sh      (needs .venv: tools/bootstrap.sh dev)
set -euo pipefail
name=pydantic_ai prefix=clients/pydantic_ai title=pydantic-ai about="about 190 MB"
source "$(dirname "${BASH_SOURCE[0]}")/venv.bash"

made && exit 0
install 'pydantic-ai-slim[anthropic,google,openai]==2.68.0'
"$python" -I -c 'import pydantic_ai.models.anthropic, pydantic_ai.models.google, pydantic_ai.models.openai' >>"$log" 2>&1 || fail "what was installed does not start"
finish
