"""The fake vendors, asked through the client that flock asks vendors with: each is what its row says, and no more."""

import asyncio
import hashlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from flock.outbound.failures import Dropped, Redirected
from flock.outbound.vendors import VendorClient
from tests.fakes.certificates import Authority
from tests.fakes.scripted_answers import HELLO, ORDER
from tests.fakes.vendor import Vendor
from tests.fakes.vendor_refusals import KINDS, SHAPES
from tests.fakes.vendor_rows import ROWS, Row
from tests.grammar import anthropic as anthropic_grammar
from tests.grammar import gemini as gemini_grammar
from tests.grammar import openai as openai_grammar
from tests.grammar import responses as responses_grammar
from tests.unit.outbound.peer import until

KEYS = ["sk-first-key", "sk-second-key"]
SAY = [{"role": "user", "content": "Hello, who are you?"}]


class Asker:
    """One fake in this loop, and a client that may reach it."""

    def __init__(self, vendor: Vendor, port: int) -> None:
        self.vendor = vendor
        self.port = port
        self.client = VendorClient(lambda: frozenset({("127.0.0.1", port)}), environ={})

    def headers(self, path: str, key: str) -> dict[str, str]:
        how = self.vendor.row.auth_of(path)
        shown = {"Authorization": f"Bearer {key}"} if how == "bearer" else {how: key}
        return shown | ({"anthropic-version": "2023-06-01"} if path.endswith("/messages") else {})

    async def post(self, path: str, body: Any, key: str = KEYS[0]) -> tuple[int, str, bytes]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        exchange = await self.client.send(f"http://127.0.0.1:{self.port}{path}", self.headers(path, key), raw)
        try:
            return exchange.status, exchange.content_type.decode(), await exchange.body()
        finally:
            exchange.release()

    async def get(self, path: str, key: str = KEYS[0]) -> tuple[int, Any]:
        status, _, body = await self.client.get(f"http://127.0.0.1:{self.port}{path}", self.headers(path, key))
        return status, json.loads(body)

    async def faults(self, *faults: dict[str, Any]) -> None:
        status, _, _ = await self.post("/control", {"faults": faults})
        assert status == 200


Meet = Callable[[str], Any]


@pytest.fixture
async def meet() -> AsyncIterator[Meet]:
    opened: list[Any] = []

    async def run(name: str) -> Asker:
        vendor = Vendor(ROWS[name], KEYS)
        server = TestServer(vendor.app(), host="127.0.0.1")
        await server.start_server()
        assert server.port is not None
        asker = Asker(vendor, server.port)
        opened.extend((asker.client, server))
        return asker

    yield run
    for one in opened:
        await one.close()


def conversations(row: Row) -> list[tuple[str, str]]:
    """Return (path, task) of every conversation a vendor has."""
    found = [(route.split(" ")[1], task) for route, task in row.routes.items()]
    wanted = ("chat", "messages", "responses", "generate", "stream")
    query = "?api-version=2024-10-21"
    return [
        (path.replace("{model}", row.models[0]) + query * path.startswith("/openai/deployments"), task)
        for path, task in found
        if task in wanted
    ]


def body_of(task: str, model: str, *, stream: bool, text: str = "", tools: bool = False) -> dict[str, Any]:
    text = text or SAY[0]["content"]
    schema = {"type": "object", "properties": {"file_path": {"type": "string"}, "content": {"type": "string"}}}
    match task:
        case "generate" | "stream":
            function = {"name": "Write", "parameters": schema}
            more: dict[str, Any] = {"tools": [{"functionDeclarations": [function]}]} if tools else {}
            return {"contents": [{"role": "user", "parts": [{"text": text}]}]} | more
        case "responses":
            more = {"tools": [{"type": "function", "name": "Write", "parameters": schema}]} if tools else {}
            return {"model": model, "input": text, "stream": stream} | more
        case "messages":
            more = {"tools": [{"name": "Write", "input_schema": schema}]} if tools else {}
            said = [{"role": "user", "content": text}]
            return {"model": model, "max_tokens": 99, "messages": said, "stream": stream} | more
        case _:
            more = (
                {"tools": [{"type": "function", "function": {"name": "Write", "parameters": schema}}]} if tools else {}
            )
            # Mistral does not know it, and tells the usage unasked
            more |= {"stream_options": {"include_usage": True}} if stream and "mistral" not in model else {}
            return {"model": model, "messages": [{"role": "user", "content": text}], "stream": stream} | more


