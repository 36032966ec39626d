"""How a model is loaded, shown and changed; and which model answers where a request names none.

Owns what follows from a change: it is kept, a model in memory is loaded anew once it is idle, and what was said in the
environment is told, since it counts more. Called through the operations table.
"""

import asyncio
from dataclasses import replace

from flock.contract.models import ConfigureModel, Model, ModelConfig, SetDefaultModel
from flock.core import model_words, presets, validating
from flock.core.context import Actor, Context
from flock.core.listing import listed
from flock.core.operations import handles
from flock.core.undo_kinds import DEFAULT, DEFAULT_KEY, around
from flock.core.undoing import note
from flock.engines.own_model import OwnModel
from flock.errors import Conflict, InvalidRequest, ModelNotFound


@handles(ConfigureModel)
async def configure_model(context: Context, op: ConfigureModel, _actor: Actor) -> Model:
    """Show what is set for a model, or set it."""
    model = context.registry.removable(op.id)
    if not model_words.named(op):
        return _row(context, op.id)
    before = ModelConfig() if op.reset else model.config
    if op.preset:
        before = (await presets.find(context, op.preset)).config
    config = model_words.changed(before, op)
    if config == model.config:
        return replace(_row(context, op.id), note="nothing has changed")
    _check_draft(context, op.id, config)
    if config.template and config.template != model.config.template:
        await _check_template(context, replace(model, config=config))
    loaded = _row(context, op.id).state in ("ready", "busy", "starting")
    await context.registry.configure(op.id, config)
    note = "it is loaded anew once it is idle" if loaded else "it counts from the next load on"
    return replace(_row(context, op.id), note=note)


@handles(SetDefaultModel)
async def set_default(context: Context, op: SetDefaultModel, actor: Actor) -> Model:
    """Let a model answer requests that name none, from now on and after the next start."""
    found = next((row for row in listed(context) if row.id == op.id), None)
    if found is None:
        near = [row.id for row in listed(context)]
        raise ModelNotFound(f'no model "{op.id}"', hint="flock model ls", details={"nearest": near[:5]})
    if found.kind not in ("", "chat"):
        raise InvalidRequest(
            f"{op.id} does not chat (its kind is {found.kind}), and requests that name no model are for chats",
            hint="flock model ls",
        )
    names, config = context.inference.names, context.config
    was, changed, now = await asyncio.to_thread(
        around, config, DEFAULT_KEY, lambda: config.set_in_file(DEFAULT_KEY, op.id)
    )
    note(actor, DEFAULT, DEFAULT_KEY, {"value": was, "model": names.default_model}, {"value": now, "model": op.id})
    names.default_model = op.id
    said = ""
    if changed.hidden_by:
        said = f"until the next start only: {changed.hidden_by} is set in the daemon's environment and counts more"
    return replace(found, default=True, note=said)


async def _check_template(context: Context, model: OwnModel) -> None:
    """Raise when a template that was set could not be used: a load, or every request, would end with it."""
    found = await validating.examine(context, model)
    wrong = [finding for finding in found if finding.level == "error" and finding.check not in ("files", "header")]
    if wrong:
        raise InvalidRequest(
            f"{model.config.template} is no template for {model.id}: {wrong[0].sentence}; nothing was changed",
            hint=f"flock model config {model.id} --template auto",
        )


def _row(context: Context, model_id: str) -> Model:
    row = next((row for row in listed(context) if row.id == model_id), None)
    if row is None:
        raise ModelNotFound(f'no model "{model_id}"', hint="flock model ls")
    return row


def _check_draft(context: Context, model_id: str, config: ModelConfig) -> None:
    """Raise when the model that is to guess ahead is none, or is the model itself."""
    if not config.draft or "/" in config.draft:
        return
    if config.draft == model_id:
        raise Conflict(f"{model_id} cannot guess ahead for itself", hint="flock model ls")
    added = {model.id: model for model in context.registry.added()}
    if config.draft not in added:
        raise ModelNotFound(
            f'no model "{config.draft}" to guess ahead with',
            hint="flock model ls",
            details={"nearest": list(added)[:5]},
        )
