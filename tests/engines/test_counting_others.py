"""Counting prompts on the real vLLM, by its own path, and for the real MLX-LM, which has none, by its model's file."""

from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from flock.clock import SystemClock
from flock.core.counting import Count, Counter
from flock.dialects import ir
from flock.dialects.ask import Ask
from flock.engines.supervisor import Surroundings
from flock.engines.tokenizers import Tokenizers, is_installed
from flock.profile import Profile
from flock.upstream import Upstream
from tests.engines import real
from tests.engines.real import Real
from tests.engines.test_counting import BODIES, asked


@pytest.fixture(scope="module")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    with real.running("vllm", real.room(tmp_path_factory)) as engine:
        yield engine


@pytest.fixture(scope="module")
def mlx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    with real.running("mlx", real.room(tmp_path_factory)) as engine:
        yield engine


def upstream(engine: Real, counts: str) -> Upstream:
    profile = Profile(engine.kind, engine.kind, frozenset({"openai"}), counts=counts)
    return Upstream(engine.kind, engine.kind, "127.0.0.1", engine.port, profile, own=False)


async def prompt_tokens(session: aiohttp.ClientSession, engine: Real, body: dict[str, Any]) -> int:
    """Return what the engine reports as the prompt's tokens when it really generates."""
    limit = aiohttp.ClientTimeout(total=real.START_SECONDS)
    url = f"{engine.url}/v1/chat/completions"
    async with session.post(url, json={**body, "model": engine.model, "max_tokens": 1}, timeout=limit) as answer:
        found = await answer.json(content_type=None)
        assert answer.status == 200, found
        return found["usage"]["prompt_tokens"]


@real.SLOW_START
@pytest.mark.slow
@pytest.mark.engine("vllm")
@pytest.mark.pitfall(68)
async def test_vllm_counts_what_it_then_reports(session: aiohttp.ClientSession, vllm: Real) -> None:
    counted: dict[str, Count] = {}
    used: dict[str, Count] = {}
    counter = Counter(session, SystemClock(), seconds=60.0)
    for name, body in BODIES.items():
        chat = {**body, "model": vllm.model, "max_tokens": 9, "stream": True}
        counted[name] = await counter.count(*asked(body), upstream(vllm, "vllm"), chat)
        used[name] = Count(await prompt_tokens(session, vllm, body), "engine")
    assert counted == used


@real.SLOW_START
@pytest.mark.slow
@pytest.mark.engine("vllm")
@pytest.mark.pitfall(68)
async def test_vllms_own_messages_path_counts_too(session: aiohttp.ClientSession, vllm: Real) -> None:
    body = {"model": "alias", "max_tokens": 10, "stream": True, **BODIES["plain"]}
    ask = Ask("anthropic", "messages", "/v1/messages/count_tokens", b"", body, "alias", stream=False, wants_usage=False)
    request = ir.Request("anthropic", "alias", [ir.Message("user", [ir.Text("Hello there, how are you?")])])
    counter = Counter(session, SystemClock(), seconds=60.0)
    found = await counter.count(ask, request, upstream(vllm, "anthropic"), {"model": vllm.model, **BODIES["plain"]})
    assert found == Count(await prompt_tokens(session, vllm, BODIES["plain"]), "engine")


@pytest.mark.skipif(not is_installed(), reason="the package `tokenizers` (an extra) is not installed")
@pytest.mark.engine("mlx-lm")
@pytest.mark.pitfall(68)
async def test_mlx_lms_prompts_are_counted_by_the_models_own_file(around: Surroundings, mlx: Real) -> None:
    tokenizers = Tokenizers(around, around.home.data, seconds=60.0)
    counter = Counter(around.session, around.clock, tokenizers)
    words = "Hello there, how are you? " * 40
    body = {"messages": [{"role": "user", "content": words}]}
    found = await counter.count(*asked(body), upstream(mlx, ""), {**body, "model": mlx.model})
    assert found.how == "tokenizer"
    # the marks of this template are words to its tokenizer; in real ones each is one token
    assert found.tokens == pytest.approx(await prompt_tokens(around.session, mlx, body), abs=30)
    await tokenizers.stop()
