"""How engines look on the screen: their rows, what is known of one, and the tone of a line that it wrote.

Owns the formats of the engines' page; those that all pages share are `look.py`'s. Refuses to know a widget.
"""

import re
from typing import Literal

from textual.content import Content

from flock.contract.engines import Engine, EngineCheck
from flock.text import clean
from flock.tui import look

Tone = Literal["", "bad", "warn", "dim"]

# Colours and cursor movements that a program writes for its own terminal (ECMA-48 control sequences)
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
# What lines of llama.cpp ("0.01.234 E …"), Python and C++ programs say when something is wrong
_BAD = re.compile(r"\b(error|failed|failure|fatal|panic|exception|traceback|abort(ed)?|segfault)\b|^[\d.]+ E ", re.I)
_WARN = re.compile(r"\bwarn(ing)?\b|^[\d.]+ W ", re.I)
# The headline that flock writes before each start
_START = re.compile(r"^(\$ |--- )")


def log_line(words: str) -> str:
    """Return a line of a log as it may be shown: no control sequence, no control character, tabs as blanks."""
    return clean(_ESCAPES.sub("", words).expandtabs(4).rstrip("\r\n"))


def log_tone(words: str) -> Tone:
    """Return whether a line of a log tells of something bad, of something odd, or of neither."""
    if _BAD.search(words):
        return "bad"
    if _WARN.search(words):
        return "warn"
    return "dim" if _START.search(words) else ""


def state(engine: Engine) -> Content:
    """Return the state of an engine, with how far it is while it starts."""
    if engine.state != "starting" or engine.progress is None:
        return look.dot(engine.state)
    return Content.assemble(
        look.styled("◐ ", "$text-warning"), look.bar(engine.progress, 6, "$warning"), f" {engine.progress:.0%}"
    )


def owner(engine: Engine) -> Content:
    """Return whose an engine is."""
    return Content("own") if engine.ownership == "own" else look.styled("adopted", "$text-accent")


def models(engine: Engine) -> str:
    """Return the models of an engine between commas."""
    return ", ".join(engine.models) or look.NONE


def pid(engine: Engine) -> str:
    """Return the number of an engine's process."""
    return str(engine.pid) if engine.pid is not None else look.NONE


def restarts(engine: Engine) -> Content:
    """Return how often an engine was started again; anything but never stands out."""
    if engine.ownership != "own":
        return look.dim(look.NONE)
    return look.styled(engine.restarts, "$text-warning" if engine.restarts else "$text-muted")


def trouble(engine: Engine) -> Content:
    """Return what is wrong with an engine."""
    return look.styled(engine.error, "$text-error")


def detail(engine: Engine, check: EngineCheck | None, now: float, width: int) -> Content:
    """Return all that is known of an engine, one to a line."""
    own = engine.ownership == "own"
    rows: list[tuple[str, object]] = [
        ("state", Content.assemble(state(engine), f"  {look.ago(engine.since, now)}" if engine.since else "")),
        ("kind", f"{engine.kind} {engine.version}".rstrip()),
        ("owner", "flock's own" if own else f"adopted: {engine.source}"),
        ("models", models(engine)),
        ("endpoint", engine.endpoint or look.NONE),
    ]
    if own:
        rows += [
            ("pid", pid(engine)),
            ("memory", look.size(engine.memory_bytes)),
            ("restarts", restarts(engine)),
            ("log", engine.log_file or look.NONE),
            ("command", engine.command or look.NONE),
        ]
    if check is not None:
        rows.append(("checked", checked(check)))
    told = [Content(""), trouble(engine)] if engine.error else []
    return Content("\n").join([look.styled(engine.name, "bold $text-accent"), pairs(rows, width), *told])


def pairs(rows: list[tuple[str, object]], width: int) -> Content:
    """Return labelled values whose long words go on below themselves and not below their label."""
    wide = max(len(label) for label, _ in rows)
    lines: list[tuple[str, object]] = []
    for label, value in rows:
        broken = value if isinstance(value, Content) else look.plain(value)
        for at, line in enumerate(broken.wrap(max(12, width - wide - 2))):
            lines.append((label if at == 0 else "", line))
    return look.pairs(lines, wide)


def brief(engine: Engine, check: EngineCheck | None) -> Content:
    """Return what a narrow list leaves out of an engine, in two lines."""
    first = f"{engine.kind} {engine.version}".rstrip() + f" · {engine.endpoint or 'no endpoint'}"
    first += f" · pid {engine.pid}" if engine.pid is not None else ""
    if engine.error:
        second = trouble(engine).first_line
    elif check is not None:
        second = checked(check)
    else:
        second = look.dim(engine.command or f"adopted: {engine.source}")
    return Content("\n").join([look.plain(first), second])


def checked(check: EngineCheck) -> Content:
    """Return what an engine said to a one-token question."""
    took = f", {look.seconds(check.seconds)}" if check.seconds is not None else ""
    return Content.assemble(look.dot(check.state), f"  {clean(check.sentence)}{took}")


def log_title(name: str, shown: int, kept: int, follows: bool, filtered: str) -> Content:
    """Return the line over a log: whose it is, how much of it is there, whether it moves."""
    count = f"{shown:,} lines" if not filtered else f"{shown:,} of {kept:,} lines with “{clean(filtered)}”"
    moves = (
        look.styled("● following", "$text-success") if follows else look.styled("◐ held: f follows", "$text-warning")
    )
    return Content.assemble(
        ("log ", "bold $text-muted"), (clean(name), "bold"), ("  ", ""), look.dim(count), "  ", moves
    )
