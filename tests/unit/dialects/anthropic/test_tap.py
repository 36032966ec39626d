"""A relayed stream is looked at and never changed: its usage, its end and its faults are found wherever it is cut."""

import pytest

from flock.dialects.anthropic.tap import TAIL_BYTES, MessagesTap
from flock.dialects.fold import fold
from flock.dialects.ir import PartDelta, Usage
from tests.unit.dialects.anthropic.reading import STREAMS, WHOLE, events_of, stream_of


def tapped(data: bytes, *cuts: int) -> MessagesTap:
    tap = MessagesTap()
    out = b""
    start = 0
    for end in (*cuts, len(data)):
        out += tap.feed(data[start:end])
        start = end
    assert out + tap.close() == data
    return tap


@pytest.mark.pitfall(58)
@pytest.mark.parametrize("case", WHOLE)
def test_the_usage_and_the_end_are_those_of_the_reader(case: str) -> None:
    data = stream_of(case)
    tap = tapped(data)
    assert tap.usage() == fold(events_of(data)).usage
    assert tap.finished
    assert tap.fault is None


@pytest.mark.pitfall(74)
@pytest.mark.parametrize("case", STREAMS)
def test_a_cut_at_any_byte_changes_nothing(case: str) -> None:
    data = stream_of(case)
    whole = tapped(data)
    for cut in range(1, len(data), 13):
        tap = tapped(data, cut)
        assert (tap.usage(), tap.finished, tap.fault, tap.events) == (
            whole.usage(),
            whole.finished,
            whole.fault,
            whole.events,
        )


def test_pieces_are_counted() -> None:
    data = stream_of("llamacpp_plain")
    pieces = sum(isinstance(event, PartDelta) for event in events_of(data))
    assert tapped(data, 1000, 2000).counted() == Usage(output=pieces)


@pytest.mark.pitfall(71)
def test_an_error_at_the_end_is_a_fault_and_no_end() -> None:
    tap = tapped(stream_of("broken"))
    assert tap.fault == "Overloaded"
    assert not tap.finished
    assert tap.usage() == Usage(12, 0, 1)


@pytest.mark.pitfall(76)
@pytest.mark.parametrize("case", WHOLE)
def test_the_end_of_the_bytes_is_not_the_end_of_the_answer(case: str) -> None:
    data = stream_of(case)
    told = data.index(b"message_delta")
    for end in range(0, told, 29):
        assert not tapped(data[:end]).finished


def test_words_of_the_model_are_no_events() -> None:
    words = rb'"{\"type\":\"message_stop\",\"error\":{\"message\":\"x\"},\"stop_reason\":\"end_turn\"}"'
    data = b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":' + words + b"}}\n\n"
    tap = tapped(data)
    assert not tap.finished
    assert tap.fault is None
    assert tap.usage() is None
    assert tap.events == 1


def test_the_first_and_the_last_events_are_found_around_a_long_answer() -> None:
    data = stream_of("cached_usage")
    at = data.index(b"event: content_block_stop")
    piece = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{}}\n\n'
    long = data[:at] + piece * (5 * TAIL_BYTES // len(piece)) + data[at:]
    assert tapped(long).usage() == tapped(long, *range(100, len(long), 1400)).usage() == tapped(data).usage()


def test_another_frame_may_stand_only_between_frames() -> None:
    tap = MessagesTap()
    assert tap.between_frames
    tap.feed(b"event: ping\n")
    assert not tap.between_frames
    tap.feed(b'data: {"type": "ping"}\n\n')
    assert tap.between_frames
    tap.feed(b"data:{}\r\n\r\n")
    assert tap.between_frames
