"""What holds for every answer: what is written is read again, by flock and by the vendor's library."""

import json
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from flock.dialects.fold import fold, replay
from flock.dialects.ir import (
    Ended,
    Event,
    PartBegan,
    PartDelta,
    PartEnded,
    Refusal,
    Reply,
    Stop,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from flock.dialects.responses import server, upstream
from tests.grammar.responses import response_of
from tests.unit.dialects.responses.corpus import ask, events
from tests.unit.dialects.responses.writing import TO, TOOLS, accumulated, of, written

WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
PARTS = st.one_of(
    st.builds(Text, WORDS),
    st.builds(Thinking, WORDS, st.just(""), origin=st.just("responses")),
    st.builds(Thinking, st.text(max_size=3), WORDS, origin=st.just("responses")),
    st.builds(lambda i, a: ToolCall(i, "get_weather", a), WORDS, WORDS),
    st.builds(lambda i, a: ToolCall(i, "agents__spawn", a), WORDS, WORDS),
    st.builds(lambda i, a: ToolCall(i, "apply_patch", a, {"_custom": True}), WORDS, WORDS),
)


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    """Draw an answer that this dialect has words for."""
    parts = draw(st.lists(PARTS, max_size=5, unique_by=lambda p: p.id if isinstance(p, ToolCall) else id(p)))
    stop = "tool_calls" if any(isinstance(part, ToolCall) for part in parts) else "stop"
    if draw(st.booleans()):
        stop = draw(st.sampled_from(["length", "content_filter"]))
    elif stop == "stop" and draw(st.booleans()):
        parts.append(Refusal(draw(WORDS)))
        stop = "refusal"
    counts = st.integers(0, 100)
    usage = draw(st.none() | st.builds(Usage, counts, counts, counts, cache_write=counts, reasoning=counts))
    return Reply("resp_0123456789abcdef", "alias", parts, cast("Stop", stop), "", usage)


@settings(max_examples=120, deadline=None)
@given(replies())
def test_what_is_written_is_read_again(reply: Reply) -> None:
    request = ask(tools=TOOLS)
    stream = written(replay(reply), request)
    response_of(stream)
    assert fold(events(stream)) == reply
    assert upstream.read_reply(json.loads(server.write_reply(reply, request, TO)), {}) == reply


@settings(max_examples=40, deadline=None)
@given(replies())
def test_what_is_written_is_read_by_the_official_library(reply: Reply) -> None:
    done = accumulated(written(replay(reply)))
    words = "".join(part.text for part in reply.parts if isinstance(part, Text))
    assert done.response.output_text == words


@st.composite
def tangled(draw: st.DrawFn) -> list[Event]:
    """Draw events of parts that overlap in any way."""
    parts = draw(st.lists(PARTS, min_size=1, max_size=4))
    pending = [[e for e in of(part) if isinstance(e, PartBegan | PartDelta | PartEnded)] for part in parts]
    for index, mine in enumerate(pending):
        for event in mine:
            event.index = index
        if draw(st.booleans()):
            mine.pop()  # one that nobody ends
    found: list[Event] = []
    begun = 0
    while any(pending):
        # parts begin in their order; what is begun may go on at any time
        ready = [i for i, mine in enumerate(pending) if mine and (i < begun or i == begun)]
        which = draw(st.sampled_from(ready))
        begun = max(begun, which + 1)
        found.append(pending[which].pop(0))
    return [*found, Ended("stop")]


@settings(max_examples=120, deadline=None)
@given(tangled())
def test_no_tangle_of_parts_breaks_the_grammar(found: list[Event]) -> None:
    response_of(written(found))
