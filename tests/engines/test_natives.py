"""What real engines answer in dialects besides chat, asked without flock: the ground catalog/engines.yaml stands on.

A row `native` says that an engine's own answers may go to clients as they are; these tests hold vLLM to it. Where
llama.cpp does something that a client would notice, flock translates instead: those tests fail when it has been mended,
and then the catalog may be changed. Called by nobody; the catalog's comments name what is seen here.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.engines import real
from tests.engines.real import Real
from tests.models.make import SENTENCE

USER = {"role": "user", "content": "hi"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CALLED = {"name": "get_weather", "input_schema": SCHEMA}
OTHER = {"name": "other", "input_schema": {"type": "object", "properties": {}}}
FORM = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"], "additionalProperties": False}


@pytest.fixture(scope="module")
def llamacpp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    with real.running("llamacpp", real.room(tmp_path_factory)) as engine:
        yield engine


@pytest.fixture(scope="module")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    with real.running("vllm", real.room(tmp_path_factory)) as engine:
        yield engine


def post(engine: Real, path: str, **body: Any) -> tuple[int, str]:
    """Return status and body."""
    data = json.dumps({"model": engine.model, **body}).encode()
    request = urllib.request.Request(engine.url + path, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def message(engine: Real, **body: Any) -> dict[str, Any]:
    status, text = post(engine, "/v1/messages", **{"max_tokens": 100, "messages": [USER], **body})
    assert status == 200, text
    return json.loads(text)


def response(engine: Real, **body: Any) -> dict[str, Any]:
    status, text = post(engine, "/v1/responses", **{"input": "hi", "max_output_tokens": 100, **body})
    assert status == 200, text
    return json.loads(text)


def events(engine: Real, path: str, **body: Any) -> list[dict[str, Any]]:
    status, text = post(engine, path, stream=True, **body)
    assert status == 200, text
    return [json.loads(line[5:]) for line in text.split("\n") if line.startswith("data:")]


def text_of(found: dict[str, Any]) -> str:
    return "".join(block["text"] for block in found["content"] if block["type"] == "text")


def words_of(found: dict[str, Any]) -> str:
    return "".join(part["text"] for item in found["output"] for part in item.get("content") or ())


# -- vLLM: what the rows `native` promise


@pytest.mark.engine("vllm")
@real.SLOW_START
def test_vllm_speaks_messages(vllm: Real) -> None:
    assert text_of(message(vllm)) == SENTENCE
    stopped = message(vllm, stop_sequences=[" tiny"])
    assert (stopped["stop_reason"], stopped["stop_sequence"]) == ("stop_sequence", " tiny")
    assert json.loads(text_of(message(vllm, output_config={"format": {"type": "json_schema", "schema": FORM}})))
    assert message(vllm, tools=[CALLED], tool_choice={"type": "none"})["content"][0]["type"] == "text"
    (call,) = message(vllm, tools=[CALLED], tool_choice={"type": "any"})["content"]
    assert (call["type"], call["input"]) == ("tool_use", {"city": "Paris"})
    streamed = events(vllm, "/v1/messages", max_tokens=50, messages=[USER], tools=[CALLED])
    (start,) = [e["content_block"] for e in streamed if e["type"] == "content_block_start"]
    assert (start["name"], start["input"]) == ("get_weather", {})
    assert [e["type"] for e in streamed][-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert message(vllm, thinking={"type": "adaptive"}, context_management={}, metadata={"user_id": "u"}, foo=1)


@pytest.mark.engine("vllm")
@real.SLOW_START
def test_vllm_speaks_responses(vllm: Real) -> None:
    assert words_of(response(vllm)) == SENTENCE
    assert json.loads(
        words_of(response(vllm, text={"format": {"type": "json_schema", "name": "v", "schema": FORM, "strict": True}}))
    )
    cut = response(vllm, max_output_tokens=3)
    assert (cut["status"], cut["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    streamed = events(vllm, "/v1/responses", input="hi")
    assert [e["sequence_number"] for e in streamed] == list(range(len(streamed)))
    assert all("output_index" in e for e in streamed if e["type"].startswith("response.output"))


@pytest.mark.engine("vllm")
@real.SLOW_START
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages", {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
        (
            "/v1/messages",
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a"}}
                        ],
                    }
                ]
            },
        ),
        ("/v1/messages", {"max_tokens": 64_000}),
        (
            "/v1/responses",
            {
                "input": [
                    {"role": "user", "content": "hi"},
                    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "a"},
                    {"role": "user", "content": "hi"},
                ]
            },
        ),
        (
            "/v1/responses",
            {
                "tools": [
                    {
                        "type": "custom",
                        "name": "a",
                        "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"},
                    }
                ]
            },
        ),
    ],
    ids=["hosted-tool", "document", "more-than-the-window", "encrypted-reasoning", "grammar"],
)
def test_what_vllm_refuses_stands_under_lacks(vllm: Real, path: str, body: dict[str, Any]) -> None:
    base = {"max_tokens": 50, "messages": [USER]} if path == "/v1/messages" else {"input": "hi"}
    status, text = post(vllm, path, **{**base, **body})
    assert status == 400, text


# -- llama.cpp: why it has no row `native`


@pytest.mark.engine("llama-server")
def test_llamacpp_messages_are_not_yet_right(llamacpp: Real) -> None:
    assert text_of(message(llamacpp)) == SENTENCE
    assert message(llamacpp, tools=[CALLED], tool_choice={"type": "none"})["stop_reason"] == "tool_use"
    (call,) = message(llamacpp, tools=[CALLED, OTHER], tool_choice={"type": "tool", "name": "other"})["content"]
    assert call["name"] == "get_weather"
    assert text_of(message(llamacpp, output_config={"format": {"type": "json_schema", "schema": FORM}})) == SENTENCE
    assert message(llamacpp, stop_sequences=[" tiny"])["stop_reason"] == "end_turn"
    streamed = events(llamacpp, "/v1/messages", max_tokens=50, messages=[USER], tools=[CALLED])
    (start,) = [e["content_block"] for e in streamed if e["type"] == "content_block_start"]
    assert "input" not in start


@pytest.mark.engine("llama-server")
def test_llamacpp_responses_are_not_yet_right(llamacpp: Real) -> None:
    assert words_of(response(llamacpp)) == SENTENCE
    streamed = events(llamacpp, "/v1/responses", input="hi")
    assert not any("sequence_number" in event or "output_index" in event for event in streamed)
    assert response(llamacpp, max_output_tokens=3)["status"] == "completed"
    wanted = {"format": {"type": "json_schema", "name": "v", "schema": FORM, "strict": True}}
    assert words_of(response(llamacpp, text=wanted)) == SENTENCE
    assert post(llamacpp, "/v1/responses", input=[USER, {"role": "assistant", "content": "yo"}, USER])[0] == 400


# -- counting


@pytest.mark.engine("llama-server")
def test_llamacpp_counts_a_chat(llamacpp: Real) -> None:
    status, text = post(llamacpp, "/v1/chat/completions/input_tokens", messages=[USER])
    told = message(llamacpp)["usage"]
    whole = told["input_tokens"] + told["cache_read_input_tokens"]
    assert (status, json.loads(text)["input_tokens"]) == (200, whole)


@pytest.mark.engine("vllm")
@real.SLOW_START
def test_vllm_counts_a_chat_beyond_its_window_too(vllm: Real) -> None:
    status, text = post(vllm, "/tokenize", messages=[USER])
    assert (status, json.loads(text)["count"]) == (200, message(vllm)["usage"]["input_tokens"])
    status, text = post(vllm, "/tokenize", messages=[{"role": "user", "content": "h" * 2 * real.CONTEXT}])
    assert (status, json.loads(text)["count"] > real.CONTEXT) == (200, True)
