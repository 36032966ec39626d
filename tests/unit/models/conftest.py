"""A fake hub for tests of fetching."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.hub_process import FakeHub, fake_hub
from tests.unit.models.fetching import DATA, FILE, REPO


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[FakeHub]:
    with fake_hub(tmp_path / "remote") as hub:
        hub.put(REPO, {FILE: DATA, "config.json": b'{"model_type": "llama"}'}, license="mit", downloads=7)
        yield hub
