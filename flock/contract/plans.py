"""What adding a model would do: the answer of `flock model add --dry-run`, and the beginning of every addition."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file to be fetched. `path` is its name at the source, `size_bytes` null where the source does not tell."""

    path: str
    size_bytes: int | None
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class AddPlan:
    """How a model would be added.

    `id` is what clients will call it; `source` is where it comes from ("hf:OWNER/REPO", "ollama:TAG", "file:PATH", a
    URL); `engine` the kind that will serve it, `engine_ready` whether it is installed and `engine_hint` the command
    that installs it. `files` are to be fetched, `size_bytes` in all; `present_bytes` of them are here already.
    `needs_bytes` is what it will take in memory with `slots` windows of `context` tokens and a cache of `kv_type`;
    `budget_bytes` what models may take in all; `fits` whether it does, and `verdict` says so in a sentence.
    `disk_free_bytes` is what is free where it would lie. `eta_seconds` counts 50 MB/s. `commercial` is "yes", "no", or
    the condition. `warnings` are things a user should know before.
    """

    id: str
    source: str
    engine: str
    engine_ready: bool
    engine_hint: str
    kind: str
    quant: str
    size_bytes: int | None
    present_bytes: int
    needs_bytes: int | None
    budget_bytes: int
    fits: bool
    verdict: str
    disk_free_bytes: int
    eta_seconds: float | None
    context: int | None = None
    slots: int | None = None
    kv_type: str = ""
    license: str = ""
    commercial: str = ""
    files: tuple[PlannedFile, ...] = ()
    warnings: tuple[str, ...] = ()
