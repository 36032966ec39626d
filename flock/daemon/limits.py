"""What response headers tell of a key's limits: how much of its minute is left, and when to come back.

Owns the three families: OpenAI's (`x-ratelimit-*`), Anthropic's (`anthropic-ratelimit-*`), and the IETF's draft
(`RateLimit-Policy`, `RateLimit`), which goes to everybody. A key without limits of requests or tokens a minute has no
such header. Values only; refuses to send. Called by daemon/headers.py for answers and by daemon/faults.py for errors.
"""

import math

from flock.clock import rfc3339
from flock.core.record import Record
from flock.errors import BudgetExceeded, FlockError, QuotaExceeded, RateLimited
from flock.policy.levels import Level, Levels

# Who waits longer is not to be asked to try again by itself: OpenAI's and Anthropic's SDKs obey a Retry-After of at
# most a minute and else come back after a second or eight (`_calculate_retry_timeout` in both).
PATIENCE_SECONDS = 60
_MINUTE = 60
_OURS = (RateLimited, QuotaExceeded, BudgetExceeded)


def limit_headers(record: Record) -> dict[str, str]:
    """Return how much is left of the limits of a request's key, in its client's family and in the IETF's; {} for a key
    that has none.
    """
    if record.levels is None:
        return {}
    now, levels = record.levels()
    found = _ietf(levels)
    for name, level in (("requests", levels.requests), ("tokens", levels.tokens)):
        if level is None:
            continue
        if record.dialect == "anthropic":
            found |= _anthropic(name, level, now)
        elif record.dialect in ("openai", "responses"):
            found |= _openai(name, level)
    return found


def retry_headers(error: FlockError) -> dict[str, str]:
    """Return when to try again after a refusal, {} where nobody knows.

    `x-should-retry: false` keeps SDKs from coming back before a long wait is over, or where no wait helps.
    """
    wait = error.details.get("retry_after", 2 if error.status == 503 else None)
    found: dict[str, str] = {}
    if isinstance(wait, int | float) and not isinstance(wait, bool):
        found["Retry-After"] = str(max(0, math.ceil(wait)))
        if isinstance(error, _OURS) and wait <= PATIENCE_SECONDS:
            found["retry-after-ms"] = str(math.ceil(wait * 1000))
    if isinstance(error, _OURS) and (wait is None or wait > PATIENCE_SECONDS):
        found["x-should-retry"] = "false"
    return found


def go_duration(seconds: float) -> str:
    """Return seconds as Go writes a duration: "12ms", "1s", "6m0s", "1h2m3s"."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms" if seconds > 0 else "0s"
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def _openai(name: str, level: Level) -> dict[str, str]:
    return {
        f"x-ratelimit-limit-{name}": str(level.limit),
        f"x-ratelimit-remaining-{name}": str(level.remaining),
        f"x-ratelimit-reset-{name}": go_duration(level.reset),
    }


def _anthropic(name: str, level: Level, now: float) -> dict[str, str]:
    return {
        f"anthropic-ratelimit-{name}-limit": str(level.limit),
        f"anthropic-ratelimit-{name}-remaining": str(level.remaining),
        f"anthropic-ratelimit-{name}-reset": rfc3339(now + level.reset)[:19] + "Z",
    }


def _ietf(levels: Levels) -> dict[str, str]:
    """Return the fields of draft-ietf-httpapi-ratelimit-headers-11: `q` of a quota in a window of `w` seconds, of which
    `r` is left, and `t` seconds until it is whole again. A unit beside requests and bytes has no word there.
    """
    both = [(n, level) for n, level in (("rpm", levels.requests), ("tpm", levels.tokens)) if level is not None]
    if not both:
        return {}
    return {
        "RateLimit-Policy": ", ".join(f'"{name}";q={level.limit};w={_MINUTE}' for name, level in both),
        "RateLimit": ", ".join(f'"{name}";r={level.remaining};t={level.reset}' for name, level in both),
    }
