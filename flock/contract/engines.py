"""Engines: the processes that generate, ours or adopted."""

from dataclasses import dataclass

from flock.contract.op import Op, Risk, arg, flag, operation, secret


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine. `ownership` is "own" (spawned, watched, stopped by flock) or "adopted" (never touched).

    `kind` is its row in the catalog of engines: llamacpp, ollama, whisper, openai …; `state` is stopped, starting,
    ready, stopping, failed or unreachable; `source` says why it is known: "flock", "attached", or the setting that
    names it. `pid` is null when adopted.
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
