"""The recordings of tests/corpus/tasks, and what the tests here have in common."""

from pathlib import Path
from typing import Any

import orjson

from flock.dialects.ask import Ask
from flock.dialects.tasks import forms
from flock.dialects.tasks.table import TASKS
from flock.dialects.tasks.task import JSON, Done, Sent

CORPUS = Path(__file__).parents[3] / "corpus" / "tasks"
BOUNDARY = b"ab12"


def recorded(name: str) -> bytes:
    """Return the bytes of one recording."""
    return (CORPUS / name).read_bytes()


def ask(task: str, path: str, body: Any, content_type: str = JSON) -> Ask:
    """Return the Ask of a body: JSON, or a form's bytes."""
    return TASKS[task].read_ask(body if isinstance(body, bytes) else orjson.dumps(body), path, content_type)


def form(*parts: forms.Part) -> tuple[bytes, str]:
    """Return a form and its Content-Type."""
    return forms.write(parts, BOUNDARY)


def field(name: str, value: str) -> forms.Part:
    """Return a field of a form."""
    return forms.Part(name, value.encode())


def sent_parts(sent: Sent) -> dict[str, forms.Part]:
    """Return the parts of the form that an upstream gets, by name."""
    return {part.name: part for part in forms.read(forms.trimmed(sent.body, sent.content_type))}


def finished(sent: Sent, answer: bytes, content_type: str = JSON) -> Done:
    """Return what the client gets of an upstream's answer."""
    assert sent.finish is not None
    return sent.finish(answer, content_type)


def read(done: Done) -> Any:
    """Return the JSON a client gets."""
    assert done.content_type.startswith(JSON)
    return orjson.loads(done.body)


def events(done: Done) -> list[Any]:
    """Return the events of a stream made from a whole answer."""
    assert done.content_type == "text/event-stream"
    frames = done.body.split(b"\n\n")
    assert frames.pop() == b""
    assert all(frame.startswith(b"data: ") for frame in frames)
    return [orjson.loads(frame[6:]) for frame in frames]
