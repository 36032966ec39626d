"""The chain through the audit: each row's hash covers the row and the hash before it, so that a change shows.

Owns the encoding that is hashed, the head that the next row goes on from, the walk that checks, and the cut that
retention makes at the oldest end. The head stays in memory between commits: who rewrites rows while flock runs, hashes
and all, no longer fits to it. Rows of releases without a chain have the hash "": the first row of the chain covers them
all, since their hashes are reckoned and only not kept. Refuses to keep a secret: who may write the file can make a new
chain from end to end, which only a head noted elsewhere tells from this one. Called by the writer and by
store/audit.py.

    hash = sha256(JSON array [hash before, id, at, actor, action, target, outcome, details, before])
    and with "older" as the array's last element for rows of releases without a chain
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select

from flock.store.connection import Connection
from flock.store.schema import AUDIT

# the retention's own row: `details` has the number of rows that went, the id of the first one that stayed, and the
# hash before that, from which a check goes on
PRUNED = "audit.pruned"
# rows in one read: 2 to 5 ms of hashing, which is what the event loop may lose at a time
CHUNK = 500
# rows that one cut takes at most, so that its transaction holds up usage for milliseconds; the next cut goes on
MOST_PRUNED = 5_000

# what is hashed, in this order behind the hash before
HASHED = tuple(column for column in AUDIT.columns if column.name != "hash")
DAY_SECONDS = 86400.0

Row = Sequence[Any]
# SQLite's smallest number of a row
_BELOW_ALL = -(2**63)


@dataclass(frozen=True, slots=True)
class Head:
    """The newest row: its number and its hash, 0 and "" where there is none."""

    id: int = 0
    hash: str = ""


def digest(before: str, row: Row, *more: str) -> str:
    """Return the hash, in hex, of a row (the values of HASHED) that follows the hash `before`."""
    text = json.dumps([before, *map(_plain, row), *more], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def older(before: str, rows: Iterable[Row]) -> str:
    """Return the hash that the last of several rows of older releases would have. It is another one than in the chain:
    a row whose hash was taken away must not pass for one that never had any.
    """
    for row in rows:
        before = digest(before, row, "older")
    return before


def _plain(value: object) -> object:
    if isinstance(value, bytes):  # a text that was made a blob compares as another value, and must hash as one
        return {"blob": value.hex()}
    # SQLite keeps 2.0 and -0.0 in a REAL column as whole numbers and gives 2.0 and 0.0 back
    return value + 0.0 if isinstance(value, float) else value


class Chain:
    """The end of the chain as the one writer knows it. `head` is None until it was read, and after a failure."""

    def __init__(self) -> None:
        self.head: Head | None = None
        self._next: Head | None = None

    async def link(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Return rows for the table (every column but `id`) with their hashes; `committed` or `lost` must follow."""
        head = self.head or await _read_head(connection)
        linked: list[tuple[Any, ...]] = []
        for row in rows:
            plain = (head.id + 1, float(row[0]), *row[1:-1])
            head = Head(head.id + 1, digest(head.hash, plain))
            linked.append((*plain[1:], head.hash))
        self._next = head
        return linked

    def committed(self) -> None:
        """Take note that the rows linked last stand in the file."""
        if self._next is not None:
            self.head, self._next = self._next, None

    def lost(self) -> None:
        """Take note that a commit failed, and perhaps did not: what stands in the file is read again."""
        self.head = self._next = None

    async def prune(self, connection: Connection, now: float, days: int) -> int:
        """Forget rows from the oldest end up to the first that is younger than `days`; return how many went.

        A row says so, and is written in the same transaction. A row from the future (a clock that jumped) stays, and
        so does what is behind it. `committed` or `lost` must follow.
        """
        young = select(func.min(AUDIT.c.id)).where(AUDIT.c.at >= now - days * DAY_SECONDS)
        oldest, newest = (await connection.execute(select(func.min(AUDIT.c.id), func.max(AUDIT.c.id)))).one()
        if oldest is None:
            return 0
        first = (await connection.execute(young)).scalar()
        first = min(newest + 1 if first is None else first, oldest + MOST_PRUNED)
        if first <= oldest:
            return 0
        details = {"rows": first - oldest, "first": first, "before": await _hash_before(connection, first)}
        words = json.dumps({**details, "days": days})
        row = (now, "flock", PRUNED, "", "ok", words, "", "")
        # before the deletion: an empty table would begin with number 1 again
        await connection.execute(_INSERT, dict(zip(_INSERTED, (await self.link(connection, [row]))[0], strict=True)))
        await connection.execute(delete(AUDIT).where(AUDIT.c.id < first))
        return first - oldest


_INSERT = AUDIT.insert()
_INSERTED = tuple(column.name for column in AUDIT.columns if column.name != "id")


