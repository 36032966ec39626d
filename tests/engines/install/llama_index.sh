#!/bin/bash
# Install LlamaIndex, a client that tests/clients drives, into .engines/clients/llama_index: a virtual environment of its own.
# What this version of the script made is kept; remove .engines/clients/llama_index to make it again.
# usage: tests/engines/install/llama_index.sh      (needs .venv: tools/bootstrap.sh dev)
set -euo pipefail
name=llama_index prefix=clients/llama_index title=LlamaIndex about="about 290 MB"
source "$(dirname "${BASH_SOURCE[0]}")/venv.bash"

made && exit 0
install llama-index-core==0.14.25 llama-index-llms-openai-like==0.8.1
"$python" -I -c 'import llama_index.llms.openai_like' >>"$log" 2>&1 || fail "what was installed does not start"
finish
