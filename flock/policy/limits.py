"""Limits of keys: requests and tokens a minute, tokens a day, dollars a day, week and month.

Owns admission and settlement: a request reserves in all limits of its key or in none, holds what it may use, and gives
back what it did not. Counting is in memory and takes a few µs; nothing waits, but for the reserve of a paid request of
a key with budgets, which is on disk before the vendor is asked. Refuses to estimate: callers say how many tokens and
dollars a request may use at most. Called by core/inference.py (admit, spend, settle), core/tokens.py (meters, changed,
forget), the doors (levels) and the store's journal (take_meters).

Minutes run on the monotonic clock and days on the wall clock, where a request counts for the day on which it arrived:
no jump of the clock locks a key out or lets it spend a budget twice (tests/unit/policy/test_limits_clock.py).
"""

from collections.abc import Iterable
from typing import Protocol

from flock.clock import Clock
from flock.contract.tokens import Meter
from flock.policy import refused
from flock.policy.accounts import Account, Hold
from flock.policy.gcra import MINUTE
from flock.policy.keys import Key
from flock.policy.levels import NO_LEVELS, RPM, TPM, Levels, level, meters
from flock.store.entries import HoldEntry


class Journal(Protocol):
    """Who keeps reserves of dollars; flock.store.journal.Journal is the real one."""

    async def hold(self, entry: HoldEntry) -> None:
        """Commit a reserve, in place of the request's earlier one. Raises StorageFailed."""
        ...

    def release(self, request_id: str) -> None:
        """Delete a reserve in the transaction of the usage row that is put before the caller next awaits."""
        ...


