"""Requests with all their dialect has, through a flock at vendors that refuse what they do not know.

What each vendor refuses is data (catalog/vendors.yaml); the fakes refuse it in the vendors' words. What is left out is
told to the client, and nothing else is.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.vendor_doors import DOORS
from tests.e2e.vendor_standing import USER, Standing, standing
from tests.fakes.scripted_answers import DONE, HELLO, ORDER

NAMES = ("openai", "groq", "mistral", "cohere", "x-ai", "perplexity")
FIELDS = {"file_path": {"type": "string"}, "content": {"type": "string"}}
TOOL: dict[str, Any] = {"name": "Write", "input_schema": {"type": "object", "properties": FIELDS}}
KNOBS: dict[str, Any] = {
    "temperature": 0.3,
    "top_p": 0.9,
    "top_k": 40,
    "stop_sequences": ["END"],
    "metadata": {"user_id": "u"},
    "thinking": {"type": "enabled", "budget_tokens": 20000},
    "max_tokens": 30000,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
}
# model → what it has no place for, beside what no vendor of chat has
MODELS = {
    "gpt-4o-mini": {"reasoning_effort"},
    "openai/gpt-5": {"temperature", "top_p", "stop"},
    "groq/llama-3.3-70b-versatile": {"reasoning_effort"},
    "groq/openai/gpt-oss-120b": set[str](),
    "mistral/mistral-large-latest": set[str](),
    "cohere/command-a-03-2025": {"reasoning_effort"},
    "x-ai/grok-4": {"reasoning_effort", "stop"},
    "x-ai/grok-3-mini": {"stop"},
    "perplexity/sonar": set[str](),
}
# x-ai and Perplexity are sent what they may know: nothing says that they refuse it
LAX = ("x-ai", "perplexity")
# the places of Anthropic's dialect that chat has none for
NEVER = {"cache_control"}


@pytest.fixture(scope="module")
def vendors() -> Iterator[Standing]:
    with standing(*NAMES) as found:
        yield found


@pytest.fixture
def on(vendors: Standing) -> Standing:
    vendors.forget()
    return vendors


def lost(told: Any) -> set[str]:
    return set(filter(None, told.headers.get("x-flock-lost", "").split(", ")))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("model", MODELS)
def test_what_is_left_out_is_told(on: Standing, model: str, stream: bool) -> None:
    told = on.messages(model, stream=stream, **KNOBS)
    assert told.status == 200, told.body
    strict = model.partition("/")[0] not in LAX
    assert lost(told) - NEVER == MODELS[model] | ({"top_k"} if strict else set())


@pytest.mark.parametrize("model", [model for model in MODELS if not model.startswith("perplexity")])
@pytest.mark.pitfall(4)
def test_a_tool_round_trip_in_another_dialect(on: Standing, model: str) -> None:
    """Ids of calls, which Mistral wants of nine letters and digits, among them those that another vendor made."""
    asked = {"role": "user", "content": ORDER.format(path="a.txt", content="abc")}
    first = on.messages(model, messages=[asked], tools=[TOOL])
    assert (first.status, first.json["stop_reason"]) == (200, "tool_use"), first.body
    calls = [block for block in first.json["content"] if block["type"] == "tool_use"]
    for id in (calls[0]["id"], "toolu_01A09q90qw90lq917835lq9"):
        call = {**calls[0], "id": id}
        thought = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
        result = {"type": "tool_result", "tool_use_id": id, "content": [{"type": "text", "text": "written"}]}
        turns = [asked, {"role": "assistant", "content": [thought, call]}, {"role": "user", "content": [result]}]
        last = on.messages(model, messages=turns, tools=[TOOL])
        assert (last.status, last.json["content"][0]["text"]) == (200, DONE), last.body


def test_turns_alternate_for_who_wants_that(on: Standing) -> None:
    more = {"role": "user", "content": "And now?"}
    told = on.messages("perplexity/sonar", messages=[USER, more, {"role": "assistant", "content": "x"}, USER, more])
    assert told.status == 200, told.body
    roles = [message["role"] for message in on.seen("perplexity")[0]["body"]["messages"]]
    assert roles == ["user", "assistant", "user"]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("model", MODELS)
def test_plain_requests_are_taken_from_every_dialect(on: Standing, door: str, model: str) -> None:
    for stream in (False, True):
        told = DOORS[door].ask(on, model, stream=stream)
        assert told.status == 200, told.body
        assert HELLO in told.body.decode() or stream


def test_what_a_client_of_chat_sends_is_its_own_affair(on: Standing) -> None:
    """A refusal of it comes back in the vendor's words."""
    told = on.chat("openai/gpt-5", temperature=0.3)
    assert (told.status, told.error["code"]) == (400, "unsupported_value"), told.body
    assert on.seen("openai")[0]["body"]["temperature"] == 0.3
