"""What end-to-end tests share: models that real engines serve, and a flock in front of an upstream with faults."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.parts import environment
from tests.models.make import ensure
from tests.running import Flock, fake_upstream, running_flock


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The tiny models by name: tiny-script says one sentence, tiny-chat never ends by itself."""
    return ensure(tmp_path_factory.getbasetemp() / "models")


@pytest.fixture(scope="module")
def fake() -> Iterator[int]:
    """The port of an upstream that does what the model's name says."""
    with fake_upstream() as port:
        yield port


@pytest.fixture(scope="module")
def flock(fake: int) -> Iterator[Flock]:
    """A flock in front of it, which must not have met anything it did not expect."""
    with running_flock(**environment()) as flock:
        flock.ok("engine", "attach", f"http://127.0.0.1:{fake}", "--name", "fake")
        yield flock
        assert "Traceback" not in (flock.home / "logs/flock.log").read_text()
