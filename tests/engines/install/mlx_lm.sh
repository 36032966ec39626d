#!/bin/bash
# Install the real MLX-LM into .engines/mlx: a virtual environment of its own, on Linux with MLX's CPU back end.
# What this version of the script made is kept; remove .engines/mlx to make it again.
# usage: tests/engines/install/mlx_lm.sh      (needs .venv: tools/bootstrap.sh dev)
set -euo pipefail
name=mlx_lm prefix=mlx title=MLX-LM about="about 360 MB"
source "$(dirname "${BASH_SOURCE[0]}")/venv.bash"

made && exit 0
backend='mlx[cpu]==0.32.4'
[ "$(uname)" != Darwin ] || backend=mlx==0.32.4
install "$backend" mlx-lm==0.32.2
"$python" -I -c 'import mlx_lm.server' >>"$log" 2>&1 || fail "what was installed does not start"
finish
