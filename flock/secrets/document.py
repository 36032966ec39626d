"""What stands in the file of secrets, as values: its shapes of every release, read and written.

Owns the format. Refuses what is no such file, and what a newer flock wrote. Pure; called by file.py.

    {"version": 2, "service": "flock /home/ada/.config/flock", "lock": {…},
     "secrets": {"vendor:groq": {"since": "…", "value": "…"}}}

An entry holds `value`, or `sealed` under a lock, or `keyring: true` when the value lies in the keyring of that service.
Until 0.1 the file was one object of name → value.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flock.plain import is_object

VERSION = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One secret. `kept` is what the file holds of it: its value, sealed where the document has a lock; None when
    nothing does. `keyring` is whether the keyring has one too; what is kept here is the newer. `since` may be "".
    """

    since: str = ""
    kept: str | None = None
    keyring: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """The whole file. `lock` is the header of its seal, None when values stand in it as they are."""

    entries: Mapping[str, Entry] = field(default_factory=dict[str, Entry])
    lock: Mapping[str, Any] | None = None
    service: str = ""

    def having(self, name: str, entry: Entry) -> "Document":
        """Return the document with an entry put in."""
        return replace(self, entries={**self.entries, name: entry})

    def without(self, name: str) -> "Document":
        """Return the document with an entry taken out."""
        return replace(self, entries={n: e for n, e in self.entries.items() if n != name})


def read(text: bytes) -> Document:
    """Return what a file says. Raises ValueError with a clause that says what is wrong with it."""
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not is_object(found):
        raise ValueError("is not a JSON object of names and keys")
    stored = found.get("secrets")
    if not is_object(stored):
        return Document({name: Entry(kept=str(value)) for name, value in found.items()})
    if found.get("version") != VERSION:
        raise ValueError(f"was written by another flock (its version is {found.get('version')!r})")
    lock = found.get("lock")
    if lock is not None and not is_object(lock):
        raise ValueError("is damaged: its lock is no object")
    word = "value" if lock is None else "sealed"
    return Document({n: _entry(n, e, word) for n, e in stored.items()}, lock, str(found.get("service", "")))


def _entry(name: str, plain: Any, word: str) -> Entry:
    if not is_object(plain):
        raise ValueError(f'is damaged: the entry "{name}" is no object')
    kept = plain.get(word)
    if kept is not None and not isinstance(kept, str):
        raise ValueError(f'is damaged: the entry "{name}" is no text')
    return Entry(str(plain.get("since", "")), kept, plain.get("keyring") is True)


def write(document: Document) -> bytes:
    """Return the file of a document."""
    word = "value" if document.lock is None else "sealed"
    secrets: dict[str, Any] = {}
    for name, entry in sorted(document.entries.items()):
        secrets[name] = {"since": entry.since} if entry.since else {}
        if entry.kept is not None:
            secrets[name][word] = entry.kept
        if entry.keyring:
            secrets[name]["keyring"] = True
    plain: dict[str, Any] = {"version": VERSION}
    if document.service:
        plain["service"] = document.service
    if document.lock is not None:
        plain["lock"] = dict(document.lock)
    return json.dumps({**plain, "secrets": secrets}, indent=1).encode() + b"\n"
