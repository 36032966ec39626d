"""How copies look."""

from typing import Any, cast

from flock import text
from flock.contract.exposing import Backup, RestoreBackup
from flock.contract.op import Op
from flock.show.view import Line, Pairs, Table, View, since

_COLUMNS = ("FILE", "MADE", "SIZE", "FLOCK", "SCHEMA", "NOTE")


def human(op: Op[Any], value: Any, now: float) -> View:
    """Show the list, or the one that was made or put back, and what must be known of it."""
    if isinstance(value, list):
        copies = cast("list[Backup]", value)
        rows = tuple(_row(copy, now) for copy in copies)
        return View((Table(_COLUMNS, rows, "there is no copy yet: flock backup create", ("SCHEMA", "FLOCK")),))
    copy: Backup = value
    back = isinstance(op, RestoreBackup)
    pairs = [
        ("file", copy.file),
        ("made", copy.at),
        ("size", text.size(copy.size_bytes)),
        ("flock", f"{copy.version}, schema {copy.revision}"),
        ("sha256", copy.sha256),
    ]
    aside = tuple(Line(note, "dim", hang=2) for note in copy.notes)
    head = Line("the copy is back in place; flock up starts flock with it" if back else "a copy was made", "good")
    return View((head, Pairs(tuple(pairs))), aside)


def ids(op: Op[Any], value: Any) -> list[str]:
    """Return the files' paths."""
    copies = cast("list[Backup]", value) if isinstance(value, list) else [cast("Backup", value)]
    return [copy.file for copy in copies]


def _row(copy: Backup, now: float) -> tuple[str, ...]:
    name = copy.file.rpartition("/")[2]
    made = since(copy.at, now) if copy.at else "-"
    return name, made, text.size(copy.size_bytes), copy.version or "-", copy.revision or "-", copy.problem
