"""The picker: what a command line lacks is chosen from a list, where somebody is there to choose.

Owns which list that is: the command that the argument's own help names (`from flock model ls`) is carried out, and its
ids are offered as its view shows them; or it is the words of a closed set. Refuses to ask scripts: without a terminal,
and with --json, the command line stays wrong. Called by `app.py` and by the wizard.
"""

import shlex
import shutil
import time
from typing import Any

from flock.cli import ask, out, tree
from flock.cli.call import Perform
from flock.cli.grammar import Missing
from flock.contract.op import Op
from flock.errors import UsageError
from flock.show.nouns import views
from flock.show.view import GAP, Table

# what questionary writes before each choice, and one column that stays free
_MARGIN = 4


def completed(words: list[str], missing: Missing, perform: Perform) -> list[str]:
    """Return the command line with what it lacks, chosen on the terminal, and print it.

    Raises `missing` where nobody can be asked or there is nothing to choose from; Cancelled; the listing's errors.
    """
    given = words[: words.index("--")] if "--" in words else words
    if not (missing.lister or missing.choices) or "--json" in given or not ask.is_anybody_there():
        raise missing
    found = [(one, one) for one in missing.choices] or _listed(missing, perform)
    if not found:
        raise missing
    chosen = ask.choose(f"Which one? ({missing.what})", found, missing.hint)
    if missing.option:
        whole = [*given, f"{missing.option}={chosen}", *words[len(given) :]]
    elif chosen.startswith("-") and len(given) == len(words):
        whole = [*words, "--", chosen]
    else:
        whole = [*words, chosen]
    out.say(out.command(f"flock {shlex.join(whole)}"))
    return whole


def _listed(missing: Missing, perform: Perform) -> list[tuple[str, str]]:
    try:
        listing = tree.parse(list(missing.lister))
    except UsageError:
        raise missing from None
    if listing is None:
        raise missing
    return choices(listing.op, perform)


def choices(listing: Op[Any], perform: Perform) -> list[tuple[str, str]]:
    """Carry out a listing and return its ids, each with its row as the terminal has room for it."""
    value = perform(listing, False).value
    shows = views(listing)
    ids: list[str] = shows.ids(listing, value)
    blocks = shows.human(listing, value, time.time()).blocks
    rows = next((b.rows for b in blocks if isinstance(b, Table) and len(b.rows) == len(ids)), None)
    if not rows:
        return [(one, out.clean(one)) for one in ids]
    return list(zip(ids, _lines(ids, rows), strict=True))


def room() -> int:
    """Return how many columns the terminal has for a choice."""
    return max(20, shutil.get_terminal_size().columns - _MARGIN)


def _lines(ids: list[str], rows: "tuple[tuple[str, ...], ...]") -> list[str]:
    """Return the rows in columns, each begun by its id, cut where the terminal ends."""
    cells = [[one, *_without(one, row)] for one, row in zip(ids, rows, strict=True)]
    clean = [[out.clean(cell).replace("\n", " ").replace("\t", " ") for cell in row] for row in cells]
    widths = [max((len(row[i]) for row in clean if i < len(row)), default=0) for i in range(max(map(len, clean)))]
    most = room()
    gap = " " * GAP
    return [
        gap.join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()[:most] for row in clean
    ]


def _without(one: str, row: tuple[str, ...]) -> tuple[str, ...]:
    """Return a row without the cell its id stands in; a model may be called as its kind is, so only the first goes."""
    if one not in row:
        return row
    at = row.index(one)
    return (*row[:at], *row[at + 1 :])
