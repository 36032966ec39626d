"""Prices: what a million tokens cost where, who says so, and what was saved by not going there."""

from dataclasses import dataclass

from flock.contract.op import Op, Risk, arg, flag, operation

# What savings may go by
SAVED_BY = ("user", "model", "month")


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """What a model costs at a vendor: dollars a million tokens, decimal strings, null where unknown.

    `source` is set (by `flock price set`), vendor (its own list or rate card), or genai-prices with its version.
    `cached` and `written` are as `input` where the vendor says nothing else. `tiers` says that a longer prompt costs
    more than these figures. `at` is when it was set or looked up, null for what is the vendor's own.
    """

    vendor: str
    model: str
    input: str | None
    cached: str | None
    written: str | None
    output: str | None
    source: str
    tiers: bool = False
    at: str | None = None


@dataclass(frozen=True, slots=True)
class LocalPrice:
    """What the team's own machines cost: watts while they work, and dollars a kilowatt-hour; null while not set."""

    watts: str | None
    usd_per_kwh: str | None


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices that are set or were needed so far, the newest first, and where all others come from.

    `data` names the tables that are asked for what is not set, "" while prices.tables is off; `data_at` is when they
    were fetched, or the newest price in those that came with flock; null while nothing was looked up in them.
    """

    prices: tuple[ModelPrice, ...]
    local: LocalPrice
    data: str
    data_at: str | None


@dataclass(frozen=True, slots=True)
class Saving:
    """What was not spent at a vendor. `start` is a month (RFC 3339 UTC) or null; `requests` are those that did not end
    in an error.

    `vendor_usd` is what the same tokens cost at `compared_with` ("vendor/model"), null where that has no known price;
    `watt_hours` and `power_usd` what the machines took for that, at today's price, null while no price of power is
    set; `saved_usd` the difference, and while no price of power is set the whole of `vendor_usd`.
    """

    start: str | None
    user: str | None
    model: str | None
    requests: int
    input_tokens: int
    output_tokens: int
    compared_with: str
    vendor_usd: str | None
    watt_hours: str | None
    power_usd: str | None
    saved_usd: str | None


@operation("price.ls", "price ls", "GET /admin/v1/prices", examples=("price ls", "price ls --vendor openai --json"))
class ListPrices(Op[Prices]):
    """List what models cost: what was set, and what flock has looked up so far."""

    vendor: str = flag("only this vendor's", default="")
    model: str = flag("look this model up now; with --vendor", default="")


@operation(
    "price.set",
    "price set",
    "PUT /admin/v1/prices",
    risk=Risk.CHANGE,
    examples=(
        "price set openai/gpt-5 --input 1.25 --output 10 --cached 0.125",
        "price set groq/* --input 0 --output 0",
        "price set --local --watts 350 --per-kwh 0.31",
    ),
)
class SetPrice(Op[Prices]):
    """Set what a model costs at a vendor, or what power costs here. What was asked before keeps its price."""

    model: str = arg("VENDOR/MODEL; * stands for any; empty with --local", default="")
    input: str = flag("dollars a million tokens of prompt", default="")
    output: str = flag("dollars a million tokens of answer", default="")
    cached: str = flag("dollars a million tokens read from the vendor's cache; empty: as --input", default="")
    written: str = flag("dollars a million tokens written to the vendor's cache; empty: as --input", default="")
    local: bool = flag("the price of the team's own machines", default=False)
    watts: str = flag("with --local: what they take while they work", default="")
    per_kwh: str = flag("with --local: dollars a kilowatt-hour", default="")


@operation(
    "price.remove",
    "price remove",
    "DELETE /admin/v1/prices/{model}",
    risk=Risk.CHANGE,
    examples=("price remove openai/gpt-5", "price remove local"),
)
class RemovePrice(Op[Prices]):
    """Forget a price that was set; what the tables say counts again."""

    model: str = arg("VENDOR/MODEL as it was set, or local")


@operation("price.update", "price update", "POST /admin/v1/prices/update", risk=Risk.CHANGE, examples=("price update",))
class UpdatePrices(Op[Prices]):
    """Fetch the newest public tables of prices; flock never does that by itself."""


@operation(
    "savings.show",
    "savings",
    "GET /admin/v1/savings",
    examples=("savings", "savings --by user,month --since 90d", "savings --compare-with anthropic/claude-sonnet-4-5"),
)
class ShowSavings(Op[list[Saving]]):
    """Show what the team's own machines saved: the same tokens at a vendor, less the power."""

    by: str = flag("user, model, month, or several between commas", default="model", choices=SAVED_BY)
    since: str = flag("from then on: 2026-11-01, month, or 90d", default="month")
    until: str = flag("before then; empty: now", default="")
    compare_with: str = flag("VENDOR/MODEL to compare with; empty: the setting prices.compare_with", default="")
