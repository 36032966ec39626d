"""The one writer of usage, decisions, audit and key touches: batches, off the request path.

What is put is committed within about 200 ms, and within 1 s under load: that is the most a kill -9 may cost (pinned
by tests/unit/store/test_kill.py). When the disk refuses, rows wait in memory, bounded, and are tried again each
second; the daemon lives on and `failing` says why. Refuses to let one bad row hold up the others. Fed by core and
the daemon.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import chain
from typing import Any, Protocol

from sqlalchemy import bindparam, delete, func, select

from flock.clock import Clock
from flock.errors import StorageFailed
from flock.store.chain import Chain
from flock.store.connection import Connection
from flock.store.database import Database
from flock.store.hours import Hours
from flock.store.journal import Journal, Riding
from flock.store.keys import touch_sql
from flock.store.schema import AUDIT, DECISIONS, USAGE

log = logging.getLogger(__name__)

# long enough that a batch's fixed cost (four hops to SQLite's thread) vanishes, short against the second we promise
INTERVAL_SECONDS = 0.2
RETRY_SECONDS = 1.0
# key touches of calls that leave no usage row wait at most this long
IDLE_SECONDS = 5.0
# rows that wait while the disk refuses: about 30 MB of usage; explanations are ten times as large and only a comfort
ROWS_KEPT = 100_000
DECISIONS_WAITING = 5_000
# rows in one INSERT: with executemany SQLite's thread gives up Python's lock and awaits it again for every row; beside
# a busy loop that took 31 µs of CPU for a usage and a decision row, many rows a statement take 14 (7 when idle)
ROWS_A_STATEMENT = 250
# decision records that stay: the newest 50,000 (about 75 MB), none older than 30 days
DECISIONS_KEPT = 50_000
DECISIONS_AGE_SECONDS = 30 * 86400.0
PRUNE_STEP = 500
PRUNE_SECONDS = 600.0
# small transactions between two batches for rows of usage from long ago: 20,000 rows a second at most
STEPS_A_TURN = 4


class Settled(Protocol):
    """A settled request; both methods are called once, when it is put."""

    def usage_row(self) -> tuple[Any, ...]:
        """Return the values of `store.usage.COLUMNS`, in that order."""
        ...

    def decision(self) -> tuple[str, float, bytes]:
        """Return (request id, epoch seconds, JSON of the Explanation)."""
        ...


class _Waiting:
    """Rows on their way to one table, with the statement for one row and, for INSERTs, for a hundred; those of a
    chain get their hashes on the way, and those with sums by the hour are added to them.
    """

    __slots__ = ("bound", "chain", "hours", "rows", "sql", "table", "wide")

    def __init__(
        self, table: str, sql: str, bound: int, chain: Chain | None = None, hours: Hours | None = None
    ) -> None:
        self.table, self.sql, self.bound, self.chain, self.hours = table, sql, bound, chain, hours
        self.rows: list[tuple[Any, ...]] = []
        head, _, values = sql.partition(" VALUES ")
        self.wide = f"{head} VALUES {', '.join([values] * ROWS_A_STATEMENT)}" if values else ""

    async def write(self, connection: Connection, count: int) -> None:
        """Send the first `count` rows."""
        rows, done = self.rows, 0
        if self.chain is not None:
            rows = await self.chain.link(connection, rows[:count])
        while self.wide and count - done >= ROWS_A_STATEMENT:
            part = rows[done : done + ROWS_A_STATEMENT]
            await connection.exec_driver_sql(self.wide, tuple(chain.from_iterable(part)))
            done += ROWS_A_STATEMENT
        if done < count:
            await connection.exec_driver_sql(self.sql, rows[done:count])
        if self.hours is not None:
            await self.hours.write(connection, rows[:count])


class Writer:
    """One task that commits what was put. `failing` is empty or the sentence of what stops it; `dropped` counts rows
    that were given up. `touched` is asked with each batch for key id → epoch seconds of last use.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        interval: float = INTERVAL_SECONDS,
        retry: float = RETRY_SECONDS,
        decisions_kept: int = DECISIONS_KEPT,
    ) -> None:
        self._database, self._clock = database, clock
        self._interval, self._retry, self._decisions_kept = interval, retry, decisions_kept
        self.hours = Hours(database, clock)
        self._usage = _Waiting("usage", _insert(database, USAGE), ROWS_KEPT, hours=self.hours)
        self._decisions = _Waiting("decisions", _insert(database, DECISIONS), DECISIONS_WAITING)
        self.chain = Chain()
        self._audit = _Waiting("audit", _insert(database, AUDIT), ROWS_KEPT, self.chain)
        self._touches = _Waiting("keys", touch_sql(database), ROWS_KEPT)
        self._unpruned, self._prune_at = 0, 0.0
        self._wake, self._hurry, self._closing = asyncio.Event(), asyncio.Event(), False
        # reserves of dollars and minutes of keys, which ride along with each batch
        self.journal = Journal(database, self._at_once)
        self._asked: list[asyncio.Future[None]] = []
        self.failing = ""
        self.dropped = 0
        self.touched: Callable[[], Mapping[str, float]] = dict
        # acts older than that are forgotten, 0 for none; set by whoever knows the configuration
        self.audit_days = 0
        self._task = asyncio.get_running_loop().create_task(self._run(), name="store writer")

    # -- the request path: never waits, never raises

    def put(self, entry: Settled) -> None:
        """Take a settled request, as rows at once.

        Rows of plain values cost the garbage collector nothing while they wait; keeping the request's objects alive
        until the batch cost 20 times what encoding does.
        """
        for waiting, encode in ((self._usage, entry.usage_row), (self._decisions, entry.decision)):
            try:
                waiting.rows.append(encode())
            except Exception:
                self._give_up(waiting.table)
        self._wake.set()

    def put_row(self, row: tuple[Any, ...]) -> None:
        """Take a usage row of a request that a crash ended: there is no decision to it."""
        self._usage.rows.append(row)
        self._wake.set()

    def audit(
        self,
        actor: str,
        action: str,
        target: str,
        outcome: str,
        details: Mapping[str, Any],
        before: Mapping[str, Any] = {},
    ) -> None:
        """Take an act; `outcome` is "ok" or an error code, `details` and `before` (what undoing it needs) JSON values
        without secrets.
        """
        words, undo = (json.dumps(dict(m), ensure_ascii=True, default=str) if m else "" for m in (details, before))
        self._audit.rows.append((self._clock.now(), actor, action, target, outcome, words or "{}", undo, ""))
        self._wake.set()

    # -- anybody who can wait

    async def flush(self) -> None:
        """Wait until everything put so far was committed, or was tried and failed (then `failing` says why)."""
        if self._task.done():
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked.append(done)
        self._at_once()
        await done

    async def close(self) -> None:
        """Commit what is there and end the task; rows that cannot be committed are lost, and the log says how many."""
        self._closing = True
        self._at_once()
        await self._task

    def _at_once(self) -> None:
        self._wake.set()
        self._hurry.set()

    # -- the task

    async def _run(self) -> None:
        while True:
            await self._rest()
            closing, asked, self._asked = self._closing, self._asked, []
            try:
                await self._batch()
            except Exception as error:
                if not self.failing:  # once, not five times a second
                    log.exception("the store's writer stumbled; it goes on")
                self.failing = f"the store's writer stumbled: {error}"
            for done in asked:
                if not done.done():
                    done.set_result(None)
            if closing:
                break
            await self._tend()
        self.journal.close()
        if left := sum(len(w.rows) for w in self._tables()):
            log.error("%d rows could not be written before the end: %s", left, self.failing)

    async def _rest(self) -> None:
        """Wait for work, then let a batch gather; a flush or the end cuts the wait short."""
        if self.failing:
            await _wait(self._hurry, self._retry)
        else:
            await _wait(self._wake, IDLE_SECONDS)
            if self._wake.is_set():
                await _wait(self._hurry, self._interval)
        self._wake.clear()
        self._hurry.clear()

    async def _batch(self) -> None:
        self._touches.rows += [(at, key) for key, at in self.touched().items()]
        if not any(w.rows for w in self._tables()) and not self.journal.waiting:
            return
        try:
            await self._commit()
        except StorageFailed as error:
            self._keep_for_later(error)
            return
        if self.failing:
            log.warning("the database %s takes rows again; %d were given up", self._database.path, self.dropped)
            self.failing = ""
        await self._prune()

    async def _commit(self) -> None:
        """Write all waiting rows in one transaction; a row that does not fit is found and given up."""
        batch = [(w, len(w.rows)) for w in self._tables() if w.rows]
        with self.journal.riding() as riding:
            await self._commit_together(batch, riding)

    async def _commit_together(self, batch: list[tuple[_Waiting, int]], riding: Riding) -> None:
        try:
            async with self._database.writing() as connection:
                for waiting, count in batch:
                    await waiting.write(connection, count)
                await riding.write(connection)
        except StorageFailed:
            self._lost()
            raise
        except Exception:
            self._lost()
            for waiting, count in batch:
                await self._commit_by_halves(waiting, count)
            await self._commit_alone(riding)
            return
        self._committed()
        for waiting, count in batch:
            self._done(waiting, count)

    async def _commit_by_halves(self, waiting: _Waiting, count: int) -> None:
        """Write the first `count` rows in ever smaller parts until the ones that do not fit stand alone."""
        size = count
        while count:
            size = min(size, count)
            try:
                async with self._database.writing() as connection:
                    await waiting.write(connection, size)
                self._committed()
            except StorageFailed:
                self._lost()
                raise
            except Exception:
                self._lost()
                if size > 1:
                    size //= 2
                    continue
                self._give_up(waiting.table)
            self._done(waiting, size)
            count -= size
            size *= 2

    async def _commit_alone(self, riding: Riding) -> None:
        """Write the reserves after the rows, where one of both does not fit; a start finds a reserve with a row."""
        try:
            async with self._database.writing() as connection:
                await riding.write(connection)
        except StorageFailed:
            raise
        except Exception:
            self._give_up("holds")
            riding.give_up()

    def _committed(self) -> None:
        self.chain.committed()
        self.hours.committed()

    def _lost(self) -> None:
        self.chain.lost()
        self.hours.lost()

    def _done(self, waiting: _Waiting, count: int) -> None:
        del waiting.rows[:count]
        if waiting is self._decisions:
            self._unpruned += count

    async def _tend(self) -> None:
        """Sum up or forget a bounded number of old rows, and come back soon where there are more."""
        if self.failing:
            return
        for _ in range(STEPS_A_TURN):
            if self._closing or self._asked or not await self.hours.tend():
                return
        self._wake.set()

    async def _prune(self) -> None:
        """Delete old decision records, a bounded number at a time."""
        now = self._clock.monotonic()
        if self._unpruned < PRUNE_STEP and now < self._prune_at:
            return
        bounds = {
            "kept": self._decisions_kept,
            "step": max(2 * PRUNE_STEP, 2 * self._unpruned),
            "oldest": self._clock.now() - DECISIONS_AGE_SECONDS,
        }
        try:
            async with self._database.writing() as connection:
                await connection.execute(_PRUNE_MANY, bounds)
                if now >= self._prune_at:
                    await connection.execute(_PRUNE_OLD, bounds)
                    if self.audit_days:
                        await self.chain.prune(connection, self._clock.now(), self.audit_days)
                    self._prune_at = now + PRUNE_SECONDS
            self.chain.committed()
        except Exception as error:
            self.chain.lost()
            if not isinstance(error, StorageFailed):  # those lose nothing; the next batch will say it
                raise
        self._unpruned = 0

    def _keep_for_later(self, error: StorageFailed) -> None:
        if not self.failing:
            log.error("usage waits in memory: %s (%s)", error.sentence, error.hint)
        self.failing = error.sentence
        for waiting in self._tables():
            if (over := len(waiting.rows) - waiting.bound) > 0:
                del waiting.rows[:over]
                self.dropped += over

    def _give_up(self, table: str) -> None:
        if not self.dropped:
            log.exception("a row for the table %s does not fit and is given up; later ones are only counted", table)
        self.dropped += 1

    def _tables(self) -> tuple[_Waiting, ...]:
        return self._usage, self._decisions, self._audit, self._touches


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _insert(database: Database, table: Any) -> str:
    """Return the INSERT of every column but the automatic `id`."""
    return database.sql(table.insert().values({c.name: bindparam(c.name) for c in table.columns if c.name != "id"}))


# both are bounded to the oldest :step rows, and read no more than they delete when there is nothing to do
_PRUNE_MANY = delete(DECISIONS).where(
    DECISIONS.c.id <= select(func.max(DECISIONS.c.id)).scalar_subquery() - bindparam("kept"),
    DECISIONS.c.id < select(func.min(DECISIONS.c.id)).scalar_subquery() + bindparam("step"),
)
_PRUNE_OLD = delete(DECISIONS).where(
    DECISIONS.c.id.in_(select(DECISIONS.c.id).order_by(DECISIONS.c.id).limit(bindparam("step"))),
    DECISIONS.c.at < bindparam("oldest"),
)
