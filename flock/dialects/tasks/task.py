"""What is asked of a model beside a conversation: embeddings, rerank, sound to text, text to sound, pictures.

Types only. A task has no middle: a request goes over as it came where the upstream does the task in the client's own
shape, else a small shim of the task's file spells it for the upstream and its answer for the client. Pure. Tasks are
listed in `table.py`; called by dialects/plan.py, core/answer.py and the door.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from flock.dialects.ask import Ask
from flock.dialects.ir import Usage
from flock.errors import FlockError

JSON = "application/json"
EVENTS = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Done:
    """An answer for the client: its body and Content-Type, and the usage that it tells or amounts to."""

    body: bytes
    content_type: str = JSON
    usage: Usage | None = None


# (body, Content-Type of the upstream's answer under status 200) → what the client gets. Raises UpstreamError for what
# is no answer, Unsupported for one that is not what the client asked for (vectors of another length).
Finish = Callable[[bytes, str], Done]
# (status, body of an upstream's answer that is no success) → the error in the task's words, None where the status and
# the body tell enough
Refusal = Callable[[int, bytes], FlockError | None]


def silent(_status: int, _body: bytes) -> FlockError | None:
    """Return None: the refusal of most upstreams tells enough."""
    return None


def uncounted(_body: bytes) -> Usage | None:
    """Return None: of most answers that pass on no usage can be told."""
    return None


@dataclass(slots=True)
class Sent:
    """A task as the upstream gets it: path, body, Content-Type.

    `kind` is the plan's word (relay, splice, translate). `finish` makes the client's answer of the upstream's, None
    for one that passes on unchanged. `streams`: the answer may pass on piece by piece, as it comes (sound, events).
    With both, an answer of Content-Type EVENTS passes on as it comes and any other one goes whole through `finish`:
    the upstream was asked for a stream and did not give one. `usage_of` reads the usage of a relayed answer, `refusal`
    what an upstream's failure means where its own words do not say.
    """

    kind: str
    path: str
    body: bytes
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict[str, str])
    edits: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    finish: Finish | None = None
    streams: bool = False
    usage_of: Callable[[bytes], Usage | None] = uncounted
    refusal: Refusal = silent


class Task(Protocol):
    """One task."""

    @property
    def NAME(self) -> str:
        """Its word in `profile.TASKS` and in records ("embeddings")."""
        ...

    def read_ask(self, raw: bytes, path: str, content_type: str, /) -> Ask:
        """Parse and check a body sent to `path`; `content_type` tells a form from JSON.

        Raises InvalidRequest naming the field that is wrong.
        """
        ...

    def write(self, ask: Ask, model: str, shape: str) -> Sent:
        """Spell the task for a model of an upstream that does it in `shape` (a value of `profile.tasks`).

        Raises Unsupported for what that shape cannot say, InvalidRequest for what cannot be read.
        """
        ...
