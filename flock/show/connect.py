"""How tools, their settings and what was written into their files look."""

from shlex import quote
from typing import Any, cast

from flock import text
from flock.contract.connect import ClientRow, Connection, DisconnectClient, Edit, ListClients
from flock.contract.op import Op
from flock.show.view import Line, Tone, View, or_none, table

_SIGNS: dict[str, Tone] = {"+": "good", "-": "bad", "@": "dim"}


def human(op: Op[Any], value: Any, now: float) -> View:
    """Show the list of tools, what one needs, what was written, or how it is taken off flock."""
    if not isinstance(value, Connection):
        return _clients(cast("list[ClientRow]", value), isinstance(op, ListClients) and op.connected)
    if isinstance(op, DisconnectClient):
        return _disconnected(value)
    if any(edit.state != "printed" for edit in value.edits):
        return _written(value)
    return _needs(value)


def ids(op: Op[Any], value: Any) -> list[str]:
    """Return tools' ids, or the one tool's."""
    if isinstance(value, Connection):
        return [value.client]
    return [row.id for row in cast("list[ClientRow]", value)]


def differences(value: Connection) -> View:
    """Show what would change, file by file."""
    blocks: list[Line] = []
    for edit in value.edits:
        if edit.problem:
            blocks.append(Line(edit.problem, "warn"))
        blocks += [Line(line, _SIGNS.get(line[:1], "")) for line in edit.diff.splitlines()]
    return View(tuple(blocks))


def warnings(value: Connection) -> tuple[Line, ...]:
    """Return what does not fit here and now."""
    return tuple(Line(f"warning: {words}", "warn") for words in value.warnings)


def _clients(found: list[ClientRow], connected: bool) -> View:
    rows: list[tuple[str, ...]] = [
        (row.id, row.state, or_none(row.version), row.support, row.name, row.protocol, or_none(row.file))
        for row in found
    ]
    empty = "no tool is connected; flock connect ls lists those flock knows" if connected else "no tool is known"
    shown = table("id state version support name speaks file", rows, empty, "file speaks")
    aside = tuple(
        Line(f"{row.id}: {row.note}", "dim" if row.support == "none" else "warn") for row in found if row.note
    )
    return View(shown.blocks, aside)


def _needs(value: Connection) -> View:
    if value.support == "none":
        return View(
            tuple(Line(f"{value.name}: {words}", hang=2) for words in value.notes),
            (Line(value.verified, "dim"), *warnings(value)),
        )
    blocks: list[Line] = []
    for edit in value.edits:
        blocks += [*_titled(edit.path), *_lines(edit.fragment), Line()]
    for where, content in value.paste.items():
        blocks += [*_titled(where), *_lines(content), Line()]
    if value.environment:
        title = "or in the environment" if value.alone and value.edits else "in the environment"
        blocks += [*_titled(title), *_exports(value), Line()]
    if value.commands:
        blocks += [*_titled("in a shell"), *(Line(command) for command in value.commands), Line()]
    if value.steps:
        blocks += [*_titled("by hand"), *_steps(value), Line()]
    return View(tuple(blocks[:-1]), (*_next(value), *_notes(value), *warnings(value)))


def _next(value: Connection) -> list[Line]:
    found: list[Line] = []
    if value.support == "write":
        verb = "writes it anew, for what changed" if value.state == "connected" else "writes it into the file"
        found = [Line(f"flock connect {value.client} --write  {verb}")]
        found += [Line(edit.problem, "warn") for edit in value.edits if edit.problem]
    return found


def _notes(value: Connection) -> list[Line]:
    found = [Line(f"note: {words}", "dim") for words in value.notes]
    return [*found, Line(f"{value.name} with flock: {value.verified}", "dim")]


def _written(value: Connection) -> View:
    blocks: list[Line] = []
    for edit in value.edits:
        blocks += _outcome(edit)
        if edit.fragment:
            blocks += [*_lines(edit.fragment), Line()]
    done = not any(edit.fragment for edit in value.edits)
    aside: list[Line] = []
    if done and value.environment and not value.alone:
        blocks += [Line(), *_titled("it also needs, in the environment"), *_exports(value)]
    if done:
        aside += [Line(words) for words in value.steps]
        aside.append(Line(f"take it back: flock disconnect {value.client} --write"))
    else:
        aside.append(Line("nothing was written; what the file needs stands above", "warn"))
    return View(tuple(blocks), (*aside, *warnings(value)))


def _outcome(edit: Edit) -> list[Line]:
    if edit.state == "left":
        return [Line(f"left as it is: {edit.problem}", "warn")]
    kept = [Line(edit.problem, "warn", hang=2)] if edit.problem else []
    backup = f" (as it was: {edit.backup})" if edit.backup else ""
    words = {"unchanged": "nothing to change in", "printed": "not written:"}.get(edit.state, edit.state)
    return [Line(f"{words} {edit.path}{backup}", "good" if edit.state in ("written", "removed") else ""), *kept]


def _disconnected(value: Connection) -> View:
    aside = warnings(value)
    if not value.edits:
        said = f"{value.name} is not connected by flock: there is nothing to take back"
        return View((Line(said), *_by_hand(value)), aside)
    if any(edit.state not in ("printed", "left") for edit in value.edits):
        return View(tuple(line for edit in value.edits for line in _outcome(edit)), aside)
    files = text.count(len(value.edits), "file")
    again = Line(f"flock disconnect {value.client} --write  takes it out of {files}")
    return View((*differences(value).blocks, *_by_hand(value)), (again, *aside))


def _by_hand(value: Connection) -> list[Line]:
    return [Line(f"by hand: {words}", hang=2) for words in value.undo]


def _titled(words: str) -> list[Line]:
    return [Line(words, "strong")]


def _lines(content: str) -> list[Line]:
    return [Line(line) for line in content.splitlines()]


def _exports(value: Connection) -> list[Line]:
    return [Line(f"export {name}={quote(word)}") for name, word in value.environment.items()]


def _steps(value: Connection) -> list[Line]:
    return [Line(f"{number}. {words}", hang=3) for number, words in enumerate(value.steps, 1)]
