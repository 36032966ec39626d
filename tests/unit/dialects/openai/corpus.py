"""The recorded and written-down answers of engines under tests/corpus/openai, and how a test reads them.

`streams/*.sse` are bodies of streams, `replies/*.json` the whole answers they amount to. What begins with llamacpp,
mlx or vllm-recorded was recorded from the real server with tiny-script; the rest is written after the engines' sources
and the issues that tests name.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from flock.dialects.fold import fold
from flock.dialects.ir import Event, Reply
from flock.dialects.openai import upstream
from flock.wire.sse import Frames, split

PLACE = Path(__file__).resolve().parents[3] / "corpus" / "openai"
STREAMS = sorted(path.stem for path in (PLACE / "streams").glob("*.sse"))
REPLIES = sorted(path.stem for path in (PLACE / "replies").glob("*.json"))
# a stream and a whole answer of the real server are two answers: their ids differ
RECORDED = ("llamacpp", "mlx", "vllm-recorded")


def stream(name: str) -> bytes:
    """Return the bytes of a recorded stream."""
    return (PLACE / "streams" / f"{name}.sse").read_bytes()


def reply(name: str) -> dict[str, Any]:
    """Return a recorded whole answer."""
    return json.loads((PLACE / "replies" / f"{name}.json").read_bytes())


def body(kind: str, name: str) -> dict[str, Any]:
    """Return a JSON file of another kind ("requests", "errors")."""
    return json.loads((PLACE / kind / f"{name}.json").read_bytes())


def pieces(data: bytes, sizes: Iterable[int]) -> Iterator[bytes]:
    """Cut data into pieces of these sizes; the last takes the rest."""
    at = 0
    for size in sizes:
        if at < len(data):
            yield data[at : at + size]
            at += size
    if at < len(data):
        yield data[at:]


def frames_in(data: Iterable[bytes]) -> list[bytes]:
    """Return the frames of a stream that comes in these pieces, what never became one last."""
    frames, found = Frames(), []
    for piece in data:
        whole, _ = frames.feed(piece)
        found += split(whole) if whole else []
    rest = frames.close()
    return [*found, rest] if rest else found


def events(data: Iterable[bytes], names: dict[str, str] | None = None) -> list[Event]:
    """Return the events of a stream that comes in these pieces, as the request path reads it."""
    reader = upstream.reader(names or {})
    found = [event for frame in frames_in(data) for event in reader.read(frame)]
    return found + reader.close()


def folded(name: str) -> Reply:
    """Return what a recorded stream amounts to."""
    return fold(events([stream(name)]))