def said(task: str, stream: bytes) -> str:
    """Return the text of a stream that keeps its dialect's grammar."""
    match task:
        case "messages":
            return "".join(block.get("text", "") for block in anthropic_grammar.message_of(stream)["content"])
        case "responses":
            output = responses_grammar.response_of(stream)["output"]
            return "".join(part["text"] for item in output for part in item.get("content", []))
        case "stream":
            frames = gemini_grammar.frames_of(stream)
            assert frames[-1]["candidates"][0]["finishReason"] == "STOP"
            return "".join(part.get("text", "") for f in frames for part in f["candidates"][0]["content"]["parts"])
        case _:
            return openai_grammar.check(stream, wants_usage=b"mistral" not in stream).content


@pytest.mark.parametrize("name", sorted(ROWS))
async def test_every_conversation_keeps_its_grammar(meet: Meet, name: str) -> None:
    asker = await meet(name)
    model = asker.vendor.row.models[0]
    for path, task in conversations(asker.vendor.row):
        if task != "stream":
            status, _, whole = await asker.post(path, body_of(task, model, stream=False))
            assert (status, HELLO in whole.decode()) == (200, True), (path, whole)
        if task != "generate":
            status, kind, stream = await asker.post(
                path + "?alt=sse" * (task == "stream"), body_of(task, model, stream=True)
            )
            assert (status, kind) == (200, "text/event-stream")
            assert said(task, stream) == HELLO
        order = ORDER.format(path="a.txt", content="abc")
        status, _, call = await asker.post(path, body_of(task, model, stream=False, text=order, tools=True))
        assert (status, b"Write" in call, b"a.txt" in call) == (200, True, True), (path, call)


@pytest.mark.parametrize("name", sorted(ROWS))
async def test_only_the_vendors_own_paths_answer(meet: Meet, name: str) -> None:
    asker = await meet(name)
    row = asker.vendor.row
    path, task = conversations(row)[0]
    for wrong in (f"/v1/v1{path}", path.replace("/", "//", 1), f"{path.partition('?')[0]}/", "/"):
        status, _, _ = await asker.post(wrong, body_of(task, row.models[0], stream=False))
        assert status == 404, wrong
    assert (await asker.get("/v1/nothing/at/all"))[0] == 404 if row.shape in ("openai", "anthropic") else True


@pytest.mark.parametrize("name", sorted(ROWS))
async def test_a_key_is_shown_as_the_vendor_wants_it(meet: Meet, name: str) -> None:
    asker = await meet(name)
    row = asker.vendor.row
    path, task = conversations(row)[0]
    body = body_of(task, row.models[0], stream=False)
    for key in KEYS:
        assert (await asker.post(path, body, key))[0] == 200
    status, _, told = await asker.post(path, body, "sk-wrong")
    assert status in (400, 401), told
    # not "Authorization" for Anthropic, which takes a bearer token too
    other = {"bearer": "x-api-key", "x-api-key": "api-key"}.get(row.auth_of(path), "Authorization")
    more = {"anthropic-version": "2023-06-01"}
    exchange = await asker.client.send(
        f"http://127.0.0.1:{asker.port}{path}", {other: KEYS[0], **more}, json.dumps(body).encode()
    )
    assert exchange.status in (401, 403)
    exchange.release()
    _, seen = await asker.get("/seen")
    assert [one["key"] for one in seen["requests"]] == [
        *(hashlib.sha256(key.encode()).hexdigest() for key in (*KEYS, "sk-wrong")), ""
    ]  # fmt: skip
    assert not any(key in json.dumps(seen) for key in KEYS)


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if "models" in row.routes.values()])
async def test_every_list_has_the_models(meet: Meet, name: str) -> None:
    asker = await meet(name)
    row = asker.vendor.row
    path = next(route.split(" ")[1] for route, task in row.routes.items() if task == "models")
    status, told = await asker.get(path)
    entries = told if isinstance(told, list) else told.get("data") or told["models"]
    ids = [(one.get("id") or one["name"]).removeprefix("models/") for one in entries]
    assert (status, ids) == (200, list(row.models))


