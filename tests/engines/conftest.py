"""Homes, sessions and models for tests on real engines."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest

from flock.clock import SystemClock
from flock.engines.children import Children
from flock.engines.embedded import Embedded
from flock.engines.engine import Engine
from flock.engines.llamacpp import LlamaCpp
from flock.engines.ports import Ports
from flock.engines.process import Limits
from flock.engines.supervisor import OwnModel, Supervised, Surroundings
from flock.outbound.session import open_session
from flock.paths import Home
from tests.engines.parts import PROFILES
from tests.models.make import ensure
from tests.running import LLAMA_PATH, free_port


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "config", tmp_path / "data", tmp_path / "logs", tmp_path / "run")


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return ensure(tmp_path_factory.getbasetemp() / "models")


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session() as session:
        yield session


@pytest.fixture
def around(home: Home, session: aiohttp.ClientSession) -> Surroundings:
    return Surroundings(home, session, SystemClock(), Children(home), Ports(first=free_port()), Limits())


@pytest.fixture(params=["embedded", pytest.param("llamacpp", marks=pytest.mark.engine("llama-server"))])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each real engine in turn."""
    return real_engine(request.param)


def real_engine(kind: str) -> Engine:
    """Return an engine of a kind; a test that takes llamacpp is marked `engine("llama-server")`."""
    if kind == "embedded":
        return Embedded()
    return LlamaCpp(LLAMA_PATH)


@pytest.fixture
async def supervise(around: Surroundings, models: dict[str, Path]) -> AsyncIterator[Callable[..., Supervised]]:
    """Return a maker of supervised engines, which are ended after the test."""
    made: list[Supervised] = []

    def make(engine: Engine, path: Path | None = None, within: Surroundings = around) -> Supervised:
        file = path or models["tiny-script"]
        model = OwnModel("tiny", file, f"file:{file}")
        profile = PROFILES[engine.kind]
        made.append(Supervised(model, engine, profile, within, lambda: None))
        return made[-1]

    yield make
    for own in made:
        await own.stop()
