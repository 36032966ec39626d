"""Requests nobody thought of, at every door: correct shapes in which anything was replaced, added or taken away.

Properties against a real daemon: the answer is the engine's or an error in the door's own shape, never one of flock's
making; nothing is written into the log that flock did not expect; the connection serves the next request. The engine
behind it answers everything well, so each failure would be flock's.
"""

import copy
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.e2e.doors import CHAT_DOOR, LOOKED_INTO, MESSAGES_DOOR, RESPONSES_DOOR, Door
from tests.e2e.mutants import places
from tests.e2e.parts import Client, environment, running
from tests.e2e.parts import settings as configured
from tests.e2e.requests import CHAT_REQUEST, MESSAGE, RESPONSE
from tests.running import Flock, fake_upstream, flock_home, wait_for

EXAMPLES = 200
# an engine that is sent every dialect as it is
NATIVE = "openai: {title: all, dialects: [openai, anthropic, responses]}\n"
# words that mean something somewhere, and strings that trouble parsers
WORDS = [
    *("ok", "user", "assistant", "system", "developer", "tool", "function", "custom", "namespace", "text", "image"),
    *("image_url", "input_image", "input_text", "output_text", "tool_use", "tool_result", "thinking", "message"),
    *("function_call", "function_call_output", "item_reference", "reasoning", "auto", "any", "none", "required"),
    *("json_schema", "json_object", "base64", "url", "file", "data:image/png;base64,AA==", "c1", "toolu_1", "f"),
    *("", " ", "\x00", "\ud800", "\ufeff", "\u2028", "é" * 70, "x" * 300, "{}", "[", '{"a":1}', "NaN"),
]
KEYS = [
    *("type", "role", "content", "text", "id", "name", "input", "output", "arguments", "source", "data", "media_type"),
    *("tool_calls", "tool_call_id", "tool_use_id", "call_id", "function", "parameters", "input_schema", "format"),
    *("thread", "context_management", "cache_control", "defer_loading", "reasoning_content", "refusal", "x"),
]
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(WORDS),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=8,
)  # fmt: skip


@st.composite
def requests(draw: st.DrawFn, whole: dict[str, Any]) -> dict[str, Any]:
    """Draw a request with one to four changes: a value replaced, copied from elsewhere, added, left out, repeated."""
    body = copy.deepcopy(whole)
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from(list(places(body)) or [("x",)]))
        inner: Any = body
        for key in path[:-1]:
            inner = inner[key]
        change(draw, body, inner, path[-1])
    body["model"] = whole["model"] if draw(st.booleans()) else body.get("model", "ok")
    return body


def change(draw: st.DrawFn, body: dict[str, Any], inner: Any, key: Any) -> None:
    """Make one change at a key of an object or an array."""
    match draw(st.sampled_from(["replace", "copy", "add", "drop", "repeat"])):
        case "replace":
            inner[key] = draw(values)
        case "copy":
            inner[key] = copy.deepcopy(draw(st.sampled_from(list(body.values()))))
        case "add" if isinstance(inner, dict):
            inner[draw(st.sampled_from(KEYS))] = draw(values)
        case "drop" if isinstance(inner, dict):
            del inner[key]
        case "repeat" if isinstance(inner, list):
            inner.insert(key, copy.deepcopy(inner[key]))
        case _:
            inner[key] = draw(leaves)


@pytest.fixture(scope="module")
def upstream() -> Iterator[int]:
    with fake_upstream("--also", "qwen3-", "--good") as port:
        yield port


def serving(upstream: int, catalog: str = "") -> Iterator[Flock]:
    with flock_home(**environment()) as flock:
        configured(flock, "gateway:\n  keepalive_seconds: 5\n")
        if catalog:
            (flock.home / "catalog").mkdir(parents=True)
            (flock.home / "catalog/engines.yaml").write_text(catalog)
        flock.ok("up")
        flock.ok("engine", "attach", f"http://127.0.0.1:{upstream}", "--name", "fake")
        yield flock
        wait_for(lambda: running(flock) == 0, "no request is left")
        log = (flock.home / "logs/flock.log").read_text()
        assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:5000]


@pytest.fixture(scope="module")
def translating(upstream: int) -> Iterator[Flock]:
    """A flock whose engine speaks chat alone."""
    yield from serving(upstream)


@pytest.fixture(scope="module")
def relaying(upstream: int) -> Iterator[Flock]:
    """A flock whose engine takes every dialect."""
    yield from serving(upstream, NATIVE)


def sound(flock: Flock, door: Door, data: st.DataObject, whole: dict[str, Any]) -> None:
    """Send one drawn request, and a good one behind it on the same connection."""
    body = data.draw(requests({**whole, "model": door.prefix + "ok"}))
    with closing(Client(flock.port, flock.key)) as client:
        told = door.send(client, body).tell()
        if told.status == 200:
            assert told.clean
        else:
            assert told.status in (400, 404), (told.status, told.body, body)
            door.refused(told, told.status, told.json["error"].get("code", ""))
        assert door.send(client, door.body()).tell().status == 200


bounded = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@bounded
@given(data=st.data())
def test_any_message_in_translation(translating: Flock, data: st.DataObject) -> None:
    sound(translating, MESSAGES_DOOR, data, MESSAGE)


@bounded
@given(data=st.data())
def test_any_response_in_translation(translating: Flock, data: st.DataObject) -> None:
    sound(translating, RESPONSES_DOOR, data, RESPONSE)


@bounded
@given(data=st.data())
def test_any_chat_that_is_looked_into(translating: Flock, data: st.DataObject) -> None:
    sound(translating, LOOKED_INTO, data, CHAT_REQUEST)


@bounded
@given(data=st.data())
def test_any_message_on_its_way_through(relaying: Flock, data: st.DataObject) -> None:
    sound(relaying, MESSAGES_DOOR, data, MESSAGE)


@bounded
@given(data=st.data())
def test_any_response_on_its_way_through(relaying: Flock, data: st.DataObject) -> None:
    sound(relaying, RESPONSES_DOOR, data, RESPONSE)


@bounded
@given(data=st.data())
def test_any_chat_on_its_way_through(relaying: Flock, data: st.DataObject) -> None:
    sound(relaying, CHAT_DOOR, data, CHAT_REQUEST)
