"""The upstream's answers: streams of every server, cut anywhere, and the same answers in one piece."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flock.dialects.fold import Fold, fold
from flock.dialects.ir import (
    Began,
    Broke,
    Ended,
    Idle,
    Opaque,
    PartBegan,
    PartDelta,
    PartEnded,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    Used,
)
from flock.dialects.responses import upstream
from flock.errors import UpstreamError
from flock.wire.sse import Frames, split
from tests.unit.dialects.responses.corpus import BROKEN, PAIRS, STREAMS, WHOLE, events, folded, reply, stream


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.pitfall(75)
def test_a_stream_folds_into_the_answer_in_one_piece(name: str) -> None:
    assert folded(name) == upstream.read_reply(reply(name), {})


@pytest.mark.parametrize("name", [name for name in WHOLE if name.startswith("llamacpp")])
def test_a_recorded_stream_folds_into_the_answer_it_ends_with(name: str) -> None:
    last = [json.loads(frame.split(b"data: ", 1)[1]) for frame in split(stream(name))][-1]
    told, whole = folded(name), upstream.read_reply(last["response"], {})
    assert (told.parts, told.stop) == (whole.parts, whole.stop)


@pytest.mark.parametrize("name", ["llamacpp_text", "llamacpp_tool"])
def test_a_recorded_answer_in_one_piece_says_the_same(name: str) -> None:
    told, whole = folded(name), upstream.read_reply(reply(name), {})
    if isinstance(told.parts[0], ToolCall) and isinstance(whole.parts[0], ToolCall):
        told.parts[0].id = whole.parts[0].id
    assert (told.parts, told.stop) == (whole.parts, whole.stop)


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.pitfall(74)
def test_every_cut_at_every_byte_gives_the_same_frames_and_events(name: str) -> None:
    data = stream(name)
    expected = events(data)
    whole = split(Frames().feed(data)[0])
    for at in range(0, len(data) + 1, 1 if len(data) < 4000 else 13):
        frames = Frames()
        found = split(frames.feed(data[:at])[0]) + split(frames.feed(data[at:])[0])
        assert found == whole, at
    for size in (1, 17):
        assert events(data, size=size) == expected


@pytest.mark.parametrize("name", STREAMS)
def test_parts_begin_before_they_go_on_and_end_once(name: str) -> None:
    begun: list[int] = []
    open_parts: set[int] = set()
    found = [event for event in events(stream(name)) if not isinstance(event, Idle)]
    assert isinstance(found[0], Began | Broke)
    assert sum(isinstance(event, Ended | Broke) for event in found) == (0 if name == "cut" else 1)
    for event in found:
        match event:
            case PartBegan():
                begun.append(event.index)
                open_parts.add(event.index)
            case PartDelta():
                assert event.index in open_parts
            case PartEnded():
                open_parts.remove(event.index)
            case Ended():
                assert open_parts == set()
            case _:
                pass
    assert begun == list(range(len(begun)))


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("no_added", [Text("bare words")]),
        ("only_done", [Text("whole"), ToolCall("c1", "ping", '{"a":1}'), ToolCall("c2", "ping", '{"a":2}')]),
        ("completed_only", [Text("all at"), Text(" once"), Text("twice"), ToolCall("c", "ping", "{}")]),
        ("gaps", [Text("one"), ToolCall("c4", "ping", "{}")]),
        (
            "late_done",
            [
                Thinking("hm", origin="responses"),
                Text("look"),
                ToolCall("fc_a", "ping", '{"n":1}'),
                ToolCall("fc_b", "ping", '{"n":2}'),
            ],
        ),
        ("crlf", [Thinking("hm", origin="responses"), Text("ok")]),
        ("joined_lines", [Text("ab")]),
        ("keepalives", [Text("still here")]),
    ],
)
@pytest.mark.pitfall(70)
def test_what_other_servers_leave_out_is_not_missed(name: str, parts: list[object]) -> None:
    assert folded(name).parts == parts


@pytest.mark.pitfall(51)
def test_reasoning_is_thinking_and_keeps_its_signature() -> None:
    whole = folded("reasoning")
    signed = Thinking("**Plan** first\n\nthen second", "gAAAAABo_secret_bytes==", origin="responses")
    assert whole.parts == [signed, Text("42")]
    raw = folded("vllm_tool")
    assert raw.parts == [
        Thinking("Let me see", origin="responses"),
        ToolCall("call_a1", "get_weather", '{"city": "Paris"}'),
    ]


@pytest.mark.pitfall(52)
def test_reasoning_without_a_summary_keeps_its_encrypted_content() -> None:
    assert folded("reasoning_empty").parts[0] == Thinking("", "gAAAAABo_only==", origin="responses")


@pytest.mark.pitfall(14)
def test_a_custom_call_has_its_raw_input() -> None:
    call = folded("custom_tool").parts[1]
    assert isinstance(call, ToolCall)
    assert call.arguments.endswith('+"quoted" \\ back\n*** End Patch')
    assert call.meta["_custom"]


def test_calls_in_namespaces_and_renamed_ones_get_their_own_names() -> None:
    found = fold(events(stream("namespace"), {"multi_agent_v1__spawn_agent": "spawn"}))
    assert [part.name for part in found.parts if isinstance(part, ToolCall)] == ["spawn"]
    assert [part.name for part in folded("namespace").parts if isinstance(part, ToolCall)] == [
        "multi_agent_v1__spawn_agent"
    ]


def test_an_item_nobody_knows_is_kept_whole() -> None:
    found = folded("web_search").parts[0]
    assert isinstance(found, Opaque)
    assert (found.type, found.value["action"]["query"]) == ("web_search_call", "weather paris")


@pytest.mark.pitfall(65)
def test_a_refusal_is_a_part_and_a_stop() -> None:
    whole = folded("refusal")
    assert (whole.parts, whole.stop) == ([Refusal("I cannot.")], "refusal")


@pytest.mark.parametrize(
    ("name", "stop"),
    [
        ("plain", "stop"),
        ("parallel_tools", "tool_calls"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("refusal", "refusal"),
        ("empty", "stop"),
    ],
)
@pytest.mark.pitfall(55)
@pytest.mark.pitfall(2)
def test_why_an_answer_ended(name: str, stop: str) -> None:
    assert folded(name).stop == stop


@pytest.mark.pitfall(58)
@pytest.mark.pitfall(59)
@pytest.mark.pitfall(56)
def test_the_usage_counts_cached_and_reasoning_tokens_inside() -> None:
    usage = folded("reasoning").usage
    assert usage is not None
    assert (usage.input, usage.cached, usage.output, usage.reasoning) == (120, 100, 40, 16)
    timed = folded("llamacpp_text").usage
    assert timed is not None
    assert (timed.input, timed.output, timed.decode_ms) == (21, 24, 1.487)
    assert folded("gaps").usage is None


@pytest.mark.parametrize(
    ("name", "words", "kind"),
    [
        ("failed", "An error occurred", "server_error"),
        ("failed_overflow", "exceeds the context window", "context_length_exceeded"),
        ("error_event", "Rate limit reached", "rate_limit_exceeded"),
        ("plain_error", "CUDA out of memory", "server_error"),
    ],
)
@pytest.mark.pitfall(71)
@pytest.mark.pitfall(62)
def test_a_failure_is_told_in_the_engines_words(name: str, words: str, kind: str) -> None:
    broke = [event for event in events(stream(name)) if isinstance(event, Broke)]
    assert len(broke) == 1
    assert words in broke[0].words
    assert broke[0].kind == kind


@pytest.mark.pitfall(76)
def test_a_stream_that_stops_has_not_ended() -> None:
    for cut in (stream("cut"), stream("plain")[:-300], stream("plain")[:700]):
        folding = Fold()
        for event in events(cut):
            folding.take(event)
        assert folding.broke is None
        with pytest.raises(UpstreamError, match="broke off"):
            folding.reply()


@pytest.mark.pitfall(75)
def test_what_is_no_answer_is_an_error() -> None:
    for body in ({}, {"output": None}, {"output": [], "error": {"message": "no"}}, {"error": "down"}):
        with pytest.raises(UpstreamError):
            upstream.read_reply(body, {})  # type: ignore[arg-type]
    with pytest.raises(UpstreamError, match="An error"):
        upstream.read_reply({"status": "failed", "output": [], "error": {"message": "An error"}}, {})


def test_nothing_follows_the_end() -> None:
    found = events(stream("plain") + stream("plain"))
    assert sum(isinstance(event, Ended) for event in found) == 1
    assert found.index(next(e for e in found if isinstance(e, Used))) == len(found) - 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
ITEM_TYPES = ["message", "reasoning", "function_call", "custom_tool_call", "web_search_call"]
FIELDS = {
    "item_id": st.sampled_from(["a", "b", "c"]) | JSON,
    "output_index": st.integers(0, 2) | JSON,
    "content_index": st.integers(0, 2) | JSON,
    "summary_index": st.integers(0, 2) | JSON,
    "delta": st.text(max_size=3) | JSON,
    "text": st.text(max_size=3) | JSON,
    "arguments": st.text(max_size=3) | JSON,
    "error": JSON,
    "item": JSON
    | st.fixed_dictionaries(
        {"type": st.sampled_from(ITEM_TYPES) | JSON},
        optional={
            "id": st.sampled_from(["a", "b", "c"]) | JSON,
            "call_id": st.sampled_from(["a", "b", "d"]) | JSON,
            "name": st.just("ping") | JSON,
            "namespace": JSON,
            "arguments": st.text(max_size=3) | JSON,
            "content": JSON
            | st.lists(st.fixed_dictionaries({"type": st.just("output_text"), "text": st.text()}), max_size=2),
            "summary": JSON,
            "encrypted_content": JSON,
        },
    ),
    "response": JSON
    | st.fixed_dictionaries({}, optional={"output": JSON, "usage": JSON, "status": JSON, "incomplete_details": JSON}),
}
TYPES = [
    "response.created",
    "response.output_item.added",
    "response.output_item.done",
    "response.output_text.delta",
    "response.output_text.done",
    "response.reasoning_summary_text.delta",
    "response.reasoning_text.delta",
    "response.refusal.delta",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.custom_tool_call_input.delta",
    "response.incomplete",
    "response.completed",
    "error",
]
EVENTS = st.fixed_dictionaries({"type": st.sampled_from(TYPES) | JSON}, optional=FIELDS)


@settings(max_examples=100, deadline=None)
@given(st.lists(EVENTS, max_size=12))
def test_a_reader_never_raises_and_never_breaks_the_order_of_events(told: list[dict[str, object]]) -> None:
    data = b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in told)
    open_parts: set[int] = set()
    ended = 0
    for event in events(data):
        assert not ended or isinstance(event, Idle)
        match event:
            case PartBegan():
                assert event.index not in open_parts
                open_parts.add(event.index)
            case PartDelta():
                assert event.index in open_parts
            case PartEnded():
                open_parts.remove(event.index)
            case Ended() | Broke():
                ended += 1
            case _:
                pass
    assert ended <= 1


@given(st.binary(max_size=60))
def test_a_reader_survives_any_bytes(noise: bytes) -> None:
    events(b"data: " + noise + b"\n\n" + noise + b"\n\n")


def test_every_broken_stream_is_in_the_list() -> None:
    assert set(BROKEN) < set(STREAMS)
