"""The grammar of an Ollama stream as clients rely on it, checked line by line.

`check` takes all bytes of a stream and fails with what is wrong; it returns what the stream said. Lines are cut as
ollama-python's httpx cuts them. What clients break over: an empty line, a line break of Unicode's inside a line, calls
whose arguments are a string, a stream without `done: true`, anything behind it.
"""

import json
from dataclasses import dataclass, field
from typing import Any

REASONS = {"stop", "length", "load", "unload"}
_COUNTS = ("prompt_eval_count", "prompt_eval_cached_count", "eval_count")
_DURATIONS = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")
_SAID = {"role", "content", "thinking", "tool_calls"}


@dataclass
class Said:
    """What a stream amounts to for a client."""

    content: str = ""
    thinking: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)
    reason: str = ""
    final: dict[str, Any] | None = None
    error: str = ""
    lines: list[dict[str, Any]] = field(default_factory=list)


def lines_of(data: bytes) -> list[str]:
    """Return the lines as httpx tells them to ollama-python; fails on a last one without its line break."""
    assert not data or data.endswith(b"\n"), f"the last line is not whole: {data[-80:]!r}"
    found = data.decode("utf-8").splitlines()
    assert all(line.strip() for line in found), "an empty line"
    assert len(found) == data.count(b"\n"), "a line break inside a line"
    return found


def check(data: bytes, *, broken: bool = False, generated: bool = False) -> Said:
    """Check a whole stream and return what it said; `broken`: it is to end with an error and without `done: true`."""
    said, opening = Said(), {}
    for line in lines_of(data):
        assert said.final is None, f"behind done: {line}"
        assert not said.error, f"behind an error: {line}"
        told = json.loads(line)
        if "error" in told:
            assert list(told) == ["error"]
            assert isinstance(told["error"], str)
            assert told["error"]
            said.error = told["error"]
            continue
        head = {name: told[name] for name in ("model", "created_at")}
        opening.update(head if not opening else {})
        assert head["model"] == opening["model"], "every line names the model"
        assert isinstance(told["done"], bool)
        said.lines.append(told)
        _say(told, said, generated=generated)
        if told["done"]:
            _end(told, said)
        else:
            assert not {"done_reason", *_COUNTS, *_DURATIONS} & told.keys(), "figures stand in the last line"
    if broken:
        assert said.error
        assert said.final is None, "no done behind or before an error"
    else:
        assert said.final is not None, "the last line says done"
    return said


def _say(told: dict[str, Any], said: Said, *, generated: bool) -> None:
    assert ("message" in told) != generated
    assert ("response" in told) == generated
    message = told if generated else told["message"]
    if not generated:
        assert set(message) <= _SAID
        assert message["role"] == "assistant"
    content = told["response"] if generated else message["content"]
    assert isinstance(content, str), "content is always there"
    calls = message.get("tool_calls", [])
    assert calls or "tool_calls" not in message
    assert not (calls and told["done"]), "calls come before the last line"
    assert sum(map(bool, (content, message.get("thinking"), calls))) == (0 if told["done"] else 1), "one thing a line"
    said.content += content
    said.thinking += message.get("thinking", "")
    for call in calls:
        assert set(call) == {"id", "function"}
        assert set(call["function"]) == {"index", "name", "arguments"}
        assert call["function"]["index"] == len(said.calls), "calls are numbered in order"
        assert isinstance(call["function"]["arguments"], dict), "arguments are an object"
        assert all(other["id"] != call["id"] for other in said.calls), "ids are unique"
        said.calls.append(call)


def _end(told: dict[str, Any], said: Said) -> None:
    assert told["done_reason"] in REASONS
    for name in (*_COUNTS, *_DURATIONS):
        assert isinstance(told.get(name, 1), int)
        assert told.get(name, 0) >= 0
    said.final, said.reason = told, told["done_reason"]
