"""`flock batch`: a file of requests carried out, each at most once, a few at a time, behind the people who wait.

Owns who is next, when all rest because one was refused, when it ends early, and what it adds up to. Refuses to know the
format (`batches_lines.py`), the files (`batches_journal.py`), answers (`batches_sending.py`) and the sum of money
(`batches_money.py`). Called by `cli/batch.py` and through `local.operations`.

Invariants (tests/e2e/test_batch.py): no request is sent without being in the journal on the disk; none is sent again
but after a refusal, when nobody has worked on it; after every line is answered, or the batch has ended early, each line
has one answer or none, and those that have none are counted as left.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flock.client import chat
from flock.client.reach import Reach, find
from flock.contract.batches import Batch, RunBatch
from flock.errors import FlockError, InternalError, UsageError
from flock.local import batches_lines, batches_money
from flock.local.batches_journal import BEGUN, FAILED, NEW, OK, UNKNOWN, UNKNOWN_CODE, Before, Ended, Journal, output_of
from flock.local.batches_lines import Lines, Request
from flock.local.batches_sending import Outcome, error_line, send
from flock.local.operations import Here, handles

CONCURRENCY_MOST = 256
# How long a daemon may be away before the batch ends: a restart with a large database takes seconds.
AWAY_SECONDS = 60.0
# How often it is looked for meanwhile.
LOOK_SECONDS = 1.0
# How long one request is sent again after refusals: limits of requests and tokens are per minute everywhere.
REFUSED_SECONDS = 3600.0
# Between refusals that name no time: from one second, twice as long each time.
REST_SECONDS, REST_MOST = 1.0, 60.0
# So many failures one after the other of the kind that says nothing about a single request end the batch: else an
# engine that is broken, or a model that is not there, would use up every line within seconds.
FAILURES_MOST = 20
_TELL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch is. `words` is what it waits for, "" while it works; `nano` is None where nothing has a price."""

    total: int
    done: int
    failed: int
    unknown: int
    output_tokens: int
    seconds: float
    nano: int | None
    words: str


Tell = Callable[[Progress], None]


@handles(RunBatch)
def run_batch(op: RunBatch, here: Here) -> Batch:
    """Carry out a batch without a word meanwhile."""
    reach = find(environ=here.environ)
    try:
        return carried_out(op, reach, lambda _progress: None)
    finally:
        reach.close()


def carried_out(op: RunBatch, reach: Reach, tell: Tell) -> Batch:
    """Carry out a batch, or what is left of one, and return how it went; `tell` hears how far it is.

    The first KeyboardInterrupt lets end what is under way, the second cancels it. Raises UsageError, InvalidRequest
    naming lines by file and number, Conflict, NotFound, NotAllowed, DaemonUnreachable: all before anything is sent; and
    StorageFailed, after which --resume goes on.
    """
    if not 1 <= op.concurrency <= CONCURRENCY_MOST:
        raise UsageError(f"--concurrency {op.concurrency} is not from 1 to {CONCURRENCY_MOST}", hint="--concurrency 4")
    limit = batches_money.limit_of(op.max_cost)
    output = output_of(op.output, op.input, resume=op.resume)
    with batches_lines.opened(op.input) as file:
        lines = Lines(file, "standard input" if op.input == "-" else op.input)
        lines.check()
        _look(reach)
        journal = Journal(output)
        try:
            before = journal.begin(lines)
            return _Run(op, reach, lines, journal, before, limit).carried_out(tell)
        finally:
            journal.close()


def _look(reach: Reach) -> None:
    """Begin nothing where nobody is there, or who asks may not. Raises DaemonUnreachable, InvalidKey, NotAllowed."""
    answer = reach.send("GET", "/v1/models")
    body = answer.read()
    if answer.status >= 400:
        raise chat.fault(answer.status, body)


