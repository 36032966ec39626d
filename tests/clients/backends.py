"""What can stand behind flock in the matrix: scripted engines and real ones, each started when it is first asked for.

Owns the table BACKENDS. A back end is attached to flock, or added to it, and names the model that answers a client; a
server that runs somewhere already is one too (`outside`). Called by bench.py.
"""

import contextlib
import json
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.clients.client import Client
from tests.fakes.scripted_answers import DONE, HELLO
from tests.models import make
from tests.running import ROOT, Flock, free_port, llama_server, wait_for

# what a real engine is ordered to write, and where: both stand in the model itself
FILE, CONTENT = "hello.txt", "abcdef"
# as if scripted were an Ollama that speaks every dialect: catalog/engines.yaml of the flock under test
NATIVE_CATALOG = "ollama:\n  dialects: [openai, anthropic, responses]\n"
CELLS_OF_REAL = ("text", "tool")


@dataclass(frozen=True, slots=True)
class Around:
    """What a back end needs to start: the flock it is attached to, a directory of its own, what ends with it."""

    flock: Flock
    top: Path
    stack: contextlib.ExitStack

    def file(self, client: Client) -> Path:
        """Return where a client's file is to be written."""
        return self.top / client.name / "work" / FILE


@dataclass(frozen=True, slots=True)
class Served:
    """A back end that runs. `model` returns the id for a client, started if need be; `port` is a scripted engine's."""

    model: Callable[[Client], str]
    says: str
    says_after_tool: str
    port: int = 0
    prefix: str = ""

    def seen(self) -> dict[str, Any]:
        """Return what a scripted engine has seen."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/seen", timeout=10) as answer:
            return json.load(answer)


@dataclass(frozen=True, slots=True)
class Backend:
    """One column of the matrix. `engine` names the mark of what must be installed, "" when nothing must be."""

    name: str
    start: Callable[[Around], Served]
    engine: str = ""
    cells: tuple[str, ...] = ()  # () is every cell
    # client → why it has no cell here
    without: Mapping[str, str] = field(default_factory=dict)


def spawned(stack: contextlib.ExitStack, argv: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a process that ends with the stack."""
    out = stack.enter_context(log.open("wb"))
    process = subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def scripted(dialects: str, prefix: str, owner: str) -> Callable[[Around], Served]:
    """Return the start of a scripted engine."""

    def start(around: Around) -> Served:
        log = around.top / "scripted.log"
        options = ["--dialects", dialects, "--prefix", prefix, "--owner", owner]
        spawned(around.stack, [sys.executable, "-m", "tests.fakes.scripted", *options], log)
        found = wait_for(lambda: re.match(r"PORT (\d+)", log.read_text()), "the scripted engine listens")
        port = int(found[1])
        around.flock.ok("engine", "attach", f"http://127.0.0.1:{port}", "--name", prefix.strip("-"))

        def model(client: Client) -> str:
            return prefix + ("scripted" if client.tool else "scripted-edit")

        return Served(model, HELLO, DONE, port, prefix)

    return start


def made(around: Around, client: Client, name: str) -> Path:
    """Return a model for a client: it calls the client's tool, or says the text that a client without tools reads."""
    path = around.top / "models" / f"{name}.gguf"
    file = around.file(client)
    words = make.WORDS if client.tool else (f"{file}\n", f"```\n{CONTENT}\n```\n")
    make.write_client(path, client.tool or "none", client.arguments(str(file), CONTENT), words)
    return path


def embedded(around: Around) -> Served:
    """The llama.cpp that comes with flock."""
    added: set[str] = set()

    def model(client: Client) -> str:
        name = f"embedded-{client.name}"
        if name not in added:
            around.flock.ok("model", "add", f"file:{made(around, client, name)}", "--name", name)
            added.add(name)
        return name

    return Served(model, make.SENTENCE, make.SENTENCE)


def real_llama_server(around: Around) -> Served:
    """A llama-server of somebody else, one for each client's model."""
    added: set[str] = set()

    def model(client: Client) -> str:
        name = f"llama-server-{client.name}"
        if name not in added:
            port = free_port()
            # two requests at once (a client's title and its work), each with room for its whole prompt
            sizes = ["-c", "131072", "-np", "2", "--cache-ram", "256"]
            argv = [str(llama_server()), "-m", str(made(around, client, name)), "--alias", name, *sizes]
            spawned(around.stack, [*argv, "--host", "127.0.0.1", "--port", str(port)], around.top / f"{name}.log")
            wait_for(lambda: answers(f"http://127.0.0.1:{port}/health"), f"{name} serves")
            around.flock.ok("engine", "attach", f"http://127.0.0.1:{port}", "--name", name)
            added.add(name)
        return name

    return Served(model, make.SENTENCE, make.SENTENCE)


def outside(name: str, url: str, model: str, says: str) -> Backend:
    """Return the back end of a server that runs already; it takes the cell of text, since its model is not ours."""

    def start(around: Around) -> Served:
        around.flock.ok("engine", "attach", url, "--name", name)
        return Served(lambda client: model, says, says)

    return Backend(name, start, cells=("text",))


def answers(url: str) -> bool:
    """Say whether a GET of this URL is answered well."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def empty(directory: Path) -> Path:
    """Return a directory that is new."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


BACKENDS: dict[str, Backend] = {
    b.name: b
    for b in (
        Backend("scripted", scripted("chat", "chat-", "scripted")),
        Backend("scripted-native", scripted("chat,anthropic,responses", "native-", "ollama")),
        Backend("embedded", embedded, cells=CELLS_OF_REAL),
        Backend("llama-server", real_llama_server, engine="llama-server", cells=CELLS_OF_REAL),
    )
}