@pytest.mark.parametrize("shape", SHAPES)
async def test_every_refusal_has_its_shape(meet: Meet, shape: str) -> None:
    asker = await meet(shape)
    path, task = conversations(asker.vendor.row)[0]
    body = body_of(task, asker.vendor.row.models[0], stream=True)
    await asker.faults(*({"kind": kind, "retry_after": "2"} for kind in KINDS))
    for _ in KINDS:
        status, content_type, told = await asker.post(path, body)
        assert status >= 400
        if content_type == "application/json":
            assert isinstance(json.loads(told), dict)
    assert (await asker.post(path, body))[0] == 200  # each was for once


async def test_a_fault_may_be_for_one_key_and_one_path(meet: Meet) -> None:
    asker = await meet("openai")
    body = body_of("chat", "gpt-5", stream=False)
    await asker.faults({"kind": "bad_key", "key": 0, "times": -1}, {"kind": "rate", "path": "/responses", "times": 2})
    for _ in range(2):
        assert (await asker.post("/v1/chat/completions", body, KEYS[0]))[0] == 401
        assert (await asker.post("/v1/chat/completions", body, KEYS[1]))[0] == 200
        assert (await asker.post("/v1/responses", body_of("responses", "gpt-5", stream=False), KEYS[1]))[0] == 429
    assert (await asker.post("/v1/responses", body_of("responses", "gpt-5", stream=False), KEYS[1]))[0] == 200


@pytest.mark.parametrize("name", ["openai", "anthropic", "gemini", "openrouter"])
async def test_streams_break_in_every_way(meet: Meet, name: str) -> None:
    asker = await meet(name)
    path, task = conversations(asker.vendor.row)[-1]
    path += "?alt=sse" * (task == "stream")
    body = body_of(task, asker.vendor.row.models[0], stream=True)
    for kind in ("drop", "cut_before", "cut_after"):
        await asker.faults({"kind": kind, "times": 2})  # a kept connection that drops is asked for again
        with pytest.raises(Dropped):
            await asker.post(path, body)
    await asker.faults({"kind": "redirect"})
    with pytest.raises(Redirected):
        await asker.post(path, body)
    for kind in ("stream_error", "stream_error_first"):
        await asker.faults({"kind": kind})
        assert b'"error"' in (await asker.post(path, body))[2]
    kinds = ("empty_stream", "bad_json", "bad_json_stream", "wrong_type", "huge_error", "ok_error")
    await asker.faults(*({"kind": kind} for kind in kinds))
    told = [await asker.post(path, body) for _ in kinds]
    assert [status for status, _, _ in told] == [200, 200, 200, 200, 500, 200]
    assert len(told[4][2]) > 5_000_000


async def test_a_stalled_stream_sees_the_client_leave(meet: Meet) -> None:
    asker = await meet("anthropic")
    await asker.faults({"kind": "stall"})
    body = json.dumps(body_of("messages", "claude-sonnet-4-5", stream=True)).encode()
    headers = asker.headers("/v1/messages", KEYS[0])
    exchange = await asker.client.send(f"http://127.0.0.1:{asker.port}/v1/messages", headers, body)
    await exchange.more()
    exchange.release()
    await until(lambda: asker.vendor.closed_early == 1)


