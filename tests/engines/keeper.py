"""Keep a shared engine running for as long as anybody of the test run uses it; then end it and its children.

A process of its own, started by real.py: `python -m tests.engines.keeper ROOM PORT PROGRAM ARGUMENT…`. Whoever uses the
engine holds a shared lock on ROOM/users, which the kernel takes away when that process ends, however it ends; the
keeper waits for the whole lock. vLLM's own children outlive a killed parent, so the group is ended, not the process.
"""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

# what vLLM took to end after SIGTERM was 2.6 s; beyond this it hangs
GRACE_SECONDS = 20.0


def main() -> None:
    """Start the engine, say where it is, wait until nobody holds the lock, end the engine."""
    room, port, command = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    if os.fork():
        os._exit(0)  # who started it goes on, and never has to look after it
    with (room / "engine.log").open("wb") as log:
        engine = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=room
        )
    half = room / "engine.half"
    half.write_text(json.dumps({"pid": engine.pid, "port": port}))
    half.rename(room / "engine.json")
    users = os.open(room / "users", os.O_RDWR | os.O_CREAT)
    fcntl.flock(users, fcntl.LOCK_EX)
    (room / "engine.json").unlink()
    end(engine)


def end(engine: "subprocess.Popen[bytes]") -> None:
    """End the engine's whole group, whether its leader still runs or not."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(engine.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        engine.wait(GRACE_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(engine.pid, signal.SIGKILL)
    engine.wait()


if __name__ == "__main__":
    main()
