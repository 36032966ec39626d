"""The official SDKs of Anthropic, Google and Cohere through a flock at paid vendors.

Where the vendor speaks the client's dialect nothing is touched: bytes both ways, the headers of the dialect, cache
breakpoints, signatures. Elsewhere it is a translation.
"""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from google.genai import types

from tests.e2e import test_anthropic_sdk as anthropics
from tests.e2e import test_cohere_sdk as coheres
from tests.e2e import test_google_genai_sdk as googles
from tests.e2e.parts import call, explained
from tests.e2e.subjects import done, entered, every, opened
from tests.e2e.vendor_standing import KEYS, VERSION, Standing, digest, standing
from tests.fakes.scripted_answers import DONE, HELLO, ORDER
from tests.fakes.vendor_answers import CACHED

NAMES = ("anthropic", "openai", "gemini", "groq", "cohere", "together")
CLAUDE, GPT, GEMINI = "claude-haiku-4-5", "gpt-4o-mini", "gemini-2.5-pro"
SIGNATURE = "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds7wyDKIvRZ2RZ8Fq"
HI: list[Any] = [{"role": "user", "content": "hi"}]
ORDERED = ORDER.format(path="a.txt", content="abc")
FIELDS = {"file_path": {"type": "string"}, "content": {"type": "string"}}
WRITE = {"type": "object", "properties": FIELDS, "required": [*FIELDS]}
TOOL: dict[str, Any] = {"name": "Write", "description": "Writes a file", "input_schema": WRITE}
# what Claude Code sends, with spaces where no two programs put them alike
RICH = (
    b'{"model": "claude-haiku-4-5",  "max_tokens": 4096, "stream": %s,'
    b' "system": [{"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.a3f; cch=0b1c2;"},'
    b' {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],'
    b' "thinking": {"type": "enabled", "budget_tokens": 2048},'
    b' "context_management": {"edits": [{"type": "clear_thinking_20251015"}]},'
    b' "messages": [{"role": "user", "content": [{"type": "text", "text": "\\u00e9\\ud83d\\ude00"}]},'
    b' {"role":  "assistant", "content": ['
    b'{"type": "thinking", "thinking": "", "signature": "EqQBCgIYAhIM1gbcDa9GJwZA2b=="},'
    b' {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix/LafPsn4a"},'
    b' {"type": "tool_use", "id": "toolu_1", "name": "Write", "input": {"b": 1,"a" : 2}}]},'
    b' {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok",'
    b' "cache_control": {"type": "ephemeral"}}]}]}'
)  # fmt: skip


@pytest.fixture(scope="module")
def vendors() -> Iterator[Standing]:
    with standing(*NAMES) as found:
        yield found


@pytest.fixture
def on(vendors: Standing) -> Standing:
    vendors.forget()
    return vendors


@pytest.fixture(params=["sync", "async"])
async def claude(request: pytest.FixtureRequest, on: Standing) -> AsyncIterator[Any]:
    async with opened(anthropics.made, on.flock, request.param) as client:
        yield client


@pytest.fixture(params=["sync", "async"])
async def google(request: pytest.FixtureRequest, on: Standing) -> AsyncIterator[Any]:
    async with googles.opened(on.flock, request.param) as client:
        yield client


# -- Anthropic's

MESSAGES = [(CLAUDE, "anthropic"), (GPT, "openai"), ("openai/gpt-5", "openai"), (GEMINI, "gemini")]


@pytest.mark.parametrize(("model", "vendor"), MESSAGES)
async def test_message(claude: Any, on: Standing, model: str, vendor: str) -> None:
    knobs = {"temperature": 0.3, "top_k": 5}
    raw = await done(
        claude.messages.with_raw_response.create(model=model, max_tokens=99, messages=HI, extra_body=knobs)
    )
    message = await done(raw.parse())
    assert (message.content[0].text, message.stop_reason, message.model) == (HELLO, "end_turn", model)
    assert message.usage.cache_read_input_tokens == CACHED
    assert raw.headers["x-flock-path"] == ("relay" if vendor == "anthropic" else "translate")
    row = explained(on.flock, raw.headers["x-flock-request-id"])
    assert (row["vendor"], row["cached_tokens"]) == (vendor, CACHED)
    assert row["input_tokens"] == message.usage.input_tokens + CACHED
    (request,) = on.seen(vendor)
    assert request["key"] == digest(KEYS[0])
    lost = {"openai/gpt-5": "top_k, temperature", GPT: "top_k"}.get(model, "")
    assert set(filter(None, raw.headers.get("x-flock-lost", "").split(", "))) == set(filter(None, lost.split(", ")))


