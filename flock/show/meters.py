"""How the limits of a key look: in a few words, and as bars of what is used. Drawn by `token` and `me`."""

from calendar import timegm
from time import strptime

from flock import text
from flock.contract.tokens import Meter, Token
from flock.show.dollars import usd
from flock.show.top import bar
from flock.show.view import NONE, Table, or_none

# what a meter counts, by its name
_COUNTS = {"rpm": "requests/min", "tpm": "tokens/min", "quota": "tokens/day"}


def limits(token: Token) -> str:
    """Return a key's limits by their options' names ("60 rpm, 100k tpm, 2M tokens/day, $5/day"), NONE for none."""
    counts = ((" rpm", token.rpm), (" tpm", token.tpm), (" tokens/day", token.quota))
    words = [f"{_round(number)}{name}" for name, number in counts if number]
    return or_none(", ".join([*words, *(f"${budget.usd}/{budget.window}" for budget in token.budgets)]))


def _round(number: int) -> str:
    """Return "2M" and "100k" for what is that exactly, "12,345" for all else."""
    for size, letter in ((1_000_000, "M"), (1000, "k")):
        if number % size == 0:
            return f"{number // size:,}{letter}"
    return f"{number:,}"


def used(requests: int | None, tokens: int | None, cost_usd: str | None) -> str:
    """Return what was used in a few words ("12 requests, 3,400 tokens, $0.12"), NONE for nothing."""
    if not requests:
        return NONE
    words = [text.count(requests, "request"), text.count(tokens or 0, "token")]
    return ", ".join(words if cost_usd is None else [*words, usd(cost_usd)])


def meters(found: tuple[Meter, ...], now: float) -> Table:
    """Return a line for each limit: how full it is, and when it is empty again."""
    rows = tuple(
        (
            _name(m.name),
            bar((_number(m.used) or 0.0) + (_number(m.reserved) or 0.0), _number(m.limit) or 0.0),
            _amount(m.name, m.used),
            _amount(m.name, m.limit),
            NONE if _number(m.reserved) == 0 else _amount(m.name, m.reserved),
            until(m.resets_at, now),
        )
        for m in found
    )
    return Table(("limit", "full", "used", "of", "held", "resets"), rows, "it has no limits", ("held", "full"))


def until(at: str | None, now: float) -> str:
    """Return an RFC 3339 UTC time as "in 3 h 10 m", "ended 2 d 3 h ago" for one that has passed, NONE for none."""
    if not at:
        return NONE
    try:
        seconds = timegm(strptime(at[:19], "%Y-%m-%dT%H:%M:%S")) - now
    except ValueError:
        return at
    return f"in {text.duration(seconds)}" if seconds > 0 else f"ended {text.ago(-seconds)}"


def left(at: str, now: float) -> str:
    """Return how long there is until an RFC 3339 UTC time, in its largest unit ("6 d left"); as `until` for a past."""
    words = until(at, now)
    return f"{' '.join(words.split()[1:3])} left" if words.startswith("in ") else words


def _number(words: str) -> float | None:
    try:
        return float(words)
    except ValueError:
        return None  # a daemon of another version may say it in another way; it is shown as it came


def _name(name: str) -> str:
    kind, _, window = name.partition("/")
    return f"dollars/{window}" if kind == "budget" else _COUNTS.get(name, name)


def _amount(name: str, amount: str) -> str:
    if name.startswith("budget/"):
        return usd(amount)
    whole, dot, rest = amount.partition(".")
    return f"{int(whole):,}{dot}{rest}" if whole.isdigit() else amount
