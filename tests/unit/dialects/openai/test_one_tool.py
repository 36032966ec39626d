"""A tool_choice that names tools, for engines that heed only its words: what is offered instead, and where."""

import json
from typing import Any

import pytest

from flock.dialects.ask import Ask
from flock.dialects.openai.one_tool import spelled_out
from flock.dialects.plan import SPLICE, TRANSLATE, Target, plan
from flock.dialects.table import SERVERS
from flock.profile import Profile

A: dict[str, Any] = {"type": "function", "function": {"name": "a", "parameters": {"type": "object"}}}
B: dict[str, Any] = {"type": "function", "function": {"name": "b"}}
C: dict[str, Any] = {"type": "custom", "custom": {"name": "c"}}
DEAF = Profile("x", "X", frozenset({"openai"}), named_choice=False)
HEEDS = Profile("x", "X", frozenset({"openai"}))


@pytest.mark.parametrize(
    ("choice", "tools", "mode"),
    [
        ({"type": "function", "function": {"name": "b"}}, [B], "required"),
        ({"type": "custom", "custom": {"name": "c"}}, [C], "required"),
        ({"type": "function", "name": "a"}, [A], "required"),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [A, C]}}, [A, C], "auto"),
        ({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "b"}]}, [B], "required"),
    ],
)
def test_only_what_is_named_is_offered(choice: dict[str, Any], tools: list[Any], mode: str) -> None:
    found, words = spelled_out({"tools": [A, B, C], "tool_choice": choice})
    assert found == {"tools": tools, "tool_choice": mode}
    assert len(words) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"tools": [A]},
        {"tools": [A], "tool_choice": "required"},
        {"tools": [A], "tool_choice": {"type": "function", "function": {"name": "other"}}},
        {"tools": ["a"], "tool_choice": {"type": "function", "function": {"name": "a"}}},
        {"tool_choice": {"type": "function", "function": {"name": "a"}}},
    ],
)
def test_where_nothing_is_named_or_offered_nothing_changes(body: dict[str, Any]) -> None:
    assert spelled_out(body) == ({}, [])


def asked(dialect: str, path: str, **fields: Any) -> Ask:
    return SERVERS[dialect].read_ask(json.dumps({"model": "m", **fields}).encode(), path)


HELLO: list[Any] = [{"role": "user", "content": "hi"}]
SCHEMA = {"type": "object", "properties": {}}
ASKS = {
    "openai": lambda: asked("openai", "/v1/chat/completions", messages=HELLO, tools=[A, B], tool_choice=B),
    "anthropic": lambda: asked(
        "anthropic", "/v1/messages", max_tokens=5, messages=HELLO, tool_choice={"type": "tool", "name": "b"},
        tools=[{"name": name, "input_schema": SCHEMA} for name in "ab"],
    ),
    "responses": lambda: asked(
        "responses", "/v1/responses", input="hi", tool_choice={"type": "function", "name": "b"},
        tools=[{"type": "function", "name": name, "parameters": SCHEMA} for name in "ab"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("dialect", ASKS)
def test_every_dialect_reaches_an_engine_that_heeds_no_names(dialect: str) -> None:
    made = plan(ASKS[dialect](), Target("m", DEAF))
    sent = json.loads(made.body)
    assert made.kind == (SPLICE if dialect == "openai" else TRANSLATE)
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["b"]
    assert sent["tool_choice"] == "required"
    assert any("heeds no names" in edit for edit in made.edits)
    whole = json.loads(plan(ASKS[dialect](), Target("m", HEEDS)).body)
    assert len(whole["tools"]) == 2
    assert whole["tool_choice"]["function"]["name"] == "b"
