"""How presets look."""

from dataclasses import fields
from typing import Any, cast

from flock.contract.models import ModelConfig
from flock.contract.op import Op
from flock.contract.presets import Preset
from flock.show.view import Line, View, or_none, table


def human(op: Op[Any], value: Any, now: float) -> View:
    """Show the presets, or the one that was saved or removed."""
    if isinstance(value, Preset):
        if op.spec.name == "preset.remove":
            return View((Line(f"removed {value.name}; models that took it keep their settings"),))
        return View(
            (Line(f"{value.name}: {settings(value.config)}", "good"),),
            (Line(f"use it: flock model config MODEL --preset {value.name}", "dim"),),
        )
    rows: list[tuple[str, ...]] = [
        (p.name, "built-in" if p.builtin else "saved", settings(p.config), or_none(p.note))
        for p in cast("list[Preset]", value)
    ]
    empty = "no preset; `flock model preset save NAME --model MODEL` keeps a model's settings"
    return table("name origin settings note", rows, empty, "note")


def ids(op: Op[Any], value: Any) -> list[str]:
    """Return the presets' names; nothing for one that was removed."""
    if isinstance(value, Preset):
        return [] if op.spec.name == "preset.remove" else [value.name]
    return [p.name for p in cast("list[Preset]", value)]


def settings(config: ModelConfig) -> str:
    """Return what is set, as options are spelled: "context 32768, kv-type q8_0"."""
    default = ModelConfig()
    words = [
        f"{item.name.replace('_', '-')} {_word(getattr(config, item.name))}"
        for item in fields(ModelConfig)
        if getattr(config, item.name) != getattr(default, item.name)
    ]
    return ", ".join(words) or "all left to flock"


def _word(value: object) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else str(value)
