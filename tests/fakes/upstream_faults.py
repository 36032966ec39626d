"""What the fake upstream can do wrong: one behaviour per model name, all in the OpenAI dialect.

Owns the exchange with the gateway and the table FAULTS. Called by upstream.py, which serves it.
"""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable

Write = asyncio.StreamWriter
SEEN: dict[str, object] = {"requests": 0, "closed_early": 0, "flooded": 0, "bodies": [], "headers": []}
GO = asyncio.Event()
HEAD_SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(delta: dict[str, object], finish: str | None = None) -> bytes:
    """Return one event of a chat stream."""
    event: dict[str, object] = {"id": "chatcmpl-fake", "object": "chat.completion.chunk", "created": 1, "model": "fake"}
    event["choices"] = [{"index": 0, "delta": delta, "finish_reason": finish}]
    return b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n"


USAGE = (
    b'data: {"id":"chatcmpl-fake","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":5,"total_tokens":12}}\n\n'
)
DONE = b"data: [DONE]\n\n"
WORDS = ["Hel", "lo ", "wör", "ld", "!"]


class Fake:
    """One exchange with the gateway."""

    def __init__(self, writer: Write) -> None:
        self.writer = writer
        self.body: dict[str, object] = {}

    @property
    def usage(self) -> bool:
        """Whether the request asks for the usage chunk."""
        options = self.body.get("stream_options")
        return isinstance(options, dict) and options.get("include_usage") is True

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def send(self, data: bytes) -> None:
        await self.raw(b"%x\r\n%b\r\n" % (len(data), data))

    async def begin(self) -> None:
        await self.raw(HEAD_SSE)
        await self.send(chunk({"role": "assistant", "content": ""}))

    async def words(self, count: int) -> None:
        for i in range(count):
            await self.send(chunk({"content": WORDS[i % len(WORDS)]}))

    async def finish(self) -> None:
        tail = chunk({}, "stop") + (USAGE if self.usage else b"") + DONE
        await self.send(tail)
        await self.raw(b"0\r\n\r\n")

    async def plain(self, status: int, body: object, kind: str = "application/json", extra: str = "") -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n{extra}\r\n"
        await self.raw(head.encode() + data)

    def reset(self) -> None:
        """Close with RST, as a killed process with unread data does."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


async def ok(fake: Fake) -> None:
    if fake.body.get("stream"):
        await fake.begin()
        await fake.words(5)
        await fake.finish()
        return
    message = {"role": "assistant", "content": "".join(WORDS)}
    usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    await fake.plain(200, {"id": "c", "object": "chat.completion", "choices": choices, "usage": usage})


async def dies_before(fake: Fake) -> None:
    fake.reset()


async def dies_after_head(fake: Fake) -> None:
    await fake.raw(HEAD_SSE)
    fake.reset()


async def dies_midway(fake: Fake) -> None:
    await fake.begin()
    await fake.words(3)
    fake.reset()


async def ends_early(fake: Fake) -> None:
    await fake.begin()
    await fake.words(3)
    await fake.raw(b"0\r\n\r\n")


async def ends_without_done(fake: Fake) -> None:
    await fake.begin()
    await fake.words(3)
    await fake.send(chunk({}, "stop"))
    await fake.raw(b"0\r\n\r\n")


async def silent(fake: Fake) -> None:
    await fake.raw(HEAD_SSE)
    await asyncio.Event().wait()


async def stalls(fake: Fake) -> None:
    await fake.begin()
    await fake.words(2)
    await asyncio.Event().wait()


async def error_first(fake: Fake) -> None:
    await fake.raw(HEAD_SSE)
    await fake.send(b'data: {"error":{"message":"slot is on fire","type":"server_error"}}\n\n')
    await fake.raw(b"0\r\n\r\n")


async def error_midway(fake: Fake) -> None:
    await fake.begin()
    await fake.words(2)
    await fake.send(b'data: {"error":{"message":"out of memory","type":"server_error"}}\n\n')
    await fake.raw(b"0\r\n\r\n")


async def status_500(fake: Fake) -> None:
    await fake.plain(500, {"error": {"message": "boom", "type": "server_error"}})


async def status_401(fake: Fake) -> None:
    await fake.plain(401, {"error": {"message": "wrong key", "type": "authentication_error"}})


async def status_400(fake: Fake) -> None:
    await fake.plain(400, {"error": {"message": "max_tokens too large", "type": "invalid_request_error", "code": "x"}})


async def status_422(fake: Fake) -> None:
    await fake.plain(422, {"detail": "field required"})


async def dies_in_frame(fake: Fake) -> None:
    await fake.begin()
    await fake.words(2)
    await fake.send(chunk({"content": "half of this never comes"})[:60])
    fake.reset()


async def says_done(fake: Fake) -> None:
    """The model itself says what only an end may say, and dies."""
    await fake.begin()
    await fake.send(chunk({"content": 'data: [DONE]\n\ndata: [DONE] "finish_reason": "stop"'}))
    fake.reset()


async def dies_after_done(fake: Fake) -> None:
    """Everything has been said, only the framing is missing."""
    await fake.begin()
    await fake.send(chunk({}, "stop") + DONE)
    fake.reset()


async def null_error(fake: Fake) -> None:
    """As some servers do: the key of errors in every chunk."""
    await fake.raw(HEAD_SSE)
    for data in (chunk({"role": "assistant", "content": "hi"}), chunk({}, "stop")):
        await fake.send(b'data: {"error": null, ' + data[7:])
    await fake.send(DONE)
    await fake.raw(b"0\r\n\r\n")


async def usage_first(fake: Fake) -> None:
    """Nothing to say: the usage is the first event, in a write of its own."""
    await fake.raw(HEAD_SSE)
    if fake.usage:
        await fake.send(USAGE)
        await GO.wait()
    await fake.send(chunk({}, "stop") + DONE)
    await fake.raw(b"0\r\n\r\n")


async def waits(fake: Fake) -> None:
    """A long prefill: nothing, not even a head, until somebody says go."""
    await GO.wait()
    await ok(fake)


async def waits_500(fake: Fake) -> None:
    await GO.wait()
    await status_500(fake)


async def waits_400(fake: Fake) -> None:
    await GO.wait()
    await status_400(fake)


async def waits_midway(fake: Fake) -> None:
    """Between two frames."""
    await fake.begin()
    await fake.words(1)
    await GO.wait()
    await fake.finish()


async def waits_in_frame(fake: Fake) -> None:
    """In the middle of the first frame's successor, sent in one write with the first."""
    await fake.raw(HEAD_SSE)
    data = chunk({"content": "cut"})
    await fake.send(chunk({"role": "assistant", "content": ""}) + data[:40])
    await GO.wait()
    await fake.send(data[40:])
    await fake.finish()