@pytest.mark.parametrize(("model", "vendor"), MESSAGES)
async def test_message_stream(claude: Any, on: Standing, model: str, vendor: str) -> None:
    async with entered(claude.messages.stream(model=model, max_tokens=99, messages=HI)) as stream:
        assert "".join(await every(stream.text_stream)) == HELLO
        final = await done(stream.get_final_message())
    assert (final.stop_reason, final.usage.output_tokens > 0) == ("end_turn", True)
    events = await every(claude.messages.create(model=model, max_tokens=99, messages=HI, stream=True))
    anthropics.check_grammar(events)
    assert len(on.seen(vendor)) == 2


@pytest.mark.parametrize(("model", "vendor"), MESSAGES)
async def test_message_tool_round_trip(claude: Any, on: Standing, model: str, vendor: str) -> None:
    asked: Any = [{"role": "user", "content": ORDERED}]
    first = await done(claude.messages.create(model=model, max_tokens=99, messages=asked, tools=[TOOL]))
    (call,) = [block for block in first.content if block.type == "tool_use"]
    assert (first.stop_reason, call.input) == ("tool_use", {"file_path": "a.txt", "content": "abc"})
    turns = [
        *asked,
        {"role": "assistant", "content": [block.to_dict() for block in first.content]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "written"}]},
    ]
    last = await done(claude.messages.create(model=model, max_tokens=99, messages=turns, tools=[TOOL]))
    assert last.content[0].text == DONE
    assert len(on.seen(vendor)) == 2


@pytest.mark.parametrize("stream", [b"false", b"true"])
@pytest.mark.pitfall(42)
@pytest.mark.pitfall(43)
@pytest.mark.pitfall(67)
def test_a_relay_touches_nothing(on: Standing, stream: bytes) -> None:
    body = RICH % stream
    betas = "interleaved-thinking-2025-05-14,context-management-2025-06-27"
    sent = {"anthropic-version": "2023-01-01", "anthropic-beta": betas, "X-Stainless-Lang": "js", "X-App": "cli"}
    told = call(on.flock.port, "POST", "/v1/messages?beta=true", on.flock.key, body, sent)
    assert (told.status, told.headers["x-flock-path"]) == (200, "relay"), told.body
    (request,) = on.seen("anthropic")
    assert request["raw"] == digest(body.decode())
    assert request["anthropic"] == {name: value for name, value in sent.items() if name.startswith("anthropic")}
    direct = {"x-api-key": KEYS[0], "anthropic-version": VERSION, "Content-Type": "application/json"}
    there = call(on.ports["anthropic"], "POST", "/v1/messages", "", body, direct)
    assert told.body == there.body
    assert told.headers["content-type"].partition(";")[0] == there.headers["content-type"].partition(";")[0]


def test_a_client_that_names_no_version_gets_ours(on: Standing) -> None:
    body = {"model": CLAUDE, "max_tokens": 9, "messages": HI}
    told = on.ask("/v1/messages", body)
    assert told.status == 200, told.body
    assert on.seen("anthropic")[0]["anthropic"] == {"anthropic-version": VERSION}


def test_what_a_prefix_changes_is_the_model_alone(on: Standing) -> None:
    body = json.loads(RICH % b"false")
    told = on.ask("/v1/messages", body | {"model": f"anthropic/{CLAUDE}"}, None, {"anthropic-version": VERSION})
    assert (told.status, told.headers["x-flock-path"]) == (200, "splice"), told.body
    assert told.json["model"] == f"anthropic/{CLAUDE}"
    (request,) = on.seen("anthropic")
    assert request["body"] == body


# -- Google's

CONFIG = types.GenerateContentConfig(max_output_tokens=99)


