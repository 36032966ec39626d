"""What can stand behind flock in the matrix: scripted engines and real ones, each started when it is first asked for.

Owns the table BACKENDS. A server that runs somewhere already is a back end too (`outside`). Called by bench.py.
"""

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from tests.clients.behind import Around, Backend, Served, spawned
from tests.clients.client import Client
from tests.clients.real_engines import embedded, real_llama_server, shared
from tests.clients.roster import FIRST, PROGRAMS, ROSTER
from tests.fakes.scripted_answers import DONE, HELLO
from tests.fakes.scripted_faces import FACES
from tests.running import wait_for

# as if scripted were an Ollama that speaks every dialect: catalog/engines.yaml of the flock under test
NATIVE_CATALOG = "ollama:\n  dialects: [openai, anthropic, responses]\n"
CELLS_OF_REAL = ("text", "tool")
# what flock answers before it chooses an engine is tried once
CELLS_OF_NATIVE = ("text", "plain", "tool", "tool-plain", "two", "abort", "cut")
TOOL_IS_ENOUGH = {
    f"{name} text": "its tool cell ends with streamed text too, and every cell is tried with the scripted engine"
    for name in PROGRAMS
    if name not in FIRST
}
OWN_MODEL = {
    **TOOL_IS_ENOUGH,
    "aider text": "aider: where it has a model of its own that says the text of a file and nothing else",
}
# one model for all clients knows one way to call a tool
ONE_WAY = {
    **TOOL_IS_ENOUGH,
    "continue": "one model serves all clients there, and calls Write as Claude Code has it, not as Continue",
}
SLOW_MLX = {
    **ONE_WAY,
    "qwen-code": "mlx: qwen-code's prompt of 27 000 tokens takes it 45 s on two cores",
    "gemini-cli": "mlx: reading Gemini CLI's prompt took it two minutes on two busy cores",
    "kilo": "mlx: kilo is an opencode that starts more slowly; opencode is tried",
    "text": "mlx takes seconds to read a prompt; its tool cell ends with streamed text too",
}


def scripted(dialects: str, prefix: str, owner: str) -> Callable[[Around], Served]:
    """Return the start of a scripted engine."""

    def start(around: Around) -> Served:
        log = around.top / "scripted.log"
        options = ["--dialects", dialects, "--prefix", prefix, "--owner", owner]
        for insisted in {c.model for c in ROSTER.values() if c.model and owner == "scripted"}:
            options += ["--also", insisted]
        spawned(around.stack, [sys.executable, "-m", "tests.fakes.scripted", *options], log)
        found = wait_for(lambda: re.match(r"PORT (\d+)", log.read_text()), "the scripted engine listens")
        port = int(found[1])
        around.flock.ok("engine", "attach", f"http://127.0.0.1:{port}", "--name", prefix.strip("-"))

        def model(client: Client) -> str:
            return client.model or prefix + ("scripted" if client.tool else "scripted-edit")

        return Served(model, HELLO, DONE, port, prefix, tuple(FACES[name].path for name in dialects.split(",")))

    return start


def outside(name: str, url: str, model: str, says: str) -> Backend:
    """Return the back end of a server that runs already; it takes the cell of text, since its model is not ours."""

    def start(around: Around) -> Served:
        around.flock.ok("engine", "attach", url, "--name", name)
        return Served(lambda client: model, says, says)

    return Backend(name, start, cells=("text",))


def empty(directory: Path) -> Path:
    """Return a directory that is new."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


native = scripted("chat,anthropic,responses", "native-", "ollama")
BACKENDS: dict[str, Backend] = {
    b.name: b
    for b in (
        Backend("scripted", scripted("chat", "chat-", "scripted")),
        Backend("scripted-native", native, cells=CELLS_OF_NATIVE, own_dialect=True),
        Backend("embedded", embedded, cells=CELLS_OF_REAL, without=OWN_MODEL),
        Backend("llama-server", real_llama_server, engine="llama-server", cells=CELLS_OF_REAL, without=OWN_MODEL),
        Backend("mlx", shared("mlx"), engine="mlx-lm", cells=CELLS_OF_REAL, without=SLOW_MLX),
        Backend("vllm", shared("vllm"), engine="vllm", cells=CELLS_OF_REAL, without=ONE_WAY),
    )
}
