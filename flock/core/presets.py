"""Presets: settings of models under a name, the user's own and those that come with the catalog.

Owns their names. Refuses to change one that comes with flock. Called through the operations table, and by
core/configuring.py.
"""

import difflib
import re

from flock.contract.models import ModelConfig
from flock.contract.presets import ListPresets, Preset, RemovePreset, SavePreset
from flock.core.context import Actor, Context
from flock.core.operations import handles
from flock.engines.stored_models import config_of, settings_of
from flock.errors import Conflict, InvalidRequest, NotFound
from flock.store.entries import PresetEntry

_NAME = re.compile(r"^[a-z0-9][a-z0-9._-]{0,63}$")

# What people set together, for any model: engines and models that lack a field ignore it.
BUILT_IN = (
    Preset("long-context", ModelConfig(slots=1, kv_type="q4_0", flash_attention="on"), True, "one long conversation"),
    Preset("many-users", ModelConfig(context=8192, slots=8, kv_type="q8_0"), True, "eight short ones at once"),
    Preset("small-memory", ModelConfig(context=4096, slots=1, kv_type="q4_0"), True, "what fits where little is free"),
)


async def all_presets(context: Context) -> list[Preset]:
    """Return every preset, the user's own first. Raises StorageFailed."""
    own = [Preset(entry.name, config_of(entry.config)) for entry in await context.store.presets.all()]
    taken = {preset.name for preset in own}
    return [*own, *(preset for preset in BUILT_IN if preset.name not in taken)]


async def find(context: Context, name: str) -> Preset:
    """Return a preset. Raises NotFound with the nearest names."""
    presets = {preset.name: preset for preset in await all_presets(context)}
    if name.lower() in presets:
        return presets[name.lower()]
    near = difflib.get_close_matches(name.lower(), presets, n=3, cutoff=0.4)
    meant = f"; did you mean {near[0]}?" if near else ""
    raise NotFound(f"there is no preset {name!r}{meant}", hint="flock model preset ls", details={"nearest": near})


async def keep_ids(context: Context) -> None:
    """Write the presets' names down for the shells. Raises StorageFailed."""
    context.ids.keep("presets", [preset.name for preset in await all_presets(context)])


@handles(ListPresets)
async def list_presets(context: Context, op: ListPresets, _actor: Actor) -> list[Preset]:
    """Return the presets."""
    return [preset for preset in await all_presets(context) if not (op.own and preset.builtin)]


@handles(SavePreset)
async def save_preset(context: Context, op: SavePreset, _actor: Actor) -> Preset:
    """Keep what is set for a model under a name; one of the same name is written anew."""
    name = op.name.lower()
    if not _NAME.match(name):
        raise InvalidRequest(
            f'"{op.name}" cannot be a preset\'s name: letters, digits, ".", "_" and "-", a letter or digit first',
            hint="flock model preset save tools --model MODEL",
        )
    _check_own(name)
    config = context.registry.removable(op.model).config
    await context.store.presets.put(PresetEntry(name, settings_of(config), context.clock.now()))
    await keep_ids(context)
    return Preset(name, config)


@handles(RemovePreset)
async def remove_preset(context: Context, op: RemovePreset, _actor: Actor) -> Preset:
    """Forget a preset; models that took it keep their settings."""
    _check_own(op.name.lower())
    preset = await find(context, op.name)
    await context.store.presets.delete(preset.name)
    await keep_ids(context)
    return preset


def _check_own(name: str) -> None:
    if any(preset.name == name for preset in BUILT_IN):
        raise Conflict(f"{name} comes with flock and stays as it is", hint="flock model preset ls")