class _Run:
    """One run; what its threads share is changed under `_turn`."""

    def __init__(
        self, op: RunBatch, reach: Reach, lines: Lines, journal: Journal, before: Before, limit: int | None
    ) -> None:
        self._op, self._reach, self._lines, self._journal = op, reach, lines, journal
        self._turn = threading.Condition()
        self._states = before.states
        self._purse = batches_money.Purse(limit)
        self._purse.spent, self._purse.paid = before.spent, before.paid
        self._input, self._output = before.input_tokens, before.output_tokens
        self._counts = {state: before.count(state) for state in (OK, FAILED, UNKNOWN)}
        self._began = time.monotonic()
        self._tokens_now = 0
        # over ssh each request at once is a connection of three, and one is for calls
        most = reach.door.most
        self._seats = min(op.concurrency, most - 1) if most else op.concurrency
        self._requests: Iterator[Request] = iter(())
        self._state = "done"
        self._why: FlockError | None = None
        self._broken: BaseException | None = None
        self._rest_until = 0.0
        self._words = ""
        self._failures = 0

    def carried_out(self, tell: Tell) -> Batch:
        """Carry out what is left. Raises what broke a thread, once the others have ended."""
        self._settle_unknown()
        self._requests = self._lines.requests(lambda number: self._states[number] == NEW)
        threads, wanted, asked = list[threading.Thread](), min(self._seats, self._left), 0
        try:
            while len(threads) < wanted or any(thread.is_alive() for thread in threads):
                try:
                    while len(threads) < wanted:
                        threads.append(threading.Thread(target=self._work, daemon=True))
                        threads[-1].start()
                    self._watch(threads, tell)
                except KeyboardInterrupt:
                    wanted, asked = len(threads), asked + 1
                    self._interrupted(asked)
        except BaseException:
            self._reach.close()
            raise
        finally:
            # the files may be closed only when nobody writes to them any more
            self._end("interrupted", None)
            for thread in threads:
                thread.join()
        self._say(tell)
        if self._broken is not None:
            raise self._broken
        return self._batch()

    def _watch(self, threads: list[threading.Thread], tell: Tell) -> None:
        while any(thread.is_alive() for thread in threads):
            with self._turn:
                self._turn.wait(_TELL_SECONDS)
            self._say(tell)

    def _say(self, tell: Tell) -> None:
        # a terminal that has gone is no reason to end
        with contextlib.suppress(OSError):
            tell(self._progress())

    def _interrupted(self, asked: int) -> None:
        self._end("interrupted", None)
        self._words = "ending what is under way; Ctrl-C again cancels it"
        if asked > 1:
            self._words = "cancelled"
            self._reach.close()

    def _settle_unknown(self) -> None:
        """Answer what an earlier run had begun, and of which nobody knows what became."""
        for request in self._lines.requests(lambda number: self._states[number] == BEGUN):
            words = "an earlier run ended while this was under way: it may have been carried out, and is not sent again"
            # what it may have cost is in the sum already
            self._journal.answered(request.number, error_line(request, UNKNOWN_CODE, words), Ended())
            self._take(request, UNKNOWN, Ended(nano=0))

    # -- the threads

    def _work(self) -> None:
        try:
            while (request := self._next()) is not None:
                self._carry_out(request)
        except FlockError as error:
            self._end("interrupted", error, broken=error)
        except Exception as error:
            failure = InternalError(f"the batch failed: {type(error).__name__}: {error}", hint="flock batch --resume")
            failure.__cause__ = error
            self._end("interrupted", failure, broken=failure)

    def _next(self) -> Request | None:
        with self._turn:
            if not self._rested():
                return None
            return next(self._requests, None)

    def _rested(self) -> bool:
        """Wait while all rest; return whether it goes on. Called in turn."""
        while self._state == "done" and (left := self._rest_until - time.monotonic()) > 0:
            self._turn.wait(left)
        if self._state == "done":
            self._words = ""
        return self._state == "done"

    def _carry_out(self, request: Request) -> None:
        """Send one request until it is answered, or the batch ends."""
        needed, rest, number, before, since = 0, REST_SECONDS, request.number, "", 0.0
        while (held := self._hold(number, needed)) is not None:
            self._journal.begun(number, held)
            limit = None if self._purse.limit is None else held
            outcome = send(self._reach, request, self._op.model, limit, held)
            if outcome.kind in ("answered", "unknown"):
                self._answered(request, outcome)
                return
            self._journal.freed(number)
            self._settle(number, 0)
            now = time.monotonic()
            before, since = outcome.kind, since if outcome.kind == before else now
            if outcome.kind == "dear":
                needed = max(outcome.needed, 1)
            elif outcome.kind == "refused" and now - since < REFUSED_SECONDS:
                self._rest(outcome.seconds or rest, "refused for now: the batch rests")
                rest = min(2 * rest, REST_MOST)
            elif outcome.kind == "absent" and now - since < AWAY_SECONDS:
                self._rest(LOOK_SECONDS, "flock does not answer: the batch waits for it")
            else:
                self._end("interrupted", outcome.error or _still_refused())
        # not begun, or taken back: it is left for the next run

    def _hold(self, number: int, needed: int) -> int | None:
        """Return what is held for a request, once it may be sent; None when it is not to be sent any more."""
        with self._turn:
            while self._rested():
                free = self._seats - len(self._purse)
                held = self._purse.hold(number, free, needed)
                if held is not None:
                    return held
                if not self._purse.others:
                    self._stop("stopped", None)
                    return None
                self._turn.wait()
        return None

    def _answered(self, request: Request, outcome: Outcome) -> None:
        self._journal.answered(request.number, outcome.line, outcome.ended)
        unknown = outcome.kind == "unknown"
        self._take(request, UNKNOWN if unknown else FAILED if outcome.status >= 400 else OK, outcome.ended)
        if outcome.status < 400 and not unknown:
            self._failures = 0
        elif unknown or outcome.status >= 500 or outcome.status in (401, 403, 404):
            self._failures += 1
            if self._failures >= FAILURES_MOST:
                self._end("interrupted", _all_fail(outcome, self._op.output))

    def _take(self, request: Request, state: int, ended: Ended) -> None:
        with self._turn:
            self._states[request.number] = state
            self._counts[state] += 1
            self._input += ended.input_tokens
            self._output += ended.output_tokens
            self._tokens_now += ended.output_tokens
            self._purse.settle(request.number, ended.nano or 0)
            self._purse.paid = self._purse.paid or bool(ended.nano)
            self._turn.notify_all()

    def _settle(self, number: int, cost: int) -> None:
        with self._turn:
            self._purse.settle(number, cost)
            self._turn.notify_all()

    def _rest(self, seconds: float, words: str) -> None:
        with self._turn:
            self._rest_until = max(self._rest_until, time.monotonic() + seconds)
            self._words = words

    def _end(self, state: str, why: FlockError | None, broken: BaseException | None = None) -> None:
        with self._turn:
            self._stop(state, why)
            self._broken = self._broken or broken

    def _stop(self, state: str, why: FlockError | None) -> None:
        """Begin no more; the first reason counts. Called in turn."""
        if self._state == "done":
            self._state, self._why = state, why
        self._turn.notify_all()

    # -- what it comes to

    @property
    def _left(self) -> int:
        return self._lines.total - sum(self._counts.values())

    @property
    def _nano(self) -> int | None:
        return self._purse.spent if self._purse.paid else None

    def _progress(self) -> Progress:
        with self._turn:
            counts = self._counts
            seconds = time.monotonic() - self._began
            return Progress(
                self._lines.total,
                counts[OK],
                counts[FAILED],
                counts[UNKNOWN],
                self._tokens_now,
                seconds,
                self._nano,
                self._words,
            )

    def _batch(self) -> Batch:
        # all lines may have been answered while it was asked to end
        state = self._state if self._left else "done"
        why = ""
        if self._why is not None and self._left:
            why = self._why.sentence + (f" (hint: {self._why.hint})" if self._why.hint else "")
        return Batch(
            input=self._op.input,
            output=self._op.output,
            state=state,
            total=self._lines.total,
            done=self._counts[OK],
            failed=self._counts[FAILED],
            unknown=self._counts[UNKNOWN],
            left=self._left,
            input_tokens=self._input,
            output_tokens=self._output,
            cost_usd=None if self._nano is None else batches_money.dollars(self._nano),
            seconds=round(time.monotonic() - self._began, 3),
            why=why,
        )


def _still_refused() -> FlockError:
    return FlockError(f"a request was refused for {REFUSED_SECONDS / 3600:g} h", hint="flock request ls")


def _all_fail(outcome: Outcome, output: str) -> FlockError:
    status = f"status {outcome.status}" if outcome.status else "a connection that broke"
    return FlockError(
        f"{FAILURES_MOST} requests failed one after the other, the last with {status}", hint=f"tail -n 1 {output}"
    )
