"""A relayed stream is looked at and never changed: its usage, its end and its faults are found wherever it is cut."""

import pytest

from flock.dialects.fold import fold
from flock.dialects.ir import Usage
from flock.dialects.ollama.tap import LineTap
from flock.dialects.ollama.usage import is_estimated
from tests.unit.dialects.ollama.reading import BROKEN, STREAMS, events_of, stream_of

GOOD = [case for case in STREAMS if case not in BROKEN]


def tapped(data: bytes, *cuts: int, prompt: int = 0) -> LineTap:
    tap, out, start = LineTap(prompt), b"", 0
    for end in (*cuts, len(data)):
        out += tap.feed(data[start:end])
        start = end
    tap.end()
    assert out + tap.close() == data
    assert tap.failure == ""
    return tap


@pytest.mark.pitfall(78)
@pytest.mark.parametrize("case", GOOD)
def test_the_usage_and_the_end_are_those_of_the_reader(case: str) -> None:
    tap = tapped(stream_of(case), prompt=31)
    assert tap.usage() == fold(events_of(stream_of(case), prompt=31)).usage
    assert is_estimated(tap.usage()) == (case == "uncounted_prompt")
    assert tap.finished
    assert tap.fault is None


@pytest.mark.pitfall(74)
@pytest.mark.parametrize("case", STREAMS)
def test_a_cut_at_any_byte_changes_nothing(case: str) -> None:
    data = stream_of(case)
    whole = tapped(data)
    for cut in range(1, len(data), 3):
        tap = tapped(data, cut)
        assert (tap.usage(), tap.finished, tap.fault, tap.lines) == (
            whole.usage(),
            whole.finished,
            whole.fault,
            whole.lines,
        )


@pytest.mark.pitfall(71)
@pytest.mark.pitfall(76)
@pytest.mark.parametrize("case", BROKEN)
def test_what_breaks_is_not_over(case: str) -> None:
    tap = tapped(stream_of(case))
    assert not tap.finished
    assert tap.usage() is None
    faults = {
        "broken": "an error was encountered while running the model",
        "broken_at_once": "llama runner process has terminated: exit status 2",
    }
    assert tap.fault == faults.get(case)


@pytest.mark.pitfall(76)
@pytest.mark.parametrize("case", GOOD)
def test_the_end_of_the_bytes_is_not_the_end_of_the_answer(case: str) -> None:
    data = stream_of(case)
    for end in range(0, data.index(b'"done":true'), 7):
        assert not tapped(data[:end]).finished


def test_lines_are_counted() -> None:
    assert tapped(stream_of("plain"), 40, 400).counted() == Usage(output=3)
    assert tapped(stream_of("cut")).counted() == Usage(output=2)


def test_words_of_the_model_are_no_end() -> None:
    tap = tapped(b'{"message":{"content":"{\\"done\\":true,\\"error\\":\\"x\\"}\\n"},"done":false}\n')
    assert not tap.finished
    assert tap.fault is None


def test_another_line_may_stand_only_between_lines() -> None:
    tap = LineTap()
    assert tap.between_frames
    tap.feed(b'{"done":')
    assert not tap.between_frames
    tap.feed(b"false}\n")
    assert tap.between_frames


def test_a_long_last_line_is_whole() -> None:
    """The answer to a generate request ends with the tokens of the conversation."""
    data = stream_of("generate").replace(b"[1,2,3,4]", b"[" + b"12345," * 50_000 + b"1]")
    assert tapped(data, *range(100, len(data), 1400)).usage() == tapped(stream_of("generate")).usage()
