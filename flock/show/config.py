"""How settings and places look."""

import json
from typing import Any, cast

from flock.contract.op import Op
from flock.contract.settings import EditConfig, Places, Setting, SettingChanged, ShowPlaces, UnsetConfig
from flock.show.view import Line, Pairs, View, table

_RESTART = "the running flock takes it up at its next start: flock down && flock up"


def human(op: Op[Any], value: Any, now: float) -> View:
    """Show the settings, one value alone, a change, or where things lie."""
    if isinstance(value, Setting):
        aside = [Line(f"{value.key}: {_origin(value)}", "dim")]
        aside += [Line(f"it is {words(value.next)!r} from the next start on: flock down && flock up")] * waits(value)
        return View((Line(words(value.value)),), tuple(aside))
    if isinstance(value, SettingChanged):
        return _changed(op, value)
    if isinstance(value, Places):
        return _places(op, value)
    found = cast("list[Setting]", value)
    rows: list[tuple[str, ...]] = [(s.key, words(s.value), _origin(s), s.summary) for s in found]
    shown = table("key value from summary", rows, "no setting", "summary")
    coming = [f"{s.key} is {words(s.next)!r} from the next start on: flock down && flock up" for s in found if waits(s)]
    return View(shown.blocks, tuple(Line(sentence) for sentence in coming))


def ids(op: Op[Any], value: Any) -> list[str]:
    """Return settings' names, or the path asked for."""
    if isinstance(value, Places):
        return [value.admin_key if isinstance(op, ShowPlaces) and op.admin_key else value.config]
    if isinstance(value, SettingChanged):
        return []
    return [words(value.value)] if isinstance(value, Setting) else [s.key for s in cast("list[Setting]", value)]


def waits(setting: Setting) -> bool:
    """Say whether the next start takes up another value than the one in force."""
    return setting.next is not None and setting.next != setting.value


def words(value: Any) -> str:
    """Return a setting's value as it would stand in the file: text as it is, all else as JSON."""
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)


def _origin(setting: Setting) -> str:
    return f"{setting.layer} {setting.origin}" if setting.origin and setting.origin != setting.layer else setting.layer


def _changed(op: Op[Any], change: SettingChanged) -> View:
    value = repr(words(change.value)) if change.value is not None else "nothing"
    unset = isinstance(op, UnsetConfig)
    became = f"is no longer set in {change.file}; it is {value} now" if unset else f"is {value} in {change.file}"
    aside = [Line(f"{change.hidden_by} is set in the environment and wins over it", "warn")] if change.hidden_by else []
    aside += [Line(_RESTART)] if change.restart else []
    return View((Line(f"{change.key} {became}"),), tuple(aside))


def _places(op: Op[Any], places: Places) -> View:
    if isinstance(op, EditConfig):
        return View((), (Line(f"{places.config} is valid", "good"),))
    if isinstance(op, ShowPlaces) and op.admin_key:
        return View((Line(places.admin_key),))
    if isinstance(op, ShowPlaces) and op.all:
        names = ("config", "data", "logs", "socket", "admin_key", "database", "secrets", "models")
        return View((Pairs(tuple((name.replace("_", " "), str(getattr(places, name))) for name in names)),))
    return View((Line(places.config),))
