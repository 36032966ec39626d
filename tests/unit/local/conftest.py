"""A flock home of the test's own, and the end of every daemon that was started in it."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flock.client.presence import is_alive
from flock.local.operations import Here
from flock.paths import find_home
from tests.unit.local.standing import ROOT, starts


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    """Yield a place under a temporary FLOCK_HOME; what was started there is ended afterwards."""
    monkeypatch.setenv("FLOCK_HOME", str(tmp_path / "flock home"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    place = Here(find_home(), {**os.environ})
    yield place
    for pid in starts(place):
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)
        while is_alive(pid):
            time.sleep(0.01)
