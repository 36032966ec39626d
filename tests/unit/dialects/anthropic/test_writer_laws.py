"""Whatever the middle holds, and in whatever order, what a client is sent keeps to the grammar and says the same."""

import json
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from flock.dialects.anthropic import server, upstream
from flock.dialects.fold import fold, replay
from flock.dialects.half import Addressing
from flock.dialects.ir import (
    Began,
    Broke,
    Ended,
    Event,
    Idle,
    Part,
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
    Used,
)
from flock.errors import UpstreamError
from tests.grammar.anthropic import message_of, read
from tests.unit.dialects.anthropic.reading import TO, events_of, written
from tests.unit.dialects.anthropic.saying import REQUEST, said

_text = st.text(max_size=6)
_arguments = st.dictionaries(_text, st.integers(0, 9), max_size=2).map(lambda value: orjson.dumps(value).decode())
_part: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, _text),
    st.builds(Refusal, _text),
    st.builds(Thinking, _text, st.sampled_from(["", "sig"]), origin=st.sampled_from(["anthropic", "", "responses"])),
    st.builds(ToolCall, st.sampled_from(["a", "b", ""]), st.sampled_from(["f", "g"]), _arguments),
    st.builds(Thinking, redacted=st.just("r"), origin=st.just("anthropic")),
)
_words = st.text(min_size=1, max_size=6)
_own_part: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, _words),
    st.builds(Thinking, _words, st.sampled_from(["", "sig"]), origin=st.just("anthropic")),
    st.builds(Thinking, redacted=st.just("r"), origin=st.just("anthropic")),
    st.builds(ToolCall, st.sampled_from(["a", "b"]), st.sampled_from(["f", "g"]), _arguments),
)
_usage = st.builds(Usage, *[st.integers(0, 99)] * 3, cache_write=st.integers(0, 99), reasoning=st.integers(0, 9))
_stop: st.SearchStrategy[Stop] = st.sampled_from(
    ["stop", "length", "tool_calls", "stop_sequence", "content_filter", "refusal", "pause", "context_window"]
)
_reply = st.builds(Reply, _text, _text, st.lists(_part, max_size=4), _stop, _text, st.none() | _usage)


@settings(deadline=None, max_examples=60)
@given(_reply)
def test_any_answer_is_the_same_streamed_and_in_one_piece(reply: Reply) -> None:
    said(*reply.parts, stop=reply.stop, sequence=reply.sequence, usage=reply.usage)


@settings(deadline=None, max_examples=150)
@given(_reply, st.randoms(use_true_random=False))
def test_parts_that_overlap_in_any_way_give_the_same_message(reply: Reply, random: Any) -> None:
    """Each part's events stay in order, and parts begin in order; all else is mixed."""
    queues = [replay(Reply("", "", [part], "stop"))[1:-1] for part in reply.parts]
    for index, queue in enumerate(queues):
        for event in queue:
            if isinstance(event, PartBegan | PartDelta | PartEnded):
                event.index = index
    mixed: list[Event] = [Began()]
    begun = 0
    while any(queues):
        index = random.choice([i for i, queue in enumerate(queues) if queue and i <= begun])
        begun = max(begun, index + 1)
        mixed.append(queues[index].pop(0))
        if random.random() < 0.2:
            mixed.append(Idle())
    straight = written(replay(Reply("", "", reply.parts, reply.stop, reply.sequence)))
    assert message_of(written([*mixed, Ended(reply.stop, reply.sequence)])) == message_of(straight)


_event: st.SearchStrategy[Event] = st.one_of(
    st.builds(Began),
    st.builds(PartBegan, st.integers(0, 3), _part),
    # a text that is JSON however often it is said: the grammar is about frames here
    st.builds(PartDelta, st.integers(0, 3), st.sampled_from(["", "7"]), st.sampled_from(["", "s"])),
    st.builds(PartEnded, st.integers(0, 3)),
    st.builds(Used, _usage),
    st.builds(Ended, _stop),
    st.builds(Broke, _text),
    st.builds(Idle),
)


@settings(deadline=None, max_examples=150)
@given(st.lists(_event, max_size=20), st.booleans())
def test_events_in_no_order_at_all_cannot_break_the_grammar(events: list[Event], broke: bool) -> None:
    writer = server.writer(REQUEST, Addressing("r", "m"))
    out = b"".join(writer.write(event) for event in events)
    out += writer.fault(UpstreamError("x")) if broke else writer.close()
    if out:
        grammar = read(out)
        assert grammar.stopped == (not broke and any(isinstance(event, Ended) for event in events))


@settings(deadline=None, max_examples=60)
@given(st.lists(_own_part, max_size=4), _stop, _usage)
def test_an_answer_that_is_written_is_read_again(parts: list[Part], stop: Stop, usage: Usage) -> None:
    if any(isinstance(part, ToolCall) for part in parts):
        stop = "tool_calls"
    elif stop in ("tool_calls", "content_filter", "stop_sequence"):  # the first is not true, the others have no word
        stop = "stop"
    usage.input = usage.input + usage.cached + usage.cache_write
    usage.reasoning = min(usage.reasoning, usage.output)
    reply = Reply("msg_1", TO.model, parts, stop, "", usage)
    to = Addressing("msg_1", TO.model)
    assert upstream.read_reply(json.loads(server.write_reply(reply, REQUEST, to)), {}) == reply
    assert fold(events_of(written(replay(reply), to=to))) == reply
