"""What a call to a vendor cost: two formulas, and never a guess."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from flock.core.cost import cost_nano, cost_usd, worst_nano
from flock.core.record import Record
from flock.dialects.ir import Usage
from flock.policy.money import nano
from flock.upstream import Price

M = 1_000_000
# a card with every price there is, and a dearer one for long prompts
SONNET = Price("3", "15", cached="0.3", written="3.75", kept="6")
TIERED = replace(SONNET, tiers=((200_000, Price("6", "22.5", cached="0.6", written="7.5", kept="12")),))


@pytest.mark.parametrize(
    ("usage", "price", "dollars"),
    [
        (Usage(input=M, output=M), Price("3", "15"), "18"),
        (Usage(input=1, output=0), Price("0.1", "0.4"), "0.0000001"),
        (Usage(input=1000, cached=900, output=10), Price("0.15", "0.60"), "0.000156"),
        (Usage(input=0, output=0), Price("3", "15"), "0"),
        (Usage(input=100, output=100), Price("0", "0"), "0"),
        (Usage(input=100, output=100), None, None),
        (None, Price("3", "15"), None),
        # each class once: 400k plain, 500k read, 100k written of which 40k for an hour
        (
            Usage(input=M, cached=500_000, cache_write=100_000, cache_kept=40_000, output=100_000),
            SONNET,
            "3.315",
        ),
        (Usage(input=1000, cached=2000, output=0), SONNET, "0.0003"),
        (Usage(input=200_000, output=10), TIERED, "0.60015"),
        (Usage(input=200_001, output=10), TIERED, "1.200231"),
        (Usage(input=300_000, cached=300_000, output=0), TIERED, "0.18"),
        (Usage(input=10, output=1000, reasoning=900), Price("1", "2", reasoning="4"), "0.00381"),
        (Usage(input=10, output=1000, reasoning=900), Price("1", "2"), "0.00201"),
        (Usage(input=M, output=100_000), Price("3", "15", call="0.014"), "4.514"),
        # nobody says what an answer costs: known while there is none
        (Usage(input=M, output=0), Price("0.02", None), "0.02"),
        (Usage(input=M, output=1), Price("0.02", None), None),
        # below a billionth: to the nearest, half to the even one
        (Usage(input=1, output=0), Price("0.0005", "0"), "0"),
        (Usage(input=3, output=0), Price("0.0005", "0"), "0.000000002"),
    ],
)
def test_dollars(usage: Usage | None, price: Price | None, dollars: str | None) -> None:
    assert cost_usd(usage, price) == dollars


@pytest.mark.parametrize(
    ("tokens_in", "tokens_out", "price", "dollars"),
    [
        (M, M, Price("3", "15"), "18"),
        (1000, 0, SONNET, "0.006"),
        (200_000, 0, TIERED, "1.2"),
        (200_001, 0, TIERED, "2.400012"),
        (1, 0, Price("0.0005", "0"), "0.000000001"),
        (0, 0, Price("3", "15", call="0.01"), "0.01"),
    ],
)
def test_the_most_it_may_cost(tokens_in: int, tokens_out: int, price: Price, dollars: str) -> None:
    assert worst_nano(tokens_in, tokens_out, price) == nano(dollars)


def test_the_most_of_what_is_unknown_is_unknown() -> None:
    assert worst_nano(1, 1, None) is None
    assert worst_nano(1, 1, Price("1", None)) is None
    assert worst_nano(1, 0, Price("1", None)) == 1000


def test_a_longer_prompt_that_costs_less_does_not_lower_the_most() -> None:
    price = Price("3", "15", tiers=((10, Price("1", "1")),))
    assert worst_nano(20, 20, price) == worst_nano(20, 20, Price("3", "15"))


_RATES = some.decimals(min_value=0, max_value=1000, places=6).map(str)
_MAYBE = some.none() | _RATES
_CARDS = some.builds(
    Price, _RATES, _RATES, cached=_MAYBE, written=_MAYBE, reasoning=_MAYBE, kept=_MAYBE, call=some.none() | _RATES
)
_PRICES = some.builds(
    lambda card, tiers: replace(card, tiers=tuple(sorted(tiers, key=lambda tier: tier[0]))),
    _CARDS,
    some.lists(some.tuples(some.integers(0, 2 * M), _CARDS), max_size=3, unique_by=lambda tier: tier[0]),
)
_COUNTS = some.integers(0, 2 * M)


@given(
    some.builds(
        Usage, input=_COUNTS, output=_COUNTS, cached=_COUNTS, cache_write=_COUNTS, reasoning=_COUNTS, cache_kept=_COUNTS
    ),
    _PRICES,
    some.integers(0, 1000),
)
def test_no_call_costs_more_than_the_most(usage: Usage, price: Price, more: int) -> None:
    cost, worst = cost_nano(usage, price), worst_nano(usage.input + more, usage.output + more, price)
    assert cost is not None
    assert worst is not None
    assert 0 <= cost <= worst


@given(_COUNTS, _COUNTS, _RATES, _RATES)
def test_it_is_the_plain_sum_to_the_billionth(tokens_in: int, tokens_out: int, rate_in: str, rate_out: str) -> None:
    exact = (Decimal(rate_in) * tokens_in + Decimal(rate_out) * tokens_out) * 1000
    cost = cost_nano(Usage(input=tokens_in, output=tokens_out), Price(rate_in, rate_out))
    assert cost is not None
    assert abs(cost - exact) <= Decimal("0.5")


def test_what_the_caller_pays_cost_the_team_nothing_that_is_known() -> None:
    record = Record("chat", 0.0, 0.0)
    record.usage, record.price = Usage(input=1_000_000), Price("3", "15")
    assert record.cost_usd == "3"
    record.lent = True
    assert record.cost_usd is None