async def test_a_slow_answer_comes_when_it_may(meet: Meet) -> None:
    asker = await meet("groq")
    await asker.faults({"kind": "slow"})
    body = body_of("chat", "llama-3.3-70b-versatile", stream=False)
    waiting = asyncio.ensure_future(asker.post("/openai/v1/chat/completions", body))
    await until(lambda: asker.vendor.open == 1)
    assert not waiting.done()
    await asker.get("/go")
    assert (await waiting)[0] == 200


async def test_tasks_answer_in_their_shapes(meet: Meet) -> None:
    openai = await meet("openai")
    _, _, told = await openai.post("/v1/embeddings", {"model": "text-embedding-3-small", "input": ["a", "b"]})
    assert [len(one["embedding"]) for one in json.loads(told)["data"]] == [8, 8]
    asked = {"model": "text-embedding-3-small", "input": "a", "encoding_format": "base64", "dimensions": 4}
    assert len(json.loads((await openai.post("/v1/embeddings", asked))[2])["data"][0]["embedding"]) == 24
    _, _, told = await openai.post("/v1/images/generations", {"model": "gpt-image-1", "prompt": "a dot"})
    assert json.loads(told)["data"][0]["b64_json"]
    _, kind, told = await openai.post("/v1/audio/speech", {"model": "tts-1", "input": "a", "voice": "alloy"})
    assert (kind, told[:4]) == ("audio/wav", b"RIFF")
    cohere = await meet("cohere")
    body = {"model": "rerank-v3.5", "query": "red fox", "documents": ["a blue bird", "the red fox"], "top_n": 1}
    assert json.loads((await cohere.post("/v2/rerank", body))[2])["results"][0]["index"] == 1
    gemini = await meet("gemini")
    path = "/v1beta/models/gemini-embedding-001:embedContent"
    _, _, told = await gemini.post(path, {"content": {"parts": [{"text": "a"}]}, "outputDimensionality": 3})
    assert len(json.loads(told)["embedding"]["values"]) == 3
    path = "/v1beta/models/gemini-2.5-pro:countTokens"
    assert json.loads((await gemini.post(path, body_of("generate", "", stream=False)))[2])["totalTokens"] > 0
    path = "/v1beta/models/gemini-2.5-pro:streamGenerateContent"
    array = json.loads((await gemini.post(path, body_of("stream", "", stream=True)))[2])
    assert array[-1]["usageMetadata"]["cachedContentTokenCount"] == 3


async def test_sound_is_taken_as_a_form(meet: Meet) -> None:
    asker = await meet("groq")
    form = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % pair
        for pair in ((b"model", b"whisper-large-v3"), (b"response_format", b"verbose_json"))
    )
    form += b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF\r\n--b--\r\n'
    path = "/openai/v1/audio/transcriptions"
    headers = asker.headers(path, KEYS[0]) | {"Content-Type": "multipart/form-data; boundary=b"}
    exchange = await asker.client.send(f"http://127.0.0.1:{asker.port}{path}", headers, form)
    assert json.loads(await exchange.body())["segments"]
    exchange.release()
    _, seen = await asker.get("/seen")
    assert seen["requests"][0]["body"]["file"] == "a.wav: 4 bytes"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def tls_port(authority: Authority, tmp_path: Path) -> Iterator[int]:
    """The port of an OpenAI that is a process of its own and speaks TLS."""
    words = ["--vendor", "openai", "--tls", str(authority.write(tmp_path))]
    fake = subprocess.Popen([sys.executable, "-m", "tests.fakes.vendor", *words], stdout=subprocess.PIPE, text=True)
    assert fake.stdout is not None
    yield int(fake.stdout.readline().split()[1])
    fake.terminate()
    fake.wait()
    fake.stdout.close()


async def test_the_process_speaks_tls(authority: Authority, tls_port: int) -> None:
    client = VendorClient(lambda: frozenset({("127.0.0.1", tls_port)}), environ={"SSL_CERT_FILE": str(authority.file)})
    url = f"https://127.0.0.1:{tls_port}/v1/models"
    status, _, body = await client.get(url, {"Authorization": "Bearer sk-fake-key"})
    assert (status, json.loads(body)["object"]) == (200, "list")
    await client.close()
