"""The grammar of a chat stream as clients rely on it, checked chunk by chunk.

`check` takes all bytes of a stream and fails with what is wrong; it returns what the stream said. Used by unit tests of
the writer and by tests against a running flock. What clients break over: missing ids and
indexes of calls (Continue, opencode), arguments that are no JSON, a second finish, anything behind `[DONE]`.
"""

import json
from dataclasses import dataclass, field
from typing import Any

FINISHES = {"stop", "length", "tool_calls", "content_filter", "function_call"}


@dataclass
class Call:
    """A tool call as the chunks told it."""

    id: str
    kind: str
    name: str
    arguments: str = ""


@dataclass
class Said:
    """What a stream amounts to for a client."""

    content: str = ""
    reasoning: str = ""
    refusal: str = ""
    calls: dict[int, Call] = field(default_factory=dict)
    finish: str = ""
    usage: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    done: bool = False
    chunks: int = 0


def frames_of(data: bytes) -> list[str]:
    """Return the data of every event, comments left out; fails on a frame without its blank line."""
    assert data.endswith(b"\n\n"), f"the last frame is not whole: {data[-80:]!r}"
    found: list[str] = []
    for frame in data.decode("utf-8").split("\n\n")[:-1]:
        lines = frame.split("\n")
        if all(line.startswith(":") for line in lines):
            continue
        assert len(lines) == 1, f"one data line a frame: {frame!r}"
        assert frame.startswith("data: "), f"no data line: {frame!r}"
        found.append(frame.removeprefix("data: "))
    return found


def check(data: bytes, *, wants_usage: bool = False, broken: bool = False) -> Said:
    """Check a whole stream and return what it said; `broken`: it is to end with an error and without `[DONE]`."""
    said, opening = Said(), {}
    frames = frames_of(data)
    for frame in frames:
        assert not said.done, f"behind [DONE]: {frame}"
        assert said.error is None, f"behind an error: {frame}"
        if frame == "[DONE]":
            said.done = True
            continue
        chunk = json.loads(frame)
        if "error" in chunk:
            _error(chunk, said)
            continue
        _head(chunk, opening, said)
        if chunk["choices"]:
            assert said.usage is None, "usage is the last chunk"
            _choice(chunk["choices"], said)
        else:
            assert said.finish, "usage comes behind the finish"
            assert said.usage is None, "usage comes once"
            said.usage = chunk["usage"]
    if broken:
        assert said.error is not None
        assert not said.done, "no [DONE] behind an error"
        return said
    assert said.done, "the last frame is [DONE]"
    assert said.finish, "a finish reason comes before [DONE]"
    assert (said.usage is not None) <= wants_usage, "usage only when asked for"
    for call in said.calls.values():
        if call.kind == "function" and said.finish != "length":
            assert isinstance(json.loads(call.arguments), dict), f"arguments are an object: {call.arguments!r}"
    assert bool(said.calls) == (said.finish in ("tool_calls", "function_call")) or said.finish in (
        "length",
        "content_filter",
    )
    return said


def _error(chunk: dict[str, Any], said: Said) -> None:
    error = chunk["error"]
    assert list(chunk) == ["error"]
    assert isinstance(error["message"], str)
    assert {"message", "type", "param", "code"} <= set(error)
    said.error = error


def _head(chunk: dict[str, Any], opening: dict[str, Any], said: Said) -> None:
    head = {name: chunk[name] for name in ("id", "object", "created", "model")}
    assert isinstance(head["id"], str)
    assert head["id"]
    assert head["object"] == "chat.completion.chunk"
    assert isinstance(head["created"], int)
    assert isinstance(head["model"], str)
    if said.chunks == 0:
        opening.update(head)
        assert chunk["choices"][0]["delta"]["role"] == "assistant", "the first chunk has the role"
    assert head == opening, "every chunk has the same id, created and model"
    said.chunks += 1


def _choice(choices: list[Any], said: Said) -> None:
    assert len(choices) == 1
    choice = choices[0]
    assert choice["index"] == 0
    assert not said.finish, "nothing behind the finish"
    delta, finish = choice["delta"], choice["finish_reason"]
    assert set(delta) <= {"role", "content", "reasoning_content", "refusal", "tool_calls", "function_call"}
    said.content += delta.get("content") or ""
    said.reasoning += delta.get("reasoning_content") or ""
    said.refusal += delta.get("refusal") or ""
    for told in delta.get("tool_calls", ()):
        _call(told, said)
    if "function_call" in delta:
        _legacy(delta["function_call"], said)
    if finish is not None:
        assert finish in FINISHES
        assert delta in ({}, {"role": "assistant"}), "the finish says nothing else"
        said.finish = finish


def _call(told: dict[str, Any], said: Said) -> None:
    index = told["index"]
    assert isinstance(index, int)
    call = said.calls.get(index)
    if call is None:
        assert index == len(said.calls), "calls are numbered in order"
        assert told["id"]
        assert told["type"] in ("function", "custom")
        assert isinstance(told[told["type"]]["name"], str)
        assert all(other.id != told["id"] for other in said.calls.values()), "ids are unique"
        call = said.calls[index] = Call(told["id"], told["type"], told[told["type"]]["name"])
    else:
        assert set(told) == {"index", call.kind}, "id, type and name come once"
        assert "name" not in told[call.kind]
    piece = told[call.kind]["arguments" if call.kind == "function" else "input"]
    assert isinstance(piece, str), "arguments are a string"
    call.arguments += piece


def _legacy(told: dict[str, Any], said: Said) -> None:
    if not said.calls:
        said.calls[0] = Call("", "function", told["name"])
    else:
        assert set(told) == {"arguments"}
    said.calls[0].arguments += told["arguments"]
