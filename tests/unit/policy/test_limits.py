"""Limits of a key: all or nothing, refusals that say how much and until when, edits that keep what was used."""

from math import inf

import pytest

from flock.errors import BudgetExceeded, QuotaExceeded, RateLimited, RequestOverLimit, StorageFailed
from flock.policy.accounts import Account, Hold
from flock.policy.keys import ANYONE, Key
from flock.policy.levels import Level, Levels
from flock.policy.limits import Limits
from flock.policy.money import dollars, nano
from flock.store.entries import HoldEntry
from tests.unit.policy.virtual import Virtual, at_once, key


class Kept:
    """A journal in memory; a disk that is `full` refuses."""

    def __init__(self) -> None:
        self.rows: dict[str, HoldEntry] = {}
        self.full = False

    async def hold(self, entry: HoldEntry) -> None:
        if self.full:
            raise StorageFailed("no space is left")
        self.rows[entry.request_id] = entry

    def release(self, request_id: str) -> None:
        del self.rows[request_id]


def spend(limits: Limits, hold: Hold | None, who: Key, cost: str | None, model: str = "gpt-5", number: int = 1) -> None:
    at_once(
        limits.spend(
            hold,
            who,
            f"req_{number}",
            model=model,
            endpoint="chat",
            vendor="openai",
            tokens=10,
            nano_usd=None if cost is None else nano(cost),
        )
    )


def admit(limits: Limits, who: Key, tokens: int = 10, number: int = 1) -> Hold:
    hold = limits.admit(who, f"req_{number}", tokens=tokens)
    assert hold is not None
    return hold


def used(limits: Limits, who: Key) -> dict[str, tuple[str, str]]:
    return {meter.name: (meter.used, meter.reserved) for meter in limits.meters(who)}


def test_a_request_without_a_key_is_not_counted() -> None:
    limits = Limits(Virtual())
    assert limits.admit(ANYONE, "req_1", tokens=10**9) is None
    spend(limits, None, ANYONE, "5")
    limits.settle(None, tokens=5, nano_usd=None)
    assert limits.meters(ANYONE) == ()
    assert limits.levels(ANYONE) == Levels()


@pytest.mark.parametrize(
    ("billionths", "words"),
    [
        *((500_000, "$0.0005"), (166_625, "$0.000166625"), (40_975_000, "$0.041"), (4_987_654_321, "$4.9877")),
        *((5 * 10**9, "$5"), (1_234 * 10**9, "$1,234"), (1_200_000_000, "$1.20"), (999_999_999, "$1")),
    ],
)
def test_dollars_of_a_refusal_are_readable(billionths: int, words: str) -> None:
    limits, who = Limits(Virtual()), key(budgets=((dollars(billionths), "day"),))
    with pytest.raises(RequestOverLimit) as refused:
        spend(limits, admit(limits, who), who, "1000000")
    assert f"may spend {words} a day" in refused.value.sentence
    assert refused.value.details["limit"] == dollars(billionths)


def test_requests_of_a_minute() -> None:
    clock, who = Virtual(), key(rpm=3)
    limits = Limits(clock)
    for _ in range(3):
        admit(limits, who)
    assert limits.levels(who) == Levels(Level(3, 0, 60))
    with pytest.raises(RateLimited, match="has 3 requests a minute") as refused:
        admit(limits, who)
    assert refused.value.details == {"limit": 3, "per": "minute", "of": "requests", "retry_after": 20}
    assert refused.value.hint == "flock token show k_1"
    clock.pass_by(19.5)
    with pytest.raises(RateLimited) as refused:
        admit(limits, who)
    assert refused.value.details["retry_after"] == 1, "rounded up, never 0"
    clock.pass_by(0.5)
    admit(limits, who)


def test_tokens_of_a_minute_are_given_back() -> None:
    clock, who = Virtual(), key(tpm=1000)
    limits = Limits(clock)
    first = admit(limits, who, 900)
    assert used(limits, who) == {"tpm": ("0", "900")}
    with pytest.raises(RateLimited) as refused:
        admit(limits, who, 500)
    assert refused.value.details["retry_after"] == 24
    assert refused.value.details["of"] == "tokens"
    assert "1,000 tokens a minute, and fewer are left than this request may need (500)" in refused.value.sentence
    limits.settle(first, tokens=100, nano_usd=None)
    limits.settle(first, tokens=0, nano_usd=None)
    assert used(limits, who) == {"tpm": ("100", "0")}
    admit(limits, who, 900)
    assert limits.levels(who).tokens == Level(1000, 0, 60)


