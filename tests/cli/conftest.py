"""What the tests of the command line share."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from flock.paths import find_home
from tests.cli.door import Answerer, Door

QUIET_ENVIRONMENT = ("NO_COLOR", "FLOCK_NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "FLOCK_DEBUG")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A flock home of the test's own; every line of help is 80 columns wide."""
    monkeypatch.setenv("FLOCK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("FLOCK_DATA_DIR", raising=False)
    monkeypatch.delenv("FLOCK_ENGINE_KEY", raising=False)
    monkeypatch.delenv("FLOCK_VENDOR_KEY", raising=False)
    for name in QUIET_ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


@pytest.fixture
def opened() -> Iterator["Opener"]:
    """Open a door of this home; it is closed after the test."""
    with ExitStack() as stack:
        yield Opener(stack)


class Opener:
    """Opens doors that are closed together."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def __call__(self, answer: Answerer, version: str = "", health: bytes | None = None) -> Door:
        """Open the private door of this home."""
        return self._stack.enter_context(Door(find_home().socket, answer, version, health))
