"""The real engines of the matrix, each with a tiny model that calls the clients' own tools.

Owns their models and command lines. llama.cpp starts in no time, so each client has a model of its own there; MLX-LM
and vLLM serve one for all. Called by backends.py; refuses to install anything.
"""

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.clients.behind import CHAT, CONTENT, Around, Served, answers, spawned
from tests.clients.client import Client
from tests.clients.roster import PROGRAMS
from tests.engines.real import MLX_PYTHON, START_SECONDS, VLLM
from tests.models import hf_clients, make
from tests.running import ROOT, free_port, llama_server, wait_for

# the longest prompt is qwen-code's, 27 000 tokens
WINDOW = 65536


def made(around: Around, client: Client, name: str, head: str = "") -> Path:
    """Return a model for a client: it calls the client's tool, or says the text that a client without tools reads."""
    path = around.top / "models" / f"{name}.gguf"
    file = around.file(client)
    words = make.WORDS if client.tool else edit_of(file)
    make.write_client(path, client.tool or "none", client.arguments(str(file), CONTENT), words, head=head)
    return path


def embedded(around: Around) -> Served:
    """The llama.cpp that comes with flock."""
    added: set[str] = set()

    def model(client: Client) -> str:
        name = f"embedded-{client.name}"
        if name not in added:
            around.flock.ok("model", "add", f"file:{made(around, client, name)}", "--name", name)
            kinds = {engine["kind"] for engine in around.flock.json("engine", "ls") if engine["models"] == [name]}
            assert kinds == {"embedded"}, kinds
            added.add(name)
        return name

    return Served(model, make.SENTENCE, make.SENTENCE)


def real_llama_server(around: Around) -> Served:
    """A llama-server of somebody else, one for each client's model.

    What flock translates meets a template that demands alternating turns; what it relays is the client's own affair.
    """
    added: set[str] = set()

    def model(client: Client) -> str:
        name = f"llama-server-{client.name}"
        if name not in added:
            port = free_port()
            # two requests at once (a client's title and its work), each with room for its whole prompt
            sizes = ["-c", "131072", "-np", "2", "--cache-ram", "256"]
            head = "" if client.path == CHAT else make.ALTERNATE
            argv = [str(llama_server()), "-m", str(made(around, client, name, head)), "--alias", name, *sizes]
            spawned(around.stack, [*argv, "--host", "127.0.0.1", "--port", str(port)], around.top / f"{name}.log")
            wait_for(lambda: answers(f"http://127.0.0.1:{port}/health"), f"{name} serves")
            around.flock.ok("engine", "attach", f"http://127.0.0.1:{port}", "--name", name)
            added.add(name)
        return name

    return Served(model, make.SENTENCE, make.SENTENCE)


def edit_of(file: Path) -> tuple[str, ...]:
    """Return, token by token, the text by which a client without tools is told to write the file."""
    return (f"{file}\n", f"```\n{CONTENT}\n```\n")


def shared(kind: str) -> Callable[[Around], Served]:
    """Return the start of an engine that serves one model for all clients."""

    def start(around: Around) -> Served:
        calls: dict[str, str] = {}
        for client in PROGRAMS.values():  # the first with a tool of this name: backends.py leaves out who differs
            if client.tool:
                calls.setdefault(client.tool, client.arguments(str(around.file(client)), CONTENT))
        (edit,) = (edit_of(around.file(c)) for c in PROGRAMS.values() if not c.tool)
        directory = hf_clients.write(around.top / "models", f"{kind}-clients", calls, edit)
        port = free_port()
        name, command = commands(kind, directory, port)
        kept(around, port, command)
        around.flock.ok("engine", "attach", f"http://127.0.0.1:{port}", "--name", kind)
        return Served(lambda client: name, make.SENTENCE, make.SENTENCE)

    return start


def commands(kind: str, directory: Path, port: int) -> tuple[str, list[str]]:
    """Return (the model's id, the command line that serves it)."""
    where = ["--host", "127.0.0.1", "--port", str(port)]
    if kind == "mlx":
        return str(directory), [str(MLX_PYTHON), "-m", "mlx_lm.server", "--model", str(directory), *where]
    assert kind == "vllm", kind
    sizes = ["--max-model-len", str(WINDOW), "--max-num-seqs", "4", "--enforce-eager"]
    tools = ["--enable-auto-tool-choice", "--tool-call-parser", "hermes"]
    return directory.name, [
        str(VLLM),
        "serve",
        str(directory),
        "--served-model-name",
        directory.name,
        *where,
        *sizes,
        *tools,
    ]


def kept(around: Around, port: int, command: list[str]) -> None:
    """Start an engine that ends, with all its children, when this process does or the stack is left."""
    room = around.top / "room"
    (room / "home" / "hub").mkdir(parents=True)  # MLX-LM answers nothing to /v1/models when it is missing
    users = os.open(room / "users", os.O_RDWR | os.O_CREAT)
    around.stack.callback(os.close, users)
    fcntl.flock(users, fcntl.LOCK_SH)
    environment = {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": str(room / "home"),
        "HF_HOME": str(room / "home"),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "DO_NOT_TRACK": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
        "VLLM_HOST_IP": "127.0.0.1",
        "GLOO_SOCKET_IFNAME": "lo",
    }
    keeper = [sys.executable, "-m", "tests.engines.keeper", str(room), str(port), *command]
    quiet = {"stdin": subprocess.DEVNULL, "check": True, "timeout": 60}
    # a group of its own: it must outlive what ends this one, to end the engine
    subprocess.run(keeper, cwd=ROOT, env=environment, start_new_session=True, **quiet)
    wait_for(lambda: answers(f"http://127.0.0.1:{port}/v1/models"), f"{command[0]} serves", START_SECONDS)
