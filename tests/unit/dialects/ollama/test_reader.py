"""What Ollama says: streams cut anywhere, whole answers, calls, the end, the figures, what breaks."""

import json
from dataclasses import replace

import pytest

from flock.dialects.estimate import estimate
from flock.dialects.fold import fold
from flock.dialects.ir import (
    Began,
    Broke,
    Ended,
    PartBegan,
    PartDelta,
    PartEnded,
    Reply,
    Text,
    Thinking,
    ToolCall,
    Usage,
    Used,
)
from flock.dialects.ollama import upstream
from flock.dialects.ollama.usage import PromptEstimated, is_estimated
from flock.errors import UpstreamError
from tests.unit.dialects.ollama.reading import BROKEN, STREAMS, WHOLE, events_of, reply_of, stream_of
from tests.unit.dialects.pairs import crossing
from tests.unit.dialects.test_pairs_whole import gathered

GOOD = [case for case in STREAMS if case not in BROKEN]


@pytest.mark.pitfall(78)
@pytest.mark.parametrize("case", WHOLE)
def test_a_stream_folds_into_what_the_whole_answer_says(case: str) -> None:
    assert fold(events_of(stream_of(case))) == upstream.read_reply(reply_of(case), {})


@pytest.mark.pitfall(74)
@pytest.mark.parametrize("case", STREAMS)
def test_a_cut_at_any_byte_changes_nothing(case: str) -> None:
    data = stream_of(case)
    whole = events_of(data)
    for cut in range(1, len(data)):
        assert events_of(data, [cut]) == whole
    assert events_of(data, [1] * len(data)) == whole


@pytest.mark.pitfall(76)
@pytest.mark.parametrize("case", GOOD)
def test_only_done_ends_an_answer(case: str) -> None:
    data = stream_of(case)
    told = data.index(b'"done":true')
    for end in range(0, told, 7):
        assert not any(isinstance(event, Ended) for event in events_of(data[:end]))


def test_a_plain_answer() -> None:
    assert events_of(stream_of("plain")) == [
        Began("", "llama3.2:3b"),
        PartBegan(0, Text("")),
        PartDelta(0, "The"),
        PartDelta(0, " sky"),
        PartDelta(0, " is blue."),
        PartEnded(0),
        Used(Usage(26, output=9, prefill_ms=342.546, decode_ms=253.95)),
        Ended("stop"),
    ]


@pytest.mark.pitfall(2)
@pytest.mark.pitfall(21)
@pytest.mark.parametrize("case", ["tool", "parallel_tools", "early_stop", "call_at_the_end", "thinking_tool"])
def test_an_answer_with_calls_ends_for_them(case: str) -> None:
    reply = fold(events_of(stream_of(case)))
    assert any(isinstance(part, ToolCall) for part in reply.parts)
    assert reply.stop == "tool_calls"


@pytest.mark.pitfall(21)
def test_a_done_reason_before_the_end_is_no_end() -> None:
    events = events_of(stream_of("early_stop"))
    assert [isinstance(event, Ended) for event in events].index(True) == len(events) - 1


@pytest.mark.pitfall(5)
def test_a_call_without_an_id_gets_one_that_stays() -> None:
    (first,) = fold(events_of(stream_of("early_stop"))).parts
    (again,) = upstream.read_reply(reply_of("early_stop"), {}).parts
    assert isinstance(first, ToolCall)
    assert first == again
    assert first.id.startswith("call_")
    body = {**reply_of("early_stop"), "created_at": "2026-08-21T18:49:00Z"}
    (other,) = upstream.read_reply(body, {}).parts
    assert isinstance(other, ToolCall)
    assert other.id != first.id, "another answer's call is another one"


@pytest.mark.pitfall(5)
def test_calls_without_ids_in_several_lines_have_different_ones() -> None:
    line = b'{"model":"m","message":{"tool_calls":[{"function":{"name":"f","arguments":{}}}]},"done":false}\n'
    reply = fold(events_of(line * 2 + b'{"done":true}\n'))
    assert len({part.id for part in reply.parts if isinstance(part, ToolCall)}) == 2


@pytest.mark.pitfall(8)
def test_names_of_tools_are_those_of_the_request() -> None:
    reply = upstream.read_reply(reply_of("tool"), {"get_weather": "mcp server.get_weather"})
    assert [part.name for part in reply.parts if isinstance(part, ToolCall)] == ["mcp server.get_weather"]


@pytest.mark.pitfall(19)
@pytest.mark.parametrize(
    ("told", "text"),
    [({"a": [1, "ü"]}, '{"a":[1,"ü"]}'), ({}, "{}"), ('{"a": 1}', '{"a": 1}'), (None, ""), ("[oops", "[oops")],
)
def test_arguments_are_text_in_the_middle(told: object, text: str) -> None:
    call = {"function": {"name": "f", "arguments": told}}
    body = {"message": {"role": "assistant", "content": "", "tool_calls": [call]}, "done": True}
    (part,) = upstream.read_reply(body, {}).parts
    assert isinstance(part, ToolCall)
    assert part.arguments == text


