"""What a request asks of flock itself, beside what it asks of the model: the field `flock` of its body.

Owns the names in it and takes it out of the body, since no engine knows it. Raises for a wish that is none. Called by
core/inference.py.
"""

from dataclasses import dataclass, replace

from flock.core.names import SORTS
from flock.dialects.ask import Ask
from flock.dialects.plan import dumped
from flock.errors import InvalidRequest
from flock.plain import is_object
from flock.text import one_line

FIELD = "flock"
HEADER = "x-flock-sort"
_SORTS = frozenset(SORTS.values())


@dataclass(frozen=True, slots=True)
class Wishes:
    """`sort`: by what those who have the model are sorted, "price", "throughput" or "" for flock's own order."""

    sort: str = ""


NONE = Wishes()


def wishes(ask: Ask) -> tuple[Ask, Wishes]:
    """Return the request without its wishes, and these; a header counts less. Raises InvalidRequest."""
    sort = ask.headers.get(HEADER, "")
    if sort:
        _check("X-Flock-Sort", sort)
    if FIELD not in ask.body or ask.uploads:
        return ask, Wishes(sort) if sort else NONE
    wanted = ask.body[FIELD]
    if not is_object(wanted):
        raise InvalidRequest("flock: must be an object", hint='{"flock": {"sort": "price"}}')
    for name, value in wanted.items():
        if name != "sort":
            raise InvalidRequest(f"flock.{name} is nothing flock can be asked for", hint="it can be asked for: sort")
        _check("flock.sort", value)
        sort = str(value)
    body = {name: value for name, value in ask.body.items() if name != FIELD}
    return replace(ask, body=body, raw=dumped(body)), Wishes(sort)


def _check(name: str, value: object) -> None:
    if not isinstance(value, str) or value not in _SORTS:
        raise InvalidRequest(
            f"{name} {one_line(str(value), 100)!r} is no order", hint=f"one of {', '.join(sorted(_SORTS))}"
        )
