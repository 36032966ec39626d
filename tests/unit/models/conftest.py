"""A fake hub for tests of fetching: one process for all of them, as new for each."""

from collections.abc import Iterator

import pytest

from tests.fakes.hub_process import FakeHub, fake_hub
from tests.unit.models.fetching import CONFIG, DATA, FILE, REPO


@pytest.fixture(scope="session")
def hub_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeHub]:
    with fake_hub(tmp_path_factory.mktemp("hub")) as hub:
        yield hub


@pytest.fixture
def hub(hub_process: FakeHub) -> FakeHub:
    hub_process.reset()
    hub_process.put(REPO, {FILE: DATA, "config.json": CONFIG}, license="mit", downloads=7)
    return hub_process
