"""Files that flock fetched: what lies in its cache."""

from dataclasses import dataclass

from flock.contract.jobs import Job
from flock.contract.op import Op, Risk, arg, flag, operation


@dataclass(frozen=True, slots=True)
class CachedFile:
    """A file that flock fetched. `state` is whole, partial (an interrupted download, which the same `model add` goes on
    with) or quarantined (its checksum was wrong); `models` are those that need it; `source` is where it came from.
    """

    path: str
    source: str
    size_bytes: int
    state: str
    models: tuple[str, ...] = ()
    used_at: str | None = None


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was, or with `dry_run` would be, deleted."""

    dry_run: bool
    freed_bytes: int
    files: tuple[CachedFile, ...] = ()


@operation("files.ls", "cache ls", "GET /admin/v1/cache", examples=("cache ls",))
class ListCache(Op[list[CachedFile]]):
    """List the files flock fetched."""


@operation(
    "files.prune",
    "cache prune",
    "POST /admin/v1/cache/prune",
    risk=Risk.CHANGE,
    examples=("cache prune", "cache prune --delete"),
)
class PruneCache(Op[Pruned]):
    """Say which fetched files no model needs; delete them only when told to."""

    delete: bool = flag("delete them", default=False)
    partial: bool = flag("interrupted downloads too", default=False)


@operation(
    "files.fetch",
    "fetch",
    "POST /admin/v1/cache",
    risk=Risk.CHANGE,
    examples=("fetch bartowski/Qwen2.5-0.5B-Instruct-GGUF Qwen2.5-0.5B-Instruct-Q4_K_M.gguf",),
)
class FetchFile(Op[Job]):
    """Fetch one file of a repository on the hub, without adding a model."""

    repo: str = arg("the repository, OWNER/NAME, from `flock hub search`")
    file: str = arg("the file's path in it, from `flock hub show REPO`")
    sha256: str = flag("what its SHA-256 must be, in hexadecimal", default="")
