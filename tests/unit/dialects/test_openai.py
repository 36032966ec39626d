"""The OpenAI halves: what is checked, what passes, what the tap sees at any cut."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.dialects.openai import upstream
from flock.dialects.openai.server import CHAT, COMPLETIONS, read_ask, stream_fault, write_fault
from flock.errors import InvalidRequest, ModelNotFound

STREAM = (
    b'data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n'
    b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"w\xc3\xb6rld"},"finish_reason":null}]}\n\n'
    b'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
)
USAGE = (
    b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":5,'
    b'"prompt_tokens_details":{"cached_tokens":3}}}\n\n'
)
DONE = b"data: [DONE]\n\n"


def chat(**fields: object) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}).encode()


def test_ask_reads_what_routing_needs() -> None:
    ask = read_ask(chat(stream=True, stream_options={"include_usage": True}), CHAT)
    assert (ask.model, ask.stream, ask.wants_usage, ask.endpoint) == ("m", True, True, "chat")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", None),
        (b"[]", None),
        (b'"x"', None),
        (chat(model=3), "model"),
        (chat(stream="yes"), "stream"),
        (chat(stream=1), "stream"),
        (chat(stream_options=[]), "stream_options"),
        (chat(temperature="hot"), "temperature"),
        (chat(temperature=True), "temperature"),
        (chat(max_tokens=1.5), "max_tokens"),
        (chat(messages="hi"), "messages"),
        (chat(messages=[]), "messages"),
        (chat(messages=["hi"]), "messages[0]"),
        (chat(messages=[{"content": "hi"}]), "messages[0].role"),
        (chat(messages=[{"role": "user", "content": 5}]), "messages[0].content"),
        (chat(messages=[{"role": "user", "content": ["x"]}]), "messages[0].content[0]"),
        (chat(messages=[{"role": "user", "content": [{"text": "x"}]}]), "messages[0].content[0].type"),
        (chat(tools=["x"]), "tools[0]"),
        (chat(tools={}), "tools"),
        (chat(response_format="json"), "response_format"),
        (b'{"model":"m"}', "messages"),
    ],
)
def test_wrong_types_are_named_where_they_stand(body: bytes, param: str | None) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_ask(body, CHAT)
    assert caught.value.hint
    if param is not None:
        assert caught.value.details["param"] == param
        assert param.split("[")[0] in caught.value.sentence


def test_unknown_fields_pass() -> None:
    ask = read_ask(chat(mirostat=2, chat_template_kwargs={"x": 1}), CHAT)
    assert ask.body["mirostat"] == 2


def test_completions_need_a_prompt() -> None:
    assert read_ask(b'{"prompt":[1,2,3]}', COMPLETIONS).endpoint == "completions"
    with pytest.raises(InvalidRequest, match="prompt"):
        read_ask(b'{"prompt":3}', COMPLETIONS)
    with pytest.raises(InvalidRequest, match="missing"):
        read_ask(b"{}", COMPLETIONS)


def test_faults_have_the_vendors_shape() -> None:
    error = ModelNotFound("there is no model 'x'", hint="flock model ls", details={"param": "model", "nearest": ["y"]})
    found = json.loads(write_fault(error, "req_1"))["error"]
    assert found["type"] == "invalid_request_error"
    assert (found["code"], found["param"], found["nearest"]) == ("model_not_found", "model", ["y"])
    frame = stream_fault(error)
    assert frame.startswith(b"data: {")
    assert frame.endswith(b"\n\n")
    assert b"[DONE]" not in frame


@given(st.lists(st.integers(1, 60), max_size=40), st.booleans())
def test_tap_is_the_same_at_any_cut(sizes: list[int], withhold: bool) -> None:
    whole = STREAM + USAGE + DONE
    tap = upstream.StreamTap(withhold)
    out, at = b"", 0
    for size in sizes:
        if at < len(whole):
            out += tap.feed(whole[at : at + size])
            at += size
    if at < len(whole):
        out += tap.feed(whole[at:])
    out += tap.close()
    assert out == (STREAM + DONE if withhold else whole)
    usage = tap.usage()
    assert usage is not None
    assert (usage.input, usage.cached, usage.output) == (7, 3, 5)
    assert tap.finished
    assert tap.fault is None


def test_tap_tells_an_end_from_a_break() -> None:
    tap = upstream.StreamTap(withhold=False)
    tap.feed(STREAM[:200])
    assert not tap.finished
    assert tap.usage() is None
    assert tap.counted().output == 1


def test_tap_sees_an_error_at_the_end() -> None:
    tap = upstream.StreamTap(withhold=True)
    tap.feed(STREAM[:100] + b'\n\ndata: {"error":{"message":"out of memory"}}\n\n')
    assert tap.fault == "out of memory"


def test_an_error_told_by_the_fields_name() -> None:
    """Older llama.cpp: no data line at all."""
    frame = b'error: {"code":500,"message":"out of memory","type":"server_error"}\n\n'
    assert upstream.event_fault(upstream.first_event(frame) or b"") == "out of memory"
    tap = upstream.StreamTap(withhold=False)
    tap.feed(STREAM[:100] + b"\n\n" + frame)
    assert tap.fault == "out of memory"


def test_what_the_model_says_is_no_end_and_no_event() -> None:
    said = json.dumps(
        {"choices": [{"delta": {"content": '\n\ndata: [DONE]\n\ndata: {"error": {"message": "x"}}\n\n'}}]}
    )
    tap = upstream.StreamTap(withhold=False)
    tap.feed(b"data: " + said.encode() + b"\n\n")
    assert (tap.finished, tap.fault, tap.events) == (False, None, 1)
    tap.feed(DONE)
    assert (tap.finished, tap.fault) == (True, None)


@pytest.mark.parametrize("withhold", [True, False])
@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n"])
def test_tap_knows_whether_a_frame_is_under_way(end: bytes, withhold: bool) -> None:
    tap = upstream.StreamTap(withhold)
    assert tap.between_frames
    tap.feed(b'data: {"choices":[{"delta":{}}]}' + end + b'data: {"cho')
    assert tap.between_frames is withhold  # then the half frame was held back
    tap.feed(b'ices":[{"delta":{}}]}' + end)
    assert tap.between_frames


def test_an_error_that_is_null_is_none() -> None:
    chunk = b'{"error": null, "choices":[{"delta":{},"finish_reason":"stop"}]}'
    assert upstream.event_fault(chunk) is None
    tap = upstream.StreamTap(withhold=False)
    tap.feed(b"data: " + chunk + b"\n\n")
    assert (tap.finished, tap.fault) == (True, None)


def test_a_null_usage_in_every_chunk_is_not_a_usage() -> None:
    frame = b'data: {"choices":[{"delta":{"content":"x"},"finish_reason":null}],"usage":null}\n\n'
    tap = upstream.StreamTap(withhold=True)
    assert tap.feed(frame) == frame
    assert tap.usage() is None


def test_first_event_skips_comments() -> None:
    assert upstream.first_event(b": keepalive 1/2\n\n") is None
    assert upstream.first_event(b": x\n\ndata: {}\n\n") == b"{}"
    assert upstream.event_fault(b'{"error":{"message":"no"}}') == "no"
    assert upstream.event_fault(b'{"choices":[]}') is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error":{"message":"a"}}', "a"),
        (b'{"error":"b"}', "b"),
        (b'{"detail":"c"}', "c"),
        (b'{"detail":[{"loc":["body"],"msg":"d"},{"msg":"e"},3]}', "d; e"),
        (b"plain text", "plain text"),
        (b"[]", ""),
    ],
)
def test_fault_sentences_of_any_shape(body: bytes, words: str) -> None:
    assert upstream.read_fault(body) == words
