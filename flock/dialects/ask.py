"""Ask: what a client wants, peeked from its request once. The word the plan and the forward path share.

Does no I/O. Made by a dialect's server half (`read_ask`), read by routing and by `plan.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Ask:
    """A parsed request. `raw` is the body as received; `body` the same as JSON types; `model` may be empty.

    `dialect` names the client's dialect ("openai", "anthropic", "responses"), `path` the path in that dialect
    ("/v1/chat/completions"); `wants_usage` says whether the client asked for the usage chunk of a stream. `headers`
    holds, by lower-case name, those of the client's headers that belong to the dialect or name the client and its
    session; the door fills them in.
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
