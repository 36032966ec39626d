"""Laws over all pairs: a stream that breaks, or is cut anywhere before its end, never looks like a whole answer."""

import re

import pytest

from tests.unit.dialects.pairs import (
    BROKE_OFF,
    BROKEN,
    DIALECTS,
    GOOD,
    TERMINAL,
    TO,
    broken_stream,
    crossing,
    cuts,
    ended,
    name_of,
    sent,
    stream,
    whole_stream,
)

Case = tuple[str, str]
# What an upstream's stream must have said before its answer may count as whole: a stream that goes without its very
# last frame, as some servers' do, has told why it stopped.
ENDS = {
    "openai": re.compile(rb'"finish_reason": ?"|\[DONE\]'),
    "anthropic": re.compile(rb'"stop_reason": ?"'),
    "gemini": re.compile(rb'"(?:finishReason|blockReason)": ?"'),
    "ollama": re.compile(rb'"done": ?true'),
    "responses": re.compile(rb'"?response\.(?:completed|incomplete|done)|"status": ?"(?:completed|incomplete)"'),
}


@pytest.mark.pitfall(71)
@pytest.mark.pitfall(76)
@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize("case", sorted(BROKEN), ids=name_of)
def test_a_stream_that_breaks_ends_with_the_error(case: Case, client: str) -> None:
    broken_stream(client, sent(crossing(case[0], client), [stream(case)]))


@pytest.mark.pitfall(69)
@pytest.mark.pitfall(70)
@pytest.mark.pitfall(71)
@pytest.mark.pitfall(76)
@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize("case", GOOD, ids=name_of)
def test_a_stream_cut_anywhere_before_its_end(case: Case, client: str) -> None:
    """The upstream closes the connection in order, or it is torn off: both at every place."""
    data, across = stream(case), crossing(case[0], client)
    first = ENDS[case[0]].search(data)
    assert first is not None
    checked: set[bytes] = set()  # cuts within a frame give the same bytes, and checking costs more than making them
    for at in (0, *cuts(data)):
        tap = across.tap(TO)
        out = tap.feed(data[:at])
        if out not in checked:
            checked.add(out)
            assert not any(words in out for words in TERMINAL[client]), f"an end before the end, cut at {at}"
            torn = across.tap(TO)
            broken_stream(client, torn.feed(data[:at]) + torn.write_fault(BROKE_OFF))
        out += ended(tap)
        if out not in checked:
            checked.add(out)
            (whole_stream if tap.finished else broken_stream)(client, out)
        assert at > first.start() or not tap.finished, f"finished too soon, cut at {at}"
