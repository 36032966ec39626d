"""The answers and requests under tests/corpus/responses and recorded from Codex, and how a test reads them."""

import json
import lzma
from dataclasses import replace
from pathlib import Path
from typing import Any

from flock.dialects.fold import fold
from flock.dialects.half import Outgoing
from flock.dialects.ir import Event, Reply, Request
from flock.dialects.responses import server, upstream
from flock.wire.sse import Frames, split

CORPUS = Path(__file__).resolve().parents[3] / "corpus"
PLACE = CORPUS / "responses"
STREAMS = sorted(path.stem for path in PLACE.glob("*.sse"))
# streams that end badly, or not at all
BROKEN = ("cut", "error_event", "failed", "failed_overflow", "plain_error")
WHOLE = [name for name in STREAMS if name not in BROKEN]
# a stream and a whole answer of the real server are two answers: their ids differ
PAIRS = [name for name in WHOLE if (PLACE / f"{name}.reply.json").exists() and not name.startswith("llamacpp")]
REQUESTS = sorted(path.name.removesuffix(".request.json") for path in PLACE.glob("*.request.json"))


def stream(name: str) -> bytes:
    """Return the bytes of a stream."""
    return (PLACE / f"{name}.sse").read_bytes()


def reply(name: str) -> dict[str, Any]:
    """Return a whole answer."""
    return json.loads((PLACE / f"{name}.reply.json").read_bytes())


def body(name: str) -> dict[str, Any]:
    """Return the body of a request."""
    return json.loads((PLACE / f"{name}.request.json").read_bytes())


def recorded() -> list[dict[str, Any]]:
    """Return the bodies that Codex sent in two turns of one session."""
    with lzma.open(CORPUS / "recorded" / "codex" / "exec.jsonl.xz") as lines:
        return [json.loads(line)["body"] for line in lines]


def read(fields: dict[str, Any]) -> Request:
    """Return the request that a body amounts to."""
    return server.read_request(server.read_ask(json.dumps(fields).encode(), server.PATH))


def used(fields: dict[str, Any]) -> frozenset[str]:
    """Return the features that a body uses."""
    return server.features(server.read_ask(json.dumps(fields).encode(), server.PATH))


def ask(*items: Any, **fields: Any) -> Request:
    """Return a request of these items, or of a user's "hi"."""
    return read({"model": "m", "input": list(items) or "hi", **fields})


def events(data: bytes, names: dict[str, str] | None = None, size: int = 0) -> list[Event]:
    """Return the events of a stream that comes in pieces of `size` bytes, 0 for one piece."""
    frames, reader, found = Frames(), upstream.reader(names or {}), list[Event]()
    step = size or len(data) or 1
    for at in range(0, len(data), step):
        for frame in split(frames.feed(data[at : at + step])[0]):
            found += reader.read(frame)
    if rest := frames.close():
        found += reader.read(rest)
    return found + reader.close()


def folded(name: str) -> Reply:
    """Return the reply that a stream of the corpus folds into."""
    return fold(events(stream(name)))


def sent(request: Request) -> Outgoing:
    """Return what is sent for a request."""
    return upstream.write_request(request, "real", stream=True)


def again(request: Request) -> Request:
    """Return the request that comes of what is sent for one, under the name and with the extras of the first."""
    found = read(sent(request).body)
    extras = dict(found.extras.get("responses", {}))
    for name in ("include", "store"):  # ours: nothing is kept, so reasoning has to come along
        extras.pop(name, None)
        if name in request.extras.get("responses", {}):
            extras[name] = request.extras["responses"][name]
    for tool, before in zip(found.tools, request.tools, strict=True):
        assert {**before.raw, "strict": tool.strict} == {**tool.raw, "strict": tool.strict}  # said outright now
        tool.raw = before.raw
    return replace(
        found,
        model=request.model,
        stream=request.stream,
        session=request.session,
        user=request.user,
        extras={"responses": extras} if extras else {},
    )
