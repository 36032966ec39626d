"""Thinking, from a real model that thinks to the official SDKs of three dialects, on flock's own engines.

llama.cpp takes the thinking out of the text; flock spells it as each client knows it, switches it off where a client
asks for that, and takes it back in the next turn.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import test_anthropic_sdk as messages
from tests.e2e import test_responses_sdk as responses
from tests.e2e.parts import environment
from tests.e2e.subjects import every, opened
from tests.models.think import ANSWER, THOUGHT, write_think
from tests.running import LLAMA_PATH, Flock, running_flock

MODEL = "qwen3-tiny-think"  # a name of the family whose template is like this one's
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
ASKED: dict[str, Any] = {"model": MODEL, "max_tokens": 2000, "messages": HELLO}


@pytest.fixture(scope="module", params=["embedded", pytest.param("llamacpp", marks=pytest.mark.engine("llama-server"))])
def flock(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flock]:
    """A flock with the model that thinks."""
    file = Path(tmp_path_factory.mktemp("think")) / "think.gguf"
    write_think(file)
    chosen = {"FLOCK_ENGINE": "embedded"} if request.param == "embedded" else {"PATH": LLAMA_PATH}
    with running_flock(**{**environment(), **chosen}) as flock:
        flock.ok("model", "add", f"file:{file}", "--name", MODEL)
        yield flock


def kinds(message: Any) -> list[str]:
    return [block.type for block in message.content]


async def test_messages(flock: Flock) -> None:
    async with opened(messages.made, flock, "async") as client:
        for thinking in ({"type": "enabled", "budget_tokens": 1024}, {"type": "adaptive"}):
            found = await client.messages.create(thinking=thinking, **ASKED)
            assert kinds(found) == ["thinking", "text"]
            assert found.content[0].thinking.strip() == THOUGHT
            assert found.content[0].signature == ""  # an engine signs nothing, and flock forges nothing
            assert found.content[1].text.strip() == ANSWER
        off = await client.messages.create(thinking={"type": "disabled"}, **ASKED)
        assert kinds(off) == ["text"]
        assert off.content[0].text.strip() == ANSWER
        back = [*HELLO, {"role": "assistant", "content": found.content}, *HELLO]
        again = await client.messages.create(model=MODEL, max_tokens=2000, messages=back, thinking={"type": "adaptive"})
        assert again.content[-1].text.strip() == ANSWER


async def test_messages_streamed(flock: Flock) -> None:
    async with opened(messages.made, flock, "async") as client:
        events = await every(client.messages.create(thinking={"type": "adaptive"}, stream=True, **ASKED))
    messages.check_grammar(events)
    deltas = [event.delta for event in events if event.type == "content_block_delta"]
    assert "".join(d.thinking for d in deltas if d.type == "thinking_delta").strip() == THOUGHT
    assert "".join(d.text for d in deltas if d.type == "text_delta").strip() == ANSWER


async def test_responses(flock: Flock) -> None:
    async with opened(responses.made, flock, "async") as client:
        found = await client.responses.create(model=MODEL, input="Hello")
        assert [item.type for item in found.output] == ["reasoning", "message"]
        assert found.output_text.strip() == ANSWER
        said = [*(part.text for part in found.output[0].content or ()), *(p.text for p in found.output[0].summary)]
        assert {text.strip() for text in said} == {THOUGHT}
        off = await client.responses.create(model=MODEL, input="Hello", reasoning={"effort": "none"})
        assert [item.type for item in off.output] == ["message"]
        assert off.output_text.strip() == ANSWER
        back = [responses.user(), *(item.model_dump(exclude_none=True) for item in found.output), responses.user()]
        again = await client.responses.create(model=MODEL, input=back)
        assert again.output_text.strip() == ANSWER
        events = await every(client.responses.create(model=MODEL, input="Hello", stream=True))
    responses.check_grammar(events)
    assert [item.type for item in events[-1].response.output] == ["reasoning", "message"]


async def test_chat(flock: Flock) -> None:
    async with opened(responses.made, flock, "async") as client:
        found = (await client.chat.completions.create(model=MODEL, messages=HELLO)).choices[0].message
        assert found.content.strip() == ANSWER
        assert found.reasoning_content.strip() == THOUGHT
        asked = client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
        deltas = [choice.delta for part in await every(asked) for choice in part.choices]
    assert "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas).strip() == THOUGHT
    assert "".join(delta.content or "" for delta in deltas).strip() == ANSWER