@pytest.mark.parametrize(("what", "limit"), [({"tpm": 100}, "tokens a minute"), ({"quota": 100}, "tokens a day")])
def test_a_request_larger_than_a_limit_is_no_retry(what: dict[str, int], limit: str) -> None:
    limits, who = Limits(Virtual()), key(rpm=1, **what)
    with pytest.raises(RequestOverLimit, match=limit) as refused:
        admit(limits, who, 101)
    assert (refused.value.details["limit"], refused.value.details["needed"]) == (100, 101)
    assert "retry_after" not in refused.value.details
    assert refused.value.status == 400
    admit(limits, who, 100)


def test_a_refused_request_reserves_nothing_anywhere() -> None:
    clock = Virtual()
    limits, who = Limits(clock), key(rpm=100, tpm=1000, quota=1500)
    admit(limits, who, 900)
    before = limits.meters(who)
    for tokens in (900, 700):  # the quota, then the minute's tokens
        with pytest.raises((RateLimited, QuotaExceeded)):
            admit(limits, who, tokens)
        assert limits.meters(who) == before


class Leaky(Limits):
    """The mutant: what is asked first is taken before the next one refuses."""

    def _check(self, account: object, who: Key, tokens: int, now: float, at: float) -> None:
        if self._account(who).requests is not None:
            self._account(who).requests.take(1, now)  # type: ignore[union-attr]
        super()._check(account, who, tokens, now, at)  # type: ignore[arg-type]


def test_a_limit_that_takes_before_another_refuses_is_seen() -> None:
    limits, who = Leaky(Virtual()), key(rpm=100, tpm=1000)
    admit(limits, who, 900)
    before = limits.meters(who)
    with pytest.raises(RateLimited):
        admit(limits, who, 900)
    assert limits.meters(who) != before


def test_a_quota_says_what_is_left_and_when_the_day_ends() -> None:
    clock, who = Virtual("2026-11-26 23:50"), key(quota=1000)
    limits = Limits(clock)
    limits.settle(admit(limits, who, 800), tokens=800, nano_usd=None)
    with pytest.raises(QuotaExceeded, match="800 of them are used") as refused:
        admit(limits, who, 300)
    assert refused.value.details == {
        "limit": 1000,
        "used": 800,
        "left": 200,
        "needed": 300,
        "resets_at": "2026-11-27T00:00:00.000Z",
        "retry_after": 600,
    }
    clock.pass_by(600)
    admit(limits, who, 1000)


def test_where_only_running_requests_are_in_the_way_the_wait_is_short() -> None:
    limits, who = Limits(Virtual()), key(quota=1000, budgets=(("1", "month"),))
    first = admit(limits, who, 800)
    with pytest.raises(QuotaExceeded, match="800 are held by running requests") as refused:
        admit(limits, who, 300)
    assert refused.value.details["retry_after"] == 10
    spend(limits, first, who, "0.9")
    second = admit(limits, who, 100)
    with pytest.raises(BudgetExceeded, match=r"\$0.90 are held by running requests") as spent:
        spend(limits, second, who, "0.2")
    assert spent.value.details["retry_after"] == 10


def test_budgets_all_must_pass_and_say_which_one_is_spent() -> None:
    clock, who = Virtual("2026-11-25 23:00"), key(budgets=(("2", "day"), ("3", "week")))
    limits = Limits(clock, Kept())
    hold = admit(limits, who)
    spend(limits, hold, who, "1.5")
    limits.settle(hold, tokens=10, nano_usd=nano("1.25"))
    hold = admit(limits, who)
    with pytest.raises(BudgetExceeded, match=r"\$2 a day, \$1.25 are spent") as refused:
        spend(limits, hold, who, "1")
    assert refused.value.details == {
        "window": "day",
        "limit": "2",
        "used": "1.25",
        "reserved": "0",
        "needed": "1",
        "resets_at": "2026-11-26T00:00:00.000Z",
        "retry_after": 3600,
    }
    assert refused.value.hint == "flock token show k_1"
    assert used(limits, who) == {"budget/day": ("1.25", "0"), "budget/week": ("1.25", "0")}
    clock.pass_by(3600)
    hold = admit(limits, who)
    with pytest.raises(BudgetExceeded) as refused:
        spend(limits, hold, who, "1.9")
    assert refused.value.details["window"] == "week"
    assert refused.value.details["resets_at"] == "2026-11-30T00:00:00.000Z"
    spend(limits, hold, who, "1.75")
    assert used(limits, who) == {"budget/day": ("0", "1.75"), "budget/week": ("1.25", "1.75")}


