"""How tools look: their rows, what one needs with its keys hidden, the differences, a trial.

Owns the words, and what of them is a key. Refuses to know a widget. Called by `connect.py` and `connect_write.py`.
"""

import re
from collections.abc import Callable, Iterable
from shlex import quote

from textual.content import Content

from flock.contract.connect import ClientRow, Connection, Edit
from flock.errors import FlockError
from flock.tui import look
from flock.tui.screens.connect_trial import Trial
from flock.tui.widgets.listing import Column, Row

Hide = Callable[[str], str]

_MARKS = {"connected": ("●", "$text-success"), "installed": ("◆", "$text-accent"), "absent": ("·", "$text-muted")}
_SUPPORT = {
    "write": "flock writes its file",
    "print": "set by hand",
    "none": "no known way",
}
COLUMNS = (
    Column("", most=2),
    Column("tool", grow=True),
    Column("how", spare=1),
    Column("speaks", spare=2, most=30),
    Column("version", spare=4, most=12),
    Column("file", spare=3, most=44),
)
_HIDDEN = "•••"
# Flock's own keys (policy/keys.py) wherever they stand, and what is called a key where it is longer than a word
_OURS = re.compile(r"sk-orc-[A-Za-z0-9_-]+")
_NAMED = re.compile(r"KEY|TOKEN|SECRET|PASSWORD", re.IGNORECASE)
_KEY_LENGTH = 12
_SIGNS = {"+": "$text-success", "-": "$text-error", "@": "$text-muted"}


def row(client: ClientRow) -> Row:
    """Return a tool's row."""
    sign, tone = _MARKS.get(client.state, ("·", "$text-muted"))
    dull = "$text-muted" if client.support == "none" or client.state == "absent" else ""
    return client.id, (
        look.styled(sign, tone),
        look.styled(client.name, dull),
        look.dim(client.support),
        look.dim(client.protocol or look.NONE),
        look.dim(client.version or look.NONE),
        look.dim(client.file or look.NONE),
    )


def head(clients: list[ClientRow] | None, place: str) -> Content:
    """Return the line on top: how many there are in each state, and whose tools for whose flock."""
    if clients is None:
        return look.dim("looking which tools are here …")
    parts: list[Content] = []
    for state, (sign, tone) in _MARKS.items():
        count = sum(client.state == state for client in clients)
        parts.append(Content.assemble((sign, tone), f" {count} {state}"))
    whose = f"this machine's tools, for {place}" if place else "tools on this machine"
    return Content("   ").join([*parts, look.dim(whose)])


def hider(value: Connection | None, more: Iterable[str]) -> Hide:
    """Return what takes the keys out of words: those of a connection's variables, and `more`."""
    keys = {key for key in more if len(key) >= _KEY_LENGTH}
    for name, word in (value.environment if value else {}).items():
        if _NAMED.search(name) and len(word) >= _KEY_LENGTH and not word.startswith(("http:", "https:")):
            keys.add(word)

    def hide(words: str) -> str:
        for key in sorted(keys, key=len, reverse=True):
            words = words.replace(key, _HIDDEN)
        return _OURS.sub(_HIDDEN, words)

    return hide


def key_of(value: Connection, given: str) -> str:
    """Return the key that a tool is told: the one that was given for it, else the one in its settings, "" for none."""
    if given:
        return given
    words = [word for name, word in value.environment.items() if _NAMED.search(name)]
    found = _OURS.search("\n".join([*words, *(text for _, text in parts(value))]))
    return found[0] if found else ""