async def garbage(fake: Fake) -> None:
    await fake.raw(b"\x00\x01\x02 this is not HTTP\r\n\r\n")


async def bad_utf8(fake: Fake) -> None:
    await fake.begin()
    await fake.send(b'data: {"choices":[{"index":0,"delta":{"content":"\xff\xfe"},"finish_reason":null}]}\n\n')
    await fake.finish()


async def cut(fake: Fake) -> None:
    """Every byte in a read of its own: frames and characters are cut anywhere."""
    await fake.raw(HEAD_SSE)
    whole = chunk({"role": "assistant", "content": ""}) + b"".join(chunk({"content": w}) for w in WORDS)
    whole += chunk({}, "stop") + (USAGE if fake.usage else b"") + DONE
    for i in range(len(whole)):
        await fake.send(whole[i : i + 1])
        await asyncio.sleep(0)
    await fake.raw(b"0\r\n\r\n")


async def flood(fake: Fake) -> None:
    """As much as the connection takes, for ever."""
    await fake.begin()
    await go_on(fake)


async def go_on(fake: Fake) -> None:
    data = chunk({"content": "x" * 4000})
    while True:
        await fake.send(data)
        SEEN["flooded"] = int(str(SEEN["flooded"])) + len(data)


async def floods_at_once(fake: Fake) -> None:
    """The same, and its first event comes with more than a connection's buffers hold."""
    await fake.raw(HEAD_SSE)
    await fake.send(b"".join(chunk({"content": "x" * 4000}) for _ in range(1000)))
    await go_on(fake)


