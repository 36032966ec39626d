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
        later = time.time() + 5
        os.utime(code / "flock/core/inference.py", (later, later))
        assert flock.json("up")["action"] == "restarted"
        assert flock.pid != first
