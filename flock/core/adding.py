"""`flock model add`: from a word to a model that answers.

Owns the steps: what the source is, the plan, what speaks against it, then as a job fetching, checking, keeping and
loading. Everything up to the job is refused as the answer itself, so that nothing has begun; what fails in the job
leaves no model behind, and what it has fetched stays for the next try. Two additions of one model are one: who asks for
the same gets the job that runs. Called through the operations table.
"""

import asyncio
import hashlib
import shlex
from dataclasses import replace
from pathlib import Path

from flock.contract.jobs import Job
from flock.contract.models import AddModel, Finding, ModelConfig
from flock.contract.op import to_argv
from flock.core import additions, origins, validating
from flock.core.additions import Addition, Disk
from flock.core.context import Actor, Context
from flock.core.fitting import Here, here
from flock.core.jobs import Report
from flock.core.operations import handles
from flock.engines import model_ids
from flock.engines.own_model import OwnModel
from flock.errors import Conflict, InvalidRequest, SourceUnreachable, UsageError
from flock.models.sources import checksum
from flock.text import closest, did_you_mean, size

KIND = "model.add"
_READ_AT_ONCE = 4 * 2**20


@handles(AddModel)
async def add_model(context: Context, op: AddModel, _actor: Actor) -> Job:
    """Plan an addition and start it as a job, or join the job that does the same already."""
    op = replace(op, sha256=checksum(op.sha256))
    origin = await origins.find(context, op)
    model_id = model_ids.checked(op.name, origin.again) or model_ids.slug(origin.candidate.id)
    if (running := _running(context, model_id, op)) is not None:
        return running
    taken = _taken(context, model_id, origin.again)
    if taken is not None and not op.dry_run:
        raise taken
    addition = await _planned(context, model_id, origin, op)
    if op.dry_run:
        return context.jobs.planned(KIND, model_id, additions.check_free(taken, addition).plan)
    additions.check(addition, op)
    # somebody may have asked for the same while this one was looked up; nothing is awaited from here to the job
    if (running := _running(context, model_id, op)) is not None:
        return running
    context.registry.check_free(model_id, origin.again)

    async def work(report: Report) -> None:
        await _carry_out(context, addition, op, report)

    job = context.jobs.start(KIND, model_id, work, asked=_asked(op), plan=addition.plan)
    context.ids.keep("jobs", [j.id for j in context.jobs.all()])
    return job


def _asked(op: AddModel) -> AddModel:
    """Return what an addition is, but for how much is refused on the way."""
    return replace(op, dry_run=False, force=False)


def _running(context: Context, model_id: str, op: AddModel) -> Job | None:
    """Return the job that adds this model already. Raises Conflict for one that adds another one under its id."""
    found = context.jobs.running(KIND, model_id)
    if found is None or op.dry_run:
        return None
    job, asked = found
    if asked == _asked(op):
        return job
    raise Conflict(
        f"{model_id} is being added already, from another source or with other options (job {job.id})",
        hint=f"flock job show {job.id}",
        details={"job": job.id},
    )


def _taken(context: Context, model_id: str, again: str) -> Conflict | None:
    try:
        context.registry.check_free(model_id, again)
    except Conflict as conflict:
        return conflict
    return None


# what no --force helps over: an engine could not load it, or would never be done with it
_FATAL = ("files", "header", "tokenizer", "endless")


async def _planned(context: Context, model_id: str, origin: origins.Origin, op: AddModel) -> Addition:
    """Return the plan; what is to be fetched is looked at where it lies, but for a dry run of the catalog's."""
    machine = await here(context)
    _check_engine(op, machine)
    addition = await _made(context, model_id, origin, machine, op)
    way = addition.choice.way
    if op.dry_run or origin.repository is not None or way is None or not way.repo:
        return addition
    additions.check(addition, op)  # what the catalog knows to be too large is not looked for
    try:
        origin = additions.exact(origin, addition.choice, await origins.look(context, way.repo))
    except SourceUnreachable as error:
        origin = _from_disk(origin, addition, error)
    return await _made(context, model_id, origin, machine, op)


async def _made(context: Context, model_id: str, origin: origins.Origin, machine: Here, op: AddModel) -> Addition:
    choice = additions.choice_of(origin, machine, op)
    files = additions.wanted(origin, choice, context.fetcher.root, op.sha256)
    disk = Disk(await context.fetcher.present_bytes(files), await context.fetcher.free_bytes())
    return additions.made(model_id, origin, choice, machine, files, disk)


def _check_engine(op: AddModel, machine: Here) -> None:
    kinds = [engine.kind for engine in machine.engines]
    if op.engine and op.engine.lower() not in kinds:
        near = closest(op.engine, kinds)
        raise UsageError(
            f"there is no engine {op.engine!r}; there are {', '.join(kinds)}{did_you_mean(op.engine, kinds)}",
            hint=f"--engine {near}" if near else "flock engine ls",
        )


def _from_disk(origin: origins.Origin, addition: Addition, error: SourceUnreachable) -> origins.Origin:
    """Return an origin whose files are all here already, so that a silent hub is only told; raises its error else."""
    if not addition.files or not all(file.target.is_file() for file in addition.files):
        raise error
    return replace(origin, warnings=(*origin.warnings, f"{error.sentence}; what is here already is used"))


