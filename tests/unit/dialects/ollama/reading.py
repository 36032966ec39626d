"""The corpus of this dialect, and what ollama-python makes of bytes, without a socket."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from flock.dialects.half import Addressing
from flock.dialects.ir import Event, Request
from flock.dialects.ollama import server, upstream
from flock.wire.ndjson import NDJSON

CORPUS = Path(__file__).parents[3] / "corpus" / "ollama"
STREAMS = sorted(path.stem for path in CORPUS.glob("*.ndjson"))
WHOLE = sorted(path.name.removesuffix(".reply.json") for path in CORPUS.glob("*.reply.json"))
REQUESTS = sorted(path.name.removesuffix(".request.json") for path in CORPUS.glob("*.request.json"))
BROKEN = ("broken", "broken_at_once", "cut", "cut_behind_a_call", "cut_inside_a_line", "garbage")
TO = Addressing("01abc", "alias", 1_700_000_000, 77)


def stream_of(case: str) -> bytes:
    """Return a stream."""
    return (CORPUS / f"{case}.ndjson").read_bytes()


def reply_of(case: str) -> dict[str, Any]:
    """Return the same answer in one piece."""
    return json.loads((CORPUS / f"{case}.reply.json").read_bytes())


def request_of(case: str) -> dict[str, Any]:
    """Return a request's body."""
    return json.loads((CORPUS / f"{case}.request.json").read_bytes())


def path_of(body: dict[str, Any]) -> str:
    """Return where a request's body goes."""
    return server.CHAT if "messages" in body else server.GENERATE


def ask(body: dict[str, Any], path: str = "") -> Request:
    """Return what the server half reads of a body."""
    return server.read_request(server.read_ask(json.dumps(body).encode(), path or path_of(body)))


def chat(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a chat's body."""
    return {"model": "m", "messages": list(messages) or [{"role": "user", "content": "hi"}], **fields}


def events_of(data: bytes, sizes: Iterable[int] = (), prompt: int = 0) -> list[Event]:
    """Return the events of a stream that comes in pieces of these sizes, as the request path reads it."""
    frames, reader = NDJSON.cutter(), upstream.reader({}, prompt)
    found: list[Event] = []
    at = 0
    for size in (*sizes, len(data)):
        whole, _ = frames.feed(data[at : at + size])
        at += size
        for frame in NDJSON.split(whole):
            found += reader.read(frame)
    if rest := frames.close():
        found += reader.read(rest)
    return [*found, *reader.close()]


def written(events: Iterable[Event], request: Request, to: Addressing = TO) -> bytes:
    """Return what the writer makes of events."""
    writer = server.writer(request, to)
    return b"".join([*(writer.write(event) for event in events), writer.close()])
