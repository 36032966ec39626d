"""What the fake upstream says instead of an answer, and the odd ends and forms of answers that are none of the usual.

More behaviours of the fake upstream, beside those of upstream_faults.py: refusals with a status, prompts that do not
fit in the words of real engines, answers under a wrong name. Called by upstream.py, which serves them.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.fakes.upstream_faults import DONE, GO, HEAD_SSE, SEEN, USAGE, Fake, chunk, json_only

# the words of real servers: 36019 tokens for a window of 1024, 2049 for one of 2048
ERRORS = Path(__file__).resolve().parents[1] / "corpus/openai/errors"
LLAMACPP_FULL = json.loads((ERRORS / "llamacpp.json").read_bytes())
VLLM_FULL = json.loads((ERRORS / "vllm-recorded.json").read_bytes())


async def full_llamacpp(fake: Fake) -> None:
    await fake.plain(400, LLAMACPP_FULL)


async def full_vllm(fake: Fake) -> None:
    await fake.plain(400, VLLM_FULL)


async def full_in_stream(fake: Fake) -> None:
    """The head was sent before the prompt was counted."""
    await fake.raw(HEAD_SSE)
    await fake.send(b"data: " + json.dumps(VLLM_FULL).encode() + b"\n\n")
    await fake.raw(b"0\r\n\r\n")


async def waits_full(fake: Fake) -> None:
    await GO.wait()
    await full_llamacpp(fake)


async def waits_json(fake: Fake) -> None:
    """A whole answer, also to who asked for a stream, after a long time."""
    await GO.wait()
    await json_only(fake)


async def status_503(fake: Fake) -> None:
    loading = {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}
    await fake.plain(503, loading, extra="Retry-After: 7\r\n")


async def status_409(fake: Fake) -> None:
    """A refusal of the dialect's own that says when to come back."""
    await fake.plain(409, {"error": {"message": "reloading", "type": "conflict"}}, extra="Retry-After: 9\r\n")


async def status_413(fake: Fake) -> None:
    await fake.plain(413, {"error": {"message": "too much", "type": "invalid_request_error"}})


async def status_429_dated(fake: Fake) -> None:
    """A time to come back that is a date."""
    limit = {"error": {"message": "slow down", "type": "rate_limit_error"}}
    await fake.plain(429, limit, extra="Retry-After: Wed, 21 Oct 2099 07:28:00 GMT\r\n")


async def error_200(fake: Fake) -> None:
    """A failure under the status of a success, as some proxies have it."""
    await fake.plain(200, {"error": {"message": "the model has crashed", "type": "server_error"}})


async def full_200(fake: Fake) -> None:
    await fake.plain(200, VLLM_FULL)


async def loud(fake: Fake) -> None:
    """A stream whose content type is written in capitals, which means the same."""
    await fake.raw(HEAD_SSE.replace(b"text/event-stream", b"Text/Event-Stream"))
    await fake.send(chunk({"role": "assistant", "content": ""}))
    await fake.words(5)
    await fake.finish()


async def says_done_and_stays(fake: Fake) -> None:
    """Everything has been said, and the stream does not end."""
    await fake.begin()
    await fake.words(5)
    await fake.send(chunk({}, "stop") + (USAGE if fake.usage else b"") + DONE)
    await asyncio.Event().wait()


async def comments(fake: Fake) -> None:
    """Signs of life of the engine's own, for ever and nothing else."""
    await fake.raw(HEAD_SSE)
    while True:
        await fake.send(b": still here\n\n")
        await asyncio.sleep(0.1)


async def floods_arguments(fake: Fake) -> None:
    """A call whose arguments never end."""
    await fake.begin()
    call: dict[str, object] = {"index": 0, "id": "call_1", "type": "function"}
    await fake.send(chunk({"tool_calls": [{**call, "function": {"name": "f", "arguments": '{"x": "'}}]}))
    data = chunk({"tool_calls": [{"index": 0, "function": {"arguments": "x" * 4000}}]})
    while True:
        await fake.send(data)
        SEEN["flooded"] = int(str(SEEN["flooded"])) + len(data)


async def deep(fake: Fake) -> None:
    """A call whose arguments are nested more deeply than JSON is written."""
    await fake.begin()
    arguments = '{"a":' * 400 + "1" + "}" * 400
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    await fake.send(chunk({"tool_calls": [call]}))
    await fake.finish()


async def half_characters(fake: Fake) -> None:
    """Escapes of half characters, which are JSON and no text."""
    await fake.begin()
    await fake.send(
        rb'data: {"id":"c","choices":[{"index":0,"delta":{"content":"a\ud800b"},"finish_reason":null}]}' + b"\n\n"
    )
    await fake.finish()


async def odd_types(fake: Fake) -> None:
    """Chunks in which nothing has the type it should have."""
    await fake.begin()
    for choices in (None, 5, [None], [{}], [{"delta": 5}], [{"delta": {"content": {"a": 1}}}], [{"index": "x"}]):
        await fake.send(b"data: " + json.dumps({"id": "c", "choices": choices}).encode() + b"\n\n")
    for call in (None, {}, {"index": None}, {"index": "0", "function": None}, {"function": {"name": 5}}):
        await fake.send(chunk({"tool_calls": [call]}))
    await fake.words(5)
    await fake.send(b'data: {"usage": "many"}\n\n')
    await fake.finish()


REFUSALS: dict[str, Callable[[Fake], Awaitable[None]]] = {
    f.__name__.replace("_", "-"): f
    for f in (
        full_llamacpp,
        full_vllm,
        full_in_stream,
        full_200,
        waits_full,
        waits_json,
        status_503,
        status_409,
        status_413,
        status_429_dated,
        error_200,
        loud,
        says_done_and_stays,
        comments,
        floods_arguments,
        deep,
        half_characters,
        odd_types,
    )
}