class Limits:
    """The limits of all keys. Without a journal dollars are reserved in memory only (replays of what was)."""

    def __init__(self, clock: Clock, journal: Journal | None = None) -> None:
        self._clock = clock
        self._journal = journal
        self._accounts: dict[str, Account] = {}
        self._moved: set[str] = set()

    # -- the request path

    def admit(self, key: Key, request_id: str, *, tokens: int, at: float | None = None) -> Hold | None:
        """Reserve a request and the tokens it may use at most; None for a request without a key.

        `at` is when it arrived (the epoch seconds of its usage row), by default now. Also a key without limits gets a
        hold: what it uses is counted, so that a limit set later finds it. Raises RequestOverLimit, QuotaExceeded,
        RateLimited; then nothing is reserved. Budgets are asked by `spend`: what runs here costs no dollars.
        """
        if not key.id:
            return None
        account = self._account(key)
        now = self._clock.monotonic()
        at = self._clock.now() if at is None else at
        day = account.day.at(at)
        if key.quota or key.tpm or key.rpm:
            self._check(account, key, tokens, now, at)
        part = None
        if account.requests is not None:
            account.requests.take(1, now)
            self._moved.add(key.id)
        if account.tokens is not None:
            part = account.tokens.reserve(tokens, now)
            self._moved.add(key.id)
        day.reserved += tokens
        account.open_tokens += tokens
        return Hold(account, key.id, request_id, at, tokens, day, part)

    async def spend(
        self,
        hold: Hold | None,
        key: Key,
        request_id: str,
        *,
        model: str,
        endpoint: str,
        vendor: str,
        tokens: int,
        nano_usd: int | None,
    ) -> None:
        """Reserve the dollars a request may cost at most, before a paid vendor is asked; committed on return.

        A key without budgets waits for nothing. A second vendor of the same request takes over the first one's
        reserve, the larger of the two. None is a price nobody knows: a key with a budget may not use it. Raises
        BudgetExceeded, RequestOverLimit, StorageFailed; then nothing more is reserved than before.
        """
        account = hold.account if hold is not None else None
        if hold is None or account is None or not key.budgets or not hold.open:
            return
        self._account(key)
        more = self._fits(account, key, hold, vendor, model, nano_usd)
        if more <= 0:
            return
        if not hold.counts:
            hold.counts = tuple(counter.at(hold.at) for counter in account.dollars.values())
        for count in hold.counts:
            count.reserved += more
        hold.nano += more
        if self._journal is None:
            return
        entry = HoldEntry(request_id, hold.at, key.user, key.id, model, endpoint, vendor, tokens, hold.nano)
        try:
            await self._journal.hold(entry)
        except Exception:  # but for a cancelled request: what was sent to the disk may arrive, so it stays held
            if hold.open:
                for count in hold.counts:
                    count.reserved -= more
                hold.nano -= more
            raise

    def settle(self, hold: Hold | None, *, tokens: int, nano_usd: int | None) -> None:
        """Count what a request used in truth and give back the rest; settling twice is harmless.

        `tokens` and `nano_usd` are those of its usage row (input and output; None where it cost nothing or nobody
        knows), which the caller puts to the writer without awaiting in between: row and reserve change in one
        transaction.
        """
        if hold is None or not hold.open:
            return
        hold.open = False
        account = hold.account
        hold.day.reserved -= hold.tokens
        hold.day.used += tokens
        account.open_tokens -= hold.tokens
        if hold.part is not None and account.tokens is not None and tokens != hold.tokens:
            account.tokens.settle(hold.part, hold.tokens, tokens, self._clock.monotonic())
            self._moved.add(hold.key_id)
        if hold.nano or nano_usd:
            counts = hold.counts or tuple(counter.at(hold.at) for counter in account.dollars.values())
            for count in counts:
                count.reserved -= hold.nano
                count.used += nano_usd or 0
        if hold.nano and self._journal is not None:
            self._journal.release(hold.request_id)

    # -- who looks, and who edits

    def changed(self, key: Key) -> None:
        """Take the limits of a key that was edited; what it used stays used."""
        self._account(key)

    def forget(self, key_id: str) -> None:
        """Forget a key that was revoked; its running requests settle into nothing."""
        self._accounts.pop(key_id, None)
        self._moved.discard(key_id)

    def levels(self, key: Key) -> Levels:
        """Return how much of its minute a key has left."""
        if not key.rpm and not key.tpm:
            return NO_LEVELS
        account, now = self._account(key), self._clock.monotonic()
        return Levels(level(account.requests, now), level(account.tokens, now))

    def meters(self, key: Key) -> tuple[Meter, ...]:
        """Return every limit of a key and how much of it is used."""
        if not key.id:
            return ()
        return meters(self._account(key), key, self._clock.now(), self._clock.monotonic())

    # -- the journal and the start

    def take_meters(self) -> list[tuple[str, str, float]]:
        """Return and forget which minutes moved since the last call: key id, name, epoch seconds when unused again."""
        if not self._moved:
            return []
        now, mono = self._clock.now(), self._clock.monotonic()
        moved, self._moved = self._moved, set()
        found: list[tuple[str, str, float]] = []
        for key_id in moved:
            account = self._accounts.get(key_id)
            if account is None:  # revoked meanwhile
                continue
            for name, gcra in ((RPM, account.requests), (TPM, account.tokens)):
                if gcra is not None and gcra.full_at > mono:
                    found.append((key_id, name, now + gcra.full_at - mono))
        return found

    def recall(self, key: Key, meters: Iterable[tuple[str, float]]) -> None:
        """Take what the journal remembers of a key's minutes: name and epoch seconds.

        At most a minute counts: a clock that was put back meanwhile would lock the key out for as long.
        """
        account, now, mono = self._account(key), self._clock.now(), self._clock.monotonic()
        for name, value in meters:
            gcra = account.requests if name == RPM else account.tokens if name == TPM else None
            if gcra is not None:
                gcra.start(mono + min(max(value - now, 0.0), MINUTE))

    def begin(self, key: Key, window: str, at: float, *, tokens: int, nano_usd: int) -> None:
        """Count what was used in the window around `at` (epoch seconds) before the start."""
        account = self._account(key)
        if window == account.day.name:
            account.day.at(at).used += tokens
        account.dollars[window].at(at).used += nano_usd

    def counts(self, key: Key, at: float) -> dict[str, tuple[int, int]]:
        """Return (used, reserved) of a key around a moment: "quota" in tokens, each window in billionths of a dollar.

        The reserves of dollars are those of requests of any window.
        """
        account = self._account(key)
        day = account.day.at(at)
        found = {"quota": (day.used, day.reserved)}
        for name, counter in account.dollars.items():
            found[name] = (counter.at(at).used, sum(count.reserved for count in counter.all()))
        return found

    # -- inside

    def _account(self, key: Key) -> Account:
        account = self._accounts.get(key.id)
        if account is None:
            account = self._accounts[key.id] = Account()
        if not account.followed(key):
            account.follow(key, self._clock.monotonic())
        return account

    def _check(self, account: Account, key: Key, tokens: int, now: float, at: float) -> None:
        """Raise what refuses; of several the one that takes longest, since coming back sooner would not help."""
        if account.tokens is not None and tokens > key.tpm:
            raise refused.over_limit(key, "tokens a minute", key.tpm, tokens)
        if key.quota:
            if tokens > key.quota:
                raise refused.over_limit(key, "tokens a day", key.quota, tokens)
            day = account.day.at(at)
            if day.used + day.reserved + tokens > key.quota:
                raise refused.out_of_tokens(key, day, tokens, at)
        requests = account.requests.wait(1, now) if account.requests is not None else 0.0
        wait = account.tokens.wait(tokens, now) if account.tokens is not None else 0.0
        if requests and requests >= wait:
            raise refused.too_fast(key, "requests", key.rpm, requests)
        if wait:
            raise refused.too_fast(key, "tokens", key.tpm, wait, tokens)

    def _fits(self, account: Account, key: Key, hold: Hold, vendor: str, model: str, nano_usd: int | None) -> int:
        """Return how much more a request must reserve for this, or raise what refuses."""
        if nano_usd is None:
            limit, window = account.budgets[0]
            raise refused.unpriced(key, limit, window, account.dollars[window].at(hold.at), vendor, model)
        more = nano_usd - hold.nano
        if more <= 0:
            return 0
        for limit, window in account.budgets:
            if nano_usd > limit:
                raise refused.over_budget(key, limit, window, nano_usd)
        over = [
            (count.ends, limit, window, count)
            for limit, window in account.budgets
            if (count := account.dollars[window].at(hold.at)).used + count.reserved + more > limit
        ]
        if over:
            _, limit, window, count = max(over, key=lambda found: found[0])
            raise refused.out_of_dollars(key, limit, window, count, nano_usd, self._clock.now())
        return more