@pytest.mark.parametrize(("model", "vendor"), [(GEMINI, "gemini"), (CLAUDE, "anthropic"), (GPT, "openai")])
async def test_generate(google: Any, on: Standing, model: str, vendor: str) -> None:
    answer = await done(google.models.generate_content(model=model, contents="hi", config=CONFIG))
    assert answer.text == HELLO
    assert answer.usage_metadata.cached_content_token_count == CACHED
    streamed = await every(google.models.generate_content_stream(model=model, contents="hi", config=CONFIG))
    assert "".join(chunk.text or "" for chunk in streamed) == HELLO
    first, second = on.seen(vendor)
    assert first["key"] == second["key"] == digest(KEYS[0])
    assert "x-goog-api-key" not in first["headers"] or vendor == "gemini"


@pytest.mark.parametrize(("model", "vendor"), [(GEMINI, "gemini"), (CLAUDE, "anthropic")])
async def test_generate_tool_round_trip(google: Any, on: Standing, model: str, vendor: str) -> None:
    function = types.FunctionDeclaration(name="Write", description="Writes a file", parameters_json_schema=WRITE)
    config = types.GenerateContentConfig(
        max_output_tokens=99,
        tools=[types.Tool(function_declarations=[function])],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    asked = types.Content(role="user", parts=[types.Part(text=ORDERED)])
    first = await done(google.models.generate_content(model=model, contents=[asked], config=config))
    (made,) = first.function_calls
    assert made.args == {"file_path": "a.txt", "content": "abc"}
    result = types.Content(
        role="user", parts=[types.Part.from_function_response(name="Write", response={"result": "written"})]
    )
    turns = [asked, first.candidates[0].content, result]
    last = await done(google.models.generate_content(model=model, contents=turns, config=config))
    assert last.text == DONE
    assert len(on.seen(vendor)) == 2


@pytest.mark.pitfall(53)
def test_a_thought_signature_goes_back_as_it_came(on: Standing) -> None:
    part = {"functionCall": {"name": "Write", "args": {"a": 1}}, "thoughtSignature": SIGNATURE}
    body = {
        "contents": [
            {"role": "user", "parts": [{"text": "hi"}]},
            {"role": "model", "parts": [{"text": "Hm.", "thought": True, "thoughtSignature": SIGNATURE}, part]},
            {"role": "user", "parts": [{"functionResponse": {"name": "Write", "response": {"result": 1}}}]},
        ]
    }
    raw = json.dumps(body, indent=1).encode()
    told = call(on.flock.port, "POST", f"/v1beta/models/{GEMINI}:generateContent", on.flock.key, raw)
    assert (told.status, told.headers["x-flock-path"]) == (200, "relay"), told.body
    (request,) = on.seen("gemini")
    assert (request["raw"], request["body"]) == (digest(raw.decode()), body)
    there = call(on.ports["gemini"], "POST", request["path"], "", raw, {"x-goog-api-key": KEYS[0]})
    assert told.body == there.body


@pytest.mark.parametrize("model", [GEMINI, CLAUDE])
def test_a_stream_as_one_array(on: Standing, model: str) -> None:
    body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    told = on.ask(f"/v1beta/models/{model}:streamGenerateContent", body)
    assert (told.status, told.clean) == (200, True), told.body
    parts = [part for chunk in told.json for part in chunk["candidates"][0]["content"].get("parts", [])]
    assert "".join(part["text"] for part in parts) == HELLO


# -- Cohere's


@pytest.mark.parametrize("version", coheres.VERSIONS)
@pytest.mark.parametrize(
    ("model", "vendor"), [("cohere/rerank-v3.5", "cohere"), ("together/Salesforce/Llama-Rank-V1", "together")]
)
async def test_rerank(on: Standing, version: str, model: str, vendor: str) -> None:
    async with coheres.opened(on.flock, version) as client:
        answer = await done(client.rerank(model=model, query="a cat", documents=["a dog", "a cat"], top_n=1))
    assert [one.index for one in answer.results] == [1]
    (request,) = on.seen(vendor)
    assert request["path"] == {"cohere": "/v2/rerank", "together": "/v1/rerank"}[vendor]
    assert request["key"] == digest(KEYS[0])