async def _read_head(connection: Connection) -> Head:
    row = (await connection.execute(select(AUDIT.c.id, AUDIT.c.hash).order_by(AUDIT.c.id.desc()).limit(1))).first()
    if row is None:
        return Head()
    return Head(row.id, row.hash or await _reckoned(connection, row.id))


async def _hash_before(connection: Connection, id: int) -> str:
    row = (await connection.execute(select(AUDIT.c.id, AUDIT.c.hash).where(AUDIT.c.id == id - 1))).first()
    if row is None:
        return ""
    return row.hash or await _reckoned(connection, row.id)


async def _reckoned(connection: Connection, last: int) -> str:
    """Return the hash that the row `last`, of a release without a chain, would have: reckoned from the oldest on."""
    running, at = (await start(connection)).hash, _BELOW_ALL
    while rows := (await connection.execute(after(at, HASHED).where(AUDIT.c.id <= last))).all():
        running, at = older(running, rows), rows[-1].id
    return running


async def start(connection: Connection) -> Head:
    """Return from where a walk begins: the number and the hash before the oldest row that is there, as the newest
    row of retention has it.
    """
    query = select(AUDIT.c.details).where(AUDIT.c.action == PRUNED).order_by(AUDIT.c.id.desc()).limit(1)
    words = (await connection.execute(query)).scalar()
    if words is None:
        return Head()
    try:
        details: Any = json.loads(words)
        return Head(int(details["first"]) - 1, str(details["before"]))
    except (ValueError, TypeError, KeyError):
        return Head()  # the walk then finds what is wrong


def after(id: int, columns: Sequence[Any], rows: int = CHUNK) -> Any:
    """Return the query of the next rows behind a number."""
    return select(*columns).where(AUDIT.c.id > id).order_by(AUDIT.c.id).limit(rows)


class Walk:
    """A check of the chain, row by row; pure. `broken_at` is the number of the first row that does not fit.

    `noted` is a hash that must come by, "" for none; `known` a head that the writer has in memory. `at` is the number
    behind which the next rows are read: at first one that none is below.
    """

    def __init__(self, begin: Head, noted: str = "", known: Head | None = None) -> None:
        self.head, self._noted, self._known = begin, noted, known
        self.rows = self.unchained = 0
        self.at, self.pruned = _BELOW_ALL, begin.id
        self.broken_at: int | None = None
        self.problem = ""
        self._found = noted in ("", begin.hash)

    def feed(self, rows: Iterable[Row]) -> bool:
        """Look at the next rows (HASHED, then the hash); return whether all fit so far."""
        return all(self._fits(plain, found) for *plain, found in rows)

    def _fits(self, plain: Row, found: object) -> bool:
        self.at = id = plain[0]
        first, chained = self.rows == 0, self.rows > self.unchained
        self.rows += 1
        if id != self.head.id + 1 and (chained or found):  # without a chain nobody knows what was taken out
            return self.broken(id, self._gap(id, first))
        if found == "" and not chained:
            self.unchained += 1
            reckoned = older(self.head.hash, [plain])
        elif found != (reckoned := digest(self.head.hash, plain)):
            return self.broken(id, self._misfit(id, chained))
        self.head = Head(id, reckoned)
        self._found = self._found or reckoned == self._noted
        if self._known is not None and self._known.id == id and self._known.hash != reckoned:
            return self.broken(id, f"row {id} is not as flock wrote it: it or one before was made anew, hash and all")
        return True

    def broken(self, id: int, problem: str) -> bool:
        """Take note of the first row that does not fit; return False."""
        self.broken_at, self.problem = id, problem
        return False

    def end(self) -> None:
        """Say what is missing behind the last row."""
        if self.broken_at is not None:
            return
        if self._known is not None and self._known.id > self.head.id:
            self.broken(self._known.id, f"the newest rows were cut off: this flock wrote row {self._known.id}")
        elif not self._found:
            went = " or retention has forgotten it" if self.pruned else ""
            self.problem = f"no row has the hash {self._noted}: the newest rows were cut off and others written{went}"

    def _gap(self, id: int, first: bool) -> str:
        if first and not self.pruned:
            return f"the oldest row is {id}: those before were taken out, and no row says that retention did"
        if id <= self.head.id:
            return f"row {id} should have gone with those that retention took"
        missing = f"row {id - 1} was" if id == self.head.id + 2 else f"rows {self.head.id + 1} to {id - 1} were"
        return f"{missing} taken out"

    def _misfit(self, id: int, chained: bool) -> str:
        if not chained and self.unchained:
            return (
                f"row {id} does not fit: it was changed, or one of the {self.unchained} of an older release before it "
                "was changed or taken out"
            )
        return f"row {id} does not fit the one before: it was changed, put in, or swapped with another"
