"""Money goes in and comes out as it was."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from flock.policy.money import NANO_MAX, dollars, nano


@given(some.integers(-NANO_MAX, NANO_MAX))
def test_what_goes_out_comes_back(amount: int) -> None:
    assert nano(dollars(amount)) == amount
    assert "e" not in dollars(amount).lower()


@given(some.decimals(min_value=-(10**9), max_value=10**9, places=9))
def test_nine_decimals_are_exact(amount: Decimal) -> None:
    assert Decimal(nano(amount)) == amount * 10**9
    assert Decimal(dollars(nano(amount))) == amount


@given(some.lists(some.decimals(min_value=0, max_value=10**4, places=9), max_size=50))
def test_a_sum_of_amounts_is_the_amount_of_the_sum(amounts: list[Decimal]) -> None:
    assert sum(nano(amount) for amount in amounts) == nano(sum(amounts, Decimal(0)))


@pytest.mark.parametrize(
    ("words", "amount", "back"),
    [
        ("5", 5 * 10**9, "5"),
        ("0.10", 10**8, "0.1"),
        ("-0.000000001", -1, "-0.000000001"),
        ("1e-3", 10**6, "0.001"),
        ("0.0000000004", 0, "0"),
        ("0.0000000015", 2, "0.000000002"),
        ("1e-999999999", 0, "0"),
        ("0", 0, "0"),
        ("0e999999999", 0, "0"),
    ],
)
def test_words(words: str, amount: int, back: str) -> None:
    assert (nano(words), dollars(amount)) == (amount, back)


@pytest.mark.parametrize("words", ["", "five", "nan", "-inf", "1e999999999", "9223372037", "$5", "1e-9999x"])
def test_what_is_no_amount_is_refused(words: str) -> None:
    with pytest.raises(ValueError, match=r"money|counted"):
        nano(words)