@pytest.mark.pitfall(78)
def test_a_prompt_that_is_not_counted_is_no_prompt_of_nothing() -> None:
    bare = fold(events_of(stream_of("uncounted_prompt"))).usage
    assert bare == PromptEstimated(0, output=2, prefill_ms=342.546, decode_ms=253.95)
    known = fold(events_of(stream_of("uncounted_prompt"), prompt=31)).usage
    assert known is not None
    assert (known.input, known.output) == (31, 2)
    assert is_estimated(known)
    assert upstream.read_reply(reply_of("uncounted_prompt"), {}, 31).usage == known


@pytest.mark.pitfall(78)
def test_the_estimate_goes_with_the_half_of_one_request() -> None:
    half = upstream.knowing(31)
    usage = half.read_reply(reply_of("uncounted_prompt"), {}).usage
    assert usage is not None
    assert usage.input == 31
    reader = half.reader({})
    told = [event for line in stream_of("uncounted_prompt").splitlines() for event in reader.read(line)]
    assert fold(told).usage == usage
    counted = half.read_reply(reply_of("plain"), {}).usage
    assert not is_estimated(counted)
    assert counted == upstream.read_reply(reply_of("plain"), {}).usage


@pytest.mark.pitfall(58)
def test_cached_tokens_are_inside_the_prompts() -> None:
    usage = fold(events_of(stream_of("cached_count"))).usage
    assert usage == Usage(26, 20, 2, prefill_ms=342.546, decode_ms=253.95)


def test_thinking_comes_first() -> None:
    reply = fold(events_of(stream_of("thinking")))
    assert reply.parts == [Thinking("The user wants a word."), Text("Word.")]


def test_generate_says_the_same_in_other_fields() -> None:
    assert fold(events_of(stream_of("generate_thinking"))).parts == [Thinking("Hm."), Text("Yes")]


@pytest.mark.pitfall(55)
@pytest.mark.parametrize(
    ("reason", "stop"), [("stop", "stop"), ("length", "length"), (None, "stop"), ("load", "stop"), ("eos", "stop")]
)
def test_why_an_answer_ended(reason: str | None, stop: str) -> None:
    body = {"message": {"role": "assistant", "content": "x"}, "done": True, "done_reason": reason}
    assert upstream.read_reply(body, {}) == Reply("", "", [Text("x")], stop)  # type: ignore[arg-type]


@pytest.mark.pitfall(71)
@pytest.mark.parametrize("case", BROKEN)
def test_what_breaks_has_no_end(case: str) -> None:
    events = events_of(stream_of(case))
    assert not any(isinstance(event, Ended) for event in events)
    assert any(isinstance(event, Broke) for event in events) == (case not in ("cut", "cut_behind_a_call"))
    with pytest.raises(UpstreamError):
        fold(events)


def test_the_words_of_a_failure() -> None:
    assert events_of(stream_of("broken"))[-1] == Broke("an error was encountered while running the model")
    assert events_of(stream_of("broken") + stream_of("plain")) == events_of(stream_of("broken"))
    (broke,) = events_of(b'{"error":{"message":"x"}}\n')
    assert broke == Broke("x")
    (broke,) = events_of(b'{"error":{"no":"words"}}\n')
    assert broke == Broke("the engine reported an error")
    assert "no JSON: <html>" in events_of(stream_of("garbage"))[-1].words  # type: ignore[union-attr]
    assert events_of(b"[1]\n") == [Broke("the engine sent a line that is no object: [1]")]


def test_bytes_that_are_no_utf8_are_no_reason_to_break_off() -> None:
    data = stream_of("plain").replace(b" sky", b" s\xffky")
    assert fold(events_of(data)).parts == [Text("The s�ky is blue.")]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": "model failed"}, "model failed"),
        ({}, "no message"),
        ({"message": "x"}, "no message"),
        ({"message": {"content": "x"}, "done": False}, "not over"),
    ],
)
def test_what_is_no_answer(body: dict[str, object], words: str) -> None:
    with pytest.raises(UpstreamError, match=words):
        upstream.read_reply(body, {})


def test_any_line_is_read_or_breaks() -> None:
    for value in (None, 0, "x", [], {}, {"message": 3}, {"message": {"tool_calls": [None, {"function": 1}]}}):
        events_of(json.dumps(value).encode() + b"\n")
        events_of(json.dumps({"message": {"content": value, "thinking": value, "tool_calls": value}}).encode() + b"\n")


def test_figures_that_are_none_tell_no_usage() -> None:
    body = {**reply_of("plain"), "eval_count": "9", "prompt_eval_count": True}
    usage = upstream.read_reply(body, {}).usage
    assert usage is not None
    assert (usage.input, usage.output) == (0, 0)
    for name in ("eval_count", "prompt_eval_count", "eval_duration", "prompt_eval_duration"):
        del body[name]
    assert upstream.read_reply(body, {}).usage is None
    assert replace(usage, input=1) != usage


@pytest.mark.pitfall(78)
@pytest.mark.parametrize("client", ["openai", "anthropic", "responses", "ollama"])
def test_every_client_is_told_the_estimate_of_its_own_prompt(client: str) -> None:
    across = crossing("ollama", client)
    for usage in (
        across.read(json.dumps(reply_of("uncounted_prompt")).encode()).usage,
        gathered(across, stream_of("uncounted_prompt"), 64).usage,
    ):
        assert is_estimated(usage)
        assert usage is not None
        assert usage.input == estimate(across.request) > 0
