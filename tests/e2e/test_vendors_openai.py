"""The official `openai` SDK, sync and async, through a flock at paid vendors: chat, Responses, and the tasks beside.

Relayed where the vendor speaks the dialect, translated elsewhere: a client must see no difference.
"""

import base64
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI

from tests.e2e.parts import explained
from tests.e2e.subjects import done, every, opened
from tests.e2e.task_clients import openai_client
from tests.e2e.vendor_standing import KEYS, Standing, digest, standing
from tests.fakes.scripted_answers import DONE, HELLO, ORDER
from tests.fakes.vendor_answers import CACHED, PICTURE, SPEECH, SPOKEN

Client = OpenAI | AsyncOpenAI
NAMES = ("anthropic", "openai", "gemini", "groq", "mistral", "cohere", "deepseek")
# (model, the vendor, whether what the vendor says goes out as it came)
CHATS = [
    ("gpt-4o-mini", "openai", True),
    ("openai/gpt-5", "openai", True),
    ("groq/llama-3.3-70b-versatile", "groq", True),
    ("mistral/mistral-large-latest", "mistral", True),
    ("deepseek/deepseek-chat", "deepseek", True),
    ("claude-sonnet-4-5", "anthropic", False),
    ("gemini-2.5-pro", "gemini", False),
]
# how each tells the part of the prompt that its cache had
TELLS_CACHED = {"openai", "groq", "deepseek", "anthropic", "gemini"}
HI: list[Any] = [{"role": "user", "content": "hi"}]
ORDERED: list[Any] = [{"role": "user", "content": ORDER.format(path="a.txt", content="abc")}]
WRITE = {
    "type": "object",
    "properties": {"file_path": {"type": "string"}, "content": {"type": "string"}},
    "required": ["file_path", "content"],
}
TOOL: dict[str, Any] = {"type": "function", "function": {"name": "Write", "parameters": WRITE}}


@pytest.fixture(scope="module")
def vendors() -> Iterator[Standing]:
    with standing(*NAMES) as found:
        yield found


@pytest.fixture
def on(vendors: Standing) -> Standing:
    vendors.forget()
    return vendors


@pytest.fixture(params=["sync", "async"])
async def client(request: pytest.FixtureRequest, on: Standing) -> AsyncIterator[Any]:
    async with opened(openai_client, on.flock, request.param) as client:
        yield client


def check_row(on: Standing, raw: Any, vendor: str, cached: int) -> None:
    """Hold what flock recorded of an answer against what its client was told."""
    row = explained(on.flock, raw.headers["x-flock-request-id"])
    used = raw.parse().usage
    told = (getattr(used, "prompt_tokens", None) or used.input_tokens, getattr(used, "completion_tokens", None))
    assert (row["vendor"], row["outcome"], row["cached_tokens"]) == (vendor, "ok", cached)
    assert row["input_tokens"] == told[0] > 0
    assert row["output_tokens"] == (told[1] or used.output_tokens) > 0
    assert not row["estimated"]
    assert row["cost_usd"] is None


@pytest.mark.parametrize(("model", "vendor", "relayed"), CHATS)
async def test_chat(client: Any, on: Standing, model: str, vendor: str, relayed: bool) -> None:
    raw = await done(client.chat.completions.with_raw_response.create(model=model, messages=HI))
    answer = raw.parse()
    assert answer.choices[0].message.content == HELLO
    assert (answer.model, answer.choices[0].finish_reason) == (model, "stop")
    assert raw.headers["x-flock-route"] == f"vendor/{vendor}"
    assert (raw.headers["x-flock-path"] in ("relay", "splice")) is relayed
    assert [request["key"] for request in on.seen(vendor)] == [digest(KEYS[0])]
    check_row(on, raw, vendor, CACHED if vendor in TELLS_CACHED else 0)


# Mistral tells the usage unasked, and refuses to be asked for it
STREAMS = [(*chat[:2], usage) for chat in CHATS for usage in (False, True) if not (usage and chat[1] == "mistral")]


@pytest.mark.parametrize(("model", "vendor", "usage"), STREAMS)
async def test_stream(client: Any, on: Standing, model: str, vendor: str, usage: bool) -> None:
    more: dict[str, Any] = {"stream_options": {"include_usage": True}} if usage else {}
    raw = await done(client.chat.completions.with_raw_response.create(model=model, messages=HI, stream=True, **more))
    chunks = await every(raw.parse())
    said = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(said) == HELLO
    assert {chunk.model for chunk in chunks} == {model}
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    told = [chunk.usage for chunk in chunks if chunk.usage is not None]
    assert len(told) == (1 if usage or vendor == "mistral" else 0)
    assert len(on.seen(vendor)) == 1
    row = on.row(raw.headers["x-flock-request-id"])
    assert (row["vendor"], row["stream"], row["outcome"], row["ttft_ms"] > 0) == (vendor, True, "ok", True)
    assert min(row["input_tokens"], row["output_tokens"]) > 0
    assert not row["estimated"]
    if told:
        assert (told[0].prompt_tokens, told[0].completion_tokens) == (row["input_tokens"], row["output_tokens"])


