"""Which calls of coding tools need no model, and which do."""

import json
from typing import Any

import pytest

from flock.dialects.ir import Text
from flock.dialects.noops import answer
from flock.dialects.table import SERVERS

TITLE = {"type": "json_schema", "schema": {"type": "object", "properties": {"title": {"type": "string"}}}}
TOPIC = {"type": "json_schema", "schema": {"type": "object", "properties": {"title": {}, "isNewTopic": {}}}}
MORE = {"type": "json_schema", "schema": {"type": "object", "properties": {"title": {}, "body": {}}}}
TOOL = {"name": "f", "input_schema": {"type": "object"}}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def messages(said: Any = "hi", **fields: Any) -> tuple[str, dict[str, Any]]:
    return "anthropic", {"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": said}], **fields}


def chat(system: str, said: str) -> tuple[str, dict[str, Any]]:
    turns = [{"role": "system", "content": system}, {"role": "user", "content": said}]
    return "openai", {"model": "m", "messages": turns}


def told(dialect: str, body: dict[str, Any]) -> tuple[str, str] | None:
    path = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}[dialect]
    server = SERVERS[dialect]
    found = answer(server.read_request(server.read_ask(json.dumps(body).encode(), path)))
    if found is None:
        return None
    reply, what = found
    (part,) = reply.parts
    assert isinstance(part, Text)
    return part.text, what


@pytest.mark.parametrize(
    ("call", "text", "what"),
    [
        (messages("quota", max_tokens=1), "OK", "a warm-up"),
        (messages("Warmup"), "OK", "a warm-up"),
        (
            messages("please fix the parser of the config file now", output_config={"format": TITLE}),
            '{"title":"please fix the parser of the"}',
            "a title",
        ),
        (messages("hello", output_config={"format": TOPIC}), '{"title":"hello","isNewTopic":false}', "a title"),
        (
            messages([text("<system-reminder>x</system-reminder>"), text("do it")], output_config={"format": TITLE}),
            '{"title":"do it"}',
            "a title",
        ),
        (chat("You are a title generator. You output only a title.", "write a file"), "write a file", "a title"),
    ],
)  # fmt: skip
def test_a_call_that_needs_no_model(call: tuple[str, dict[str, Any]], text: str, what: str) -> None:
    assert told(*call) == (text, what)


@pytest.mark.parametrize(
    "call",
    [
        messages("hello"),
        messages("Warmup the oven, how?"),
        messages("quota", tools=[TOOL]),
        messages("hello", output_config={"format": TITLE}, tools=[TOOL]),
        messages("hello", output_config={"format": MORE}),
        chat("Explain what this means: You are a title generator", "x"),
        chat("be brief", "You are a title generator"),
    ],
)
def test_everything_else_goes_to_the_model(call: tuple[str, dict[str, Any]]) -> None:
    assert told(*call) is None
