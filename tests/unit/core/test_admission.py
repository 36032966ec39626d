"""What a request reserves of its key's limits, and what it is charged however it ends."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from flock.contract.op import Scope
from flock.core.admission import Admission
from flock.core.cost import worst_nano
from flock.core.names import Named
from flock.core.record import Record, Try
from flock.dialects.ask import Ask
from flock.dialects.demand import ANSWER, demand
from flock.dialects.ir import Usage
from flock.dialects.openai.server import read_ask
from flock.errors import BudgetExceeded, FlockError, QuotaExceeded, RateLimited, RequestOverLimit
from flock.policy.keys import Key
from flock.policy.limits import Limits
from flock.policy.money import dollars, nano
from flock.upstream import Placement, Price

TEXT = "The quick brown fox jumps over the lazy dog. " * 40
PRICE = Price("10", "30")
NAMED = Named("m", (Placement("m", "e", "e", True, "ready", None, context=32_768),))


@dataclass
class Clock:
    """Time that stands still."""

    time: float = 1_800_000_000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time - 1_799_999_000


def ask(limit: int | None = 100) -> Ask:
    body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": TEXT}]}
    return read_ask(orjson.dumps(body if limit is None else {**body, "max_tokens": limit}), "/v1/chat/completions")


PROMPT = demand(ask()).prompt


class Case:
    """One key, and requests with it."""

    def __init__(self, **limits: Any) -> None:
        self.clock = Clock()
        self.key = Key("k_1", "alice", Scope.USER, b"", **limits)
        self.limits = Limits(self.clock)
        self.refused: list[str] = []
        self.admission = Admission(self.limits, self.clock, self.refused.append)

    def record(self, vendor: str = "") -> Record:
        record = Record("chat", self.clock.now(), self.clock.monotonic())
        record.key, record.model, record.vendor = self.key, "m", vendor
        record.price = PRICE if vendor else None
        return record

    def admitted(self, limit: int | None = 100, *, vendor: str = "") -> Record:
        record = self.record(vendor)
        self.admission.reserve(record, ask(limit), NAMED)
        return record

    async def spent(self, limit: int | None = 100, *, price: Price | None = PRICE) -> Record:
        record = self.admitted(limit, vendor="openai")
        record.price = price
        await self.admission.spend(record, ask(limit))
        return record

    def meter(self, name: str) -> tuple[str, str]:
        return next((meter.used, meter.reserved) for meter in self.limits.meters(self.key) if meter.name == name)


def tried(record: Record, *, status: int = 0, left: bool = False, outcome: str = "ok") -> Record:
    attempt = Try("vendor:openai", 1.0)
    attempt.status, attempt.left = status, left
    record.tries.append(attempt)
    record.outcome = outcome
    return record


# -- at the door


def test_nothing_is_estimated_for_a_key_without_limits_of_tokens() -> None:
    for limits in ({}, {"rpm": 5}, {"budgets": (("5", "day"),)}):
        case = Case(**limits)
        record = case.admitted()
        assert record.demand is None
        assert record.hold is not None  # it is counted all the same: a limit that is set later finds it
        assert (record.levels is None) == (not case.key.rpm)


@pytest.mark.parametrize("limit", ["tpm", "quota"])
def test_prompt_and_answer_are_reserved(limit: str) -> None:
    case = Case(**{limit: 10_000})
    case.admitted(300)
    assert case.meter(limit) == ("0", str(PROMPT + 300))
    case.admitted(None)
    assert case.meter(limit) == ("0", str(2 * PROMPT + 300 + ANSWER))


def test_an_answer_may_be_as_long_as_the_limit_only_a_prompt_is_too_large() -> None:
    case = Case(tpm=PROMPT + 50, quota=100_000)
    record = case.admitted(32_000)
    assert case.meter("tpm") == ("0", str(PROMPT + 50))
    case.admission.settle(record)
    small = Case(tpm=PROMPT - 1)
    with pytest.raises(RequestOverLimit) as caught:
        small.admitted(1)
    assert caught.value.status == 400
    assert small.refused == ["request"]


def test_refusals_are_counted_by_the_limit() -> None:
    def refuse(error: type[FlockError], **limits: Any) -> list[str]:
        case = Case(**limits)
        case.admitted()
        with pytest.raises(error):
            case.admitted()
        return case.refused

    assert refuse(RateLimited, rpm=1) == ["rpm"]
    assert refuse(RateLimited, tpm=PROMPT + 200) == ["tpm"]
    assert refuse(QuotaExceeded, quota=PROMPT + 200) == ["quota"]


# -- before a vendor is asked


async def test_the_most_a_request_may_cost_is_reserved_before_a_vendor_is_asked() -> None:
    case = Case(budgets=(("1", "day"), ("20", "month")))
    record = await case.spent(1000)
    worst = worst_nano(PROMPT, 1000, PRICE)
    assert worst is not None
    assert worst <= record.spent <= worst * 5 // 4  # the vendor counts by a tokenizer of its own
    assert case.meter("budget/day") == case.meter("budget/month") == ("0", dollars(record.spent))


async def test_of_many_at_once_no_more_are_let_through_than_the_budget_holds() -> None:
    case = Case(budgets=(("1", "day"),))
    passed = 0
    for _ in range(200):
        try:
            await case.spent(1000)
            passed += 1
        except BudgetExceeded:
            assert case.refused[-1] == "budget/day"
    each = (await Case(budgets=(("1", "day"),)).spent(1000)).spent
    assert passed == nano("1") // each
    used, reserved = case.meter("budget/day")
    assert (used, nano(reserved)) == ("0", passed * each)


async def test_keys_without_budgets_reserve_no_dollars() -> None:
    record = await Case(quota=100_000).spent()
    assert record.spent == 0


async def test_a_price_that_nobody_knows_refuses_a_key_with_a_budget() -> None:
    case = Case(budgets=(("1", "week"),))
    with pytest.raises(BudgetExceeded, match="nobody knows what"):
        await case.spent(price=None)
    assert case.refused == ["budget/week"]


async def test_a_second_vendor_takes_over_the_reserve() -> None:
    case = Case(budgets=(("1", "day"),))
    record = await case.spent(1000)
    first = record.spent
    tried(record, outcome="")
    record.price = Price("20", "60")
    await case.admission.spend(record, ask(1000))
    assert case.meter("budget/day") == ("0", dollars(2 * first))
    record.usage = Usage(100, output=10)
    tried(record, status=200)
    case.admission.settle(record)
    assert case.meter("budget/day") == ("0.0026", "0")


# -- however it ends


async def test_a_request_is_charged_what_it_used_and_once() -> None:
    case = Case(tpm=100_000, quota=100_000, budgets=(("1", "day"),))
    record = tried(await case.spent(1000), status=200)
    record.usage = Usage(400, output=60)
    case.admission.settle(record)
    case.admission.settle(record)
    assert case.meter("tpm") == case.meter("quota") == ("460", "0")
    assert case.meter("budget/day") == ("0.0058", "0")
    assert (record.cost_usd, record.charged, record.hold) == ("0.0058", None, None)


ENDS: dict[str, Callable[[Record], object]] = {
    "before it was sent": lambda record: None,
    "refused by the vendor": lambda record: tried(record, status=400, outcome="error"),
    "no vendor there": lambda record: tried(record, outcome="error"),
}


@pytest.mark.parametrize("end", ENDS)
async def test_everything_is_given_back_for_what_nobody_did(end: str) -> None:
    case = Case(tpm=100_000, quota=100_000, budgets=(("1", "day"),))
    record = await case.spent(1000)
    ENDS[end](record)
    case.admission.settle(record)
    assert case.meter("tpm") == case.meter("quota") == case.meter("budget/day") == ("0", "0")
    assert (record.usage, record.cost_usd) == (None, None)


async def test_a_client_that_leaves_has_used_its_prompt_and_what_came() -> None:
    case = Case(tpm=100_000, quota=100_000, budgets=(("1", "day"),))
    record = tried(await case.spent(1000), status=200, outcome="cancelled")
    record.usage, record.estimated = Usage(output=7), True  # what flock counted of a stream
    case.admission.settle(record)
    assert record.usage == Usage(PROMPT, output=7)
    assert case.meter("tpm") == case.meter("quota") == (str(PROMPT + 7), "0")
    assert case.meter("budget/day") == (str(record.cost_usd), "0")


async def test_who_leaves_a_vendor_before_it_answers_may_have_been_served() -> None:
    case = Case(quota=100_000, budgets=(("1", "day"),))
    record = tried(await case.spent(1000), left=True, outcome="cancelled")
    case.admission.settle(record)
    assert (record.usage, record.estimated) == (Usage(PROMPT), True)
    assert case.meter("quota") == (str(PROMPT), "0")
    assert record.cost_usd == dollars(record.spent)
    assert case.meter("budget/day") == (record.cost_usd, "0")


async def test_where_nobody_knows_the_cost_the_reserve_is_charged_and_the_row_says_the_same() -> None:
    case = Case(budgets=(("1", "day"),))
    record = tried(await case.spent(1000), status=200)
    record.demand = None
    record.price = None
    case.admission.settle(record)
    assert record.charged == record.spent > 0
    assert record.cost_usd == dollars(record.spent)
    assert case.meter("budget/day") == (dollars(record.spent), "0")
    assert record.notes == [f"openai told no usage: ${dollars(record.spent)}, which was reserved, is what it counts as"]


async def test_who_pays_the_vendor_himself_is_charged_no_dollars() -> None:
    case = Case(quota=100_000, budgets=(("1", "day"),))
    record = tried(case.admitted(vendor="openai"), status=200)
    record.lent, record.usage = True, Usage(400, output=60)
    case.admission.settle(record)
    assert case.meter("quota") == ("460", "0")
    assert case.meter("budget/day") == ("0", "0")
    assert record.cost_usd is None


def test_an_answer_whose_engine_tells_no_usage_is_estimated() -> None:
    case = Case(quota=100_000)
    record = tried(case.admitted(), status=200)
    record.bytes_out = 400
    case.admission.settle(record)
    assert (record.usage, record.estimated) == (Usage(PROMPT, output=100), True)
    assert case.meter("quota") == (str(PROMPT + 100), "0")


def test_without_limits_a_stream_that_was_left_counts_its_prompt_too() -> None:
    case = Case()
    record = tried(case.admitted(), status=200, outcome="cancelled")
    record.usage, record.estimated = Usage(output=3), True
    case.admission.settle(record)
    assert record.usage == Usage(PROMPT, output=3)


async def test_who_answers_here_after_a_vendor_failed_is_charged_no_reserve() -> None:
    case = Case(budgets=(("5", "day"),))
    record = tried(await case.spent(), status=0)
    assert record.spent > 0
    record.vendor, record.price = "", None  # core/inference.py went on to an engine here, which tells no usage
    tried(record, status=200)
    case.admission.settle(record)
    assert (record.charged, record.cost_usd) == (None, None)
    assert case.meter("budget/day") == ("0", "0")
