"""The corpus of this dialect, and what the official SDK makes of bytes, without a socket."""

import json
import lzma
from itertools import pairwise
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import orjson

from flock.dialects.anthropic import server, upstream
from flock.dialects.anthropic.words import MESSAGES
from flock.dialects.half import Addressing
from flock.dialects.ir import Event, Part, Request, ToolCall
from flock.wire.sse import Frames, split

CORPUS = Path(__file__).parents[3] / "corpus" / "anthropic"
STREAMS = sorted(path.stem for path in CORPUS.glob("*.sse"))
WHOLE = sorted(path.name.removesuffix(".reply.json") for path in CORPUS.glob("*.reply.json"))
REQUESTS = sorted(path.name.removesuffix(".request.json") for path in CORPUS.glob("*.request.json"))
TO = Addressing("01abc", "claude-flock-x", 1_700_000_000, 77)


def stream_of(case: str) -> bytes:
    """Return a recorded stream."""
    return (CORPUS / f"{case}.sse").read_bytes()


def reply_of(case: str) -> dict[str, Any]:
    """Return the same answer in one piece."""
    return json.loads((CORPUS / f"{case}.reply.json").read_bytes())


def request_of(case: str) -> dict[str, Any]:
    """Return a request's body."""
    return json.loads((CORPUS / f"{case}.request.json").read_bytes())


def recorded(run: str) -> list[dict[str, Any]]:
    """Return what Claude Code sent to the endpoint of messages in a run: method, path, headers and body of each."""
    packed = (CORPUS.parent / "recorded" / "claude-code" / f"{run}.jsonl.xz").read_bytes()
    lines = lzma.decompress(packed).splitlines()
    found: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return [one for one in found if one["path"].partition("?")[0] == MESSAGES and one["method"] == "POST"]


def ask(body: Any, path: str = MESSAGES, headers: dict[str, str] | None = None) -> Request:
    """Return what the server half reads of a body."""
    found = server.read_ask(body if isinstance(body, bytes) else orjson.dumps(body), path)
    found.headers = headers or {}
    return server.read_request(found)


def minimal(**fields: Any) -> dict[str, Any]:
    """Return a smallest body with other fields."""
    return {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}], **fields}


def events_of(data: bytes, names: dict[str, str] | None = None, cuts: tuple[int, ...] = ()) -> list[Event]:
    """Return the events of a stream that arrives cut at these bytes."""
    frames, reader, events = Frames(), upstream.reader(names or {}), list[Event]()
    edges = [0, *cuts, len(data)]
    for start, end in pairwise(edges):
        whole, _ = frames.feed(data[start:end])
        events += [event for frame in split(whole) for event in reader.read(frame)]
    if rest := frames.close():
        events += reader.read(rest)
    return events + reader.close()


def written(events: list[Event], request: Request | None = None, to: Addressing = TO) -> bytes:
    """Return what a client is sent of an answer that ended well."""
    writer = server.writer(request or Request("anthropic", "m", []), to)
    return b"".join(writer.write(event) for event in events) + writer.close()


def evened(part: Part) -> Part:
    """Return a part whose arguments are spelled in one way: streams keep the model's white space."""
    if isinstance(part, ToolCall) and part.arguments:
        part.arguments = orjson.dumps(orjson.loads(part.arguments)).decode()
    return part


def sdk(body: bytes, *, status: int = 200, kind: str = "application/json") -> anthropic.Anthropic:
    """Return the official client, which gets `body` for whatever it asks."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, content=body, headers={"content-type": kind})

    transport = httpx2.MockTransport(answer)
    return anthropic.Anthropic(
        base_url="http://127.0.0.1:1", api_key="k", max_retries=0, http_client=httpx2.Client(transport=transport)
    )


def sdk_stream(stream: bytes) -> dict[str, Any]:
    """Return the message that the SDK accumulates from a stream."""
    client = sdk(stream, kind="text/event-stream")
    with client, client.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]) as open:
        return open.get_final_message().to_dict()
