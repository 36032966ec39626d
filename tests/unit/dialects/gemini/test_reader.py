"""The answers of engines that speak this dialect."""

import json
from typing import get_args

import pytest
from google.genai.types import BlockedReason, FinishReason
from hypothesis import given
from hypothesis import strategies as st

from flock.dialects.fold import fold
from flock.dialects.gemini import upstream
from flock.dialects.gemini.words import BROKEN, FINISH_REASONS, STOPS, UNSPECIFIED, read_usage
from flock.dialects.ir import Broke, Ended, Event, Idle, Json, Part, Refusal, Stop, Text, Thinking, ToolCall, Usage
from flock.errors import UpstreamError
from tests.unit.dialects.gemini.reading import STREAMS, WHOLE, events_of, reply_of, stream_of


def joined(parts: list[Part]) -> list[Part]:
    """Return parts with words that follow each other as one: a whole answer and a stream are cut differently."""
    found: list[Part] = []
    for part in parts:
        last = found[-1] if found else None
        if isinstance(part, Text) and isinstance(last, Text):
            found[-1] = Text(last.text + part.text, {**last.meta, **part.meta})
        else:
            found.append(part)
    return found


def said(events: list[Event]) -> list[Event]:
    """Return events without signs of life: blank frames in a row may be one or several."""
    return [event for event in events if not isinstance(event, Idle)]


@pytest.mark.parametrize("case", WHOLE)
def test_a_stream_is_the_same_answer_as_the_whole_one(case: str) -> None:
    streamed, whole = fold(events_of(stream_of(case))), upstream.read_reply(reply_of(case), {})
    assert joined(streamed.parts) == joined(whole.parts)
    assert (streamed.stop, streamed.usage, streamed.id, streamed.model) == (
        whole.stop,
        whole.usage,
        whole.id,
        whole.model,
    )


@pytest.mark.pitfall(74)
@pytest.mark.parametrize("case", STREAMS)
def test_a_stream_in_pieces_of_any_size(case: str) -> None:
    whole = said(events_of(stream_of(case)))
    for size in (1, 2, 3, 7, 50):
        assert said(events_of(stream_of(case), size)) == whole


@pytest.mark.pitfall(55)
def test_every_finish_reason_that_googles_library_knows_is_in_the_table() -> None:
    known = {reason.value for reason in FinishReason}
    assert known == set(STOPS) | set(BROKEN) | (UNSPECIFIED & known)
    assert set(FINISH_REASONS) == set(get_args(Stop))
    for reason in FINISH_REASONS.values():
        FinishReason(reason)


def _chunk(reason: str, **candidate: object) -> bytes:
    return b"data: " + json.dumps({"candidates": [{"finishReason": reason, **candidate}]}).encode() + b"\n\n"


@pytest.mark.pitfall(55)
@pytest.mark.parametrize("reason", [reason.value for reason in FinishReason] + ["NEVER_HEARD_OF"])
def test_every_finish_reason_ends_or_breaks_an_answer(reason: str) -> None:
    events = events_of(_chunk(reason, finishMessage="words"))
    if reason in BROKEN:
        assert isinstance(broke := events[-1], Broke)
        assert broke.words.endswith(f"({reason}): words")
    elif reason in UNSPECIFIED:
        assert not any(isinstance(event, Ended) for event in events)
    else:
        assert events[-1] == Ended(STOPS.get(reason, "content_filter"))


@pytest.mark.pitfall(2)
def test_an_answer_that_calls_a_tool_stops_for_it() -> None:
    assert upstream.read_reply(reply_of("tool"), {}).stop == "tool_calls"


@pytest.mark.pitfall(65)
@pytest.mark.parametrize("reason", [reason.value for reason in BlockedReason if reason.value not in UNSPECIFIED])
def test_a_prompt_that_is_blocked_is_refused(reason: str) -> None:
    feedback = {"blockReason": reason, "blockReasonMessage": "no"}
    reply = upstream.read_reply({"promptFeedback": feedback}, {})
    assert (reply.parts, reply.stop) == ([Refusal("no")], "refusal")
    reply = upstream.read_reply({"promptFeedback": {"blockReason": reason}}, {})
    assert (reply.parts, reply.stop) == ([], "content_filter")  # nobody said why


