"""Configuration: the settings that exist, their layers (default < file < environment < flag), and which layer set what.

Owns the schema and every sentence about a wrong setting: it names the key, the value, where it stands, what is allowed
and the command that mends it. Reads the file at each call and keeps nothing. Called by the daemon at its start, and by
the CLI where no daemon runs; the file itself is edited by configfile.py.
"""

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, PlainValidator, PrivateAttr, ValidationError
from pydantic.fields import FieldInfo

from flock import configfile
from flock.configlayers import Layer, Layers, Problem, Spec, Value, refusal, unknown, wrong
from flock.configsections import (
    Auth,
    Directory,
    Engines,
    Gateway,
    Loading,
    Prices,
    Records,
    Router,
    Section,
    Translation,
    Url,
    declare,
)
from flock.configvalues import Listen, from_words, parse_listen, parse_size, parse_switch
from flock.contract.settings import Setting, SettingChanged
from flock.errors import ConfigInvalid, StorageFailed
from flock.paths import Home, private_dir, short
from flock.yamltext import Scalar, entries


class Config(Section):
    """The settings in force; read-only."""

    listen: Annotated[Listen, PlainValidator(lambda words: parse_listen(words, port_zero=True))] = declare(
        Listen("127.0.0.1", 8080),
        "where flock listens; a port alone means this machine only, beyond it a key is needed",
        "host:port, [IPv6]:port or a port from 1 to 65535",
        "FLOCK_LISTEN",
        example="127.0.0.1:8080",
    )
    external_url: Url = declare(
        "",
        "the URL others reach flock by, for printed commands; empty: the listening address",
        "a URL such as https://llm.example.org",
        "FLOCK_EXTERNAL_URL",
        example="https://llm.example.org",
    )
    data_dir: Directory = declare(
        "",
        "where keys, usage and models lie; empty: the platform's directory",
        "an absolute directory, or one that begins with ~",
        "FLOCK_DATA_DIR",
        example="~/flock-data",
    )
    log_level: Literal["debug", "info", "warning", "error"] = declare(
        "info", "how much the log says", "debug, info, warning or error", "FLOCK_LOG_LEVEL", example="info"
    )
    catalog_dir: Directory = declare(
        "",
        "a directory of catalog files that overlay flock's own",
        "an absolute directory, or one that begins with ~",
        "FLOCK_CATALOG_DIR",
        example="~/flock-catalog",
    )
    max_body_bytes: Annotated[int, PlainValidator(parse_size)] = declare(
        32 * 1024 * 1024,
        "the largest request body",
        "a size from 1024 bytes to 1 GiB, such as 64MiB or 50MB",
        "FLOCK_MAX_BODY_BYTES",
        example="64MiB",
    )
    trust_proxy_headers: Annotated[bool, PlainValidator(parse_switch)] = declare(
        False,
        "whether X-Forwarded-For says who calls; only where every connection comes from a proxy of your own",
        "true or false",
        "FLOCK_TRUST_PROXY_HEADERS",
        example="true",
        kind="switch",
    )
    auth: Auth = Auth()
    router: Router = Router()
    engine: Engines = Engines()
    loading: Loading = Loading()
    gateway: Gateway = Gateway()
    translation: Translation = Translation()
    records: Records = Records()
    prices: Prices = Prices()

    _home: Home = PrivateAttr()
    _environ: Mapping[str, str] = PrivateAttr()
    _origins: dict[str, Layer] = PrivateAttr(default_factory=dict[str, Layer])

    def bound(self, layers: Layers, home: Home, environ: Mapping[str, str]) -> Self:
        """Remember where the values came from and which file they belong to."""
        self._home, self._environ, self._origins = home, dict(environ), layers.origins()
        return self

    @property
    def origins(self) -> dict[str, Layer]:
        """The layer of every setting."""
        return {key: self._origins.get(key, _DEFAULT) for key in SETTINGS}

    def origin(self, key: str) -> str:
        """Return what set a value, as a user would name it: the variable, else the key."""
        layer = self.origins[key]
        return layer.origin if layer.name == "environment" else key

    def change(self, key: str, words: str) -> str:
        """Return the command that changes a value from the next start on, where the value in force came from."""
        layer = self.origins[key]
        if layer.name == "environment":
            return f"export {layer.origin}={shlex.quote(words)}"
        return f"flock config set {key} {shlex.quote(words)}"

    def catalog_dirs(self, home: Home) -> list[Path]:
        """Return where catalog files are looked for, the first winning: configured, the user's, flock's own."""
        package = Path(__file__).parent
        own = package / "data" / "catalog"
        configured = [Path(self.catalog_dir)] if self.catalog_dir else []
        return [*configured, home.config / "catalog", own if own.is_dir() else package.parent / "catalog"]

    def settings(self) -> list[Setting]:
        """Return every setting in force."""
        return [self.setting(key) for key in SETTINGS]

    def setting(self, key: str) -> Setting:
        """Return one setting in force. Raises ConfigInvalid for a key that is none, with the nearest one."""
        spec, layer = spec_of(key), self.origins[key]
        value: Any = self
        for name in key.split("."):
            value = getattr(value, name)
        if key == "data_dir" and layer.name == "default":
            value = str(self._home.data)
        shown = _plain(value)
        return Setting(key, shown, layer.name, layer.origin, spec.summary, spec.restart, spec.allowed, spec.variable)

    def in_force(self, *keys: str) -> list[Setting]:
        """Return settings (all without `keys`) as they are in force, each with what the next start will take up where
        the file says something else by now. Reads the file. Raises ConfigInvalid for a key that is none.
        """
        found = [self.setting(key) for key in keys or SETTINGS]
        try:
            coming = load(self._home, self._environ)
        except (ConfigInvalid, StorageFailed):
            return found  # the next start would not come up with that file, and doctor says so
        after = {one.key: coming.setting(one.key).value for one in found if one.layer != "flag"}
        return [
            replace(one, next=after[one.key]) if after.get(one.key, one.value) != one.value else one for one in found
        ]

    def set_in_file(self, key: str, words: str) -> SettingChanged:
        """Write a value into this configuration's file; the values in force stay as they are."""
        return set_setting(self._home, self._environ, key, words)

    def in_file(self, key: str) -> Scalar | None:
        """Return what this configuration's file says of a key; None for nothing, and for what is no single value."""
        path = self._home.config_file
        found = entries(configfile.read(path), short(path)).get(key)
        return found.value if found is not None and isinstance(found.value, Scalar) else None

    def put_in_file(self, key: str, value: Scalar | None) -> None:
        """Write what `in_file` returned into this configuration's file again; None takes the key out.

        Raises ConfigInvalid when the file would be wrong then, StorageFailed; it is then as it was.
        """
        path, check = self._home.config_file, _no_worse(self._home)
        if value is not None:
            configfile.set_value(path, key, value, check)
        elif path.exists():
            configfile.unset_value(path, key, check)

    def unset_in_file(self, key: str) -> SettingChanged:
        """Remove a value from this configuration's file; the values in force stay as they are."""
        return unset_setting(self._home, self._environ, key)


