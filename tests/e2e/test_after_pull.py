"""`make up` after `git pull`: the version may be the same and the code another."""

import os
import time

from flock import __version__
from tests.e2e.machine import copy_of_flock, fresh


def test_code_newer_than_the_daemon_restarts_it() -> None:
    with fresh() as flock:
        code = copy_of_flock(flock.home.parent, __version__)
        flock.environment["PYTHONPATH"] = str(code)
        assert flock.json("up")["action"] == "started"
        first = flock.pid
        assert flock.json("up")["action"] == "running"
        now = time.time()
        os.utime(flock.home / "run/daemon.lock", (now - 60, now - 60))
        os.utime(code / "flock/core/inference.py", (now - 30, now - 30))
        assert flock.json("up")["action"] == "restarted"
        second = flock.pid
        assert second != first
        os.utime(code / "flock/core/inference.py", (now + 3600, now + 3600))
        assert flock.json("up")["action"] == "running"
        assert flock.pid == second
