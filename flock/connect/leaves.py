"""Putting a change into a document and taking it out again, leaf by leaf, whatever the format.

Trusts no edit: after each one the text is read anew, and what it holds must be what was meant, no more and no less;
otherwise the next way is tried, and then the change is refused. Pure; called by edit.py.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

from flock.connect.changes import (
    MISSING,
    Change,
    Json,
    Match,
    Part,
    Path,
    Pointer,
    Refused,
    Trace,
    at,
    check_value,
    is_mapping,
    item,
    nested,
    resolve,
    same,
    with_value,
    words,
)
from flock.connect.document import Document, Inserted, Unreadable

Open = Callable[[str], Document]
_GONE: Final = object()  # in the place of a value that will go, so that the items of a list keep their numbers


def put(text: str, changes: Sequence[Change], opened: Open) -> tuple[str, list[Trace]]:
    """Return the text with all changes in it, and the traces of what was not there already.

    Raises Unreadable where the text is not in its format, Refused where a change cannot be made.
    """
    document, traces = opened(text), list[Trace]()
    for change in changes:
        check_value(change.value)
        known = len(traces)
        document = _merge(document, change.pointer, change.value, opened, traces)
        traces[known:] = [replace(trace, loose=change.loose) for trace in traces[known:]]
    return document.text, traces


def _merge(document: Document, pointer: Pointer, value: Json, opened: Open, traces: list[Trace]) -> Document:
    _, rest, there = resolve(document.data, pointer)
    if not is_mapping(value):
        beside = isinstance(value, dict) and isinstance(there, dict) and not rest
        return document if beside else _put(document, pointer, value, opened, traces)
    if not (rest or there is None or there is MISSING or isinstance(there, dict)):
        return _put(document, pointer, value, opened, traces)
    members = cast("dict[str, Json]", value)
    match = pointer[-1] if pointer and isinstance(pointer[-1], Match) else None
    if match is not None and match.key in members:
        if not same(members[match.key], match.value):
            raise Refused(f"{words(pointer)} cannot have another {match.key}")
        members = {key: inside for key, inside in members.items() if key != match.key} or members
    for key, inside in members.items():
        document = _merge(document, (*pointer, key), inside, opened, traces)
    return document


def _put(document: Document, pointer: Pointer, value: Json, opened: Open, traces: list[Trace]) -> Document:
    path, rest, there = resolve(document.data, pointer)
    if not pointer:
        raise Refused("the whole file is not one value to be written")
    for place, part in enumerate(pointer[:-1]):
        named = isinstance(part, Match) and part.key == pointer[place + 1]
        if isinstance(part, Match) and named and (place + 2 < len(pointer) or not same(value, part.value)):
            raise Refused(f"{words(pointer[: place + 1])} cannot have another {part.key}")
    if not rest:
        if same(there, value):
            return document
        text = document.with_raw(path, document.render(path, value))
        traces.append(Trace(pointer, value, old=document.raw(path)))
        return _first([text], with_value(document.data, path, value), opened, pointer)
    inserted, expected = _insert(document, path, rest, there, value)
    made = len(rest) - 1 + int(inserted.root)
    traces.append(Trace(pointer, value, None, made, inserted.shell, inserted.lead, inserted.trail))
    return _first([inserted.text], expected, opened, pointer)


def _insert(document: Document, path: Path, rest: tuple[Part, ...], there: Json, value: Json) -> tuple[Inserted, Json]:
    """Add a value below the parents that are there; return it with what the document has to hold then."""
    head = rest[0]
    if not (there is None or there is MISSING or isinstance(there, dict if isinstance(head, str) else list)):
        kind = "a mapping" if isinstance(there, dict) else "a list" if isinstance(there, list) else "a single value"
        raise Refused(f"{words(path)} is {kind}, so {words(rest)} has no place in it")
    if isinstance(head, str):
        name, inside = head, nested(rest[1:], value)
        members = cast("dict[str, Json]", there) if isinstance(there, dict) else {}
        new: Json = {**members, name: inside}
    else:
        items = cast("list[Json]", there) if isinstance(there, list) else []
        name, inside = None, item(head, len(items), rest[1:], value)
        new = [*items, inside]
    return document.insert(path, name, inside), with_value(document.data, path, new)


def _first(texts: Iterable[str], expected: Json, opened: Open, pointer: Pointer) -> Document:
    """Return the first text that reads as it should. Raises Refused when none does."""
    for text in texts:
        try:
            document = opened(text)
            if same(document.data, expected):
                return document
        except (Unreadable, Refused):
            continue
    raise Refused(f"{words(pointer)} cannot be changed without touching other lines")


# -- taking back


@dataclass(slots=True)
class _Ours:
    """What the traces of one file say together: which parents were made, and how they were set off."""

    traces: Sequence[Trace]
    made: list[Pointer]
    set_off: dict[Pointer, tuple[str, str]]
    shells: dict[Pointer, str]


def take(text: str, traces: Sequence[Trace], opened: Open) -> tuple[str, list[str]]:
    """Return the text without what is still ours, and the names of what is no longer as we wrote it and stays.

    Raises Unreadable where the text is not in its format.
    """
    document = opened(text)
    traces = [_current(trace, document) for trace in traces]
    ours = _Ours(traces, [], {}, {})
    for trace in traces:
        top = len(trace.pointer) - trace.made
        ours.made += [trace.pointer[:length] for length in range(max(top, 0), len(trace.pointer))]
        ours.set_off.setdefault(trace.pointer[: max(top, 0)], (trace.lead, trace.trail))
        if trace.shell is not None and top > 0:
            ours.shells[trace.pointer[: top - 1]] = trace.shell
    kept = list[str]()
    for trace in reversed(traces):
        path, rest, there = resolve(document.data, trace.pointer)
        if rest:
            document = _prune(document, path, ours, opened)
        elif not same(there, trace.value):
            kept.append(words(trace.pointer))
        else:
            try:
                document = _take(document, path, trace, ours, opened)
            except Refused:
                kept.append(words(trace.pointer))
    return document.text, list(reversed(kept))


def _current(trace: Trace, document: Document) -> Trace:
    """Return a loose trace with the single value that stands there now; others, and what was there before us, stay."""
    _, rest, there = resolve(document.data, trace.pointer)
    single = not rest and not isinstance(there, dict | list)
    return replace(trace, value=there) if trace.loose and trace.old is None and single else trace


def _take(document: Document, path: Path, trace: Trace, ours: _Ours, opened: Open) -> Document:
    if trace.old is not None:
        return _restored(document, path, trace.old, opened)
    top = _hollow_above(document, _without(document.data, ours), path, ours)
    within = [known.pointer[: len(top)] == trace.pointer[: len(top)] for known in ours.traces]
    latest = ours.traces.index(trace)
    if not all(within[within.index(True) : latest + 1]):
        # something else was written in between: what came last goes first, or the blank lines would not fit
        top = _hollow_above(document, with_value(document.data, path, _GONE), path, ours)
    return _remove(document, top, ours, opened, path)


def _without(data: Json, ours: _Ours) -> Json:
    """Return the values without all that is still ours: what holds nothing then can go in one piece."""
    for trace in reversed(ours.traces):
        path, rest, there = resolve(data, trace.pointer)
        if trace.old is None and not rest and same(there, trace.value):
            data = with_value(data, path, _GONE)
    return data


def _prune(document: Document, path: Path, ours: _Ours, opened: Open) -> Document:
    """Take out the parents we made of a value that somebody else has taken out."""
    data = document.data
    if data is MISSING:
        return document
    top = _hollow_above(document, data, (*path, ""), ours)
    if len(top) > len(path):
        return document
    try:
        return _remove(document, top, ours, opened, ())
    except Refused:
        return document


def _hollow_above(document: Document, without: Json, path: Path, ours: _Ours) -> Path:
    """Return the highest parent that holds nothing but parents we made, or else the value itself."""
    made = {
        found: pointer for pointer in ours.made if not (hit := resolve(document.data, pointer))[1] for found in hit[:1]
    }
    for length in range(len(path)):
        top = path[:length]
        if top in made and _hollow(at(without, top), top, made) and document.bare(top):
            return top
    return path


def _hollow(value: Json, path: Path, made: dict[Path, Pointer]) -> bool:
    if value is _GONE:
        return True
    if path not in made:
        return False
    last = made[path][-1] if made[path] else None
    if isinstance(value, dict):
        members = cast("dict[str, Json]", value)
        own = last.key if isinstance(last, Match) else None
        return all(key == own or _hollow(inside, (*path, key), made) for key, inside in members.items())
    if isinstance(value, list):
        return all(_hollow(inside, (*path, place), made) for place, inside in enumerate(cast("list[Json]", value)))
    return False


def _remove(document: Document, path: Path, ours: _Ours, opened: Open, pointer: Pointer) -> Document:
    lead, trail = "", ""
    for begun, around in ours.set_off.items():
        found, rest, _ = resolve(document.data, begun)
        if not rest and found == path:
            lead, trail = around
    expected = with_value(document.data, path, MISSING)
    document = _first(document.removals(path, lead, trail), expected, opened, pointer)
    if not path:
        return document
    for parent, shell in ours.shells.items():
        found, rest, there = resolve(document.data, parent)
        if not rest and found == path[:-1] and not there and document.bare(found):
            return _restored(document, found, shell, opened)
    return document


def _restored(document: Document, path: Path, raw: str, opened: Open) -> Document:
    """Put a text back; what it means is for the parser to say, but nothing else may change."""
    text = document.with_raw(path, raw)
    try:
        after = opened(text)
        _, rest, there = resolve(after.data, path)
        if not rest and same(after.data, with_value(document.data, path, there)):
            return after
    except Unreadable:
        pass
    raise Refused(f"{words(path)} cannot be put back without touching other lines")
