"""What was estimated before a load against what the real process has in memory after it."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import aiohttp
import psutil
import pytest

from flock.contract.models import ModelConfig
from flock.engines.engine import Engine
from flock.engines.gguf_header import read_header
from flock.engines.own_model import OwnModel
from flock.engines.supervisor import Supervised
from flock.engines.surroundings import Surroundings
from flock.engines.window import choose_window, load_of
from flock.estimate import estimate
from tests.engines.parts import PROFILES
from tests.models.sized import LARGE, MEDIUM, SMALL, SQUEEZED, Sized, write

GIB = 2**30
# What the estimate may be off by. It was 1 to 12 % where it was measured.
SHARE = 0.25
# bounds an engine that hangs; a batch through 780 MB takes ten seconds where two cores are shared
SLOW = aiohttp.ClientTimeout(total=100)


@pytest.fixture(scope="module")
def sized(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Sized], Path]]:
    """Return a maker of models; they are removed at once, since they fill a gigabyte."""
    directory = tmp_path_factory.mktemp("sized")

    def make(model: Sized) -> Path:
        path = directory / f"{model.name}.gguf"
        return path if path.exists() else write(path, model)

    yield make
    for path in directory.glob("*.gguf"):
        path.unlink()


@pytest.fixture
async def loaded(around: Surroundings) -> AsyncIterator[Callable[..., Supervised]]:
    """Return a maker of supervised engines for a model and its settings."""
    made: list[Supervised] = []

    def make(engine: Engine, path: Path, config: ModelConfig) -> Supervised:
        model = OwnModel(path.stem, path, f"file:{path}", config=config)
        made.append(Supervised(model, engine, PROFILES[engine.kind], around, lambda: None))
        return made[-1]

    yield make
    for own in made:
        await own.stop()


async def resident(own: Supervised, session: aiohttp.ClientSession) -> int:
    """Return the bytes that the engine's process has in memory after a prompt of a batch and more."""
    upstream = await own.ensure()
    headers = {"Authorization": f"Bearer {upstream.key}"}
    body = {"prompt": "a b c d e f " * 45, "max_tokens": 2, "stream": False}
    async with session.post(f"{own.endpoint}/v1/completions", json=body, headers=headers, timeout=SLOW) as answer:
        assert answer.status == 200, await answer.text()
        assert json.loads(await answer.read())["usage"]["prompt_tokens"] > 512
    assert own.pid is not None
    return psutil.Process(own.pid).memory_info().rss


@pytest.mark.parametrize(
    ("model", "config"),
    [
        (SMALL, ModelConfig(context=4096, slots=2)),
        (SMALL, ModelConfig(context=65536, slots=1, kv_type="q8_0")),
        (MEDIUM, ModelConfig(context=8192, slots=4, kv_type="q4_0")),
        (SQUEEZED, ModelConfig(context=8192, slots=2, kv_type="f16")),
        (LARGE, ModelConfig(context=16384, slots=2, kv_type="q8_0")),
    ],
    ids=lambda value: value.name if isinstance(value, Sized) else f"{value.slots}x{value.context}-{value.kv_type}",
)
async def test_estimates_are_what_real_processes_take(
    engine: Engine,
    model: Sized,
    config: ModelConfig,
    sized: Callable[[Sized], Path],
    loaded: Callable[..., Supervised],
    session: aiohttp.ClientSession,
) -> None:
    path = sized(model)
    header = read_header(path)
    window = choose_window(header, 64 * GIB, config, engine.kind)
    # no prompt is kept yet
    need = estimate(load_of(header, window, engine.kind)).total - window.cache_mib * 2**20
    measured = await resident(loaded(engine, path, config), session)
    print(f"{engine.kind} {model.name}: estimated {need / 2**20:.0f} MiB, measured {measured / 2**20:.0f} MiB")
    assert abs(need - measured) < SHARE * measured
