"""Listing models, and removing them with what flock fetched for them.

Owns what becomes of a model's files: those flock fetched go with the last model that needs them, the user's own stay,
and an Ollama is asked to delete only what flock asked it to pull. Called through the operations table.
"""

import asyncio
import logging
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from flock.contract.models import ListModels, Model, RemoveModel
from flock.core.context import Actor, Context
from flock.core.listing import listed
from flock.core.operations import handles
from flock.engines.lent import SCHEME
from flock.engines.own_model import OwnModel
from flock.errors import ConfigInvalid, FlockError, StorageFailed
from flock.models import kept
from flock.models.kept import Use
from flock.text import count, size

log = logging.getLogger(__name__)

_DEFAULT_KEY = "router.default_model"


@handles(ListModels)
async def list_models(context: Context, _op: ListModels, _actor: Actor) -> list[Model]:
    """Return the models, the default first."""
    return listed(context)


@handles(RemoveModel)
async def remove_model(context: Context, op: RemoveModel, _actor: Actor) -> Model:
    """Forget a model once its running requests have ended, and delete what flock fetched for it alone."""
    model = context.registry.removable(op.id)
    row = await context.registry.remove(op.id)
    words = [await _files(context, model, keep=op.keep_files)]
    words += [sentence] if (sentence := await asyncio.to_thread(_no_default, context, op.id)) else []
    return replace(row, note="; ".join(words))


async def _files(context: Context, model: OwnModel, *, keep: bool) -> str:
    """Delete what was fetched for a model and nobody else needs; return what became of its files, in words."""
    if model.source.startswith(SCHEME):
        return await _at_ollama(context, model, keep=keep)
    if not model.files:
        return "its file stays where it is"
    if keep:
        return "what was fetched for it stays: flock cache ls"
    others = uses(context.registry.added())
    try:
        gone, freed = await asyncio.to_thread(_delete, context.fetcher.root, model.files, others)
    except StorageFailed as error:
        return f"{error.sentence} (hint: {error.hint})"
    if not gone:
        return "its files stay, another model needs them"
    return f"{count(gone, 'file')} of it deleted, {size(freed)} are free again"


def uses(models: Iterable[OwnModel]) -> dict[Path, Use]:
    """Return which models need which files: what was fetched for each, and its own file or directory."""
    found: dict[Path, Use] = {}
    for model in models:
        paths = {*model.files, model.path, *([model.projector] if model.projector else [])} - {Path()}
        for path in paths:
            before = found.get(path, Use(()))
            times = [at for at in (before.used_at, model.last_used_at) if at is not None]
            found[path] = Use((*before.models, model.id), max(times, default=None))
    return found


def _delete(root: Path, files: Iterable[Path], others: "dict[Path, Use]") -> tuple[int, int]:
    """Delete fetched files that no other model needs; return how many and their bytes. Blocking."""
    wanted = {str(path) for path in files}
    gone, freed = 0, 0
    for file in kept.listed(root, others):
        if file.path in wanted and not file.models and kept.delete(root, file):
            gone, freed = gone + 1, freed + file.size_bytes
    for path in files:
        # what lies in another program's cache is only linked to
        if path.is_symlink() and path.is_relative_to(root) and path not in others:
            os.unlink(path)
            gone += 1
    return gone, freed


async def _at_ollama(context: Context, model: OwnModel, *, keep: bool) -> str:
    tag = model.source.removeprefix(SCHEME)
    shared = any(other.source == model.source for other in context.registry.added())
    if keep or shared or not model.pulled:
        return f"Ollama keeps {tag}"
    try:
        await context.registry.delete_pulled(tag)
    except FlockError as error:
        return f"Ollama keeps {tag}: {error.sentence}"
    return f"Ollama has deleted {tag}"


def _no_default(context: Context, model_id: str) -> str:
    """Let the default be another model when this one was it; return what was changed, in words. Blocking."""
    names = context.inference.names
    if names.default_model != model_id:
        return ""
    names.default_model = ""
    try:
        changed = context.config.unset_in_file(_DEFAULT_KEY)
    except (ConfigInvalid, StorageFailed) as error:
        return f"it was the default model, and still is in the configuration: {error.sentence}"
    if changed.hidden_by:
        return f"it was the default model, and is again at the next start: {changed.hidden_by} names it"
    return "it was the default model, which is now the first one there is"