@pytest.mark.pitfall(58)
@pytest.mark.pitfall(59)
def test_usage() -> None:
    counts = {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 60,
        "toolUsePromptTokenCount": 5,
        "candidatesTokenCount": 7,
        "thoughtsTokenCount": 20,
        "totalTokenCount": 132,
    }
    assert read_usage(counts) == Usage(input=105, cached=60, output=27, reasoning=20)
    assert read_usage({"promptTokenCount": -1, "candidatesTokenCount": None}) == Usage()
    assert read_usage(None) is None


@pytest.mark.pitfall(5)
def test_calls_without_ids_get_ones_that_are_the_same_every_time() -> None:
    calls = [part for part in upstream.read_reply(reply_of("no_ids"), {}).parts if isinstance(part, ToolCall)]
    again = [part for part in fold(events_of(stream_of("no_ids"))).parts if isinstance(part, ToolCall)]
    assert [call.id for call in calls] == [call.id for call in again]
    assert len({call.id for call in calls}) == 3
    other = {**reply_of("no_ids"), "responseId": "another"}
    assert {call.id for call in calls}.isdisjoint(
        part.id for part in upstream.read_reply(other, {}).parts if isinstance(part, ToolCall)
    )


@pytest.mark.pitfall(8)
def test_names_of_the_wire_become_those_of_the_request() -> None:
    reply = upstream.read_reply(reply_of("tool"), {"get_weather": "mcp__get.weather"})
    assert [part.name for part in reply.parts if isinstance(part, ToolCall)] == ["mcp__get.weather"]


@pytest.mark.pitfall(42)
def test_the_signature_of_a_thought_stays_with_it() -> None:
    thinking = fold(events_of(stream_of("signed_thought"))).parts[0]
    assert isinstance(thinking, Thinking)
    assert (thinking.text, thinking.origin, bool(thinking.signature)) == ("Hm.", "gemini", True)


@pytest.mark.pitfall(71)
@pytest.mark.parametrize("case", ["broken", "bare_error", "malformed"])
def test_a_failure_in_the_stream(case: str) -> None:
    broke = [event for event in events_of(stream_of(case)) if isinstance(event, Broke)]
    assert len(broke) == 1
    assert broke[0].kind in ("UNAVAILABLE", "MALFORMED_FUNCTION_CALL")
    assert not any(isinstance(event, Ended) for event in events_of(stream_of(case)))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "no candidates"),
        ({"candidates": []}, "does not say why it ended"),
        ({"candidates": [{"content": {"parts": [{"text": "a"}]}}]}, "does not say why it ended"),
        ({"error": {"code": 400, "message": "bad", "status": "INVALID_ARGUMENT"}}, "the engine failed: bad"),
        ({"error": "bad"}, "the engine failed: bad"),
        ({"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]}, "tool call that cannot be read"),
    ],
)
def test_what_is_no_answer(body: Json, words: str) -> None:
    with pytest.raises(UpstreamError, match=words):
        upstream.read_reply(body, {})


@pytest.mark.pitfall(73)
def test_signs_of_life_are_no_answer() -> None:
    assert upstream.reader({}).read(b": keep-alive\n\n") == [Idle()]


_names = st.sampled_from(
    [
        *("candidates", "content", "parts", "text", "thought", "functionCall", "name", "args", "id", "finishReason"),
        *("usageMetadata", "promptTokenCount", "promptFeedback", "blockReason", "error", "message", "index"),
        "thoughtSignature",
    ]
)
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | st.sampled_from(["STOP", "x", "", "OTHER"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=5),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(_names, _values, max_size=5), max_size=4))
def test_no_chunk_raises_and_parts_are_begun_once(chunks: list[Json]) -> None:
    events = events_of(b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) or b"\n")
    if any(isinstance(event, Ended) for event in events) and not any(isinstance(event, Broke) for event in events):
        fold(events)
