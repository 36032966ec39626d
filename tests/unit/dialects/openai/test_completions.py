"""Legacy completions on the middle: a prompt read as a message, an answer told as text."""

import json
from typing import Any

import pytest
from openai._models import construct_type
from openai.types import Completion

from flock.dialects.ask import Ask
from flock.dialects.fold import replay
from flock.dialects.half import Addressing
from flock.dialects.ir import Message, Reply, Request, Text, Thinking, Usage
from flock.dialects.openai import server, upstream
from flock.errors import Unsupported
from tests.grammar.openai import frames_of

TO = Addressing("req_7", "alias", 1764000000)


def ask(fields: dict[str, Any], path: str = server.CHAT) -> Ask:
    return server.read_ask(json.dumps({"model": "m", **fields}).encode(), path)


def test_a_prompt_is_a_message_of_the_user() -> None:
    fields = {"prompt": "Once upon", "max_tokens": 5, "logprobs": 3, "echo": True, "repetition_penalty": 1.1}
    request = server.read_request(ask({**fields, "stream": True}, server.COMPLETIONS))
    assert request.messages == [Message("user", [Text("Once upon")])]
    assert (request.max_tokens, request.logprobs, request.top_logprobs, request.stream) == (5, True, 3, True)
    assert request.extras == {"completions": {"echo": True}, "openai": {"repetition_penalty": 1.1}}
    assert server.read_request(ask({"prompt": ["a"]}, server.COMPLETIONS)).messages[0].parts == [Text("a")]


@pytest.mark.parametrize("prompt", [["a", "b"], [1, 2, 3], [[1, 2], [3]], []])
def test_prompts_that_are_no_text_are_refused_by_name(prompt: Any) -> None:
    with pytest.raises(Unsupported) as caught:
        server.read_request(ask({"prompt": prompt}, server.COMPLETIONS))
    assert caught.value.details["param"] == "prompt"
    with pytest.raises(Unsupported, match="suffix"):
        server.read_request(ask({"prompt": "a", "suffix": "b"}, server.COMPLETIONS))


def test_a_completion_is_a_chat() -> None:
    body = b'{"model":"m","prompt":"Once","max_tokens":5,"echo":true,"mirostat":2}'
    request = server.read_request(server.read_ask(body, server.COMPLETIONS))
    out = upstream.write_request(request, "served", stream=False)
    assert out.body == {
        "model": "served",
        "messages": [{"role": "user", "content": "Once"}],
        "max_tokens": 5,
        "mirostat": 2,
    }
    assert out.lost == ["echo"]


def completion(**fields: Any) -> Request:
    body = {"prompt": "Once", "stream": True, **fields}
    return server.read_request(server.read_ask(json.dumps(body).encode(), server.COMPLETIONS))


def test_completions_are_told_as_text() -> None:
    parts = [Thinking("hm"), Text("upon"), Text(" a time")]
    answer = Reply("upstream-id", "upstream-model", [*parts], "length", usage=Usage(input=1, output=3))
    writer = server.writer(completion(stream_options={"include_usage": True}), TO)
    data = b"".join([*(writer.write(event) for event in replay(answer)), writer.close()])
    frames = frames_of(data)
    assert frames[-1] == "[DONE]"
    # as the SDK does: its type has no place for the null of a chunk that is not the last
    chunks: list[Any] = [construct_type(type_=Completion, value=json.loads(frame)) for frame in frames[:-1]]
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == "upon a time"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices] == [None, None, "length"]
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 4
    assert {(chunk.id, chunk.object, chunk.model) for chunk in chunks} == {("cmpl-req_7", "text_completion", "alias")}
    whole = Completion.model_validate_json(server.write_reply(answer, completion(), TO))
    assert (whole.choices[0].text, whole.choices[0].finish_reason) == ("upon a time", "length")
