"""The fixed answers to the operations of prices and savings; values.py has those of all others."""

from typing import Any

from flock.contract.op import Op
from flock.contract.prices import (
    ListPrices,
    LocalPrice,
    ModelPrice,
    Prices,
    RemovePrice,
    Saving,
    SetPrice,
    ShowSavings,
    UpdatePrices,
)

AT = "2026-11-12T09:00:00.000000Z"
GPT = ModelPrice("openai", "gpt-5", "1.25", "0.125", "1.25", "10", "set", False, AT)
GROQ = ModelPrice("groq", "*", "0", "0", "0", "0", "set", False, AT)
SONNET = ModelPrice("anthropic", "claude-sonnet-4-5", "3", "0.3", "3.75", "15", "genai-prices 0.2.3", True, AT)
EMBEDDING = ModelPrice("openai", "embed-3", "0.02", "0.02", "0.02", None, "genai-prices 0.2.3", False, AT)
POWER = LocalPrice("350", "0.31")
NO_POWER = LocalPrice(None, None)
DATA, DATA_AT = "genai-prices 0.2.3", "2026-11-09T00:00:00.000000Z"
THERE = "anthropic/claude-sonnet-4-5"
MONTH = "2026-11-01T00:00:00.000000Z"

PRICES_CASES: dict[str, tuple[Op[Any], Any]] = {
    "price.ls": (ListPrices(), Prices((GPT, GROQ, SONNET, EMBEDDING), POWER, DATA, DATA_AT)),
    "price.ls-none": (ListPrices(), Prices((), NO_POWER, DATA, None)),
    "price.ls-off": (ListPrices(), Prices((GPT,), NO_POWER, "", None)),
    "price.ls-one": (
        ListPrices(vendor="openai", model="nobody-knows"),
        Prices((), NO_POWER, "genai-prices 0.2.3, updated", AT),
    ),
    "price.set": (
        SetPrice(model="openai/gpt-5", input="1.25", output="10", cached="0.125"),
        Prices((GPT,), NO_POWER, DATA, DATA_AT),
    ),
    "price.set-local": (SetPrice(local=True, watts="350", per_kwh="0.31"), Prices((), POWER, DATA, None)),
    "price.remove": (RemovePrice(model="openai/gpt-5"), Prices((), NO_POWER, DATA, DATA_AT)),
    "price.update": (UpdatePrices(), Prices((GPT,), NO_POWER, "genai-prices 0.2.3, updated", AT)),
    "savings.show": (
        ShowSavings(by="user,model,month"),
        [
            Saving(
                *(MONTH, "alice", "qwen3-8b", 1204, 81_204_311, 1_904_112, THERE),
                *("272.174613", "1204.112", "0.373275", "271.801338"),
            ),
            Saving(
                *(MONTH, "bob", "qwen3-8b", 12, 20_000, 900, THERE, "0.0735", "250.300", "0.077593", "-0.004093"),
            ),
        ],
    ),
    "savings.show-no-power": (
        ShowSavings(by=""),
        [Saving(None, None, None, 1, 1000, 100, THERE, "0.0045", None, None, "0.0045")],
    ),
    "savings.show-unknown": (
        ShowSavings(compare_with="openai/nobody-knows"),
        [Saving(None, None, "qwen3-8b", 1, 1000, 100, "openai/nobody-knows", None, "1.000", "0.00031", None)],
    ),
    "savings.show-none": (ShowSavings(), []),
}