async def _carry_out(context: Context, addition: Addition, op: AddModel, report: Report) -> None:
    if addition.tag:
        await _borrow(context, addition, op, report)
        return
    # until the model is kept nobody knows that its files are needed
    with context.fetcher.holding(file.target for file in addition.files):
        model = await _fetched(context, addition, op, report)
        report(None, "checking its files and its chat template")
        await _examined(context, addition, model, op, report)
        report(None, "loading" if op.load else "keeping it")
        await context.registry.add(model, load=op.load, report=report)


async def _borrow(context: Context, addition: Addition, op: AddModel, report: Report) -> None:
    """Let an Ollama pull a model, where it has not, load it, and keep an id for it."""
    pulled = await context.registry.pull(addition.tag, report, load=op.load)
    model = OwnModel(
        id=addition.plan.id,
        path=Path(),
        source=f"ollama:{addition.tag}",
        created_at=context.clock.now(),
        engine="ollama",
        kind=addition.plan.kind,
        license=addition.plan.license,
        pulled=pulled,
    )
    report(None, "keeping it")
    await context.registry.lend(model)


def _again(op: AddModel, origin: origins.Origin) -> str:
    """Return the command that goes on with an addition; without the name or the checksum it would be another one."""
    return shlex.join(["flock", *to_argv(replace(op, source=origin.again, dry_run=False))])


async def _fetched(context: Context, addition: Addition, op: AddModel, report: Report) -> OwnModel:
    """Fetch what is missing; return the model, which is not kept yet."""
    origin, choice, plan = addition.origin, addition.choice, addition.plan
    way = choice.way
    assert way is not None
    if origin.local is not None:
        path, files, sums = origin.local.path, (), dict[str, str]()
        if op.sha256:
            await _compare(path, op.sha256, report)
            sums = {str(path): op.sha256}
    else:
        # without a revision the hub was silent and all of it is here: see _from_disk
        if any(file.url or file.revision for file in addition.files):
            await context.fetcher.fetch(addition.files, report, _again(op, origin))
        files = tuple(file.target for file in addition.files)
        sums = {str(file.target): file.sha256 for file in addition.files if file.sha256}
        path = files[0].parent if way.format in ("mlx", "safetensors") else files[0]
    projector = next((f.target for f in addition.files if way.projector and f.path == way.projector), None)
    kept = plan.source if not origin.source.startswith(("catalog:", "file:")) else origin.source
    return OwnModel(
        id=plan.id,
        path=path,
        source=kept,
        created_at=context.clock.now(),
        kind=plan.kind,
        # both of llama.cpp's load the same files: which one does may change with what is installed and preferred
        engine="" if way.format == "gguf" else choice.engine,
        config=_config(addition, op),
        family=origin.name,
        quant=plan.quant,
        license=plan.license,
        projector=projector,
        files=files,
        sha256=sums,
    )


def _config(addition: Addition, op: AddModel) -> ModelConfig:
    """Return what is set from the beginning: the engine the user named, and the catalog's words for vLLM's parsers."""
    way, engine = addition.choice.way, addition.choice.engine
    parsers = engine == "vllm" and way is not None
    return ModelConfig(
        engine=op.engine.lower(),
        tool_parser=way.tool_parser if parsers and way is not None else "",
        reasoning_parser=way.reasoning_parser if parsers and way is not None else "",
    )


async def _examined(context: Context, addition: Addition, model: OwnModel, op: AddModel, report: Report) -> None:
    """Check what is to be kept: an error stops it unless it is forced, a warning is told with the plan.

    A template without an end stops it always: llama-server renders it when it starts, and would compute for ever.
    """
    findings = await validating.examine(context, model)
    wrong = [finding for finding in findings if finding.level == "error"]
    fatal = [finding for finding in wrong if finding.check in _FATAL or not op.force]
    if fatal:
        raise InvalidRequest(
            f"{model.id} cannot be added: {fatal[0].sentence}",
            hint=_mend(fatal[0], addition),
            details={"findings": [finding.sentence for finding in wrong]},
        )
    told = [finding.sentence for finding in findings if finding.level in ("warning", "error")]
    if told:
        report.planned(replace(addition.plan, warnings=(*addition.plan.warnings, *told)))


def _mend(finding: Finding, addition: Addition) -> str:
    # a model that was not added has no configuration yet
    if finding.check == "endless":
        return "flock model search"
    if finding.check == "template":
        return f"flock model add {addition.origin.again} --force"
    return finding.fix or f"flock model add {addition.origin.again}"


async def _compare(path: Path, sha256: str, report: Report) -> None:
    """Compare a file of the user's own with the checksum they gave. Raises InvalidRequest."""
    report(None, "checking its checksum")
    found = await asyncio.to_thread(_digest, path)
    if found != sha256:
        raise InvalidRequest(
            f"{path} ({size(path.stat().st_size)}) has the SHA-256 {found}, and {sha256} was wanted",
            hint=f"sha256sum '{path}'",
        )


def _digest(path: Path) -> str:
    if not path.is_file():
        raise InvalidRequest(f"{path} is no single file, so it has no checksum", hint="flock model add --help")
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(_READ_AT_ONCE):
                digest.update(piece)
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}", hint=f"ls -l '{path}'") from None
    return digest.hexdigest()
