"""What a back end of the matrix is: how it is started, what it serves, which cells it has.

Owns the types and the starting of processes that end with the bench. Called by backends.py and real_engines.py.
"""

import contextlib
import json
import subprocess
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.clients.client import Client
from tests.running import ROOT, Flock

# what a real engine is ordered to write, and where: both stand in the model itself
FILE, CONTENT = "hello.txt", "abcdef"
CHAT = "/v1/chat/completions"


def desk(client: Client) -> str:
    """Return what a client's place is called: clients with the same tool share one, since a model knows the tool."""
    return client.tool or client.name


@dataclass(frozen=True, slots=True)
class Around:
    """What a back end needs to start: the flock it is attached to, a directory of its own, what ends with it."""

    flock: Flock
    top: Path
    stack: contextlib.ExitStack

    def file(self, client: Client) -> Path:
        """Return where a client's file is to be written."""
        return self.top / desk(client) / "work" / FILE


@dataclass(frozen=True, slots=True)
class Served:
    """A back end that runs. `model` returns the id for a client, started if need be; `port` is a scripted engine's, and
    `paths` those of them that it answers.
    """

    model: Callable[[Client], str]
    says: str
    says_after_tool: str
    port: int = 0
    prefix: str = ""
    paths: tuple[str, ...] = ()

    def seen(self) -> dict[str, Any]:
        """Return what a scripted engine has seen."""
        return self.get("/seen")

    def get(self, path: str) -> Any:
        """Ask a scripted engine."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return json.load(answer)


@dataclass(frozen=True, slots=True)
class Backend:
    """One column of the matrix. `engine` names the mark of what must be installed, "" when nothing must be."""

    name: str
    start: Callable[[Around], Served]
    engine: str = ""
    cells: tuple[str, ...] = ()  # () is every cell
    # for clients whose dialect it speaks beside chat, since that is relayed
    own_dialect: bool = False
    # client, or client and cell, or cell → why there is nothing to try
    without: Mapping[str, str] = field(default_factory=dict)


def spawned(stack: contextlib.ExitStack, argv: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a process that ends with the stack."""
    out = stack.enter_context(log.open("wb"))
    process = subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def answers(url: str) -> bool:
    """Say whether a GET of this URL is answered well."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
