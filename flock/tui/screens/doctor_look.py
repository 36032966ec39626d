"""How the doctor's findings look: in groups, the worst first, each sentence whole, the fix below it.

Owns marks, groups and wrapping. Refuses to know a widget. Called by `doctor.py`.
"""

from collections.abc import Sequence

from textual.content import Content

from flock.contract.lifecycle import Check, Diagnosis
from flock.tui import look

# The groups in the order a reader needs them: state, mark, tone, one of them, several
GROUPS = (
    ("serious", "✗", "$text-error", "serious fault", "serious faults"),
    ("warning", "◐", "$text-warning", "warning", "warnings"),
    ("note", "○", "$text-muted", "note", "notes"),
    ("ok", "●", "$text-success", "in order", "in order"),
)
EMPTY = "nothing was examined yet: flock doctor"
EXAMINING = "examining this machine …"
# Cells before a sentence: the mark, and the room behind it
_INDENT = 2


def ordered(found: Diagnosis) -> list[tuple[str, list[Check]]]:
    """Return the checks by state, the worst first; states without any are left out."""
    groups = [(state, [one for one in found.checks if one.state == state]) for state, *_ in GROUPS]
    return [(state, checks) for state, checks in groups if checks]


def heading(state: str, count: int) -> Content:
    """Return the line over a group."""
    _, _, tone, one, several = _group(state)
    return look.styled(f"{count} {one if count == 1 else several}", f"bold {tone}")


def check(one: Check, fix: str, width: int) -> Content:
    """Return a check in as many lines of `width` cells as its sentence takes, its fix below."""
    _, mark, tone, _, _ = _group(one.state)
    words = Content.assemble((f"{one.name}: ", "bold"), look.plain(one.sentence))
    room = max(20, width - _INDENT)
    lines = words.wrap(room) if room else [words]
    first = Content.assemble((f"{mark} ", tone), lines[0])
    found = [first, *(Content.assemble(" " * _INDENT, line) for line in lines[1:])]
    if fix:
        found.append(Content.assemble(" " * _INDENT, ("fix ", "$text-muted"), look.command(fix)))
    return Content("\n").join(found)


def head(found: Diagnosis | None, *, asking: bool, where: str) -> Content:
    """Return how much of what was found, or that it is being looked for."""
    doing = Content.styled(EXAMINING.replace("this machine", where) if where else EXAMINING, "$text-accent")
    if found is None or not found.checks:
        return doing if asking else look.dim(EMPTY)
    parts = [heading(state, len(checks)) for state, checks in ordered(found)]
    if not problems(found):
        parts.insert(0, Content.styled("nothing is wrong", "bold $text-success"))
    return Content("   ").join([*parts, doing] if asking else parts)


def problems(found: Diagnosis) -> int:
    """Return how many checks found something that is to be mended."""
    return sum(one.state in ("serious", "warning") for one in found.checks)


def badge(found: Diagnosis) -> str:
    """Return what stands behind the page's title: how much is wrong, "" for nothing."""
    return str(problems(found) or "")


def copied(fix: str) -> str:
    """Return that a fix was copied, and why it was not carried out."""
    return f"copied, to be run in a shell: {fix}"


def nothing(names: Sequence[str]) -> str:
    """Return that there is nothing to mend."""
    return f"{', '.join(names)}: nothing to mend"


def _group(state: str) -> tuple[str, str, str, str, str]:
    return next((group for group in GROUPS if group[0] == state), (state, "○", "", state, state))
