"""The recorded sessions of tests/corpus/recorded, as values. README.md there says how each was made."""

import functools
import json
import lzma
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parent / "recorded"
NAMES = sorted(str(file.relative_to(RECORDED)).removesuffix(".jsonl.xz") for file in RECORDED.glob("*/*.xz"))


@dataclass(frozen=True, slots=True)
class Sent:
    """One request of a client; headers by lower-case name. `dialect`: in flock's words."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def dialect(self) -> str:
        """The dialect of the path."""
        return "anthropic" if "/messages" in self.path else "responses"


@functools.cache
def session(name: str) -> tuple[Sent, ...]:
    """Return the requests of one recording ("codex/exec"), in order. Nobody may change them."""
    lines = lzma.decompress((RECORDED / f"{name}.jsonl.xz").read_bytes()).decode().splitlines()
    return tuple(Sent(r["path"], r["headers"], r["body"]) for r in map(json.loads, lines))
