"""`flock usage`: its rows as CSV for spreadsheets and cron, and the check whose exit code is its answer.

Owns what a CSV line looks like (RFC 4180: CRLF, quotes where needed, a header). Refuses to let a name that somebody
chose become a formula in a spreadsheet. Called by `deliver.py`.
"""

import csv
import dataclasses
import io
from typing import Any

from flock.cli import out
from flock.cli.call import Perform
from flock.cli.deliver import present
from flock.cli.tree import Given
from flock.contract.op import Op
from flock.contract.usage import BreakDownUsage, Percentiles, UsageCheck, UsagePart, UsageRow
from flock.errors import UsageError

# What a cell that spreadsheets take for a formula begins with (owasp.org/www-community/attacks/CSV_Injection)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

# what a breakdown may go by, as a field of its rows
_BY = {"user": "user", "model": "model", "vendor": "vendor", "key": "key_id"}


def run(op: Op[Any], given: Given, perform: Perform) -> int:
    """Show usage, or print it as CSV; exit code 1 where sums are not those of the rows."""
    if given.csv and given.json:
        raise UsageError("--csv and --json are two answers: give one of them", hint="flock usage --csv")
    answer = perform(op, given.yes)
    if given.csv:
        out.raw(sheet(op, answer.value))
        return 0
    present(op, given, answer)
    return 1 if isinstance(answer.value, UsageCheck) and answer.value.differing else 0


def sheet(op: Op[Any], rows: list[Any]) -> str:
    """Return rows as CSV, with a header also where there is no row; a breakdown has the columns it goes by."""
    kind = UsagePart if isinstance(op, BreakDownUsage) else UsageRow
    hidden: set[str] = set()
    if isinstance(op, BreakDownUsage):
        by = {_BY.get(word.strip(), "") for word in op.by.split(",")}
        hidden = {name for name in _BY.values() if name not in by} | (set() if op.bucket else {"start"})
    fields = [(f.name, f.type is Percentiles) for f in dataclasses.fields(kind) if f.name not in hidden]
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow([name for field, many in fields for name in _names(field, many)])
    for row in rows:
        writer.writerow([cell for field, many in fields for cell in _cells(getattr(row, field), many)])
    return file.getvalue()


def _names(field: str, many: bool) -> list[str]:
    if not many:
        return [field]
    stem = field.removesuffix("_ms")
    return [f"{stem}_{part.name}_ms" for part in dataclasses.fields(Percentiles)]


def _cells(value: Any, many: bool) -> list[str]:
    if many:
        return [_cell(part) for part in dataclasses.astuple(value)]
    return [_cell(value)]


def _cell(value: Any) -> str:
    """Return a value's text; words that a spreadsheet would carry out begin with an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return str(value)