def detail(client: ClientRow, value: Connection | None, hide: Hide) -> Content:
    """Return what a tool needs; `hide` takes keys out of words. Without a connection only what the list knows."""
    sign, tone = _MARKS.get(client.state, ("·", "$text-muted"))
    facts: list[tuple[str, object]] = [("state", Content.assemble((f"{sign} {client.state}", tone)))]
    facts += [("version", client.version)] if client.version else []
    facts += [("how", _SUPPORT.get(client.support, client.support)), ("speaks", client.protocol or look.NONE)]
    facts += [("file", client.file)] if client.file else []
    if value is not None and value.base_url:
        facts += [("flock", value.base_url), ("model", value.model)]
    blocks = [look.styled(client.name, "bold $text-accent"), look.pairs(facts)]
    if value is None:
        return Content("\n").join([*blocks, *([look.plain(client.note)] if client.note else [])])
    problems = [edit.problem for edit in value.edits if edit.problem]
    blocks += [look.styled(f"! {words}", "$text-warning") for words in problems]
    for title, words in parts(value):
        blocks += [Content(""), look.styled(title, "bold"), look.plain(hide(words.rstrip("\n")))]
    blocks.append(Content(""))
    blocks += [look.styled(f"! {hide(words)}", "$text-warning") for words in value.warnings]
    blocks += [look.dim(f"note: {hide(words)}") for words in value.notes]
    blocks += [look.dim(f"back by hand: {hide(words)}") for words in value.undo]
    blocks += [look.dim(value.verified)] if value.verified else []
    return Content("\n").join(blocks)


def parts(value: Connection) -> list[tuple[str, str]]:
    """Return what is to be set, each with where it belongs."""
    found = [(edit.path, edit.fragment) for edit in value.edits if edit.fragment]
    found += list(value.paste.items())
    if value.environment:
        title = "or in the environment" if value.alone and value.edits else "in the environment"
        lines = [f"export {name}={quote(word)}" for name, word in value.environment.items()]
        found.append((title, "\n".join(lines)))
    if value.commands:
        found.append(("in a shell", "\n".join(value.commands)))
    if value.steps:
        found.append(("by hand", "\n".join(f"{number}. {words}" for number, words in enumerate(value.steps, 1))))
    return found


def trial(result: Trial | FlockError | str) -> Content:
    """Return how a trial went; a word for one that is under way."""
    if isinstance(result, str):
        return look.styled(f"◐ {result}", "$text-warning")
    if isinstance(result, FlockError):
        hint = (
            [Content.assemble(("→ ", "$text-muted"), look.styled(result.hint, "$text-accent"))] if result.hint else []
        )
        return Content("\n").join([look.styled(f"✗ {result.sentence}", "$text-error"), *hint])
    facts = [str(result.status), result.model or look.NONE, look.seconds(result.seconds)]
    lines = [
        Content.assemble(("● it works", "$text-success"), (f"  {' · '.join(facts)}", "$text-muted")),
        look.plain(f"“{result.words}”") if result.words else look.dim("(it answered without words)"),
    ]
    if result.request_id:
        lines.append(Content.assemble(("→ ", "$text-muted"), (f"flock explain {result.request_id}", "$text-accent")))
    return Content("\n").join(lines)


def nothing(clients: list[ClientRow] | None, failure: FlockError | None) -> Content:
    """Return what is said where no tool is under the cursor."""
    if failure is not None:
        return trial(failure)
    if clients is None:
        return look.dim("looking which tools are here …")
    if clients:
        return Content.assemble("no tool is called so; all: ", ("flock connect ls", "$text-accent"))
    return Content.assemble("no tool is known: ", ("flock connect ls", "$text-accent"))


def failed(client: ClientRow, error: FlockError) -> Content:
    """Return why it cannot be said what a tool needs."""
    way = look.dim("o: give the URL and the key that tools are told")
    return Content("\n").join([detail(client, None, str), Content(""), trial(error), Content(""), way])


def difference(edits: Iterable[Edit]) -> Content:
    """Return what would change, file by file."""
    lines: list[Content] = []
    for edit in edits:
        if edit.problem:
            lines.append(look.styled(edit.problem, "$text-warning"))
        lines += [look.styled(line, _SIGNS.get(line[:1], "")) for line in edit.diff.splitlines()]
    return Content("\n").join(lines)


def outcome(value: Connection) -> tuple[str, bool]:
    """Return what came of writing, and whether all of it went well."""
    words: list[str] = []
    for edit in value.edits:
        said = {"unchanged": "nothing to change in", "left": "left as it is:"}.get(edit.state, edit.state)
        words.append(f"{said} {edit.path}" + (f" (as it was: {edit.backup})" if edit.backup else ""))
        words += [edit.problem] if edit.problem else []
    return "\n".join(words), all(edit.state != "left" and not edit.problem for edit in value.edits)
