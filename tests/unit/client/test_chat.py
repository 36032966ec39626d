"""A chat from the client's side: what is asked, the same pieces wherever a stream is cut, and each way it breaks."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.client import chat
from flock.client.chat import Piece
from flock.dialects.openai.faults import stream_fault
from flock.errors import (
    BY_CODE,
    EngineBusy,
    EngineRefused,
    FlockError,
    InvalidKey,
    ModelNotFound,
    UpstreamError,
    UpstreamStalled,
)


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return b"data: " + json.dumps({"model": "m", "choices": choices, **more}, ensure_ascii=False).encode() + b"\n\n"


USAGE = {"prompt_tokens": 12, "completion_tokens": 7}
DONE = b"data: [DONE]\n\n"
STREAM = b"".join(
    [
        b": waiting for m: 2nd, about 3 s\n\n",
        chunk({"role": "assistant", "content": ""}),
        chunk({"reasoning_content": "They greet. "}),
        chunk({"reasoning": "In Dürer’s tongue."}),
        chunk({"content": "Grüß "}),
        b"event: message\r\nid: 3\r\n" + chunk({"content": "Göttin 🐑\n"}).replace(b"\n\n", b"\r\n\r\n"),
        chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "look", "arguments": '{"at"'}}]}),
        chunk({"tool_calls": [{"index": 1, "id": "b", "function": {"name": "wait", "arguments": ""}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": ': "sea"}'}}]}),
        chunk({}, "tool_calls"),
        chunk(None, usage=USAGE),
        DONE,
    ]
)
PIECES = [
    Piece("thinking", "They greet. "),
    Piece("thinking", "In Dürer’s tongue."),
    Piece("text", "Grüß "),
    Piece("text", "Göttin 🐑\n"),
    Piece("tool", '{"at": "sea"}', "look"),
    Piece("tool", "", "wait"),
    Piece("end", "", "", "tool_calls", 12, 7, "m"),
]


def test_the_pieces_of_a_stream_by_lines() -> None:
    assert list(chat.pieces(STREAM.splitlines(keepends=True))) == PIECES


def test_any_cut_at_any_byte_gives_the_same_pieces() -> None:
    for at in range(len(STREAM) + 1):
        assert list(chat.pieces([STREAM[:at], STREAM[at:]])) == PIECES, at
    assert list(chat.pieces(STREAM[at : at + 1] for at in range(len(STREAM)))) == PIECES


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_any_cuts_give_the_same_pieces(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    parts = [STREAM[a:b] for a, b in itertools.pairwise(places)]
    assert list(chat.pieces(parts)) == PIECES


def test_what_the_wait_is_for_is_heard_and_cannot_steer_a_terminal() -> None:
    told: list[str] = []
    lines = [b": keep-alive\n\n", b": waiting for m: 2nd\n\n: loading \x1b[2J\n", STREAM]
    assert list(chat.pieces(lines, told.append)) == PIECES
    assert told == ["waiting for m: 2nd", "loading \\x1b[2J", "waiting for m: 2nd, about 3 s"]


def test_a_stream_that_breaks_off_anywhere_is_an_error_and_never_a_shorter_answer() -> None:
    """After its finish_reason it may hang up, and its usage be lost; before that nothing may pass for an end."""
    finished = STREAM.index(b'"finish_reason": "tool_calls"')
    end = STREAM.index(b"\n\n", finished) + 2
    for at in range(end):
        with pytest.raises(UpstreamError, match="broke off"):
            list(chat.pieces([STREAM[:at]]))
    for at in range(end, len(STREAM)):
        assert list(chat.pieces([STREAM[:at]]))[-1].finish == "tool_calls", at


def test_pieces_come_one_by_one() -> None:
    seen: list[str] = []

    def lines() -> Any:
        for word in ("a", "b"):
            seen.append(f"sent {word}")
            yield chunk({"content": word})
        yield chunk({}, "stop")
        yield DONE

    for piece in chat.pieces(lines()):
        if piece.kind == "text":
            seen.append(f"heard {piece.words}")  # noqa: PERF401  (each before the next is asked for)
    assert seen == ["sent a", "heard a", "sent b", "heard b"]


@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_an_error_in_the_stream_is_the_error_that_flock_raised(code: str) -> None:
    error = BY_CODE[code]("something happened to “x”", hint="flock logs", details={"retry_after": 3})
    with pytest.raises(FlockError) as caught:
        list(chat.pieces([chunk({"content": "so far"}), stream_fault(error, "req_1")]))
    assert type(caught.value) is type(error)
    assert (caught.value.sentence, caught.value.hint) == (error.sentence, error.hint)
    assert caught.value.details == {"retry_after": 3}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{"error": {"message": "no more", "type": "server_error", "code": 500}}', "no more"),
        (b'{"error": "just words"}', "just words"),
        (b'{"object": "error", "message": "vllm said so", "code": 400}', "vllm said so"),
        (b'{"error": {"code": ["x"], "message": 1}}', "reported an error"),
        (b'{"choices": [{"delta": {}, "finish_reason": "error"}]}', "broke off"),
        (b"{nothing", "cannot be read: {nothing"),
        (b"[1]", "cannot be read"),
    ],
)
def test_errors_of_others_in_the_stream(data: bytes, words: str) -> None:
    with pytest.raises(UpstreamError, match=words):
        list(chat.pieces([b"data: " + data + b"\n\n", DONE]))


@pytest.mark.parametrize(
    "delta",
    [
        {"content": None},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": ""}]}, {"type": "x"}, 3]},
        {"tool_calls": [None, {"index": "0", "function": "f"}]},
        {"content": 7, "reasoning": {}},
    ],
)
def test_what_makes_no_sense_is_no_piece(delta: dict[str, Any]) -> None:
    found = list(chat.pieces([chunk(delta), chunk({}, "stop"), b'data: {"choices": 3, "usage": []}\n\n', DONE]))
    assert [piece.kind for piece in found] == ["end"]


def test_an_answer_in_parts_as_mistral_sends_it() -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "yes"}]
    found = list(chat.pieces([chunk({"content": parts}), chunk({}, "stop"), DONE]))
    assert [(piece.kind, piece.words) for piece in found][:2] == [("thinking", "hm"), ("text", "yes")]


def test_what_never_ends_does_not_fill_the_memory() -> None:
    def endless() -> Any:
        while True:
            yield b"data: " + b"x" * 2**20

    with pytest.raises(UpstreamError, match="larger than"):
        list(chat.pieces(endless()))


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (404, b'{"error": {"code": "model_not_found", "message": "no m", "nearest": ["n"]}}', ModelNotFound, "no m"),
        (504, b'{"error": {"code": "upstream_stalled", "message": "silent"}}', UpstreamStalled, "silent"),
        (400, b'{"error": {"code": "bad", "message": "vendor words"}}', EngineRefused, "vendor words"),
        (401, b'{"error": "who?"}', InvalidKey, "who"),
        (429, b"", EngineBusy, "status 429"),
        (502, b"<html>Bad Gateway</html>", UpstreamError, "Bad Gateway"),
    ],
)
def test_a_refusal_is_the_error_it_stands_for(status: int, body: bytes, kind: type[FlockError], words: str) -> None:
    found = chat.fault(status, body)
    assert type(found) is kind
    assert words in found.sentence
    assert found.hint
    if kind is ModelNotFound:
        assert found.details == {"nearest": ["n"]}


def test_what_is_asked() -> None:
    bare = json.loads(chat.request([chat.user("hi")]))
    assert bare == {
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    full = json.loads(
        chat.request(
            [chat.user("see", ["data:image/png;base64,AA=="])],
            model="m",
            system="be brief",
            max_tokens=5,
            temperature=0.0,
            top_p=0.5,
            effort="low",
        )
    )
    assert full["messages"][0] == {"role": "system", "content": "be brief"}
    assert [part["type"] for part in full["messages"][1]["content"]] == ["text", "image_url"]
    assert (full["model"], full["max_tokens"], full["temperature"], full["top_p"]) == ("m", 5, 0.0, 0.5)
    assert full["reasoning_effort"] == "low"
    assert chat.request([chat.user("half a pair: \ud83d")])
