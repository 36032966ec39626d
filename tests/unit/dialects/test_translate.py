"""A Crossing, its Events, its tap and its Gathering: the order of the steps, and what accounting gets of them."""

from typing import Any

import pytest

from flock.dialects.anthropic import server as anthropic
from flock.dialects.half import Addressing
from flock.dialects.ir import Event, PartDelta, Request, Text, Usage
from flock.dialects.openai import server as openai
from flock.dialects.openai import upstream
from flock.dialects.table import UPSTREAMS
from flock.dialects.translate import Crossing, Gathering
from flock.errors import UpstreamError
from tests.grammar.anthropic import message_of, read
from tests.grammar.openai import check

TO = Addressing("req_7", "alias", 1_764_000_000, 50)
HEAD = b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":'
USAGE = b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":3}}\n\n'  # noqa: E501
DONE = b"data: [DONE]\n\n"
BROKEN = b'data: {"error":{"message":"out of memory","type":"server_error"}}\n\n'


def chunk(text: str = "", finish: str = "null") -> bytes:
    return HEAD + b'{"content":"%b"},"finish_reason":%b}]}\n\n' % (text.encode(), finish.encode())


ANSWER = (chunk("one "), chunk("two"), chunk(finish='"stop"'), USAGE, DONE)


class Loud:
    """A filter: what is said is said in capitals, and twice where it says "two"."""

    def feed(self, event: Event) -> list[Event]:
        if not isinstance(event, PartDelta):
            return [event]
        loud = PartDelta(event.index, event.text.upper())
        return [loud, loud] if event.text == "two" else [loud]


def crossing(client: Any = anthropic, **fields: Any) -> Crossing:
    dialect = "anthropic" if client is anthropic else "openai"
    return Crossing(Request(dialect, "alias", [], wants_usage=True), client, upstream, **fields)


def tenfold(usage: Usage) -> Usage:
    return Usage(input=usage.input * 10, output=usage.output * 10)


def test_filters_stand_between_reader_and_writer_in_their_order() -> None:
    across = crossing(filters=lambda: [Loud(), Loud()])
    tap = across.tap(TO)
    data = b"".join(tap.feed(piece) for piece in ANSWER)
    tap.end()
    assert message_of(data + tap.close())["content"] == [{"type": "text", "text": "ONE TWOTWO"}]
    assert tap.events == 2  # what the engine said, not what a filter made of it


def test_every_answer_gets_filters_of_its_own() -> None:
    made: list[Loud] = []

    def fresh() -> list[Loud]:
        made.append(Loud())
        return made[-1:]

    across = crossing(filters=fresh)
    across.tap(TO)
    across.events()
    assert len(made) == 2


def test_a_whole_answer_goes_through_the_filters_too() -> None:
    body = b'{"id":"c","model":"m","choices":[{"message":{"content":"two"},"finish_reason":"stop"}]}'
    assert crossing(filters=lambda: [Loud()]).read(body).parts == [Text("TWOTWO")]


def test_what_is_kept_of_the_usage_is_the_engines_own() -> None:
    across = crossing(reported=tenfold)
    tap = across.tap(TO)
    data = b"".join(tap.feed(piece) for piece in ANSWER)
    tap.end()
    told = message_of(data + tap.close())["usage"]
    assert (told["input_tokens"], told["output_tokens"]) == (100, 30)
    assert tap.usage() == Usage(input=10, output=3)


def test_what_a_whole_answer_tells_of_the_usage() -> None:
    across = crossing(openai, reported=tenfold)
    reply = across.read(
        b'{"id":"c","model":"m","choices":[{"message":{"content":"a"},"finish_reason":"stop"}],'
        b'"usage":{"prompt_tokens":10,"completion_tokens":3}}'
    )
    assert reply.usage == Usage(input=10, output=3)
    assert b'"prompt_tokens":100' in across.whole(reply, TO)
    said = check(across.replayed(reply, TO), wants_usage=True)
    assert said.usage is not None
    assert said.usage["prompt_tokens"] == 100
    reply.usage = None
    assert b"usage" not in across.whole(reply, TO)
    assert across.told(Usage(input=1)) == Usage(input=10)
    assert crossing().told(Usage(input=1)) == Usage(input=1)


