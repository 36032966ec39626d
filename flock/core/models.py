"""Listing, adding and removing models."""

import asyncio
from dataclasses import replace
from pathlib import Path
from shlex import quote

from flock.contract.jobs import Job
from flock.contract.models import AddModel, ListModels, Model, RemoveModel
from flock.core.context import Actor, Context
from flock.core.jobs import Report
from flock.core.operations import handles
from flock.errors import InvalidRequest

_HELP = "flock model add --help"


@handles(ListModels)
async def list_models(context: Context, _op: ListModels, _actor: Actor) -> list[Model]:
    """Return the models, the default first."""
    return listed(context)


def listed(context: Context) -> list[Model]:
    """Return every model, the default marked and first: the one that a chat without a model's name goes to."""
    models = context.registry.models()
    default = context.inference.names.default(context.registry.table)
    marked = [replace(m, default=m.id == default) for m in models]
    return sorted(marked, key=lambda m: not m.default)


@handles(AddModel)
async def add_model(context: Context, op: AddModel, _actor: Actor) -> Job:
    """Validate the file, then register and load it in a job."""
    scheme, colon, rest = op.source.partition(":")
    if not colon or scheme != "file" or not rest:
        raise InvalidRequest(
            f"{op.source!r} is no source this version can add from: it knows file:PATH.gguf",
            hint=f"flock model add {quote(f'file:{op.source}')}" if op.source.endswith(".gguf") else _HELP,
        )
    path = Path(rest).expanduser()
    if not path.is_absolute():
        raise InvalidRequest(f"{rest!r} is not an absolute path", hint=f'flock model add "file:$PWD/{rest}"')
    model_id = await asyncio.to_thread(context.registry.validate_file, str(path), op.name)

    async def work(report: Report) -> None:
        await context.registry.add_file(str(path), op.name, report)

    job = context.jobs.start("model.add", model_id, work)
    context.ids.keep("jobs", [j.id for j in context.jobs.all()])
    return job


@handles(RemoveModel)
async def remove_model(context: Context, op: RemoveModel, _actor: Actor) -> Model:
    """Stop the model's engine and forget the model; its file stays."""
    return await context.registry.remove(op.id)
