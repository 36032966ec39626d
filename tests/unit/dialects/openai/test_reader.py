"""Streams and whole answers of engines, read: every engine's own manners, at any cut."""

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flock.dialects.fold import fold
from flock.dialects.ir import (
    Began,
    Broke,
    Ended,
    Event,
    PartBegan,
    PartDelta,
    PartEnded,
    Refusal,
    Reply,
    Text,
    Thinking,
    ToolCall,
    Usage,
    Used,
)
from flock.dialects.openai import upstream
from flock.errors import UpstreamError
from tests.unit.dialects.openai.corpus import (
    RECORDED,
    REPLIES,
    STREAMS,
    events,
    folded,
    frames_in,
    pieces,
    reply,
    stream,
)

BROKEN = ("cut-inside-frame", "event-error", "garbage", "old-llamacpp-error", "openrouter-error", "vllm-error-midway")
SHORT = 1500
SENTENCE = (
    "Hello from a tiny real model; every word here is one token and the answer never changes, "
    "so tests can check it exactly."
)


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    value = {"id": "c1", "created": 1, "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return b"data: " + json.dumps({**value, **more}).encode() + b"\n\n"


def calls(reply: Reply) -> list[tuple[str, str, str]]:
    return [(part.id, part.name, part.arguments) for part in reply.parts if isinstance(part, ToolCall)]


def alike(reply: Reply) -> tuple[object, ...]:
    """Return what two answers of the same model to the same question have in common."""
    parts = [dataclasses.replace(part, id="") if isinstance(part, ToolCall) else part for part in reply.parts]
    usage = reply.usage and (reply.usage.input, reply.usage.output)
    return parts, reply.stop, reply.sequence, usage


# -- the laws


@pytest.mark.parametrize("name", REPLIES)
def test_a_stream_folds_into_the_whole_answer(name: str) -> None:
    whole = upstream.read_reply(reply(name), {})
    if name.startswith(RECORDED):
        assert alike(folded(name)) == alike(whole)
    else:
        assert folded(name) == whole


@pytest.mark.pitfall(74)
@pytest.mark.parametrize("name", STREAMS)
def test_every_cut_of_every_stream_gives_the_same_events(name: str) -> None:
    data = stream(name)
    whole, parted = events([data]), frames_in([data])
    for at in range(1, len(data)):
        pieces = [data[:at], data[at:]]
        assert frames_in(pieces) == parted
        if len(data) < SHORT:  # events follow from frames: the long ones would say the same for minutes
            assert events(pieces) == whole


@pytest.mark.pitfall(74)
@settings(max_examples=30)
@given(st.sampled_from(STREAMS), st.lists(st.integers(1, 40), max_size=400))
def test_any_pieces_of_any_stream_give_the_same_events(name: str, sizes: list[int]) -> None:
    data = stream(name)
    assert events(pieces(data, sizes)) == events([data])


@pytest.mark.pitfall(76)
@pytest.mark.parametrize("name", [name for name in STREAMS if name not in BROKEN])
def test_a_stream_that_is_cut_never_ends_well(name: str) -> None:
    data = stream(name)
    end = max(data.rfind(b'"finish_reason"'), data.rfind(b"[DONE]") if name == "done-without-finish" else -1)
    ends = [at for at in range(1, end) if b'"finish_reason":"' not in data[:at].replace(b": ", b":")]
    for at in ends[:: max(1, len(ends) // 50)]:
        found = events([data[:at]])
        assert not any(isinstance(event, Ended) for event in found)
        with pytest.raises(UpstreamError):
            fold(found)


def in_order(found: list[Event]) -> None:
    """Check the grammar of events: one Began first, dense indexes, deltas inside their part, every part ended once."""
    open_parts: set[int] = set()
    begun = 0
    for place, event in enumerate(found):
        match event:
            case Began():
                assert place == 0
            case PartBegan():
                assert event.index == begun
                begun += 1
                open_parts.add(event.index)
            case PartDelta():
                assert event.index in open_parts
                assert event.text
            case PartEnded():
                open_parts.remove(event.index)
            case Ended():
                assert not open_parts
            case Broke():
                assert place == len(found) - 1
                return
            case _:
                pass


@pytest.mark.parametrize("name", STREAMS)
def test_events_come_in_order(name: str) -> None:
    in_order(events([stream(name)]))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("id", "model", "choices", "index", "delta", "content", "tool_calls", "function", "name", "usage"),
                    *("arguments", "finish_reason", "error", "message", "reasoning", "refusal", "custom", "timings"),
                    *("prompt_tokens_details", "function_call", "text", "thinking", "input", "predicted_n", "detail"),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)
_DELTA = st.fixed_dictionaries({"choices": st.lists(st.fixed_dictionaries({"delta": _JSON}), min_size=1, max_size=1)})


@given(st.lists(_JSON | _DELTA, max_size=6))
def test_the_reader_never_raises(values: list[Any]) -> None:
    reader = upstream.reader({})
    found: list[Event] = []
    for value in values:
        found += reader.read(b"data: " + json.dumps(value).encode() + b"\n\n")
    in_order(found + reader.close())


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_the_reader_never_raises_over_bytes(frames: list[bytes]) -> None:
    reader = upstream.reader({})
    for frame in frames:
        reader.read(frame)
        reader.read(b"data: " + frame + b"\n\n")
    reader.close()


@given(_JSON.filter(lambda value: isinstance(value, dict)))
def test_a_whole_answer_is_read_or_refused(body: dict[str, Any]) -> None:
    try:
        upstream.read_reply(body, {})
    except UpstreamError:
        return


# -- what the engines do


@pytest.mark.pitfall(1)
def test_parallel_calls_are_told_apart_by_index() -> None:
    reply = folded("openai-parallel")
    assert calls(reply) == [("call_a", "get_weather", '{"city":"Paris"}'), ("call_b", "get_time", '{"zone":"CET"}')]
    assert reply.stop == "tool_calls"


@pytest.mark.pitfall(1)
def test_a_call_ends_where_the_next_begins_once_its_arguments_are_whole() -> None:
    found = events([stream("mlx-tool")])
    assert [type(event) for event in found] == [Began, PartBegan, PartDelta, PartEnded, Ended, Used]
    found = events([stream("ollama-tool")])
    parts = [event for event in found if isinstance(event, PartBegan | PartEnded)]
    ends = [type(event) for event in parts]
    assert ends == [PartBegan, PartEnded, PartBegan, PartEnded, PartBegan, PartEnded]


@pytest.mark.pitfall(2)
@pytest.mark.parametrize("name", ["vllm-stop-with-tool", "ollama-early-stop"])
def test_a_stop_with_calls_is_tool_calls(name: str) -> None:
    assert folded(name).stop == "tool_calls"


@pytest.mark.pitfall(21)
def test_calls_behind_an_early_stop_are_not_lost() -> None:
    reply = folded("ollama-early-stop")
    assert [call[:2] for call in calls(reply)] == [("call_x1", "get_weather"), ("call_x2", "get_time")]
    assert reply.parts[0] == Text("Let me see.")
    found = events([stream("ollama-early-stop")])
    assert [type(event) for event in found].count(Ended) == 1
    assert isinstance(found[-1], Ended)
    # a finish reason in every chunk, as Gemini's own streams have it
    every = [chunk({"content": word}, "stop") for word in ("one", " two", " three")]
    assert fold(events(every)).parts == [Text("one two three")]
    assert not any(isinstance(event, Ended) for event in events([*every, chunk({"content": "!"})]))


@pytest.mark.pitfall(3)
def test_calls_without_arguments_are_calls() -> None:
    assert calls(folded("no-arguments")) == [("call_a", "now", ""), ("call_b", "later", "")]


@pytest.mark.pitfall(5)
def test_calls_without_id_and_index_get_the_same_ids_each_time() -> None:
    first, again = calls(folded("missing-index-and-id")), calls(folded("missing-index-and-id"))
    assert first == again
    assert [call[1:] for call in first] == [("get_weather", '{"city":"Paris"}'), ("get_time", '{"zone":"CET"}')]
    assert len({call[0] for call in first}) == 2


@pytest.mark.pitfall(8)
def test_names_become_those_of_the_request() -> None:
    wire = {"get_weather": "mcp server/get.weather"}
    assert calls(fold(events([stream("mlx-tool")], wire)))[0][1] == "mcp server/get.weather"
    assert calls(upstream.read_reply(reply("mlx-tool"), wire))[0][1] == "mcp server/get.weather"


@pytest.mark.pitfall(19)
def test_arguments_as_an_object_become_text() -> None:
    assert calls(folded("object-arguments")) == [("call_a", "get_weather", '{"city":"Paris","days":2}')]


@pytest.mark.pitfall(20)
def test_of_concatenated_arguments_the_last_object_counts() -> None:
    assert calls(folded("concatenated-arguments")) == [("call_a", "f", '{"a":1}'), ("call_b", "g", '{"b":2}')]


@pytest.mark.pitfall(25)
def test_a_legacy_function_call_is_a_call() -> None:
    reply = folded("legacy-function-call")
    assert [call[1:] for call in calls(reply)] == [("get_weather", '{"city":"Paris"}')]
    assert reply.stop == "tool_calls"


@pytest.mark.pitfall(49)
@pytest.mark.parametrize(
    ("name", "thought", "text"),
    [
        ("vllm-reasoning", "Let me think.", "\n\nYes."),
        ("deepseek-reasoning", "Hmm…", "42"),
        ("openrouter", "Think", "Answer"),
        ("mistral-parts", "Hmm.", "Yes."),
    ],
)
def test_thinking_is_found_under_every_name_and_once(name: str, thought: str, text: str) -> None:
    assert folded(name).parts == [Thinking(thought), Text(text)]


@pytest.mark.pitfall(55)
def test_stops_are_kept_apart() -> None:
    assert folded("mlx-length").stop == "length"
    assert folded("mistral-tool-finish-length").stop == "length"
    stopped = folded("vllm-stop-sequence")
    assert (stopped.stop, stopped.sequence) == ("stop_sequence", "END")
    assert fold(events([chunk({"content": "x"}, "content_filter")])).stop == "content_filter"
    assert fold(events([chunk({"content": "x"}, "some new word")])).stop == "stop"
    assert fold(events([chunk({"content": "x"}, "tool_calls")])).stop == "stop"


@pytest.mark.pitfall(65)
def test_a_refusal_is_a_refusal() -> None:
    reply = folded("openai-refusal")
    assert (reply.parts, reply.stop) == ([Refusal("I cannot do that.")], "refusal")


@pytest.mark.pitfall(56)
@pytest.mark.pitfall(58)
@pytest.mark.pitfall(59)
def test_usage_is_found_wherever_it_stands() -> None:
    assert folded("vllm-continuous-usage").usage == Usage(input=12, output=5)
    assert folded("transformers-no-done").usage == Usage(input=12, output=5)
    assert folded("openai-cached").usage == Usage(input=2006, cached=1920, output=300, reasoning=192)
    deepseek = folded("deepseek-reasoning").usage
    assert deepseek == Usage(input=20, cached=16, output=30, reasoning=25)
    timed = folded("llamacpp-timings").usage
    assert timed is not None
    assert (timed.input, timed.cached, timed.output) == (21, 20, 24)
    assert timed.prefill_ms is not None


def test_real_engines_say_their_sentence() -> None:
    for name in ("llamacpp-plain", "llamacpp-timings", "mlx-plain", "vllm-recorded-plain"):
        assert folded(name).parts == [Text(SENTENCE)]
    for name in ("llamacpp-tool", "mlx-tool", "vllm-recorded-tool"):
        assert [call[1:] for call in calls(folded(name))] == [("get_weather", '{"city": "Paris"}')]


@pytest.mark.pitfall(71)
@pytest.mark.parametrize(
    ("name", "words", "kind"),
    [
        ("vllm-error-midway", "EngineCore encountered an issue", "InternalServerError"),
        ("openrouter-error", "Provider disconnected", "502"),
        ("old-llamacpp-error", "Context size has been exceeded.", "server_error"),
        ("event-error", "out of memory", "server_error"),
        ("garbage", "no JSON", ""),
    ],
)
def test_a_failure_in_mid_stream_is_told_and_ends_it(name: str, words: str, kind: str) -> None:
    found = events([stream(name)])
    last = found[-1]
    assert isinstance(last, Broke)
    assert words in last.words
    assert last.kind == kind
    assert not any(isinstance(event, Ended) for event in found)


@pytest.mark.pitfall(76)
def test_only_a_finish_or_done_is_an_end() -> None:
    assert not any(isinstance(event, Ended | Broke) for event in events([stream("cut-midway")]))
    assert events([stream("transformers-no-done")])[-1] == Ended("stop")
    assert folded("done-without-finish").stop == "stop"


def test_failures_of_other_shapes_are_failures() -> None:
    for data in (b'{"object":"error","message":"no","code":400}', b'{"detail":"no"}', b'{"error":"no"}'):
        assert events([b"data: " + data + b"\n\n"]) == [Broke("no", "400" if b"400" in data else "")]
    assert events([b'event: error\ndata: {"message":"no"}\n\n']) == [Broke("no")]
    assert events([chunk({"content": "x"}, "abort")])[-1] == Broke("the engine ended its answer with 'abort'", "abort")
    assert events([b"data: [1]\n\n"])[-1] == Broke("the engine sent a frame that is no object: [1]")
    assert not any(isinstance(e, Broke) for e in events([chunk({"content": "x"}, "stop", error=None)]))


def test_comments_and_blank_frames_say_nothing() -> None:
    reader = upstream.reader({})
    for frame in (b": keepalive 19/20\n\n", b"\n\n", b"event: ping\n\n", b"retry: 5\n\n", b"id: 3\n\n"):
        assert reader.read(frame) == []
    assert reader.close() == []


def test_a_byte_order_mark_is_no_content() -> None:
    assert events([b"\xef\xbb\xbf" + chunk({"content": "x"}, "stop")])[0] == Began("c1", "m")


def test_other_choices_are_left_alone() -> None:
    second = {"choices": [{"index": 1, "delta": {"content": "no"}, "finish_reason": None}]}
    found = events([chunk({"content": "a"}), b"data: " + json.dumps(second).encode() + b"\n\n", chunk({}, "stop")])
    assert fold(found).parts == [Text("a")]


def test_a_custom_call_keeps_its_raw_input() -> None:
    told = {"index": 0, "id": "c", "type": "custom", "custom": {"name": "patch", "input": "{}"}}
    more = {"index": 0, "custom": {"input": "*** Begin"}}
    found = fold(events([chunk({"tool_calls": [told]}), chunk({"tool_calls": [more]}), chunk({}, "tool_calls")]))
    assert calls(found) == [("c", "patch", "{}*** Begin")]
    body = {"choices": [{"message": {"tool_calls": [{**told, "custom": {"name": "patch", "input": "{}{}"}}]}}]}
    assert calls(upstream.read_reply(body, {})) == [("c", "patch", "{}{}")]


@pytest.mark.parametrize("body", [{}, {"choices": []}, {"choices": [3]}, {"error": {"message": "no"}}, {"detail": "x"}])
def test_what_is_no_answer_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(UpstreamError):
        upstream.read_reply(body, {})
