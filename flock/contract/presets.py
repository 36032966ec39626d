"""Presets: settings of models under a name, for the next model."""

from dataclasses import dataclass

from flock.contract.models import ModelConfig
from flock.contract.op import Op, Risk, arg, flag, operation


@dataclass(frozen=True, slots=True)
class Preset:
    """Settings of a model under a name; `builtin` ones come with flock's catalog and cannot be removed."""

    name: str
    config: ModelConfig
    builtin: bool = False
    note: str = ""


@operation("preset.ls", "model preset ls", "GET /admin/v1/presets", examples=("model preset ls",))
class ListPresets(Op[list[Preset]]):
    """List the presets."""

    own: bool = flag("only your own, which can be removed", default=False)


@operation(
    "preset.save",
    "model preset save",
    "POST /admin/v1/presets",
    risk=Risk.CHANGE,
    examples=("model preset save tools --model qwen3-8b",),
)
class SavePreset(Op[Preset]):
    """Save what is set for a model under a name."""

    name: str = arg("what to call it")
    model: str = flag("the model whose settings are saved, from `flock model ls`")


@operation(
    "preset.remove",
    "model preset remove",
    "DELETE /admin/v1/presets/{name}",
    risk=Risk.REMOVE,
    examples=("model preset remove tools",),
)
class RemovePreset(Op[Preset]):
    """Remove a preset; models that took their settings from it keep them."""

    name: str = arg("the preset's name, from `flock model preset ls --own`")
