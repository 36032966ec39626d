"""The catalog: data about engines and model families, loaded from flock's own files and overlaid by the user's.

Owns the sheets of which the catalog consists, and the check of every field of `engines.yaml` and `families.yaml`;
those of `vendors.yaml` are in vendors/row.py, those of `models/` in models/entry.py. A wrong row is named and left out,
a file that is no YAML likewise; everything else counts. Looks only where it is told (Config.catalog_dirs), never in the
current directory. Called by the daemon at its start.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import Any, cast

from flock.errors import ConfigInvalid
from flock.paths import short
from flock.profile import (
    CALL_IDS,
    COUNTS,
    FEATURES,
    LATE_SYSTEM,
    PREFILLS,
    SYSTEM_ROLES,
    TASKS,
    TOOL_FORMATS,
    Family,
    Native,
    Profile,
)
from flock.yamltext import load

Row = dict[str, Any]
Check = Callable[[str, Any], Any]


def load_profiles(directories: Iterable[Path]) -> tuple[dict[str, Profile], list[str]]:
    """Return the profile of each kind of engine, and a sentence for each file or row that is wrong.

    Of several directories the first wins, field by field. A directory or file that is not there is no problem.
    """
    rows, problems = load_sheet(_ENGINES, directories)
    return {kind: Profile(kind=kind, **row) for kind, row in rows.items()}, problems


def load_families(directories: Iterable[Path]) -> tuple[tuple[Family, ...], list[str]]:
    """Return the families in the order they are asked, and a sentence for each file or row that is wrong.

    Of several directories the first wins, field by field; its new families stand before those of later directories, and
    one that overlays a family keeps that family's place.
    """
    rows, problems = load_sheet(_FAMILIES, directories)
    return tuple(Family(name=name, **row) for name, row in rows.items()), problems


def family_template(family: Family, directories: Iterable[Path]) -> Path | None:
    """Return the file the catalog has for models of a family whose files hold no chat template, None when it has none.

    The first directory that has it wins. What parser was set for tool calls is of no account: a parser reads what the
    template made the model write.
    """
    if not family.template or "/" in family.template:
        return None
    found = (directory / "templates" / family.template for directory in directories)
    return next((path for path in found if path.is_file()), None)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One file of the catalog: what its rows are called, the check of each field, which fields a row must have.

    `odd` looks at a whole row and returns what is wrong with it, "" for nothing.
    """

    file: str
    row: str
    rows: str
    checks: Mapping[str, Check]
    required: frozenset[str]
    odd: Callable[[Row], str]


def load_sheet(sheet: Sheet, directories: Iterable[Path]) -> tuple[dict[str, Row], list[str]]:
    """Return the rows of a sheet, overlaid and whole, and a sentence for each file or row that is wrong."""
    rows: dict[str, Row] = {}
    problems: list[str] = []
    for directory in reversed(list(directories)):
        try:
            found = _rows(sheet, directory / sheet.file, problems)
        except ConfigInvalid as error:
            problems.append(f"{error.sentence}; the file is left out")
            continue
        new = {key: row for key, row in found.items() if key not in rows}
        rows = new | {key: row | found.get(key, {}) for key, row in rows.items()}
    whole: dict[str, Row] = {}
    for key, row in rows.items():
        if missing := sorted(sheet.required - row.keys()):
            problems.append(f"the {sheet.row} {key!r} of the catalog lacks {', '.join(missing)}; it is left out")
        elif odd := sheet.odd(row):
            problems.append(f"the {sheet.row} {key!r} of the catalog {odd}; it is left out")
        else:
            whole[key] = row
    return whole, problems