def _plain(value: Any) -> Any:
    return value.text if isinstance(value, Listen) else value


def _specs(model: type[BaseModel], above: str = "") -> dict[str, Spec]:
    found: dict[str, Spec] = {}
    fields: dict[str, FieldInfo] = model.model_fields
    for name, field in fields.items():
        if isinstance(field.default, BaseModel):
            found |= _specs(type(field.default), f"{above}{name}.")
        else:
            extra: Any = field.json_schema_extra
            key = above + name
            found[key] = Spec(key, _plain(field.default), field.description or "", **extra)
    return found


SETTINGS: dict[str, Spec] = _specs(Config)
_DEFAULT = Layer("default")


def spec_of(key: str) -> Spec:
    """Return what a setting is. Raises ConfigInvalid: unknown with the nearest key, or of a feature to come."""
    if key in SETTINGS:
        return SETTINGS[key]
    raise refusal([unknown(SETTINGS, key)])


def load(home: Home, environ: Mapping[str, str], flags: Mapping[str, Any] | None = None) -> Config:
    """Read every layer and return the settings in force; `flags` are values by key.

    Raises ConfigInvalid naming key, value and place of the first problem (all of them in `details["problems"]`),
    StorageFailed when the file cannot be read.
    """
    layers = Layers(SETTINGS)
    layers.add_file(home.config_file, entries(configfile.read(home.config_file), short(home.config_file)))
    layers.add_environment(environ)
    layers.add_flags({spec_of(key).key: value for key, value in (flags or {}).items()})
    problems, config = _validated(layers)
    if config is None:
        raise refusal(problems)
    return config.bound(layers, home, environ)


