"""What people write for a price and for the model it is of.

Owns the words VENDOR/MODEL and dollars, and what is wrong with them. Called by core/prices.py and core/savings.py.
"""

from collections.abc import Sequence
from decimal import Decimal, DecimalException

from flock.contract.prices import SetPrice
from flock.core.context import Context
from flock.errors import InvalidRequest, NotFound

# Dollars a million tokens, watts, dollars a kilowatt-hour: whatever is more is a slip of the finger.
MOST = 10**9
# digits behind the point; the finest price of the public tables has six
PLACES = 12
MODEL_MAX = 200
EXAMPLE = "flock price set openai/gpt-5 --input 1.25 --output 10"


def parse_model(context: Context, words: str, hint: str = EXAMPLE) -> tuple[str, str]:
    """Return (vendor, model there) of "openai/gpt-5". Raises InvalidRequest for no such pair, NotFound for a vendor
    that nobody knows.
    """
    said = words.strip()
    head, slash, model = said.partition("/")
    if not said or not slash or not head or not model.strip("/"):
        wrong = f"{said!r} names no vendor and model" if said else "no model was named"
        raise InvalidRequest(f"{wrong}: VENDOR/MODEL, such as openai/gpt-5", hint=hint)
    if len(model) > MODEL_MAX or not said.isprintable():
        raise InvalidRequest(f"a model's name has 1 to {MODEL_MAX} printable characters", hint=hint)
    return known_vendor(context, head), model


def known_vendor(context: Context, words: str) -> str:
    """Return the vendor of a name, or of the word before its models. Raises NotFound with the nearest names."""
    vendors = context.vendors.rows(off=True)
    if any(vendor.name == words for vendor in vendors):
        return words
    for vendor in vendors:
        if f"{words}/" in vendor.prefixes:
            return vendor.name
    return context.vendors.row(words).name


def parse_amount(option: str, words: str, *, positive: bool = False) -> str:
    """Return a plain decimal string. Raises InvalidRequest for what is no number, negative, or beyond all measure."""
    said = words.strip()
    try:
        amount = Decimal(said)
    except DecimalException:
        amount = Decimal("nan")
    if not amount.is_finite() or "_" in said:
        raise InvalidRequest(f"{option} {words!r} is no number: dollars as 1.25, without a sign", hint=EXAMPLE)
    if amount < 0 or (positive and not amount):
        raise InvalidRequest(f"{option} {said} is {'negative' if amount < 0 else 'nothing'}", hint=EXAMPLE)
    if amount and (amount.adjusted() > 9 or amount > MOST or amount != round(amount, PLACES)):
        raise InvalidRequest(
            f"{option} {said} is beyond all measure: at most {MOST:,}, with {PLACES} decimals", hint=EXAMPLE
        )
    words = f"{abs(amount):f}"
    return words.rstrip("0").rstrip(".") if "." in words else words


def parse_card(op: SetPrice) -> dict[str, str]:
    """Return the figures of a vendor's model. Raises InvalidRequest."""
    _refuse(op, ("watts", "per_kwh"), "goes with --local")
    if not op.input.strip() or not op.output.strip():
        lacking = "--input" if not op.input.strip() else "--output"
        raise InvalidRequest(
            f"{lacking} is missing: what a million tokens cost; 0 where they cost nothing",
            hint=f"flock price set {op.model.strip()} --input 1.25 --output 10",
        )
    said = {name: getattr(op, name) for name in ("input", "output", "cached", "written")}
    return {name: parse_amount(f"--{name}", words) for name, words in said.items() if words.strip()}


def parse_local(op: SetPrice) -> dict[str, str]:
    """Return watts and dollars a kilowatt-hour. Raises InvalidRequest."""
    hint = "flock price set --local --watts 350 --per-kwh 0.31"
    if op.model.strip():
        raise InvalidRequest(f"--local is the price of power here, not of {op.model.strip()}", hint=hint)
    _refuse(op, ("input", "output", "cached", "written"), "is a vendor's price, and --local the price of power", hint)
    for name, option in (("watts", "--watts"), ("per_kwh", "--per-kwh")):
        if not getattr(op, name).strip():
            raise InvalidRequest(
                f"--local needs {option}: watts while the machines work, dollars a kilowatt-hour", hint=hint
            )
    try:
        return {
            "watts": parse_amount("--watts", op.watts, positive=True),
            "usd_per_kwh": parse_amount("--per-kwh", op.per_kwh),
        }
    except InvalidRequest as error:
        raise InvalidRequest(error.sentence, hint=hint) from None


def _refuse(op: SetPrice, names: Sequence[str], why: str, hint: str = EXAMPLE) -> None:
    for name in names:
        if getattr(op, name).strip():
            raise InvalidRequest(f"--{name.replace('_', '-')} {why}", hint=hint)


def missing(words: str, known: Sequence[str]) -> NotFound:
    """Return the error for a price that was not set."""
    return NotFound(f"no price is set for {words!r}", hint="flock price ls", details={"nearest": list(known)[:3]})