class AnyPasses(Limits):
    """The mutant: one budget with room is enough."""

    def _fits(self, account: Account, who: Key, hold: Hold, vendor: str, model: str, nano_usd: int | None) -> int:
        budgets, account.budgets = account.budgets, account.budgets[:1]
        try:
            return super()._fits(account, who, hold, vendor, model, nano_usd)
        finally:
            account.budgets = budgets


def test_a_budget_that_is_not_asked_is_seen() -> None:
    for limits in (Limits(Virtual()), AnyPasses(Virtual())):
        who = key(budgets=(("5", "day"), ("1", "week")))
        hold = admit(limits, who)
        if isinstance(limits, AnyPasses):
            spend(limits, hold, who, "2")
        else:
            with pytest.raises(RequestOverLimit):
                spend(limits, hold, who, "2")


def test_a_request_dearer_than_a_budget_is_no_retry() -> None:
    limits, who = Limits(Virtual()), key(budgets=(("1", "day"),))
    with pytest.raises(RequestOverLimit, match=r"may cost \$1.01") as refused:
        spend(limits, admit(limits, who), who, "1.01")
    assert (refused.value.details["limit"], refused.value.details["needed"]) == ("1", "1.01")


def test_a_second_vendor_takes_over_the_reserve_of_the_first() -> None:
    journal, who = Kept(), key(budgets=(("1", "day"),))
    limits = Limits(Virtual(), journal)
    hold = admit(limits, who)
    spend(limits, hold, who, "0.6")
    spend(limits, hold, who, "0.9")
    spend(limits, hold, who, "0.1")
    assert used(limits, who) == {"budget/day": ("0", "0.9")}
    assert [row.nano_usd for row in journal.rows.values()] == [nano("0.9")]
    limits.settle(hold, tokens=10, nano_usd=nano("0.05"))
    assert used(limits, who) == {"budget/day": ("0.05", "0")}
    assert journal.rows == {}


def test_what_costs_nothing_and_what_nobody_knows() -> None:
    journal, who = Kept(), key(budgets=(("1", "day"),))
    limits = Limits(Virtual(), journal)
    hold = admit(limits, who)
    limits.settle(hold, tokens=10, nano_usd=nano("1"))
    hold = admit(limits, who)
    spend(limits, hold, who, "0")
    assert journal.rows == {}
    with pytest.raises(BudgetExceeded, match="nobody knows what openai/gpt-6 costs") as refused:
        spend(limits, hold, who, None, model="gpt-6")
    assert "flock price set openai/gpt-6 --input" in refused.value.hint
    assert "retry_after" not in refused.value.details
    assert {"window", "limit", "used"} <= refused.value.details.keys()
    limits.settle(hold, tokens=10, nano_usd=None)
    assert used(limits, who) == {"budget/day": ("1", "0")}


def test_a_key_without_budgets_writes_nothing_and_is_counted_all_the_same() -> None:
    journal, who = Kept(), key()
    limits = Limits(Virtual(), journal)
    hold = admit(limits, who, 100)
    spend(limits, hold, who, "5")
    spend(limits, hold, who, None)
    limits.settle(hold, tokens=70, nano_usd=nano("2"))
    assert journal.rows == {}
    assert limits.meters(who) == ()
    who.quota, who.budgets = 1000, (("10", "week"),)
    limits.changed(who)
    assert used(limits, who) == {"quota": ("70", "0"), "budget/week": ("2", "0")}


