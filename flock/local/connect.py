"""`flock connect` and `flock disconnect`: tools of this machine that are to use flock.

Owns what is printed, planned and written for a tool. Refuses to write into a file it cannot read whole, or into one
file of several when another cannot be written. How files are edited is known by flock/connect/edit.py. Called through
`operations.run`.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flock.connect import render
from flock.connect.changes import Change, resolve
from flock.connect.document import Unreadable
from flock.connect.edit import Planned, Trace, plan_write
from flock.connect.formats import open_text
from flock.connect.manifest import Manifest
from flock.connect.render import Fragment, Values
from flock.connect.roster import Roster
from flock.connect.tool import Tool
from flock.contract.connect import ClientRow, ConnectClient, Connection, DisconnectClient, Edit, ListClients
from flock.errors import Conflict, NotFound, StorageFailed, Unsupported, UsageError
from flock.local import connect_run, tools
from flock.local.connect_values import configuration, find
from flock.local.operations import Here, handles
from flock.paths import short

if TYPE_CHECKING:
    from flock.config import Config

# the value of what calls itself a key or a token, in any of the formats; a variable's name ("$X", "${X}") is none
_KEY = re.compile(r"""((?:key|token)["']?\s*[:=]\s*["']?)([^\s"'$…][^\s"'…]{11,})""", re.IGNORECASE)


def _roster(here: Here, config: "Config | None" = None) -> Roster:
    from flock.config import Config

    return Roster((config or configuration(here) or Config()).catalog_dirs(here.home))


def _manifest(here: Here) -> Manifest:
    return Manifest(here.home.connections, here.home.connect_backups)


@handles(ListClients)
def list_clients(op: ListClients, here: Here) -> list[ClientRow]:
    """Return every tool: connected ones, installed ones, then the others; a wrong file of the user's is a row too."""
    listed = _roster(here).all()
    connected = _manifest(here).clients()
    installed = tuple(tool for tool in listed.tools if tools.is_here(tool, here.environ, here.path))
    # each that is asked is a program that runs; those that are not listed are left alone
    asked = tuple(tool for tool in installed if tool.id in connected) if op.connected else installed
    said = tools.versions(asked, here.environ, here.path)
    wrong = dict(listed.problems)
    states = {**{tool.id: "installed" for tool in installed}, **dict.fromkeys(connected, "connected")}
    rows = [_row(tool, states.get(tool.id, "absent"), said.get(tool.id, ""), wrong, here) for tool in listed.tools]
    rows += [
        ClientRow(one, one, "", "none", "absent", "", "", problem)
        for one, problem in wrong.items()
        if one not in {tool.id for tool in listed.tools}
    ]
    if op.connected:
        rows = [row for row in rows if row.state == "connected"]
    order = ("connected", "installed", "absent")
    return sorted(rows, key=lambda row: (order.index(row.state), row.support == "none", row.id))


def _row(tool: Tool, state: str, version: str, wrong: dict[str, str], here: Here) -> ClientRow:
    note = wrong.get(tool.id) or (tool.notes[0] if tool.support == "none" and tool.notes else "")
    file = short(tools.path_of(tool.files[0], here.environ)) if tool.files else ""
    return ClientRow(tool.id, tool.name, tool.protocol, tool.support, state, version, file, note)


def _state(tool: Tool, connected: Sequence[str], here: Here) -> str:
    if tool.id in connected:
        return "connected"
    return "installed" if tools.is_here(tool, here.environ, here.path) else "absent"


@handles(ConnectClient)
def connect(op: ConnectClient, here: Here) -> Connection:
    """Return what a tool needs; write it into the tool's files, or start the tool with it.

    Raises NotFound with the nearest ids; Unsupported where there is nothing to write or to start; what `find` raises.
    """
    if op.write and op.run:
        raise UsageError(
            "--write changes the tool's file, --run leaves it alone: choose one", hint=f"flock connect {op.client}"
        )
    if op.words and not op.run:
        raise UsageError("words behind -- are for the tool that --run starts", hint=f"flock connect {op.client} --run")
    config = configuration(here)
    tool, problems = _roster(here, config).find(op.client)
    if tool.support == "none":
        return _unknown_way(tool, op, here, problems)
    if op.write and not tool.files:
        raise Unsupported(f"{tool.name} has no file that flock could write", hint=f"flock connect {tool.id}")
    known = find(tool, op, here, config)
    if op.run:
        code = connect_run.run(tool, known.values, op.words, here)
        return Connection(tool.id, tool.name, known.values.base_url, known.values.model, exit_code=code)
    manifest = _manifest(here)
    planned = [_plan(tool, fragment, manifest, known.values, here) for fragment in render.fragments(tool, known.values)]
    warnings = (*problems, *known.warnings, *_warnings(tool, op, here), *filter(None, (manifest.warning,)))
    edits = _write(tool, planned, manifest) if op.write else [_shown(f, p) for f, p in planned]
    return _connection(tool, known.values, edits, _state(tool, manifest.clients(), here), warnings)


def _connection(tool: Tool, values: Values, edits: Sequence[Edit], state: str, warnings: Sequence[str]) -> Connection:
    return Connection(
        client=tool.id,
        name=tool.name,
        base_url=values.base_url,
        model=values.model,
        environment=render.environment(tool, values),
        alone=bool(tool.environment),
        edits=tuple(edits),
        paste=render.pasted(tool, values),
        commands=render.commands(tool, values),
        steps=render.words(tool.steps, values),
        notes=render.words(tool.notes, values),
        undo=render.words(tool.undo, values),
        verified=tool.proof,
        support=tool.support,
        state=state,
        warnings=tuple(warnings),
    )


def _unknown_way(tool: Tool, op: ConnectClient, here: Here, problems: Sequence[str]) -> Connection:
    """Return what is known of a tool that cannot be connected. Raises Unsupported when it was to be."""
    if op.write or op.run:
        raise Unsupported(f"nobody knows a way to connect {tool.name}: {tool.notes[0]}", hint="flock connect ls")
    return Connection(
        client=tool.id,
        name=tool.name,
        base_url="",
        model="",
        notes=tool.notes,
        verified=tool.proof,
        support=tool.support,
        state=_state(tool, (), here),
        warnings=tuple(problems),
    )


def _warnings(tool: Tool, op: ConnectClient, here: Here) -> list[str]:
    found: list[str] = []
    if op.write and not tools.is_here(tool, here.environ, here.path):
        found.append(f"{tool.name} is not found on this machine; its file is written all the same, for when it comes")
    if not op.starting and (astray := [name for name in tool.unset if here.environ.get(name)]):
        found.append(f"{' and '.join(astray)} is set here and leads {tool.name} elsewhere: unset {' '.join(astray)}")
    return found


def _plan(tool: Tool, fragment: Fragment, manifest: Manifest, values: Values, here: Here) -> tuple[Fragment, Planned]:
    path = tools.path_of(fragment.file, here.environ)
    ours = manifest.traces(tool.id, path)
    changes = (*_lacking(path, fragment, ours), *fragment.changes)
    return fragment, plan_write(path, fragment.file.format, changes, secret=values.token, ours=ours)


def _lacking(path: Path, fragment: Fragment, ours: Sequence[Trace]) -> list[Change]:
    """Return the defaults for which nothing stands in the file but what we wrote; all of them where there is none."""
    mine = {trace.pointer for trace in ours}
    try:
        data = open_text(path.read_text("utf-8"), fragment.file.format).data
    except (OSError, UnicodeDecodeError, Unreadable):
        return list(fragment.defaults)  # what is wrong with the file, the plan says
    return [one for one in fragment.defaults if one.pointer in mine or resolve(data, one.pointer)[1]]


def _shown(fragment: Fragment, planned: Planned) -> Edit:
    return _edit(planned, "printed", fragment=fragment.text, problem=planned.problem)


def _edit(plan: Planned, state: str, *, fragment: str = "", backup: Path | None = None, problem: str = "") -> Edit:
    return Edit(str(plan.path), state, masked(plan.diff), fragment, str(backup or ""), problem)


def masked(diff: str) -> str:
    """Return a difference without keys: what was there before us may be somebody's key for another place."""
    return _KEY.sub(lambda found: f"{found[1]}{found[2][:7]}…{found[2][-4:]}", diff)


def _write(tool: Tool, planned: Sequence[tuple[Fragment, Planned]], manifest: Manifest) -> list[Edit]:
    """Write all of a tool's files, or none when one of them cannot be; one that is not written keeps its fragment."""
    if any(plan.problem for _, plan in planned):
        return [
            _edit(plan, "left" if plan.problem else "printed", fragment=fragment.text, problem=plan.problem)
            for fragment, plan in planned
        ]
    edits: list[Edit] = []
    for fragment, plan in planned:
        try:
            backup = manifest.write(tool.id, plan)
        except (Conflict, StorageFailed) as error:
            edits.append(_edit(plan, "left", fragment=fragment.text, problem=error.sentence))
            continue
        state = "unchanged" if plan.unchanged else "written"
        edits.append(_edit(plan, state, backup=backup))
    return edits


@handles(DisconnectClient)
def disconnect(op: DisconnectClient, here: Here) -> Connection:
    """Return how a tool is taken off flock; with `write`, take out what is still as flock wrote it.

    Raises NotFound with the nearest ids for a tool that is neither known nor connected.
    """
    manifest = _manifest(here)
    connected = manifest.clients()
    try:
        tool, problems = _roster(here).find(op.client)
    except NotFound:
        if op.client not in connected:
            raise
        tool, problems = Tool(op.client, op.client, "", "write", "unsure"), ()
    planned = manifest.undo(tool.id)
    edits = [_taken(tool, plan, manifest, write=op.write) for plan in planned]
    warnings = (*problems, *filter(None, (manifest.warning,)))
    # nothing is filled into these: a key that was handed on then need not be one that is known now
    return Connection(
        client=tool.id,
        name=tool.name,
        base_url="",
        model="",
        edits=tuple(edits),
        undo=tool.undo,
        support=tool.support,
        state="connected" if tool.id in connected else _state(tool, (), here),
        warnings=warnings,
    )


def _taken(tool: Tool, plan: Planned, manifest: Manifest, *, write: bool) -> Edit:
    kept = f"no longer as flock wrote it, and stays: {', '.join(plan.kept)}" if plan.kept else ""
    if plan.problem or not write:
        return _edit(plan, "left" if plan.problem else "printed", problem=plan.problem or kept)
    try:
        backup = manifest.take_back(tool.id, plan)
    except (Conflict, StorageFailed) as error:
        return _edit(plan, "left", problem=error.sentence)
    state = "removed" if plan.gone else "unchanged" if plan.unchanged else "written"
    return _edit(plan, state, backup=backup, problem=kept)
