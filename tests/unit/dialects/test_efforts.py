"""How much to think, said by a model's name, in each dialect's own words."""

import json
from typing import Any

import pytest

from flock.dialects.efforts import EFFORTS, fields, ollama_think, split
from flock.dialects.table import SERVERS

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages", "responses": "/v1/responses"}


@pytest.mark.parametrize(
    ("name", "model", "effort"),
    [
        ("deepseek-v4-pro-max", "deepseek-v4-pro", "max"),
        ("x-none", "x", "none"),
        ("x-pro", "x-pro", ""),
        ("-max", "-max", ""),
    ],
)
def test_an_effort_stands_behind_the_name(name: str, model: str, effort: str) -> None:
    assert split(name) == (model, effort)


@pytest.mark.pitfall(48)
@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize("effort", EFFORTS)
def test_every_dialect_is_understood(dialect: str, effort: str) -> None:
    words = [{"role": "user", "content": "hi"}]
    body: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": words, "input": words}
    body |= fields(dialect, body, effort)
    server = SERVERS[dialect]
    reasoning = server.read_request(server.read_ask(json.dumps(body).encode(), PATHS[dialect])).reasoning
    assert reasoning is not None
    off = reasoning.mode == "off" or reasoning.effort == "none"
    assert off if effort == "none" else reasoning.effort == effort


def test_what_else_was_said_of_the_answer_stays() -> None:
    body = {"output_config": {"format": {"type": "json_schema"}}, "reasoning": {"summary": "auto"}}
    assert fields("anthropic", body, "low")["output_config"] == {"format": {"type": "json_schema"}, "effort": "low"}
    assert fields("responses", body, "low")["reasoning"] == {"summary": "auto", "effort": "low"}


@pytest.mark.pitfall(48)
@pytest.mark.parametrize("effort", [*EFFORTS, "xhigh"])
def test_ollama_understands_its_levels(effort: str) -> None:
    body: dict[str, Any] = {"model": "m", "messages": [], **fields("ollama", {}, effort)}
    server = SERVERS["ollama"]
    reasoning = server.read_request(server.read_ask(json.dumps(body).encode(), "/api/chat")).reasoning
    assert reasoning is not None
    nearest = {"minimal": "low", "xhigh": "high", "max": "high"}.get(effort, effort)
    assert (reasoning.mode == "off") if effort == "none" else (reasoning.effort == nearest)
    assert ollama_think("unheard-of") == "medium"
