"""What a request asks of flock itself, beside what it asks of the model: the field `flock` of its body, and headers.

Owns the names in it and takes it out of the body, since no engine knows it. Raises for a wish that is none. Called by
core/inference.py.
"""

from dataclasses import dataclass, replace

from flock.core.names import SORTS
from flock.dialects.ask import Ask
from flock.dialects.plan import dumped
from flock.errors import InvalidRequest
from flock.plain import is_object
from flock.policy.money import nano
from flock.text import one_line

FIELD = "flock"
HEADER = "x-flock-sort"
# "low": it lets all others go first (core/yielding.py); "normal" is as if nothing was said
PRIORITY = "x-flock-priority"
# dollars: a paid vendor is not asked for more (core/admission.py)
MAX_COST = "x-flock-max-cost"
_SORTS = frozenset(SORTS.values())


@dataclass(frozen=True, slots=True)
class Wishes:
    """`sort`: by what those who have the model are sorted, "price", "throughput" or "" for flock's own order. `low`: it
    lets all others go first. `most`: billionths of a dollar it may cost at a paid vendor, None for any.
    """

    sort: str = ""
    low: bool = False
    most: int | None = None


NONE = Wishes()


def wishes(ask: Ask) -> tuple[Ask, Wishes]:
    """Return the request without its wishes, and these; a header counts less. Raises InvalidRequest."""
    headers = ask.headers
    sort = headers.get(HEADER, "")
    # with every request, and hardly any says one
    low = PRIORITY in headers and _is_low(headers[PRIORITY])
    most = _most(headers[MAX_COST]) if MAX_COST in headers else None
    if sort:
        _check("X-Flock-Sort", sort)
    if FIELD not in ask.body or ask.uploads:
        return ask, Wishes(sort, low, most) if sort or low or most is not None else NONE
    wanted = ask.body[FIELD]
    if not is_object(wanted):
        raise InvalidRequest("flock: must be an object", hint='{"flock": {"sort": "price"}}')
    for name, value in wanted.items():
        if name != "sort":
            raise InvalidRequest(f"flock.{name} is nothing flock can be asked for", hint="it can be asked for: sort")
        _check("flock.sort", value)
        sort = str(value)
    body = {name: value for name, value in ask.body.items() if name != FIELD}
    return replace(ask, body=body, raw=dumped(body)), Wishes(sort, low, most)


def _is_low(said: str) -> bool:
    word = said.strip().lower()
    if word not in ("", "low", "normal"):
        raise InvalidRequest(f"X-Flock-Priority {one_line(said, 100)!r} is none", hint="one of low, normal")
    return word == "low"


def _most(said: str) -> int | None:
    if not said:
        return None
    try:
        found = nano(said.strip())
    except ValueError:
        found = -1
    if found < 0:
        raise InvalidRequest(f"X-Flock-Max-Cost {one_line(said, 100)!r} is no amount of dollars", hint="as 0.25")
    return found


def _check(name: str, value: object) -> None:
    if not isinstance(value, str) or value not in _SORTS:
        raise InvalidRequest(
            f"{name} {one_line(str(value), 100)!r} is no order", hint=f"one of {', '.join(sorted(_SORTS))}"
        )