def test_an_engine_that_tells_no_usage_is_counted() -> None:
    tap = crossing(openai).tap(TO)
    for piece in ANSWER:
        if piece != USAGE:
            tap.feed(piece)
    assert tap.usage() is None
    assert tap.counted() == Usage(output=2)


def test_what_is_written_for_one_read_comes_in_one_piece() -> None:
    tap = crossing().tap(TO)
    assert read(tap.feed(chunk("one ") + chunk("two"))).message is not None
    one, two = chunk("three")[:40], chunk("three")[40:]
    assert tap.feed(one) == b""
    assert tap.feed(two).count(b"\n\n") == 1
    assert tap.feed(b": a comment\n\n") == b""


def test_the_commit_point_is_the_first_event_and_no_sign_of_life() -> None:
    tap = crossing().tap(TO)
    tap.feed(b": keep-alive\n\n")
    assert not tap.begun
    tap.feed(chunk("one "))
    assert tap.begun
    assert tap.between_frames
    assert tap.fault is None


@pytest.mark.pitfall(71)
@pytest.mark.parametrize(
    ("dialect", "sign"),
    [
        *((name, b"\n\n" if name == "ollama" else b": alive\n\n") for name in UPSTREAMS),
        ("anthropic", b'event: ping\ndata: {"type":"ping"}\n\n'),
    ],
)
def test_a_sign_of_life_in_any_dialect_is_no_first_event(dialect: str, sign: bytes) -> None:
    tap = Crossing(Request("openai", "alias", []), openai, UPSTREAMS[dialect]).tap(TO)
    assert tap.feed(sign) == b""
    assert not tap.begun


@pytest.mark.pitfall(71)
@pytest.mark.pitfall(76)
@pytest.mark.parametrize("client", [anthropic, openai])
def test_a_stream_that_breaks_never_gets_a_terminal_frame(client: Any) -> None:
    tap = crossing(client).tap(TO)
    data = tap.feed(chunk("one ") + BROKEN)
    tap.end()
    assert (tap.finished, tap.failure) == (False, "out of memory")
    data += tap.write_fault(UpstreamError(tap.failure))
    if client is anthropic:
        assert read(data).error == {"type": "api_error", "message": "out of memory"}
    else:
        assert check(data, broken=True).content == "one "


def test_an_answer_that_ended_and_then_broke_did_not_finish() -> None:
    tap = crossing(openai).tap(TO)
    tap.feed(chunk("one ") + chunk(finish='"stop"'))
    assert tap.finished
    tap.feed(BROKEN)
    assert not tap.finished


@pytest.mark.pitfall(76)
def test_what_the_end_completes_goes_out_before_the_end_and_before_an_error() -> None:
    """The last frame may lack its blank line: what it says has been read, so the client is to hear it."""
    for cut in (True, False):
        tap = crossing(openai).tap(TO)
        data = tap.feed(chunk("one ") + (chunk("two") if cut else chunk("two", '"stop"'))[:-2])
        tap.end()
        assert tap.finished is not cut
        data += tap.write_fault(UpstreamError("broke off")) if cut else tap.close()
        assert check(data, broken=cut).content == "one two"


def test_gathering() -> None:
    gathering = Gathering(crossing(filters=lambda: [Loud()]).events())
    assert not gathering.begun
    for piece in ANSWER:
        gathering.feed(piece)
    assert gathering.begun
    reply = gathering.reply()
    assert (reply.parts, reply.stop, reply.usage) == ([Text("ONE TWOTWO")], "stop", Usage(input=10, output=3))
    assert gathering.tokens == 2


def test_gathering_what_breaks() -> None:
    for data, words in ((chunk("one"), "broke off"), (chunk("one") + BROKEN, "out of memory"), (b"", "broke off")):
        gathering = Gathering(crossing().events())
        gathering.feed(data)
        with pytest.raises(UpstreamError, match=words):
            gathering.reply()


def test_a_usage_told_behind_the_end_counts() -> None:
    events = crossing().events()
    events.feed(b"".join(ANSWER))
    assert events.ended
    assert events.usage == Usage(input=10, output=3)
