#!/bin/bash
# Install LangChain, a client that tests/clients drives, into .engines/clients/langchain: a virtual environment of its own.
# What this version of the script made is kept; remove .engines/clients/langchain to make it again.
# usage: tests/engines/install/langchain.sh      (needs .venv: tools/bootstrap.sh dev)
set -euo pipefail
name=langchain prefix=clients/langchain title=LangChain about="about 170 MB"
source "$(dirname "${BASH_SOURCE[0]}")/venv.bash"

made && exit 0
install langchain-openai==1.7.3 langchain-anthropic==1.7.7
"$python" -I -c 'import langchain_anthropic, langchain_openai' >>"$log" 2>&1 || fail "what was installed does not start"
finish