def test_a_disk_that_refuses_reserves_nothing() -> None:
    journal, who = Kept(), key(budgets=(("1", "day"),))
    limits = Limits(Virtual(), journal)
    hold = admit(limits, who)
    spend(limits, hold, who, "0.25")
    journal.full = True
    with pytest.raises(StorageFailed):
        spend(limits, hold, who, "0.5")
    assert used(limits, who) == {"budget/day": ("0", "0.25")}
    limits.settle(hold, tokens=1, nano_usd=None)
    assert used(limits, who) == {"budget/day": ("0", "0")}


def test_an_edit_keeps_what_was_used() -> None:
    clock, who = Virtual(), key(rpm=10, tpm=1000, quota=5000, budgets=(("5", "day"),))
    limits = Limits(clock)
    hold = admit(limits, who, 400)
    spend(limits, hold, who, "2")
    who.rpm, who.tpm, who.quota, who.budgets = 2, 500, 500, (("3", "day"), ("50", "month"))
    limits.changed(who)
    assert used(limits, who) == {
        "rpm": ("1", "0"),
        "tpm": ("0", "400"),
        "quota": ("0", "400"),
        "budget/day": ("0", "2"),
        "budget/month": ("0", "2"),
    }
    limits.settle(hold, tokens=300, nano_usd=nano("1"))
    assert used(limits, who)["budget/month"] == ("1", "0")
    with pytest.raises(QuotaExceeded):
        admit(limits, who, 201)
    who.rpm = who.tpm = who.quota = 0
    admit(limits, who, 10**9)
    assert limits.levels(who) == Levels()


def test_a_key_that_is_forgotten_leaves_nothing_and_its_requests_end() -> None:
    limits, who = Limits(Virtual(), Kept()), key(rpm=10, tpm=1000, budgets=(("1", "day"),))
    hold = admit(limits, who)
    spend(limits, hold, who, "0.5")
    limits.forget(who.id)
    limits.settle(hold, tokens=5, nano_usd=nano("0.1"))
    assert limits.take_meters() == []
    assert limits._accounts == {}


def test_meters_tell_when_all_is_back() -> None:
    clock, who = Virtual("2026-11-26 21:00"), key(rpm=60, quota=100, budgets=(("1", "month"),))
    limits = Limits(clock)
    assert [meter.resets_at for meter in limits.meters(who)] == [
        None,
        "2026-11-27T00:00:00.000Z",
        "2026-12-01T00:00:00.000Z",
    ]
    admit(limits, who)
    assert limits.meters(who)[0].resets_at == "2026-11-26T21:00:01.000Z"


def test_minutes_outlive_a_start_and_no_clock_locks_a_key_out() -> None:
    clock, who = Virtual(), key(rpm=10, tpm=1000)
    limits = Limits(clock)
    for _ in range(9):
        admit(limits, who, 100)
    kept = limits.take_meters()
    assert {(key_id, name) for key_id, name, _ in kept} == {("k_1", "rpm"), ("k_1", "tpm")}
    assert limits.take_meters() == []

    clock.pass_by(6)
    again = Limits(clock)
    again.recall(who, [(name, value) for _, name, value in kept])
    assert used(again, who) == {"rpm": ("8", "0"), "tpm": ("800", "0")}

    clock.set_to("2026-11-25 02:00")  # the clock was put back by a day, and flock started again
    again = Limits(clock)
    again.recall(who, [*((name, value) for _, name, value in kept), ("rpm", inf), ("unknown", 1.0)])
    with pytest.raises(RateLimited) as refused:
        admit(again, who, 1)
    assert refused.value.details["retry_after"] <= 60


def test_numbers_are_kept_by_key_and_nothing_grows() -> None:
    clock = Virtual()
    limits, who = Limits(clock, Kept()), key(rpm=10**6, tpm=10**9, quota=10**12, budgets=(("1000", "day"),))
    for number in range(400):
        hold = admit(limits, who, number=number)
        spend(limits, hold, who, "0.001", number=number)
        limits.settle(hold, tokens=5, nano_usd=1)
        clock.pass_by(86400 / 2)
    account = limits._accounts[who.id]
    assert len(limits._accounts) == 1
    assert len(account.day.all()) <= 8
    assert all(len(counter.all()) <= 8 for counter in account.dollars.values())
