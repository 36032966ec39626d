"""What flock writes for each vendor's chat is taken by it: requests that use whatever their dialect has, held against
the fakes, which refuse what the vendors do.
"""

import json
from dataclasses import replace
from typing import Any

import pytest

from flock.dialects.openai.strict import keep_to
from flock.dialects.plan import Target, plan
from flock.dialects.table import SERVERS
from flock.profile import Profile
from tests.fakes.vendor_manners import refused
from tests.fakes.vendor_rows import ROWS
from tests.unit.vendors.standing import catalog

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CALL = "toolu_01A09q90qw90lq917835lq9"
KNOBS: dict[str, Any] = {"temperature": 0.3, "top_p": 0.9}
MESSAGES = {
    "max_tokens": 2000,
    **KNOBS,
    "top_k": 40,
    "stop_sequences": ["END"],
    "metadata": {"user_id": "u"},
    "thinking": {"type": "enabled", "budget_tokens": 1500},
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {"role": "user", "content": "What is the weather?"},
        {"role": "user", "content": "In Paris, I mean."},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
                {"type": "text", "text": "I look."},
                {
                    "type": "tool_use",
                    "id": CALL,
                    "name": "weather",
                    "input": {"city": "Paris"},
                },
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": CALL, "content": "sunny"},
                {"type": "text", "text": "And tomorrow?"},
            ],
        },
    ],
    "tools": [{"name": "weather", "input_schema": SCHEMA}],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
}
RESPONSES = {
    **KNOBS,
    "max_output_tokens": 2000,
    "instructions": "Be brief.",
    "reasoning": {"effort": "high", "summary": "auto"},
    "store": False,
    "prompt_cache_key": "k",
    "safety_identifier": "s",
    "parallel_tool_calls": False,
    "include": ["reasoning.encrypted_content"],
    "text": {"verbosity": "low"},
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "What is the weather?"}]},
        {"type": "function_call", "call_id": "call_7f3", "name": "weather", "arguments": '{"city": "Paris"}'},
        {"type": "function_call_output", "call_id": "call_7f3", "output": "sunny"},
        {"role": "user", "content": [{"type": "input_text", "text": "And tomorrow?"}]},
    ],
    "tools": [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": True}],
}
GEMINI = {
    "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "generationConfig": {
        "temperature": 0.3,
        "topP": 0.9,
        "topK": 40,
        "seed": 7,
        "maxOutputTokens": 2000,
        "stopSequences": ["END"],
        "presencePenalty": 0.5,
        "frequencyPenalty": 0.5,
        "thinkingConfig": {"thinkingBudget": 1500},
    },
}
OLLAMA = {
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}],
    "options": {**KNOBS, "top_k": 40, "seed": 7, "num_predict": 2000, "stop": ["END"], "min_p": 0.1},
    "think": "high",
}
PATHS = {
    "anthropic": ("/v1/messages", MESSAGES),
    "responses": ("/v1/responses", RESPONSES),
    "gemini": ("/v1beta/models/{model}:generateContent", GEMINI),
    "ollama": ("/api/chat", OLLAMA),
}
# each vendor whose manners are known, with a model that thinks and one that does not where it has both
CHATS = [
    *(("openai", "gpt-5"), ("openai", "o4-mini"), ("openai", "gpt-4o-mini"), ("openai", "gpt-5-chat-latest")),
    *(("groq", "openai/gpt-oss-120b"), ("groq", "qwen/qwen3-32b"), ("groq", "llama-3.3-70b-versatile")),
    *(("mistral", "mistral-large-latest"), ("cohere", "command-a-03-2025"), ("cohere", "command-a-reasoning-08-2025")),
    *(("x-ai", "grok-4"), ("x-ai", "grok-3-mini"), ("perplexity", "sonar")),
]


