"""Edits of other tools' files: planned as text before and after, shown as a difference, then written at one stroke.

Raises nothing while planning: what stands in the way is `Planned.problem`, and the caller prints the fragment instead.
A plan is one only if taking the changes out again gives the text from before, to the byte; that is tried here, on every
plan, so what cannot be taken back is never written. Called by `flock connect`, `flock disconnect` and manifest.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from flock.connect.changes import Change, Match, Part, Pointer, Refused, Trace
from flock.connect.document import Unreadable, position
from flock.connect.formats import MARK, NAMES, Format, open_text
from flock.connect.leaves import put, take
from flock.connect.place import Found, look, swap
from flock.connect.shown import difference
from flock.errors import StorageFailed
from flock.paths import short

__all__ = [
    "Change",
    "Format",
    "Match",
    "Part",
    "Planned",
    "Pointer",
    "Trace",
    "apply",
    "plan_undo",
    "plan_write",
]


@dataclass(frozen=True, slots=True)
class Planned:
    """One file before and after. Nothing is written yet.

    `problem` is "" or a sentence; then nothing may be applied and `text_after` is `text_before`. `diff` is unified,
    with the secret shortened. `existed`: a file stood there; `gone`: afterwards none does (undoing what we made).
    `kept` names, for an undo, what is no longer as we wrote it and stays. `traces` is for the manifest.
    """

    path: Path
    format: Format
    text_before: str
    text_after: str
    diff: str = ""
    problem: str = ""
    existed: bool = True
    gone: bool = False
    kept: tuple[str, ...] = ()
    traces: tuple[Trace, ...] = ()

    @property
    def unchanged(self) -> bool:
        """Whether there is nothing to write."""
        return not self.problem and self.text_after == self.text_before and not self.gone


def plan_write(
    path: Path, format: Format, changes: Sequence[Change], *, secret: str = "", ours: Sequence[Trace] = ()
) -> Planned:
    """Plan the changes of one file. Never raises: see Planned.problem.

    `ours` is what an earlier plan wrote into the same file (`Manifest.traces`): it is taken back first, so that
    connecting twice leaves nothing of the first time and keeps the values from before it. `secret` is shortened in
    the diff to its first 7 and last 4 characters.
    """
    opened = partial(open_text, format=format)

    def planned(text: str) -> tuple[str, Sequence[Trace], Sequence[str]]:
        base, _ = take(text, ours, opened)
        after, traces = put(base, changes, opened)
        back, kept = take(after, traces, opened)
        if back != base or kept:
            raise Refused("flock could not take its values out again without touching other lines")
        return after, traces, ()

    return _plan(path, format, planned, secret)


def plan_undo(
    path: Path, format: Format, traces: Sequence[Trace], *, created: bool = False, secret: str = ""
) -> Planned:
    """Plan taking back what is still as we wrote it. Never raises: see Planned.problem and Planned.kept.

    `created`: flock made the file, so that it goes when nothing else is in it. A file that is gone is no problem.
    """
    opened = partial(open_text, format=format)

    def planned(text: str) -> tuple[str, Sequence[Trace], Sequence[str]]:
        after, kept = take(text, traces, opened)
        return after, (), kept

    return _plan(path, format, planned, secret, created=created)


_Plan = Callable[[str], tuple[str, Sequence[Trace], Sequence[str]]]


def _plan(path: Path, format: Format, planned: _Plan, secret: str, *, created: bool = False) -> Planned:
    found = look(path)
    text, name = found.text, short(path)

    def failed(problem: str) -> Planned:
        return Planned(path, format, text, text, problem=problem, existed=found.existed)

    if found.problem:
        return failed(found.problem)
    mark = MARK if text.startswith(MARK) else ""
    body = text.removeprefix(MARK)
    try:
        after, traces, kept = planned(body)
    except Unreadable as error:
        return failed(f"{name}:{position(body, error.index)} is not {NAMES[format]}: {error.words}")
    except Refused as error:
        return failed(f"{name} is left alone: {error}")
    except RecursionError:
        return failed(f"{name} is left alone: it is nested too deeply")
    gone = created and found.existed and not after.strip()
    after = "" if gone else mark + after
    diff = difference(name, text, after, secret, made=not found.existed, gone=gone)
    return Planned(
        path, format, text, after, diff, existed=found.existed, gone=gone, kept=tuple(kept), traces=tuple(traces)
    )


def apply(planned: Planned, backups: Path) -> Path | None:
    """Write what was planned and return where the file as it was lies, None where there was none.

    Atomic, on disk when it returns, mode and owner kept, 0600 for a new file, a link still points to it. Raises
    Conflict when the file is no longer what was planned from, StorageFailed when it cannot be written; it is then as
    it was. Call it through `Manifest.write` and `Manifest.take_back`, which keep record of it.
    """
    if planned.problem:
        raise StorageFailed(planned.problem, hint=f"ls -ld {planned.path}")
    if planned.unchanged:
        return None
    before = Found(planned.text_before, planned.existed)
    return swap(planned.path, before, None if planned.gone else planned.text_after, backups)