@pytest.mark.parametrize(("model", "vendor"), [chat[:2] for chat in CHATS])
async def test_tool_round_trip(client: Any, on: Standing, model: str, vendor: str) -> None:
    first = await done(client.chat.completions.create(model=model, messages=ORDERED, tools=[TOOL]))
    message = first.choices[0].message
    (call,) = message.tool_calls
    assert (first.choices[0].finish_reason, call.function.name) == ("tool_calls", "Write")
    assert json.loads(call.function.arguments) == {"file_path": "a.txt", "content": "abc"}
    asked = message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"})
    if vendor == "mistral":  # the fake's ids are not those that Mistral makes
        asked["tool_calls"][0]["id"] = call.id = "abcdefgh9"
    result = {"role": "tool", "tool_call_id": call.id, "content": "written"}
    more = await done(
        client.chat.completions.create(model=model, messages=[*ORDERED, asked, result], tools=[TOOL], stream=True)
    )
    said = [chunk.choices[0].delta.content or "" for chunk in await every(more) if chunk.choices]
    assert "".join(said) == DONE
    assert len(on.seen(vendor)) == 2


@pytest.mark.parametrize(
    ("model", "vendor", "path"),
    [
        ("gpt-4o-mini", "openai", "relay"),
        ("groq/llama-3.3-70b-versatile", "groq", "translate"),
        ("claude-haiku-4-5", "anthropic", "translate"),
        ("gemini-2.5-flash", "gemini", "translate"),
    ],
)
async def test_responses(client: Any, on: Standing, model: str, vendor: str, path: str) -> None:
    raw = await done(client.responses.with_raw_response.create(model=model, input="hi", store=False))
    answer = raw.parse()
    assert (answer.output_text, answer.status, answer.model) == (HELLO, "completed", model)
    assert raw.headers["x-flock-path"] == path
    check_row(on, raw, vendor, CACHED)
    events = await every(client.responses.create(model=model, input="hi", store=False, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == HELLO
    assert [request["path"] for request in on.seen("openai")] == (["/v1/responses"] * 2 if vendor == "openai" else [])


async def test_responses_call_tools(client: Any, on: Standing) -> None:
    tool: Any = {"type": "function", "name": "Write", "parameters": WRITE, "strict": False}
    for model, vendor in (("gpt-4o-mini", "openai"), ("groq/llama-3.3-70b-versatile", "groq")):
        first = await done(client.responses.create(model=model, input=ORDERED, tools=[tool], store=False))
        (call,) = [item for item in first.output if item.type == "function_call"]
        assert json.loads(call.arguments) == {"file_path": "a.txt", "content": "abc"}
        asked = {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}
        result = {"type": "function_call_output", "call_id": call.call_id, "output": "written"}
        last = await done(
            client.responses.create(model=model, input=[*ORDERED, asked, result], tools=[tool], store=False)
        )
        assert last.output_text == DONE, vendor


@pytest.mark.parametrize(
    ("model", "vendor"),
    [("text-embedding-3-small", "openai"), ("gemini-embedding-001", "gemini"), ("cohere/embed-v4.0", "cohere")],
)
async def test_embeddings(client: Any, on: Standing, model: str, vendor: str) -> None:
    texts = ["a cat", "a dog"]
    # the SDK asks for base64 by itself
    in_base64 = await done(client.embeddings.create(model=model, input=texts))
    floats = await done(client.embeddings.create(model=model, input=texts, encoding_format="float"))
    assert [len(one.embedding) for one in in_base64.data] == [8, 8]
    for one, other in zip(in_base64.data, floats.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
    assert in_base64.model == model
    one = await done(client.embeddings.create(model=model, input="a cat", encoding_format="float"))
    assert one.data[0].embedding == pytest.approx(floats.data[0].embedding)
    assert len(on.seen(vendor)) == 3


@pytest.mark.parametrize(
    ("heard", "spoken", "vendor"),
    [("whisper-1", "tts-1", "openai"), ("groq/whisper-large-v3", "groq/playai-tts", "groq")],
)
async def test_audio(client: Any, on: Standing, heard: str, spoken: str, vendor: str) -> None:
    sound = ("a.wav", SPEECH, "audio/wav")
    answer = await done(client.audio.transcriptions.create(model=heard, file=sound))
    assert answer.text == SPOKEN
    whole = await done(client.audio.transcriptions.create(model=heard, file=sound, response_format="verbose_json"))
    assert whole.text == SPOKEN
    with pytest.warns(DeprecationWarning, match="deprecated"):  # OpenAI would rather not have it asked for
        assert (await done(client.audio.translations.create(model=heard, file=sound))).text == SPOKEN
    made = await done(client.audio.speech.create(model=spoken, voice="alloy", input="hi", response_format="wav"))
    assert made.content == SPEECH
    assert [request["path"].rpartition("/")[2] for request in on.seen(vendor)] == [
        *("transcriptions", "transcriptions", "translations", "speech")
    ]


async def test_a_transcription_in_a_stream(client: Any, on: Standing) -> None:
    sound = ("a.wav", SPEECH, "audio/wav")
    events = await every(client.audio.transcriptions.create(model="gpt-4o-transcribe", file=sound, stream=True))
    assert (events[-1].type, events[-1].text) == ("transcript.text.done", SPOKEN)


async def test_pictures(client: Any, on: Standing) -> None:
    answer = await done(client.images.generate(model="gpt-image-1", prompt="a cat", n=2))
    assert [base64.b64decode(one.b64_json) for one in answer.data] == [PICTURE, PICTURE]
    (request,) = on.seen("openai")
    assert (request["path"], request["body"]["model"]) == ("/v1/images/generations", "gpt-image-1")
