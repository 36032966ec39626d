"""The catalog: data about engines, loaded from flock's own files and overlaid by the user's.

Owns the reading of `engines.yaml` and the check of every field. A wrong file is named and left out; the others count.
Looks only where it is told (Config.catalog_dirs), never in the current directory. Called by the daemon at its start.
"""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, cast

from flock.errors import ConfigInvalid
from flock.paths import short
from flock.profile import Profile
from flock.yamltext import load

# `kind` is the key of the row
_FIELDS = {f.name: f for f in fields(Profile) if f.name != "kind"}
_REQUIRED = {name for name, f in _FIELDS.items() if f.default is MISSING and f.default_factory is MISSING}
_LISTS: dict[str, tuple[type[frozenset[str]] | type[tuple[str, ...]], str]] = {
    "dialects": (frozenset, "names, such as [openai]"),
    "request_faults": (tuple, 'sentences\' beginnings, such as ["image input is not supported"]'),
}
_Row = dict[str, Any]


def load_profiles(directories: Iterable[Path]) -> tuple[dict[str, Profile], list[str]]:
    """Return the profile of each kind of engine, and a sentence for each file or row that is wrong.

    Of several directories the first wins, field by field. A directory or file that is not there is no problem.
    """
    rows: dict[str, _Row] = {}
    problems: list[str] = []
    for directory in reversed(list(directories)):
        path = directory / "engines.yaml"
        try:
            found = _rows(path)
        except ConfigInvalid as error:
            problems.append(f"{error.sentence}; the file is left out")
            continue
        for kind, row in found.items():
            rows[kind] = rows.get(kind, {}) | row
    profiles: dict[str, Profile] = {}
    for kind, row in rows.items():
        if missing := sorted(_REQUIRED - row.keys()):
            problems.append(f"the engine {kind!r} of the catalog lacks {', '.join(missing)}; it is left out")
        else:
            profiles[kind] = Profile(kind=kind, **row)
    return profiles, problems


def _rows(path: Path) -> dict[str, _Row]:
    """Return a file's rows by kind. Raises ConfigInvalid naming the file and what is wrong."""
    name = short(path)
    try:
        text = path.read_text("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except UnicodeDecodeError:
        raise ConfigInvalid(f"{name} is not UTF-8 text") from None
    except OSError as error:
        raise ConfigInvalid(f"{name} cannot be read: {error.strerror}") from None
    document = load(text, name)
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigInvalid(f"{name} must map kinds of engines to their fields")
    plain = cast(dict[Any, Any], document)
    return {str(kind): _row(f"{name}: {kind}", row) for kind, row in plain.items()}


def _row(name: str, row: Any) -> _Row:
    if not isinstance(row, Mapping):
        raise ConfigInvalid(f"{name} must be a mapping of fields")
    given = cast(Mapping[Any, Any], row)
    return {str(field): _value(f"{name}.{field}", str(field), value) for field, value in given.items()}


def _value(name: str, field: str, value: Any) -> Any:
    if field not in _FIELDS:
        raise ConfigInvalid(f"{name} is no field; the fields are {', '.join(_FIELDS)}")
    if field in _LISTS:
        kind, such_as = _LISTS[field]
        words = cast(list[Any], value) if isinstance(value, list) else []
        if not words or not all(isinstance(word, str) and word for word in words):
            raise ConfigInvalid(f"{name} must be a list of {such_as}")
        return kind(words)
    wanted, said = (str, "text") if field in ("title", "start_hint") else (bool, "true or false")
    if not isinstance(value, wanted):
        raise ConfigInvalid(f"{name} must be {said}, not {value!r}")
    return value
