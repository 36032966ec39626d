"""Models: what clients can name in a request."""

from dataclasses import dataclass

from flock.contract.jobs import Job
from flock.contract.op import Op, Risk, Scope, arg, flag, inner, operation


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """How a model of flock's own is loaded; null, "" and "auto" leave the choice to flock.

    `context` is in tokens for each of `slots` requests at once; `kv_type` f16, q8_0 or q4_0; `flash_attention` on or
    off; `gpu_layers` how many layers the graphics card takes, 0 for none; `draft` the id or file of a small model that
    guesses ahead, `draft_tokens` at a time; `template` the path of a chat template; `tool_parser` and
    `reasoning_parser` the engine's own words; `engine` the kind of engine (llamacpp, embedded, mlx, vllm, whisper,
    piper); `idle_seconds` until it leaves memory, 0 for never.
    """

    context: int | None = None
    slots: int | None = None
    kv_type: str = ""
    flash_attention: str = ""
    gpu_layers: int | None = None
    threads: int | None = None
    draft: str = ""
    draft_tokens: int | None = None
    template: str = ""
    tool_parser: str = ""
    reasoning_parser: str = ""
    trust_remote_code: bool = False
    engine: str = ""
    idle_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """A model that answers. `state` is ready, starting, queued, stopping, stopped, failed, crashloop, or unreachable;
    `context` in tokens or null when unknown.

    `source` is "built-in", "catalog:ID", "hf:OWNER/REPO:FILE", "ollama:TAG", "file:PATH", the URL it was fetched from,
    or that of the adopted engine; `note` says what a user must know. `kind` is chat, embedding, rerank, transcription,
    speech or image, "" when unknown; `largest_context` is the window it could be loaded with, null where its engine
    does not load it anew. `memory_bytes` is what it takes when loaded, `measured` whether that was seen and not
    estimated; `running` and `queued` are requests now; the two rates are of the last minute and of the last answers,
    null when unknown.
    `config` is what was set for it, null for models flock does not load.
    """

    id: str
    state: str
    engine: str
    source: str
    context: int | None
    size_bytes: int | None
    default: bool
    note: str = ""
    error: str = ""
    kind: str = ""
    largest_context: int | None = None
    slots: int | None = None
    quant: str = ""
    license: str = ""
    node: str = "local"
    pinned: bool = False
    priority: int = 0
    memory_bytes: int | None = None
    measured: bool = False
    progress: float | None = None
    running: int = 0
    queued: int = 0
    requests_per_minute: float | None = None
    tokens_per_second: float | None = None
    last_used_at: str | None = None
    config: ModelConfig | None = None


@dataclass(frozen=True, slots=True)
class Residents:
    """What is in memory: `budget_bytes` is what models may take in all, `used_bytes` what the loaded and loading ones
    take at their fullest (every window in use, as many prompts kept as may be), `free_bytes` what is left for another;
    `resident_bytes` is what their processes take just now, null where that is on graphics cards or not known yet;
    `models` are those of flock's own that are not stopped.
    """

    budget_bytes: int
    used_bytes: int
    free_bytes: int
    models: tuple[Model, ...] = ()
    resident_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A model that lies in a directory. `format` is gguf, mlx or safetensors; `id` is the id it would get, or has when
    it is `added`; `error` says why it could not be added, "" when it could.
    """

    path: str
    format: str
    id: str
    size_bytes: int
    kind: str = ""
    added: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the check of a model found. `level` is ok, note, warning or error; `fix` a command or words that mend
    it, "" where nothing is to be mended.
    """

    check: str
    level: str
    sentence: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Validation:
    """What the check of a model found: its files, its chat template, its tokenizer, a test rendering. `usable` is
    whether it could be loaded.
    """

    id: str
    usable: bool
    findings: tuple[Finding, ...] = ()


@operation("model.ls", "model ls", "GET /admin/v1/models", scope=Scope.ADMIN, examples=("model ls", "model ls --json"))
class ListModels(Op[list[Model]]):
    """List the models that answer, the default first."""


@operation("model.ps", "model ps", "GET /admin/v1/memory", examples=("model ps", "model ps --json"))
class ListResidents(Op[Residents]):
    """List the models in memory, what they take and what is free."""


@operation(
    "model.add",
    "model add",
    "POST /admin/v1/models",
    risk=Risk.CHANGE,
    examples=(
        "model add qwen3-8b",
        "model add hf:bartowski/Qwen2.5-0.5B-Instruct-GGUF:Q4_K_M",
        "model add ollama:llama3.2:1b",
        "model add file:./qwen3-8b-q4_k_m.gguf --name qwen",
        "model add qwen3-8b --dry-run",
    ),
)
class AddModel(Op[Job]):
    """Add a model from the catalog, the hub, Ollama, a file or a URL: fetch, check, load and serve it."""

    source: str = arg(
        "a catalog id, hf:OWNER/REPO[:QUANT or FILE], ollama:TAG, file:PATH or URL, from `flock model search`"
    )
    name: str = flag("the id clients use; follows from the source otherwise", default="")
    engine: str = flag(
        "the engine that is to serve it: llamacpp, embedded, mlx, vllm, ollama, whisper, piper",
        default="",
        choices=("llamacpp", "embedded", "mlx", "vllm", "ollama", "whisper", "piper"),
    )
    entry: str = flag("a YAML file with a catalog entry of your own", default="", name="--from")
    sha256: str = flag("what the file's SHA-256 must be, in hexadecimal", default="")
    dry_run: bool = flag("only say what would be done: source, engine, size, memory, time", default=False)
    force: bool = flag("add it even if it does not fit this machine", default=False)
    load: bool = flag("load it once it is there", default=True)


