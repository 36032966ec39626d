"""The words of a limit that refuses: what is used up, how much it is, and when to come back.

Owns the sentences, the hints and the details of RateLimited, QuotaExceeded, BudgetExceeded and RequestOverLimit. Called
by policy/limits.py. `retry_after` is whole seconds, rounded up, never 0; it is missing where waiting does not help.
"""

from math import ceil

from flock.clock import rfc3339
from flock.errors import BudgetExceeded, QuotaExceeded, RateLimited, RequestOverLimit
from flock.policy.keys import Key
from flock.policy.money import dollars
from flock.policy.windows import Count
from flock.text import duration

# what to wait where only running requests are in the way: they end long before the day does, and give back what they
# did not use. Most answers take less
RUNNING_SECONDS = 10
_CENT = 10_000_000


def _show(key: Key) -> str:
    return f"flock token show {key.id}"


def seconds(wait: float) -> int:
    """Return the whole seconds to wait, at least 1."""
    return max(1, ceil(wait))


def over_limit(key: Key, what: str, limit: int, needed: int) -> RequestOverLimit:
    """Return the refusal of a request larger than the limit; `what` is "tokens a minute" or "tokens a day"."""
    # no more of an answer is reserved than the limit holds (core/admission.py): what is too large is the prompt
    return RequestOverLimit(
        f"this request's prompt takes {needed:,} tokens, and the key {key.name!r} has {limit:,} {what}: send less",
        hint=_show(key),
        details={"limit": limit, "needed": needed, "per": what.rpartition(" ")[2]},
    )


def too_fast(key: Key, what: str, limit: int, wait: float, needed: int = 1) -> RateLimited:
    """Return the refusal of a minute's limit; `what` is "requests" or "tokens", of which the request needs `needed`."""
    after = seconds(wait)
    words = f"{after} s" if after < 100 else duration(after)
    # headers say beside this that thousands of tokens are left, which is less than this request may take
    why = "they are used up" if needed == 1 else f"fewer are left than this request may need ({needed:,})"
    return RateLimited(
        f"the key {key.name!r} has {limit:,} {what} a minute, and {why}; try again in {words}",
        hint=_show(key),
        details={"limit": limit, "per": "minute", "of": what, "retry_after": after},
    )


def out_of_tokens(key: Key, day: Count, needed: int, now: float) -> QuotaExceeded:
    """Return the refusal of a daily quota."""
    held, left = _held(day, needed, key.quota), max(0, key.quota - day.used)
    used = f"{day.used:,} of them are used" + (f" and {day.reserved:,} are held by running requests" if held else "")
    return QuotaExceeded(
        f"the key {key.name!r} has {key.quota:,} tokens a day, {used}, and this request needs up to {needed:,}; "
        f"{_again(held, day)}",
        hint=_show(key),
        details={
            "limit": key.quota,
            "used": day.used,
            "left": left,
            "needed": needed,
            "resets_at": rfc3339(day.ends),
            "retry_after": RUNNING_SECONDS if held else seconds(day.ends - now),
        },
    )


def out_of_dollars(key: Key, limit: int, window: str, count: Count, needed: int, now: float) -> BudgetExceeded:
    """Return the refusal of a budget; dollars in its details are decimal strings."""
    held = _held(count, needed, limit)
    used = f"{_usd(count.used)} are spent" + (
        f" and {_usd(count.reserved)} are held by running requests" if held else ""
    )
    return BudgetExceeded(
        f"the key {key.name!r} may spend {_usd(limit)} a {window}, {used}, and this request may cost "
        f"{_usd(needed)}; {_again(held, count)}",
        hint=_show(key),
        details={
            "window": window,
            "limit": dollars(limit),
            "used": dollars(count.used),
            "reserved": dollars(count.reserved),
            "needed": dollars(needed),
            "resets_at": rfc3339(count.ends),
            "retry_after": RUNNING_SECONDS if held else seconds(count.ends - now),
        },
    )


def over_budget(key: Key, limit: int, window: str, needed: int) -> RequestOverLimit:
    """Return the refusal of a request that may cost more than a whole budget."""
    return RequestOverLimit(
        f"this request may cost {_usd(needed)}, and the key {key.name!r} may spend {_usd(limit)} a {window}: "
        "send less, or ask for a shorter answer",
        hint=_show(key),
        details={"limit": dollars(limit), "needed": dollars(needed), "per": window, "window": window},
    )


def unpriced(key: Key, limit: int, window: str, count: Count, vendor: str, model: str) -> BudgetExceeded:
    """Return the refusal of a model whose price nobody knows, to a key that has a budget. Waiting does not help."""
    name = f"{vendor}/{model}"
    return BudgetExceeded(
        f"the key {key.name!r} has a budget, and nobody knows what {name} costs, so flock cannot keep it",
        hint=f"an admin sets it: flock price set {name} --input DOLLARS --output DOLLARS",
        details={
            "window": window,
            "limit": dollars(limit),
            "used": dollars(count.used),
            "vendor": vendor,
            "model": model,
            "reason": "unpriced",
        },
    )


def over_said(most: int, needed: int | None, vendor: str, model: str) -> RequestOverLimit:
    """Return the refusal of a request that may cost more than its client said, or that nobody knows the price of."""
    details = {"per": "request", "limit": dollars(most), "vendor": vendor, "model": model}
    if needed is None:
        name = f"{vendor}/{model}"
        return RequestOverLimit(
            f"nobody knows what {name} costs, so flock cannot keep to ${dollars(most)}",
            hint=f"set it: flock price set {name} --input DOLLARS --output DOLLARS",
            details=details | {"reason": "unpriced"},
        )
    return RequestOverLimit(
        f"this request may cost {_usd(needed)} at {vendor}, and no more than {_usd(most)} may be spent on it",
        hint="ask for a shorter answer: max_tokens",
        details=details | {"needed": dollars(needed), "reason": "max_cost"},
    )


def _usd(nano: int) -> str:
    """Return dollars to a hundredth of a cent, exactly where they are less than a cent; details have all digits."""
    if nano < _CENT:
        return f"${dollars(nano)}"
    whole, _, rest = f"{nano / 10**9:,.4f}".partition(".")
    return f"${whole}" + (f".{rest.rstrip('0').ljust(2, '0')}" if rest.strip("0") else "")


def _held(count: Count, needed: int, limit: int) -> bool:
    """Return whether only what running requests hold is in the way."""
    return count.used + needed <= limit


def _again(held: bool, count: Count) -> str:
    return "running requests may give some back" if held else f"the next ones come at {rfc3339(count.ends)[:16]}Z"
