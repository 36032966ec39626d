"""The lists of models that vendors show, in all their shapes, as one.

Owns which fields tell a model's id, its window and its price. Tolerant: a field that is missing or odd says nothing, an
entry without an id is left out. Refuses what is no list at all. Pure. Called by listed.py.

Shapes seen: OpenAI's {"data": [{"id"}]}, Anthropic's with max_input_tokens beside it, Google's {"models": [{"name":
"models/…", "inputTokenLimit"}]}, Cohere's {"models": [{"name", "context_length"}]}, and bare arrays (Together, GitHub).
"""

import json
from decimal import Decimal, InvalidOperation
from typing import Any

from flock.errors import UpstreamError
from flock.plain import is_array, is_object
from flock.upstream import Price
from flock.vendors.vendor import Found

_WINDOWS = ("context_length", "context_window", "max_context_length", "max_model_len", "inputTokenLimit")
_WINDOWS_BESIDE = ("max_input_tokens",)
_MILLION = Decimal(1_000_000)


def read(body: bytes, vendor: str, prices: str) -> list[Found]:
    """Return the models of a list, in its order; `prices` as in a row ("", "token", "million").

    Raises UpstreamError for what is no list of models.
    """
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    entries: Any = document
    if is_object(document):
        entries = document.get("data") if is_array(document.get("data")) else document.get("models")
    if not is_array(entries):
        raise UpstreamError(f"{vendor} answers with no list of models", hint=f"flock vendor test {vendor}")
    found: dict[str, Found] = {}
    for entry in entries:
        if is_object(entry) and (name := _id(entry)):
            found.setdefault(name, Found(name, _window(entry), _price(entry, prices)))
    return list(found.values())


def _id(entry: dict[str, Any]) -> str:
    for field in ("id", "name"):
        value = entry.get(field)
        if isinstance(value, str) and value and value.isprintable():
            return value.removeprefix("models/")
    return ""


def _window(entry: dict[str, Any]) -> int | None:
    limits = entry.get("limits")
    for place in (entry, limits if is_object(limits) else {}):
        for field in (*_WINDOWS, *_WINDOWS_BESIDE):
            value = place.get(field)
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value
    return None


def _price(entry: dict[str, Any], prices: str) -> Price | None:
    """Return a price when both halves are told; a negative one is OpenRouter's word for "depends on the route"."""
    pricing = entry.get("pricing")
    if not prices or not is_object(pricing):
        return None
    scale = _MILLION if prices == "token" else Decimal(1)
    told, answer = (_amount(pricing, fields, scale) for fields in (("prompt", "input"), ("completion", "output")))
    if told is None or answer is None:
        return None
    # a zero here is how lists write that they say nothing of it: a cache that costs nothing would be news
    cached, written = (_amount(pricing, (field,), scale) for field in ("input_cache_read", "input_cache_write"))
    call = _amount(pricing, ("request",), Decimal(1))
    return Price(_plain(told), _plain(answer), _told(cached), _told(written), call=_told(call))


def _amount(pricing: dict[str, Any], fields: tuple[str, ...], scale: Decimal) -> Decimal | None:
    value: Any = next((pricing[field] for field in fields if field in pricing), None)
    try:
        amount = Decimal(str(value)) * scale
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount >= 0 and not isinstance(value, bool) else None


def _told(amount: Decimal | None) -> str | None:
    return _plain(amount) if amount else None


def _plain(amount: Decimal) -> str:
    """Return an amount as people write it: "3", "0.15", never "1E+1"."""
    words = f"{amount:f}"
    return words.rstrip("0").rstrip(".") if "." in words else words