def written(name: str, model: str, dialect: str) -> dict[str, Any]:
    """Return what flock sends in chat of a request in another dialect, without tools where the vendor has none."""
    path, body = PATHS[dialect]
    if "tools" in catalog()[name].profile.lacks:
        said = {place: body[place][:2] for place in ("messages", "input") if place in body}
        body = {field: value for field, value in body.items() if not field.startswith("tool")} | said
        if dialect == "responses":
            body["input"] = body["input"][:1]
    raw = json.dumps(body if dialect == "gemini" else {**body, "model": model}).encode()
    ask = SERVERS[dialect].read_ask(raw, path.replace("{model}", model))
    row = catalog()[name]
    # a vendor may speak the client's dialect too: what is held here is its chat
    spoken = replace(row.profile, dialects=frozenset({"openai"}), native={})
    return plan(ask, Target(model, spoken, local=False)).sent


@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize(("name", "model"), CHATS)
def test_what_is_written_is_taken(name: str, model: str, dialect: str) -> None:
    sent = written(name, model, dialect)
    told = refused(ROWS[name].manners, sent)
    assert told is None, (told, sent)


def test_what_is_taken_is_not_left_out() -> None:
    plain = written("openai", "gpt-4o-mini", "anthropic")
    assert {name: plain[name] for name in ("max_completion_tokens", "temperature", "top_p", "stop")} == {
        **KNOBS, "max_completion_tokens": 2000, "stop": ["END"],
    }  # fmt: skip
    thinking = written("openai", "gpt-5", "anthropic")
    assert (thinking["reasoning_effort"], "temperature" in thinking) == ("low", False)
    assert written("x-ai", "grok-3-mini", "responses")["reasoning_effort"] == "high"
    assert written("groq", "openai/gpt-oss-120b", "responses")["reasoning_effort"] == "high"
    assert written("together", "m", "anthropic")["max_tokens"] == 2000


@pytest.mark.pitfall(4)
def test_ids_of_calls_are_as_mistral_wants_them() -> None:
    sent = written("mistral", "mistral-large-latest", "anthropic")["messages"]
    (call,) = next(message["tool_calls"] for message in sent if "tool_calls" in message)
    (result,) = [message["tool_call_id"] for message in sent if message["role"] == "tool"]
    assert call["id"] == result
    assert len(result) == 9
    assert written("mistral", "mistral-large-latest", "anthropic")["messages"] == sent


def profile(**more: Any) -> Profile:
    return Profile("x", "X", frozenset({"openai"}), **more)


@pytest.mark.parametrize(
    ("fields", "lost"),
    [
        ({"temperature": 1, "top_p": 1.0, "stream_options": {"include_usage": True}}, []),
        ({"temperature": 0.5, "top_p": 1.0}, ["temperature"]),
        ({"reasoning_effort": "none"}, []),
        ({"reasoning_effort": "low"}, ["reasoning_effort"]),
        ({"top_k": 4}, ["top_k"]),
    ],
)
def test_what_says_nothing_is_no_loss(fields: dict[str, Any], lost: list[str]) -> None:
    manners = profile(strict=True, reasons=("*", "!m*"), refuses={"m": ("temperature", "top_p", "stream_options")})
    body = {"model": "M", "messages": [], **fields}
    assert keep_to(manners, "M", body) == lost
    assert body == {"model": "M", "messages": []}


def test_the_first_glob_that_fits_counts() -> None:
    manners = profile(refuses={"m-plain*": (), "m*": ("seed", "messages.name")})
    for model, lost in (("m-plain-1", []), ("m-1", ["seed", "messages.name"]), ("other", [])):
        body = {"messages": [{"role": "user", "content": "hi", "name": "n"}], "seed": 1}
        assert keep_to(manners, model, body) == lost


def test_no_filter_looks_into_a_vendors_text() -> None:
    """A vendor takes calls and thinking out of its models' text itself; of a URL of one's own nothing is known."""
    for name, row in catalog().items():
        assert (row.profile.parses_tools, row.profile.parses_thinking) == (name != "openai-compatible",) * 2, name