async def http10(fake: Fake) -> None:
    """As MLX-LM does: HTTP/1.0, no length, comments first, ended by close."""
    await fake.raw(b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: keepalive 1/5\n\n")
    await fake.raw(chunk({"role": "assistant", "content": "hi"}) + chunk({}, "stop") + DONE)
    fake.writer.close()


async def as_text(fake: Fake) -> None:
    """A stream whose content type says nothing, as some proxies make of it."""
    await fake.raw(HEAD_SSE.replace(b"text/event-stream", b"text/plain"))
    await fake.send(chunk({"role": "assistant", "content": ""}))
    await fake.words(5)
    await fake.finish()


async def json_only(fake: Fake) -> None:
    """A whole answer, also to who asked for a stream."""
    fake.body = {**fake.body, "stream": False}
    await ok(fake)


async def sse_only(fake: Fake) -> None:
    """A stream, also to who asked for a whole answer."""
    fake.body = {**fake.body, "stream": True}
    await ok(fake)


async def html(fake: Fake) -> None:
    """What a proxy says of itself with status 200."""
    await fake.plain(200, b"<html><body>It works!</body></html>", "text/html")


async def half_json(fake: Fake) -> None:
    await fake.plain(200, b'{"id": "c", "object": "chat.completion", "choices": [{"index": 0, "message": {"role"')


async def no_choices(fake: Fake) -> None:
    await fake.plain(200, {"id": "c", "object": "chat.completion", "choices": []})


async def status_429(fake: Fake) -> None:
    limit = {"error": {"message": "slow down", "type": "rate_limit_error"}}
    await fake.plain(429, limit, extra="Retry-After: 1\r\n")


async def status_529(fake: Fake) -> None:
    await fake.plain(529, {"error": {"message": "overloaded", "type": "overloaded_error"}}, extra="Retry-After: 1\r\n")


async def says_stop(fake: Fake) -> None:
    """A tool call in pieces, its arguments cut anywhere, and the reason of a plain end."""
    await fake.begin()
    call: dict[str, object] = {"index": 0, "id": "call_1", "type": "function"}
    await fake.send(chunk({"tool_calls": [{**call, "function": {"name": "get_weather", "arguments": ""}}]}))
    for piece in ('{"ci', 'ty": "Pa', 'ris"}'):
        await fake.send(chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}))
    await fake.finish()


FAULTS: dict[str, Callable[[Fake], Awaitable[None]]] = {
    f.__name__.replace("_", "-"): f
    for f in (
        ok,
        dies_before,
        dies_after_head,
        dies_midway,
        ends_early,
        ends_without_done,
        silent,
        stalls,
        error_first,
        error_midway,
        status_500,
        status_401,
        status_400,
        status_422,
        dies_in_frame,
        says_done,
        dies_after_done,
        null_error,
        usage_first,
        waits,
        waits_500,
        waits_400,
        waits_midway,
        waits_in_frame,
        garbage,
        bad_utf8,
        cut,
        flood,
        floods_at_once,
        http10,
        as_text,
        json_only,
        sse_only,
        html,
        half_json,
        no_choices,
        status_429,
        status_529,
        says_stop,
    )
}
FAULTS["qwen/qwen3:8b-q4_K_M"] = ok  # ids are not only words