def _validated(layers: Layers) -> "tuple[list[Problem], Config | None]":
    """Return what is wrong with the merged layers, and the configuration when nothing is."""
    problems: list[Problem] = []
    nested: dict[str, Any] = {}
    for key, found in layers.values.items():
        if key not in SETTINGS or not found.nested:
            problems.append(unknown(SETTINGS, key, found))
            continue
        inside = nested
        *sections, name = key.split(".")
        for section in sections:
            inside = inside.setdefault(section, {})
        inside[name] = found.value
    try:
        config = Config.model_validate(nested)
    except ValidationError as error:
        keys = [".".join(str(part) for part in one["loc"]) for one in error.errors(include_input=False)]
        return problems + [wrong(SETTINGS[key], layers.values[key]) for key in keys], None
    zero = layers.values.get("listen")
    if zero is not None and config.listen.port == 0 and zero.layer.name != "flag":
        problems.append(wrong(SETTINGS["listen"], zero))
    return problems, None if problems else config


# -- what the daemon and the CLI without a daemon both do


def show_settings(home: Home, environ: Mapping[str, str]) -> list[Setting]:
    """Return every setting as the next start will read it. Raises ConfigInvalid, StorageFailed."""
    return load(home, environ).settings()


def get_setting(home: Home, environ: Mapping[str, str], key: str) -> Setting:
    """Return one setting as the next start will read it. Raises ConfigInvalid, StorageFailed."""
    spec_of(key)
    return load(home, environ).setting(key)


def set_setting(home: Home, environ: Mapping[str, str], key: str, words: str) -> SettingChanged:
    """Check a value and write it into the file, whose comments stay.

    Raises ConfigInvalid when the key, the value or the resulting file is wrong, StorageFailed; the file is then as it
    was.
    """
    spec = spec_of(key)
    value = _unquoted(from_words(words, spec.kind))
    layers = Layers(SETTINGS)
    layers.values[key] = Value(value, Layer("argument"))
    problems, config = _validated(layers)
    if config is None:
        raise refusal(problems)
    private_dir(home.config)
    configfile.set_value(home.config_file, key, value, _no_worse(home))
    effective = config.bound(layers, home, environ).setting(key).value
    return SettingChanged(key, effective, str(home.config_file), spec.restart, _hidden(spec, environ))


def unset_setting(home: Home, environ: Mapping[str, str], key: str) -> SettingChanged:
    """Remove a value from the file, also one that is no setting, so that every complaint can be mended.

    Raises ConfigInvalid for a key that is neither a setting nor in the file, StorageFailed.
    """
    path = home.config_file
    known = SETTINGS.get(key)
    if known is None and key not in entries(configfile.read(path), short(path)):
        spec_of(key)
    if path.exists():
        configfile.unset_value(path, key, _no_worse(home))
    if known is None:
        return SettingChanged(key, None, str(path), restart=False)
    default = str(home.data) if key == "data_dir" else known.default
    return SettingChanged(key, default, str(path), known.restart, _hidden(known, environ))


def check_file(home: Home) -> None:
    """Check the file by itself, as after an edit by hand. Raises ConfigInvalid, StorageFailed."""
    problems = _problems(configfile.read(home.config_file), home.config_file)
    if problems:
        raise refusal(problems)


def _problems(text: str, path: Path) -> list[Problem]:
    layers = Layers(SETTINGS)
    layers.add_file(path, entries(text, short(path)))
    return _validated(layers)[0]


def _no_worse(home: Home) -> configfile.Check:
    """Return the check of an edit: the whole result is right, or has no problem that was not there before.

    Several problems must be mended one at a time; the value of the edit itself was checked already.
    """

    def check(before: str, after: str) -> None:
        problems = _problems(after, home.config_file)
        if len(problems) > len(_problems(before, home.config_file)):
            raise refusal(problems)

    return check


def _unquoted(value: Any) -> Any:
    """Take the quotes off a value given as a YAML string."""
    if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        found = entries(f"k: {value}\n", "the value")["k"].value
        return found if isinstance(found, str) else value
    return value


def _hidden(spec: Spec, environ: Mapping[str, str]) -> str:
    return spec.variable if spec.variable and environ.get(spec.variable, "").strip() else ""
