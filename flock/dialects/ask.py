"""Ask: what a client wants, peeked from its request once. The word the plan and the forward path share.

Does no I/O. Made by a dialect's server half (`read_ask`), read by routing and by `plan.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came in a form: its name, its media type as the client says ("" for none), its bytes."""

    name: str
    media_type: str
    data: bytes


@dataclass(slots=True)
class Ask:
    """A parsed request. `raw` is the body as received; `body` the same as JSON types; `model` may be empty.

    `dialect` names the client's dialect (a key of `table.SERVERS`), `path` the path in that dialect
    ("/v1/chat/completions"), with "{model}" where the model's name stands in it; `wants_usage` says whether the client
    asked for the usage chunk of a stream. `headers` holds, by lower-case name, those of the client's headers that
    belong to the dialect or name the client and its session; the door fills them in. `endpoint` is the record's word
    ("chat", "messages"), or the name of a task (`profile.TASKS`); then `uploads` may hold the files of a form whose
    fields are the body. `credentials` are the headers in which a client showed a vendor's key of its own, beside
    flock's.
    """

    dialect: str
    endpoint: str
    path: str
    raw: bytes
    body: dict[str, Any]
    model: str
    stream: bool
    wants_usage: bool
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    uploads: Mapping[str, Upload] = field(default_factory=dict[str, Upload])
    credentials: dict[str, str] = field(default_factory=dict[str, str], repr=False)