@operation(
    "model.remove",
    "model remove",
    "DELETE /admin/v1/models/{id}",
    risk=Risk.REMOVE,
    examples=("model remove qwen3-8b", "model remove qwen3-8b --yes"),
)
class RemoveModel(Op[Model]):
    """Remove a model that was added, with the files flock fetched for it; files of your own stay."""

    id: str = arg("the model's id, from `flock model ls`")
    keep_files: bool = flag("leave also what flock fetched", default=False)


@operation(
    "model.load",
    "model load",
    "POST /admin/v1/models/{id}/load",
    risk=Risk.CHANGE,
    examples=("model load qwen3-8b", "model load qwen3-8b --swap --pin"),
)
class LoadModel(Op[Job]):
    """Load a model into memory now."""

    id: str = arg("the model's id, from `flock model ls`")
    swap: bool = flag("let idle models go, and wait for busy ones, if there is no room", default=False)
    pin: bool = flag("keep it in memory until it is unloaded", default=False)
    priority: int | None = flag("models of lower priority leave memory first; 0 unless set", default=None)


@operation(
    "model.unload",
    "model unload",
    "POST /admin/v1/models/{id}/unload",
    risk=Risk.CHANGE,
    examples=("model unload qwen3-8b",),
)
class UnloadModel(Op[Model]):
    """Take a model out of memory once its running requests have ended; the next request loads it again."""

    id: str = arg("the model's id, from `flock model ls`")


@operation(
    "model.default",
    "model default",
    "POST /admin/v1/models/{id}/default",
    risk=Risk.CHANGE,
    examples=("model default qwen3-8b",),
)
class SetDefaultModel(Op[Model]):
    """Let a model answer requests that name none, from now on."""

    id: str = arg("the model's id, from `flock model ls`")


@operation(
    "model.config",
    "model config",
    "POST /admin/v1/models/{id}/config",
    risk=Risk.CHANGE,
    examples=(
        "model config qwen3-8b",
        "model config qwen3-8b --context 32768 --kv-type q8_0",
        "model config qwen3-8b --reset",
    ),
)
class ConfigureModel(Op[Model]):
    """Show or change how a model is loaded; a loaded one is loaded anew once it is idle."""

    id: str = arg("the model's id, from `flock model ls`")
    context: str = flag("tokens for each request, or auto", default="")
    slots: str = flag("requests at once, or auto", default="")
    kv_type: str = flag("f16, q8_0, q4_0 or auto", default="", choices=("f16", "q8_0", "q4_0", "auto"))
    flash_attention: str = flag("on, off or auto", default="", choices=("on", "off", "auto"))
    gpu_layers: str = flag("how many layers the graphics card takes, or auto for all", default="")
    threads: str = flag("processor threads, or auto", default="")
    draft: str = flag("the id or file of a small model that guesses ahead, or none", default="")
    draft_tokens: str = flag("how many tokens it guesses at a time, or auto", default="")
    template: str = flag("the path of a chat template, or auto for the model's own", default="")
    tool_parser: str = flag("the engine's word for how tool calls are written, or auto", default="")
    reasoning_parser: str = flag("the engine's word for how thinking is written, or auto", default="")
    trust_remote_code: str = flag("on lets vLLM and MLX run Python code that comes with the model, or off", default="")
    engine: str = flag(
        "the kind of engine that is to serve it, or auto",
        default="",
        choices=("llamacpp", "embedded", "mlx", "vllm", "whisper", "piper", "auto"),
    )
    idle_seconds: str = flag("seconds without a request until it leaves memory, 0 for never, or auto", default="")
    preset: str = flag("take all of it from a preset, from `flock model preset ls`", default="")
    reset: bool = flag("leave every choice to flock again", default=False)


@operation(
    "model.scan",
    "model scan",
    "GET /admin/v1/scan",
    examples=("model scan ~/models", "model scan /srv/models --json"),
)
class ScanDirectory(Op[list[FoundFile]]):
    """Find model files in a directory and those below it, and say which are not added yet."""

    directory: str = arg("the directory")


@operation(
    "model.validate",
    "model validate",
    "GET /admin/v1/models/{id}/validation",
    examples=("model validate qwen3-8b",),
    watch=False,
)
class ValidateModel(Op[Validation]):
    """Check a model's files and chat template without loading it."""

    id: str = arg("the model's id, from `flock model ls`")
    # checksums are read at some 500 MB/s; half an hour is a terabyte
    wait_seconds: float = inner(1800.0)
