"""A tool that can be connected, and how a file of catalog/clients/ becomes one.

Owns the value and what a row as a whole must have; single fields are declared in sheet.py. Refuses a row that is not
whole, in a sentence. Called by roster.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from flock.catalog import Row
from flock.connect.changes import Change
from flock.connect.edit import Format
from flock.connect.sheet import FIELDS


@dataclass(frozen=True, slots=True)
class File:
    """A file of a tool: where it may lie (`macos` where that differs there, `variable` may name it), its format, and
    our changes; `defaults` are written only where nothing stands.
    """

    directory: tuple[str, ...]
    macos: tuple[str, ...]
    names: tuple[str, ...]
    format: Format
    changes: tuple[Change, ...]
    defaults: tuple[Change, ...] = ()
    variable: str = ""

    @property
    def whole(self) -> tuple[Change, ...]:
        """What a file of ours alone must hold."""
        return (*self.defaults, *self.changes)


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A text of its own, for one run or to be pasted: its name, its format and all that it holds."""

    name: str
    format: Format
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """How --run starts a tool: see sheet.py. `given`: the program is the first word the user gives."""

    args: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    key: str = ""
    files: tuple[OwnFile, ...] = ()
    given: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as its file has it, placeholders and all; the fields are those of sheet.py."""

    id: str
    name: str
    protocol: str
    support: str
    verified: str
    dialect: str = ""
    base: str = ""
    public: bool = False
    systems: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    version: tuple[str, ...] = ("--version",)
    windows: str = ""
    files: tuple[File, ...] = ()
    paste: tuple[OwnFile, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    also: Mapping[str, str] = field(default_factory=dict[str, str])
    unset: tuple[str, ...] = ()
    run: Run | None = None
    commands: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()
    evidence: str = ""

    @property
    def proof(self) -> str:
        """How far this is known, in words."""
        words = {"run": "tried", "found": "read, not tried", "unsure": "not confirmed"}[self.verified]
        return f"{words}: {self.evidence}" if self.evidence else words


def what_is_odd(row: Row) -> str:
    """Return what a row as a whole lacks or contradicts, "" for nothing."""
    if missing := sorted(key for key, declared in FIELDS.items() if declared.required and key not in row):
        return f"lacks {', '.join(missing)}"
    files = cast("tuple[Row, ...]", row.get("files", ()))
    if row["support"] == "write" and not files:
        return "says support: write and names no file"
    if row["support"] != "write" and files:
        return f"says support: {row['support']} and names files to write into"
    if row["support"] == "print" and not any(
        row.get(key) for key in ("environment", "also", "commands", "paste", "steps")
    ):
        return "says support: print and has nothing to print"
    if any(not file[key] for file in files for key in ("directory", "names", "changes")):
        return "has a file without directory, names or changes"
    run = cast("Row", row.get("run", {}))
    if any("changes" not in file for file in run.get("files", ())) and not files:
        return "has a file for --run that holds nothing"
    if row.get("run") is not None and not run.get("given") and not row.get("programs"):
        return "can be run and names no program"
    return ""


def made(row: Row) -> Tool:
    """Return the tool of a row that is whole."""
    plain = {key: value for key, value in row.items() if key not in ("files", "paste", "run")}
    files = tuple(_file(file) for file in row.get("files", ()))
    run = _run(row["run"], files) if row.get("run") is not None else None
    paste = tuple(OwnFile(one["name"], one["format"], _changes(one["changes"])) for one in row.get("paste", ()))
    return Tool(**plain, files=files, run=run, paste=paste)


def _file(row: Row) -> File:
    return File(
        row["directory"],
        row.get("macos", ()),
        row["names"],
        row["format"],
        _changes(row["changes"]),
        _changes(row.get("defaults", ())),
        row.get("variable", ""),
    )


def _run(row: Row, files: tuple[File, ...]) -> Run:
    own = tuple(
        OwnFile(
            file["name"],
            file.get("format") or files[0].format,
            _changes(file["changes"]) if "changes" in file else files[0].whole,
        )
        for file in row.get("files", ())
    )
    return Run(row.get("args", ()), row.get("environment", {}), row.get("key", ""), own, row.get("given", False))


def _changes(rows: Any) -> tuple[Change, ...]:
    return tuple(Change(row["at"], row["value"], row.get("loose", False)) for row in rows)
