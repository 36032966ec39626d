"""The plan of an addition: which way, which engine, which files, how much of disk and memory; and what speaks against
it.

Owns the sums and the refusals. Pure. Refuses to fetch anything. Called by core/adding.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flock.contract.hub import HubFile
from flock.contract.models import AddModel
from flock.contract.plans import AddPlan, PlannedFile
from flock.core.fitting import Here
from flock.core.origins import Origin
from flock.errors import Conflict, EngineFailed, NotEnoughMemory, NotFound, StorageFailed, Unsupported
from flock.models.candidate import Way
from flock.models.choose import Choice, Wish, choose
from flock.models.repository import Repository, files_of, way_named, ways
from flock.models.wanted import Wanted, of_hub, of_url
from flock.text import size

# what a fast line at home brings; the plan says so
BYTES_PER_SECOND = 50e6
# What is left on a disk beside a model: logs, the database, an engine's own cache.
SPARE_BYTES = 512 * 2**20

# what the hub's card and its tags do not always tell apart
_DIRECTORIES = frozenset({"mlx", "safetensors"})


@dataclass(frozen=True, slots=True)
class Addition:
    """What is to be done; `files` are to be fetched, the one that engines are pointed at first. `problem` says why the
    engine cannot be used although it is here.
    """

    plan: AddPlan
    origin: Origin
    choice: Choice
    files: tuple[Wanted, ...] = ()
    problem: str = ""

    @property
    def tag(self) -> str:
        """The tag at an Ollama, "" for anything else."""
        return self.choice.way.tag if self.choice.way is not None else ""


@dataclass(frozen=True, slots=True)
class Disk:
    """The models' directory: what of the files is there already, and what is free, in bytes."""

    present: int
    free: int


def choice_of(origin: Origin, here: Here, op: AddModel) -> Choice:
    """Return the way that suits the machine, as the user wishes."""
    wish = Wish(engine=op.engine.lower(), preferred=here.preferred)
    return choose(origin.candidate, here.seen, here.budget_bytes, here.engines, wish)


def exact(origin: Origin, choice: Choice, found: Repository) -> Origin:
    """Return an origin whose only way is the chosen one as the repository really holds it: its files, their true size.

    Raises NotFound when it holds something else by now, InvalidRequest when its name fits several files.
    """
    way = choice.way
    assert way is not None
    there = way if way.files else _there(found, way)
    sizes = [file.size_bytes for file in files_of(found, there)]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    true = replace(
        way,
        files=there.files,
        projector=there.projector,
        size_bytes=way.size_bytes if total is None else total,
        guessed=way.guessed and total is None,
    )
    candidate = replace(origin.candidate, ways=(true,))
    return replace(origin, candidate=candidate, repository=found, license=origin.license or found.license)


def _there(found: Repository, way: Way) -> Way:
    """Return what a repository has of a way that names no files: that quantisation, or its directory."""
    if way.format == "gguf":
        return way_named(found, way.quant)
    for one in ways(found):
        if one.format == way.format or {one.format, way.format} <= _DIRECTORIES:
            return one
    raise NotFound(f"{found.repo} holds nothing for {way.format}", hint=f"flock hub show {found.repo}")


def made(model_id: str, origin: Origin, choice: Choice, here: Here, files: Sequence[Wanted], disk: Disk) -> Addition:
    """Return the plan of an addition."""
    way = choice.way
    total = way.size_bytes if way is not None else None
    present = disk.present if origin.local is None else total or 0
    left = None if total is None else max(0, total - present)
    warnings = list(origin.warnings)
    if way is not None and way.guessed:
        warnings.append("its size is a guess by the number of parameters; the hub says it when it is added")
    if choice.engine in ("llamacpp", "embedded", "vllm"):
        warnings += here.seen.notes
    problem = next((engine.problem for engine in here.engines if engine.kind == choice.engine), "")
    warnings += [problem] if problem else []
    plan = AddPlan(
        id=model_id,
        source=way.source if way is not None and (way.repo or way.tag) else origin.source,
        engine=choice.engine,
        engine_ready=choice.ready,
        engine_hint=choice.hint,
        kind=origin.candidate.kind,
        quant=way.quant if way is not None else "",
        size_bytes=total,
        present_bytes=present,
        needs_bytes=choice.need.total if choice.need is not None else choice.least_bytes,
        budget_bytes=here.budget_bytes,
        fits=choice.fits,
        verdict=choice.why,
        disk_free_bytes=disk.free,
        eta_seconds=None if left is None else round(left / BYTES_PER_SECOND, 1),
        context=choice.context,
        slots=choice.slots if choice.context else None,
        kv_type=choice.kv_type,
        license=origin.license,
        commercial=origin.commercial,
        files=_planned(files, choice),
        warnings=tuple(warnings),
    )
    return Addition(plan, origin, choice, tuple(files), problem)


