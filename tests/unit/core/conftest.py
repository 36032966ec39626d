"""A daemon's keys on a real store, for tests of the operations that change them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flock.core.ids import IdLists
from flock.paths import Home
from flock.policy.keys import Keys
from flock.policy.limits import Limits
from flock.store.store import Store
from tests.unit.core.key_bench import Bench, HandClock


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    clock = HandClock()
    home = Home(tmp_path, tmp_path, tmp_path, tmp_path / "run")
    store = await Store.open(tmp_path / "flock.db", clock)
    yield Bench(home, clock, store, Keys(clock, required=True), Limits(clock), IdLists(home.completions))
    await store.close()
