"""The cache of fetched files: listing it, deleting what nobody needs, fetching one file without adding a model.

Owns the knowledge of which models need which file. Called by daemon/control.py.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from shlex import quote

from flock.contract.files import CachedFile, FetchFile, ListCache, PruneCache, Pruned
from flock.contract.jobs import Job
from flock.core.context import Actor, Context
from flock.core.jobs import Report
from flock.core.operations import handles
from flock.models.kept import Use
from flock.models.repository import file_named
from flock.models.sources import HubSource, checksum, parse
from flock.models.wanted import of_hub
from flock.store.entries import ModelEntry

_SPLIT = re.compile(r"^(.+)-\d{5}-of-(\d{5}\.gguf)$")


@handles(ListCache)
async def list_cache(context: Context, _op: ListCache, _actor: Actor) -> list[CachedFile]:
    """Return the files flock fetched, the largest first."""
    return await context.fetcher.files(uses(await context.store.models.all()))


@handles(PruneCache)
async def prune_cache(context: Context, op: PruneCache, _actor: Actor) -> Pruned:
    """Return what no model needs; it is deleted when that was asked for."""
    needed = uses(await context.store.models.all())
    return await context.fetcher.prune(needed, delete=op.delete, partial=op.partial)


@handles(FetchFile)
async def fetch_file(context: Context, op: FetchFile, _actor: Actor) -> Job:
    """Look the file up on the hub, then fetch it in a job."""
    sha256 = checksum(op.sha256)
    repo = repository_of(op.repo)
    found = await context.hub.repository(repo)
    wanted = of_hub(context.fetcher.root, found, [file_named(found, op.file)], sha256)
    again = f"flock fetch {repo} {quote(op.file)}" + (f" --sha256 {sha256}" if sha256 else "")

    async def work(report: Report) -> None:
        await context.fetcher.fetch(wanted, report, again)

    job = context.jobs.start("files.fetch", wanted[0].source.removeprefix("hf:"), work)
    context.ids.keep("jobs", [j.id for j in context.jobs.all()])
    return job


def repository_of(words: str) -> str:
    """Return the repository that is meant, OWNER/NAME. Raises InvalidRequest."""
    found = parse(words if words.startswith(("hf:", "https://")) else f"hf:{words}")
    assert isinstance(found, HubSource)
    return found.repo


def uses(entries: Iterable[ModelEntry]) -> dict[Path, Use]:
    """Return which models need which files: what was fetched for them, and what their settings name."""
    found: dict[Path, Use] = {}
    for entry in entries:
        named = [entry.path, *entry.files, entry.facts.get("projector"), *map(entry.config.get, ("draft", "template"))]
        for path in {str(word) for word in named if word and str(word).startswith("/")}:
            for part in _parts(Path(path)):
                before = found.get(part, Use(()))
                times = [at for at in (before.used_at, entry.last_used_at) if at is not None]
                found[part] = Use((*before.models, entry.id), max(times, default=None))
    return found


def _parts(path: Path) -> list[Path]:
    """Return a file, and the other parts of a split one: engines are given the first and read them all."""
    split = _SPLIT.match(path.name)
    if split is None:
        return [path]
    count = int(split[2][:5])
    return [path.with_name(f"{split[1]}-{number:05d}-of-{split[2]}") for number in range(1, min(count, 1000) + 1)]
