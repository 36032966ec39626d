"""Engines: the processes that generate, ours or adopted."""

from dataclasses import dataclass

from flock.contract.jobs import Job
from flock.contract.op import Op, Risk, arg, flag, inner, operation, secret

# What flock installs itself
INSTALLED = ("embedded", "mlx", "piper", "vllm")


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine. `ownership` is "own" (spawned, watched, stopped by flock) or "adopted" (never touched).

    `kind` is its row in the catalog of engines: llamacpp, ollama, whisper, openai …; `state` is stopped, starting,
    ready, busy (it cannot cancel and still works on what nobody waits for), stopping, failed, crashloop or unreachable;
    `source` says why it is known: "flock", "attached", or the setting that names it. `pid` is null when adopted.
    `progress` is how far a load is, 0…1, null when unknown; `restarts` how often it was started again after it had
    died or hung; `memory_bytes` what it takes now, null when unknown; `log_file` where its output lies.
    """

    name: str
    kind: str
    ownership: str
    state: str
    endpoint: str
    models: tuple[str, ...]
    source: str
    version: str = ""
    pid: int | None = None
    since: str | None = None
    error: str = ""
    progress: float | None = None
    restarts: int = 0
    memory_bytes: int | None = None
    log_file: str = ""
    command: str = ""


@dataclass(frozen=True, slots=True)
class EngineLog:
    """Lines of an engine's output, oldest first; `next` is what to ask for after them."""

    lines: tuple[str, ...]
    next: int


@dataclass(frozen=True, slots=True)
class EngineCheck:
    """What an engine said to a one-token question. `state` is ok, busy, failed or stopped; `seconds` it took, null when
    it was not asked; `sentence` says what was seen.
    """

    name: str
    state: str
    sentence: str
    seconds: float | None = None


@operation("engine.ls", "engine ls", "GET /admin/v1/engines", examples=("engine ls", "engine ls --json"))
class ListEngines(Op[list[Engine]]):
    """List the engines flock runs and the ones it adopted."""


@operation(
    "engine.attach",
    "engine attach",
    "POST /admin/v1/engines",
    risk=Risk.CHANGE,
    examples=("engine attach http://127.0.0.1:8000 --name vllm", "engine attach http://gpu-box:8000 < key.txt"),
)
class AttachEngine(Op[Engine]):
    """Adopt a running OpenAI-compatible server, whisper-server or piper; flock never starts or stops it."""

    url: str = arg("its base URL, with or without /v1")
    name: str = flag("what to call it; host and port otherwise", default="")
    key: str = secret("its API key, from standard input or FLOCK_ENGINE_KEY")


@operation(
    "engine.detach",
    "engine detach",
    "DELETE /admin/v1/engines/{name}",
    risk=Risk.CHANGE,
    examples=("engine detach vllm",),
)
class DetachEngine(Op[Engine]):
    """Forget an adopted engine; it keeps running."""

    name: str = arg("the engine's name, from `flock engine ls`")


@operation("engine.show", "engine show", "GET /admin/v1/engines/{name}", examples=("engine show embedded:qwen3-8b",))
class ShowEngine(Op[Engine]):
    """Show one engine in full."""

    name: str = arg("the engine's name, from `flock engine ls`")


@operation(
    "engine.logs",
    "engine logs",
    "GET /admin/v1/engines/{name}/log",
    examples=("engine logs embedded:qwen3-8b", "engine logs embedded:qwen3-8b -f --grep error"),
    watch=False,
)
class ShowEngineLog(Op[EngineLog]):
    """Show what an engine of flock's own said; the last 2,000 lines are kept."""

    name: str = arg("the engine's name, from `flock engine ls`")
    lines: int = flag("how many of the last lines", default=50)
    grep: str = flag("only lines that hold these words, without regard to case", default="")
    follow: bool = flag("go on as lines arrive", default=False)
    after: int = inner(-1)
    wait_seconds: float = inner(0.0)


@operation(
    "engine.install",
    "engine install",
    "POST /admin/v1/engines/install",
    risk=Risk.CHANGE,
    examples=("engine install embedded", "engine install mlx", "engine install vllm"),
)
class InstallEngine(Op[Job]):
    """Install an engine into a place of flock's own: embedded (llama.cpp), mlx, piper, or vllm on NVIDIA cards."""

    kind: str = arg("embedded, mlx, piper or vllm", choices=INSTALLED)


@operation(
    "engine.restart",
    "engine restart",
    "POST /admin/v1/engines/{name}/restart",
    risk=Risk.CHANGE,
    examples=("engine restart embedded:qwen3-8b",),
)
class RestartEngine(Op[Engine]):
    """End an engine of flock's own and start it again, also one that was given up."""

    name: str = arg("the engine's name, from `flock engine ls`")


@operation(
    "engine.check",
    "engine check",
    "GET /admin/v1/checks",
    examples=("engine check", "engine check embedded:qwen3-8b"),
)
class CheckEngines(Op[list[EngineCheck]]):
    """Ask engines for one token each: whether they generate, not only whether they answer."""

    name: str = arg("the engine's name, from `flock engine ls`; all that run when left out", default="")