def check(addition: Addition, op: AddModel) -> None:
    """Raise what speaks against an addition; `--force` lets through what only does not fit or has no engine yet.

    Raises Unsupported for what no engine here serves and what wants several machines, NotEnoughMemory with the sum,
    EngineFailed for an engine that is not installed, StorageFailed for a disk too small.
    """
    plan, choice, origin = addition.plan, addition.choice, addition.origin
    if origin.candidate.shards > 1:
        raise Unsupported(f"{plan.id} needs {origin.candidate.shards} machines: not built yet", hint=_SMALLER)
    if choice.way is None:
        raise Unsupported(f"{plan.id} cannot be served here: {choice.why}", hint="flock engine ls")
    if not op.force:
        if not plan.fits:
            raise NotEnoughMemory(
                f"{plan.id} does not fit this machine: {plan.verdict}",
                hint=_SMALLER if origin.source.startswith("catalog:") else f"flock model add {origin.again} --force",
                details={"needs": plan.needs_bytes, "budget": plan.budget_bytes},
            )
        if not plan.engine_ready:
            state = f"cannot be used: {addition.problem}" if addition.problem else "is not installed"
            raise EngineFailed(f"{plan.id} would be served by {plan.engine}, which {state}", hint=plan.engine_hint)
    left = (plan.size_bytes or 0) - plan.present_bytes
    if addition.files and left + SPARE_BYTES > plan.disk_free_bytes:
        words = f"{plan.id} is" if plan.size_bytes is None else f"{size(left)} of {plan.id} are"
        raise StorageFailed(
            f"{words} to be fetched, and the disk has {size(plan.disk_free_bytes)} free "
            f"({size(SPARE_BYTES)} stay free)",
            hint="flock cache prune",
            details={"needed": left, "free": plan.disk_free_bytes},
        )


_SMALLER = "flock model search --fits"


def check_free(conflict: Conflict | None, addition: Addition) -> Addition:
    """Return a plan that says that its id is taken, where it is."""
    if conflict is None:
        return addition
    warning = f"{conflict.sentence}; it would have to be another: {conflict.hint}"
    return replace(addition, plan=replace(addition.plan, warnings=(*addition.plan.warnings, warning)))


def wanted(origin: Origin, choice: Choice, root: Path, sha256: str) -> list[Wanted]:
    """Return what is to be fetched, the file that engines are pointed at first: nothing for a file of the user's own
    and for what an Ollama keeps. `sha256` is what the user says of that first file; `root` the models' directory.

    Without a look at the hub the names are those the catalog has, and sizes are not known. Raises InvalidRequest for a
    path that would lead out of the directory, NotFound for a way of other files than the repository's.
    """
    way = choice.way
    if way is None or way.tag or origin.local is not None:
        return []
    if origin.url:
        return [of_url(root, origin.url, sha256)]
    found = origin.repository
    if found is None:
        names = [*way.files, *([way.projector] if way.projector and way.projector not in way.files else [])]
        unseen = Repository(way.repo, "", "", gated=False, files=())
        return of_hub(root, unseen, [HubFile(name, None) for name in names])
    first, *others = files_of(found, way)
    return [*of_hub(root, found, [first], sha256), *of_hub(root, found, others)]


def _planned(files: Sequence[Wanted], choice: Choice) -> tuple[PlannedFile, ...]:
    alone = choice.way.size_bytes if len(files) == 1 and choice.way is not None else None
    return tuple(
        PlannedFile(file.path or file.name, alone if file.size is None else file.size, file.sha256) for file in files
    )
