"""How events look: one line each."""

from typing import Any, cast

from flock import text
from flock.contract.events import Event
from flock.contract.op import Op
from flock.show.view import View, or_none, table

# what stands first of an event's data, and is said without its name
_FIRST = ("stage", "state", "model", "user", "engine")
# what says nothing more beside the rest
_LEFT_OUT = ("endpoint", "kind", "id", "subject")


def human(op: Op[Any], value: Any, now: float) -> View:
    """Show the events, the oldest first."""
    rows = [cells(event) for event in cast("list[Event]", value)]
    return table("id at kind subject what", rows, "nothing has happened since", "id")


def ids(op: Op[Any], value: Any) -> list[str]:
    """Return what each event is about."""
    return [event.subject for event in cast("list[Event]", value)]


def cells(event: Event) -> tuple[str, ...]:
    """Return an event as cells: its number, the time of day (UTC), kind, subject, and what is told."""
    return (str(event.id), event.at[11:19], event.kind, or_none(event.subject), words(event))


def line(event: Event) -> str:
    """Return an event as one line for people who watch them come."""
    _, at, kind, subject, what = cells(event)
    return f"{at}  {kind:<13}  {subject}  {what}".rstrip()


def words(event: Event) -> str:
    """Return what an event tells in one line."""
    data = event.data
    if event.kind == "feed.lost":
        return f"{text.count(int(data.get('lost') or 0), 'event')} missed: this reader was too slow, or away too long"
    found = [" ".join(str(data[name]) for name in _FIRST if data.get(name))]
    rest = {name: value for name, value in data.items() if name not in (*_FIRST, *_LEFT_OUT)}
    found += [_named(name, value) for name, value in rest.items() if value not in (None, "", [], {})]
    return text.one_line(", ".join(word for word in found if word), 200)


def _named(name: str, value: Any) -> str:
    """Return a value with its name, in the unit the name's ending tells."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and name.endswith("_ms"):
        return f"{name.removesuffix('_ms').replace('_', ' ')} {text.duration(value / 1000)}"
    if number and name.endswith("_seconds"):
        return f"{name.removesuffix('_seconds').replace('_', ' ')} {text.duration(value)}"
    if number and name.endswith("_bytes"):
        return f"{name.removesuffix('_bytes').replace('_', ' ')} {text.size(value)}"
    if name == "progress" and number:
        return f"{value:.0%}".replace("%", " %")
    return f"{name.replace('_', ' ')} {value}" if number or isinstance(value, bool) else str(value)
