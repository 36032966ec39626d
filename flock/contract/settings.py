"""Settings: the configuration's values, where each came from, and edits of the user's file."""

from dataclasses import dataclass
from typing import Any

from flock.contract.op import Op, Risk, Where, arg, flag, operation


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `layer` is default, file, environment or flag; `origin` names the file or variable.

    `allowed` says what it may be, `variable` which environment variable sets it; `next` is the value that the next
    start takes up, null where that is the value in force.
    """

    key: str
    value: Any
    layer: str
    origin: str
    summary: str
    restart: bool
    allowed: str = ""
    variable: str = ""
    next: Any = None


@dataclass(frozen=True, slots=True)
class SettingChanged:
    """An edit of the file. `hidden_by` names the environment variable that wins over it, if any."""

    key: str
    value: Any
    file: str
    restart: bool
    hidden_by: str = ""


@dataclass(frozen=True, slots=True)
class Places:
    """Where things lie on this machine."""

    config: str
    data: str
    logs: str
    socket: str
    admin_key: str
    database: str
    secrets: str
    models: str


@operation(
    "config.show",
    "config show",
    "GET /admin/v1/config",
    where=Where.EITHER,
    examples=("config show", "config show --json"),
)
class ShowConfig(Op[list[Setting]]):
    """Show every setting, its value and which layer set it."""


@operation(
    "config.get", "config get", "GET /admin/v1/config/{key}", where=Where.EITHER, examples=("config get listen",)
)
class GetConfig(Op[Setting]):
    """Show one setting."""

    key: str = arg("the setting's name, for example router.default_model")


@operation(
    "config.set",
    "config set",
    "PUT /admin/v1/config/{key}",
    where=Where.EITHER,
    risk=Risk.CHANGE,
    examples=("config set listen 127.0.0.1:9090", "config set router.default_model qwen3-8b"),
)
class SetConfig(Op[SettingChanged]):
    """Set a value in the configuration file; comments stay."""

    key: str = arg("the setting's name")
    value: str = arg("the new value, as YAML")


@operation(
    "config.unset",
    "config unset",
    "DELETE /admin/v1/config/{key}",
    where=Where.EITHER,
    risk=Risk.CHANGE,
    examples=("config unset listen",),
)
class UnsetConfig(Op[SettingChanged]):
    """Remove a value from the configuration file; the default applies again."""

    key: str = arg("the setting's name")


@operation(
    "config.path", "config path", where=Where.LOCAL, examples=("config path", "config path --admin-key"), watch=False
)
class ShowPlaces(Op[Places]):
    """Show where configuration, data, logs and the socket lie."""

    all: bool = flag("every place, not only the configuration file", default=False)
    admin_key: bool = flag("only the admin key's file", default=False)


@operation("config.edit", "config edit", where=Where.LOCAL, risk=Risk.CHANGE, examples=("config edit",))
class EditConfig(Op[Places]):
    """Open the configuration file in $VISUAL or $EDITOR and check it afterwards."""
