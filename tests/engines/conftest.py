"""Homes, sessions and models for tests on real engines."""

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from flock.clock import SystemClock
from flock.engines.attached import Secrets
from flock.engines.children import Children
from flock.engines.embedded import Embedded
from flock.engines.engine import Engine, EngineSettings
from flock.engines.llamacpp import LlamaCpp
from flock.engines.own_model import OwnModel
from flock.engines.ports import Ports
from flock.engines.process import Limits
from flock.engines.registry import Registry
from flock.engines.supervisor import Supervised, Surroundings
from flock.engines.watched import Pauses
from flock.outbound.session import open_session
from flock.paths import Home
from flock.profile import Profile
from flock.secrets.vault import Vault
from flock.store.store import Store
from tests.engines.parts import INSTANCE, PROFILES
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


@pytest.fixture
async def store(home: Home) -> AsyncIterator[Store]:
    home.data.mkdir(parents=True)
    store = await Store.open(home.database, SystemClock())
    yield store
    await store.close()


@pytest.fixture
async def opened(
    home: Home, session: aiohttp.ClientSession, store: Store
) -> AsyncIterator[Callable[..., Awaitable[Registry]]]:
    """Return a maker of started registries over one home and one store; all are stopped after the test."""
    async with AsyncExitStack() as stack:

        async def make(
            settings: EngineSettings | None = None,
            available: Sequence[Engine] = (),
            secrets: Secrets | None = None,
            profiles: Mapping[str, Profile] = PROFILES,
        ) -> Registry:
            registry = Registry(
                home,
                settings or EngineSettings(),
                profiles,
                store.models,
                store.engines,
                session,
                SystemClock(),
                INSTANCE,
                secrets or Vault(home.secrets, {"FLOCK_SECRETS_BACKEND": "file"}, SystemClock()),
                available=tuple(available) or (Embedded(),),
                ports=Ports(first=free_port()),
                pauses=Pauses(ready=0.05, away=0.02),
            )
            await registry.start()
            stack.push_async_callback(registry.stop)
            return registry

        yield make


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

    def make(
        engine: Engine, path: Path | None = None, within: Surroundings = around, *, cancels: bool = True
    ) -> Supervised:
        file = path or models["tiny-script"]
        model = OwnModel("tiny", file, f"file:{file}")
        profile = dataclasses.replace(PROFILES[engine.kind], cancels=cancels)
        made.append(Supervised(model, engine, profile, within, lambda: None))
        return made[-1]

    yield make
    for own in made:
        await own.stop()
