"""What a relay sees first, by the dialect that passes through."""

import pytest

from flock.core import relays
from flock.dialects.anthropic.tap import MessagesTap
from flock.dialects.gemini.tap import GeminiTap
from flock.dialects.ollama.tap import LineTap
from flock.dialects.openai.tap import StreamTap
from flock.dialects.plan import RELAY, Plan
from flock.dialects.responses.tap import ResponsesTap
from flock.dialects.table import UPSTREAMS

CHUNK = b'data: {"choices":[]}\n\n'
EVENTS: dict[str, tuple[bytes, bytes]] = {
    "openai": (CHUNK, b'data: {"error":{"message":"no room"}}\n\n'),
    "anthropic": (
        b'event: message_start\ndata: {"type":"message_start"}\n\n',
        b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"no room"}}\n\n',
    ),
    "responses": (
        b'event: response.created\ndata: {"type":"response.created","response":{}}\n\n',
        b'event: error\ndata: {"type":"error","message":"no room"}\n\n',
    ),
    "gemini": (
        b'data: {"candidates":[]}\r\n\r\n',
        b'data: {"error":{"code":500,"message":"no room","status":"INTERNAL"}}\r\n\r\n',
    ),
    "ollama": (b'{"message":{"content":"a"},"done":false}\n', b'{"error":"no room"}\n'),
}
TAPS = {
    "openai": StreamTap,
    "anthropic": MessagesTap,
    "responses": ResponsesTap,
    "gemini": GeminiTap,
    "ollama": LineTap,
}


def test_every_dialect_that_is_spoken_upstream_is_here() -> None:
    assert set(EVENTS) == set(TAPS) == set(UPSTREAMS)


@pytest.mark.parametrize("dialect", EVENTS)
def test_the_first_event_and_a_failure(dialect: str) -> None:
    good, bad = EVENTS[dialect]
    event = relays.first_event(dialect, good)
    assert event is not None
    assert relays.fault_of(dialect, event) is None
    broken = relays.first_event(dialect, bad)
    assert broken is not None
    assert "no room" in str(relays.fault_of(dialect, broken))


@pytest.mark.parametrize("dialect", EVENTS)
def test_signs_of_life_are_no_event(dialect: str) -> None:
    idle = b" \n\n" if dialect == "ollama" else b": keep-alive\n\n"
    assert relays.first_event(dialect, idle) is None
    good, _ = EVENTS[dialect]
    assert relays.first_event(dialect, idle + good) == relays.first_event(dialect, good)


@pytest.mark.parametrize("dialect", TAPS)
def test_the_tap(dialect: str) -> None:
    made = relays.tap(Plan(RELAY, dialect, "/x", b"", {}))
    assert isinstance(made, TAPS[dialect])
    good, _ = EVENTS[dialect]
    assert made.feed(good) == good
    assert not made.finished
