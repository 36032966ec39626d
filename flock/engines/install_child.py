"""The installation's own process: make an environment of Python, let uv or pip fill it, import what was installed.

Owns the directory it is told and nothing else. Everything it starts is of its own process group, which ends with it,
when its standard input ends. Imports nothing of flock. Started by install.py as `python -P install_child.py`, told what
to do by one line of JSON on standard input; lines of JSON on standard output are steps, all others are uv's and pip's.
"""

import asyncio
import fcntl
import json
import os
import shutil
import signal
import sys
import threading
from typing import Any


def main() -> int:
    """Install; return the exit code of what failed, 0 when it is there whole."""
    task = _read_task()
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    lock = os.open(task["lock"], os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.write(1, b"another flock is installing this engine at the moment\n")
        return 75
    return asyncio.run(_install(task))


async def _install(task: dict[str, Any]) -> int:
    target, wanted, uv = str(task["target"]), [str(name) for name in task["wanted"]], str(task["uv"])
    python = os.path.join(target, "bin", "python")
    code = 1
    if uv:
        _tell(0.02, f"making a place for {' and '.join(wanted)} with uv")
        code = await _run(uv, "venv", "--python", sys.executable, target)
        if code == 0:
            _tell(0.05, f"fetching {' and '.join(wanted)}")
            code = await _run(uv, "pip", "install", "--python", python, *wanted)
        if code != 0:
            # uv reads another configuration than pip: a mirror may be known to one of them alone
            _tell(0.02, "uv could not; trying pip")
            shutil.rmtree(target, ignore_errors=True)
    if code != 0:
        _tell(0.02, "making an environment of Python")
        if code := await _run(sys.executable, "-I", "-m", "venv", target):
            return code
        _tell(0.1, f"fetching {' and '.join(wanted)}")
        pip = (python, "-I", "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--retries", "2")
        if code := await _run(*pip, *wanted):
            return code
    _tell(0.9, "trying what was installed")
    return await _run(python, "-I", "-c", f"import {task['module']}")


async def _run(*argv: str) -> int:
    process = await asyncio.create_subprocess_exec(*argv, stdin=asyncio.subprocess.DEVNULL)
    return await process.wait()


def _tell(share: float, step: str) -> None:
    os.write(1, json.dumps({"share": share, "step": step}).encode() + b"\n")


def _read_task() -> dict[str, Any]:
    words = b""
    while not words.endswith(b"\n"):
        more = os.read(0, 65536)
        if not more:
            os._exit(1)
        words += more
    return json.loads(words)


def _exit_with_parent() -> None:
    # the daemon holds the other end of this pipe; when it is killed, the kernel closes that end
    while os.read(0, 4096):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
