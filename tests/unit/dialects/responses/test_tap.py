"""The tap of a relay: it changes no byte, and knows at any cut how the answer ended and what it cost."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flock.dialects.ir import PartDelta, Usage
from flock.dialects.responses.tap import ResponsesTap, event_fault
from flock.errors import EngineBusy, UpstreamError
from tests.unit.dialects.responses.corpus import BROKEN, STREAMS, WHOLE, events, folded, stream
from tests.unit.dialects.responses.writing import accumulated

FAULTS = {
    "failed": "An error occurred while processing your request.",
    "failed_overflow": "Your input exceeds the context window of this model.",
    "error_event": "Rate limit reached",
    "plain_error": "CUDA out of memory",
}
# servers that say what they say only in the last event
WITHOUT_DELTAS = ("completed_only", "only_done")


def tapped(data: bytes, size: int = 0) -> ResponsesTap:
    """Return the tap that looked at these bytes in pieces of `size`, 0 for one piece."""
    tap = ResponsesTap()
    step = size or len(data) or 1
    passed = b"".join(tap.feed(data[at : at + step]) for at in range(0, len(data), step))
    assert passed + tap.close() == data
    return tap


@pytest.mark.parametrize("size", [0, 1, 64])
@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.pitfall(74)
def test_what_a_tap_knows_at_any_cut(name: str, size: int) -> None:
    tap = tapped(stream(name), size)
    assert tap.finished == (name in WHOLE)
    assert tap.fault == FAULTS.get(name)
    assert tap.between_frames == (name != "cut")
    if name in WHOLE:
        assert tap.usage() == folded(name).usage
    else:
        assert tap.usage() is None


@pytest.mark.parametrize("name", [name for name in STREAMS if name not in BROKEN and name not in WITHOUT_DELTAS])
@pytest.mark.pitfall(56)
def test_a_tap_counts_what_came_where_nobody_tells(name: str) -> None:
    deltas = [e for e in events(stream(name)) if isinstance(e, PartDelta) and e.text]
    assert tapped(stream(name)).counted() == Usage(output=len(deltas))


@pytest.mark.pitfall(76)
def test_a_stream_that_stops_has_not_ended() -> None:
    data = stream("plain")
    end = data.index(b"event: response.completed")
    for at in (0, 10, end, end + 10):
        tap = tapped(data[:at])
        assert not tap.finished
        assert tap.fault is None
    assert not tapped(data[: end - 1]).between_frames


def test_an_answer_about_answers_ends_nothing() -> None:
    said = 'data: {"type":"response.completed"}\n\nevent: error\ndata: {"type":"error","error":{"message":"x"}}\n\n'
    frame = {"type": "response.output_text.delta", "delta": said, "sequence_number": 2}
    tap = tapped(b"event: response.output_text.delta\ndata: " + json.dumps(frame).encode() + b"\n\n")
    assert not tap.finished
    assert tap.fault is None
    assert tap.events == 1


def test_an_error_that_is_null_is_none() -> None:
    tap = tapped(b'event: response.created\ndata: {"type":"response.created","response":{"id":"r","error":null}}\n\n')
    assert tap.fault is None


@pytest.mark.parametrize("last", [True, False])
def test_long_answers_and_the_type_behind_them(last: bool) -> None:
    usage = {"input_tokens": 5, "output_tokens": 6, "output_tokens_details": {"reasoning_tokens": 1}}
    response = {"id": "r", "error": None, "output": ["x" * 50_000], "tools": ["y" * 50_000], "usage": usage}
    told: dict[str, object] = {"type": "response.completed", "response": response}
    if last:
        told = {"response": response, "sequence_number": 9, "type": "response.completed"}
    for event_line in (b"event: response.completed\n", b""):
        for size in (0, 999):
            tap = tapped(event_line + b"data: " + json.dumps(told).encode() + b"\n\n", size)
            assert tap.finished
            assert tap.usage() == Usage(input=5, output=6, reasoning=1)


@pytest.mark.pitfall(71)
def test_a_failure_far_before_the_end_of_its_frame_is_found() -> None:
    response = {"id": "r", "status": "failed", "error": {"code": "x", "message": 'no "way"'}, "tools": ["y" * 50_000]}
    frame = b"event: response.failed\ndata: " + json.dumps({"type": "response.failed", "response": response}).encode()
    for size in (0, 7, 999):
        assert tapped(frame + b"\n\n", size).fault == 'no "way"'
    assert event_fault(frame.partition(b"data: ")[2]) == 'no "way"'
    assert event_fault(b'{"type":"response.created","response":{"id":"r","error":null}}') is None
    assert event_fault(b'{"error":{"message":"down"}}') == "down"


@pytest.mark.pitfall(71)
@pytest.mark.pitfall(70)
def test_a_fault_is_about_the_answer_that_was_begun() -> None:
    data = stream("plain")
    begun = data[: data.index(b"event: response.output_text.done")]
    tap = tapped(begun, 100)
    fault = tap.write_fault(UpstreamError("broke off"))
    event = json.loads(fault.partition(b"data: ")[2])
    assert event["response"]["id"] == "resp_68af4030592c8191"
    assert event["sequence_number"] == begun.count(b"event: ")
    assert event["response"]["error"] == {"code": "server_error", "message": "broke off"}
    assert accumulated(begun + fault, strict=False).type == "response.failed"
    silent = json.loads(ResponsesTap().write_fault(EngineBusy("busy")).partition(b"data: ")[2])
    assert (silent["sequence_number"], silent["response"]["error"]["code"]) == (0, "rate_limit_exceeded")


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(STREAMS), st.lists(st.integers(1, 300), max_size=20))
def test_any_cuts_make_no_difference(name: str, sizes: list[int]) -> None:
    data, at, tap = stream(name), 0, ResponsesTap()
    for size in sizes:
        tap.feed(data[at : at + size])
        at += size
    tap.feed(data[at:])
    assert (tap.finished, tap.fault) == (name in WHOLE, FAULTS.get(name))


@given(st.binary(max_size=200))
def test_any_bytes_pass(noise: bytes) -> None:
    tap = tapped(b'"response":{' + noise + b'"usage":{"error":{' + noise, 3)
    assert tap.fault is None or isinstance(tap.fault, str)
    tap.usage()
    tap.write_fault(UpstreamError("x"))
