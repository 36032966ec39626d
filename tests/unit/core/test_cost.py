"""What a call to a vendor cost: one formula, and never a guess."""

import pytest

from flock.core.cost import cost_usd
from flock.core.record import Record
from flock.dialects.ir import Usage
from flock.upstream import Price


@pytest.mark.parametrize(
    ("usage", "price", "dollars"),
    [
        (Usage(input=1_000_000, output=1_000_000), Price("3", "15"), "18"),
        (Usage(input=1, output=0), Price("0.1", "0.4"), "0.0000001"),
        (Usage(input=1000, cached=900, output=10), Price("0.15", "0.60"), "0.000156"),
        (Usage(input=0, output=0), Price("3", "15"), "0"),
        (Usage(input=100, output=100), Price("0", "0"), "0"),
        (Usage(input=100, output=100), None, None),
        (None, Price("3", "15"), None),
    ],
)
def test_dollars(usage: Usage | None, price: Price | None, dollars: str | None) -> None:
    assert cost_usd(usage, price) == dollars


def test_what_the_caller_pays_cost_the_team_nothing_that_is_known() -> None:
    record = Record("chat", 0.0, 0.0)
    record.usage, record.price = Usage(input=1_000_000), Price("3", "15")
    assert record.cost_usd == "3"
    record.lent = True
    assert record.cost_usd is None