def _rows(sheet: Sheet, path: Path, problems: list[str]) -> dict[str, Row]:
    """Return a file's rows, and add a sentence for each that is wrong. Raises ConfigInvalid when no row can be read."""
    name, document = short(path), read_yaml(path)
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigInvalid(f"{name} must map {sheet.rows} to their fields")
    rows: dict[str, Row] = {}
    for key, row in cast(dict[Any, Any], document).items():
        try:
            rows[str(key)] = checked(sheet.checks, f"{name}: {key}", row)
        except ConfigInvalid as error:
            problems.append(f"{error.sentence}; the row is left out")
    return rows


def read_yaml(path: Path) -> Any:
    """Return a file's value, None when it is empty or not there. Raises ConfigInvalid naming the file."""
    name = short(path)
    try:
        text = path.read_text("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError:
        raise ConfigInvalid(f"{name} is not UTF-8 text") from None
    except OSError as error:
        raise ConfigInvalid(f"{name} cannot be read: {error.strerror}") from None
    return load(text, name)


def checked(checks: Mapping[str, Check], name: str, row: Any) -> Row:
    """Return the fields of a mapping, checked. Raises ConfigInvalid naming the field that is wrong."""
    if not isinstance(row, Mapping):
        raise ConfigInvalid(f"{name} must be a mapping of fields")
    values: Row = {}
    for key, value in cast(Mapping[Any, Any], row).items():
        check = checks.get(str(key))
        if check is None:
            raise ConfigInvalid(f"{name}.{key} is no field; the fields are {', '.join(checks)}")
        values[str(key)] = check(f"{name}.{key}", value)
    return values


# -- checks: each takes the value's name and the value, and returns it as the field has it


def text_value(name: str, value: Any) -> str:
    """Check that a value is text."""
    if not isinstance(value, str):
        raise ConfigInvalid(f"{name} must be text, not {value!r}")
    return value


def flag_value(name: str, value: Any) -> bool:
    """Check that a value is true or false."""
    if not isinstance(value, bool):
        raise ConfigInvalid(f"{name} must be true or false, not {value!r}")
    return value


def one_of(words: Iterable[str]) -> Check:
    """Return the check of a word that must be one of these."""
    known = sorted(words)

    def check(name: str, value: Any) -> str:
        if value not in known:
            raise ConfigInvalid(
                f"{name} must be one of {', '.join(word or repr(word) for word in known)}, not {value!r}"
            )
        return cast(str, value)

    return check


def words_of(kind: type[frozenset[str]] | type[tuple[str, ...]], such_as: str) -> Check:
    """Return the check of a list of words, not an empty one; `such_as` shows one."""

    def check(name: str, value: Any) -> Any:
        words = cast(list[Any], value) if isinstance(value, list) else []
        if not words or not all(isinstance(word, str) and word for word in words):
            raise ConfigInvalid(f"{name} must be a list of {such_as}")
        return kind(words)

    return check


def some_of(kind: type[frozenset[str]] | type[tuple[str, ...]], known: frozenset[str], what: str) -> Check:
    """Return the check of a list, perhaps an empty one, of words that are known."""

    def check(name: str, value: Any) -> Any:
        if not isinstance(value, list):
            raise ConfigInvalid(f"{name} must be a list of {what}")
        for word in cast(list[Any], value):
            if not isinstance(word, str) or word not in known:
                raise ConfigInvalid(f"{name} names {word!r}; the {what} are {', '.join(sorted(known))}")
        return kind(cast(list[str], value))

    return check


def _keywords(name: str, value: Any) -> dict[str, object]:
    given = cast(dict[Any, Any], value) if isinstance(value, dict) else {}
    if not given or not all(isinstance(key, str) for key in given):
        raise ConfigInvalid(f"{name} must map template keywords to their values, such as {{enable_thinking: false}}")
    return given


def _natives(name: str, value: Any) -> dict[str, Native]:
    if not isinstance(value, dict):
        raise ConfigInvalid(
            f"{name} must map dialects to what is known of them, such as {{anthropic: {{since: b8200}}}}"
        )
    rows = cast(dict[Any, Any], value)
    return {str(dialect): Native(**checked(_NATIVE, f"{name}.{dialect}", row)) for dialect, row in rows.items()}


def some_globs(name: str, value: Any) -> tuple[str, ...]:
    """Check a list, perhaps an empty one, of globs."""
    words = cast(list[Any], value) if isinstance(value, list) else None
    if words is None or not all(isinstance(word, str) and word for word in words):
        raise ConfigInvalid(f'{name} must be a list, perhaps an empty one, of globs of model ids, such as ["o3*"]')
    return tuple(words)


def _tasks(name: str, value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ConfigInvalid(f"{name} must map tasks to the shape each is done in, such as {{embeddings: openai}}")
    found = cast(dict[Any, Any], value)
    for task, shape in found.items():
        if task not in TASKS or not isinstance(shape, str) or not shape:
            raise ConfigInvalid(f"{name}.{task} is no task with a shape; the tasks are {', '.join(sorted(TASKS))}")
    return found


def _refused(name: str, value: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise ConfigInvalid(f'{name} must map globs of models to fields, such as {{"o3*": [temperature]}}')
    rows = cast(dict[Any, Any], value)
    found = {str(glob): cast(list[Any], names) for glob, names in rows.items() if isinstance(names, list)}
    if len(found) < len(rows) or not all(isinstance(word, str) and word for names in found.values() for word in names):
        raise ConfigInvalid(f"{name} must map each glob to a list of fields, such as [temperature, messages.name]")
    return {glob: tuple(names) for glob, names in found.items()}


def _dialects(name: str, value: Any) -> frozenset[str]:
    # what only makes sound of text, or text of sound, speaks none
    return frozenset() if value == [] else words_of(frozenset, "names, such as [openai]")(name, value)


_FEATURES = some_of(frozenset, FEATURES, "features")
_NATIVE: Mapping[str, Check] = {"since": text_value, "lacks": _FEATURES}

# Fields whose type says too little; text and true-or-false follow from the type
_OWN_CHECKS: Mapping[str, Check] = {
    "dialects": _dialects,
    "native": _natives,
    "lacks": _FEATURES,
    "counts": one_of(COUNTS),
    "tasks": _tasks,
    "prefill": one_of(PREFILLS),
    "reasons": some_globs,
    "refuses": _refused,
    "call_ids": one_of(CALL_IDS),
    "request_faults": words_of(tuple, 'sentences\' beginnings, such as ["image input is not supported"]'),
    "models": words_of(tuple, 'globs of model ids, such as ["qwen3*"]'),
    "tool_formats": some_of(tuple, TOOL_FORMATS, "tool formats"),
    "system_role": one_of(SYSTEM_ROLES),
    "late_system": one_of(LATE_SYSTEM),
    "thinking_on": _keywords,
    "thinking_off": _keywords,
}


def check_of(field: Field[Any]) -> Check:
    """Return the check of a dataclass's field: its own, or the one that follows from its type."""
    return _OWN_CHECKS.get(field.name) or (flag_value if field.type is bool else text_value)


def _sheet(file: str, row: str, rows: str, made: type[Any], odd: Callable[[Row], str] = lambda _: "") -> Sheet:
    """Return the sheet of a dataclass whose first field is the key of the row."""
    columns: tuple[Field[Any], ...] = fields(made)[1:]
    required = frozenset(f.name for f in columns if f.default is MISSING and f.default_factory is MISSING)
    return Sheet(file, row, rows, {f.name: check_of(f) for f in columns}, required, odd)


def _odd_family(row: Row) -> str:
    opens, closes = row.get("think_open", ""), row.get("think_close", "")
    if bool(opens) != bool(closes):
        return "has one tag around thinking and lacks the other"
    return "has think_implicit without the tags" if row.get("think_implicit") and not closes else ""


_ENGINES = _sheet("engines.yaml", "engine", "kinds of engines", Profile)
_FAMILIES = _sheet("families.yaml", "family", "families of models", Family, _odd_family)
