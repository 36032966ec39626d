"""How starting, stopping and examining look: the ready card, doctor's findings, versions, the log."""

from typing import Any, cast

from flock import text
from flock.contract.lifecycle import Check, Diagnosis, LogLine, Ready, Script, Stopped, VersionInfo
from flock.contract.op import Op
from flock.show import status as of_status
from flock.show.view import Line, Pairs, Table, Tone, View, listed, or_none

_TONES: dict[str, Tone] = {"ok": "good", "note": "dim", "warning": "warn", "serious": "bad"}
_ACTIONS = {"started": "flock is up", "running": "flock was up already", "restarted": "flock was restarted and is up"}


def human(op: Op[Any], value: Any, now: float) -> View:
    """Show what a verb of flock's own life gave."""
    if isinstance(value, Ready):
        return card(value)
    if isinstance(value, Stopped):
        return View((Line(_stopped(value)),))
    if isinstance(value, VersionInfo):
        return View((Pairs(_version(value)),))
    if isinstance(value, Diagnosis):
        return diagnosis(value)
    if isinstance(value, Script):
        return View((Line(value.text.removesuffix("\n")),))
    return View(tuple(Line(line.text) for line in cast("list[LogLine]", value)))


def ids(op: Op[Any], value: Any) -> list[str]:
    """Return the API's URL, the version, the serious checks' names, or the text itself; nothing for a stop."""
    if isinstance(value, Ready):
        return [value.status.api_url]
    if isinstance(value, VersionInfo):
        return [value.version]
    if isinstance(value, Diagnosis):
        return [c.name for c in value.checks if c.state == "serious"]
    if isinstance(value, Script):
        return [value.text]
    return [] if isinstance(value, Stopped) else [line.text for line in cast("list[LogLine]", value)]


def card(ready: Ready) -> View:
    """Show the ready card: all that a user needs after `flock up`."""
    s = ready.status
    own = [f"{e.name} ({e.kind}, {e.state}){f' at {e.endpoint}' if e.endpoint else ''}" for e in s.engines]
    rows = [
        ("machine", of_status.machine(s)),
        ("engine", listed(own) if own else "starts with the first request"),
        ("model", or_none(s.default_model or listed([m.id for m in s.models]))),
        ("api", s.api_url),
        ("health", s.health_url),
    ]
    rows += [("admin key", f"{ready.admin_key}  (shown once)")] if ready.admin_key else []
    rows += [("key file", ready.admin_key_file), ("at reboot", ready.at_reboot)]
    title = f"{_ACTIONS.get(ready.action, ready.action)}: {s.version}, process {s.pid}"
    blocks: list[Line | Pairs | Table] = [Line(title, "good"), Line(), Pairs(tuple(rows))]
    blocks += [Line(f"{m.id}: {m.note}", "dim") for m in s.models if m.note]
    blocks += [Line(), Line("Try it:", "strong"), Line(f"  {ready.curl}")]
    if ready.path_line:
        blocks += [Line(), Line("To call it by name, add this to your shell's profile:", "strong")]
        blocks += [Line(f"  {ready.path_line}")]
    if ready.next_steps:
        blocks += [Line(), Line("Next:", "strong"), *(Line(f"  {step}") for step in ready.next_steps)]
    return View(tuple(blocks), tuple(Line(note, "warn") for note in ready.notes))


def diagnosis(found: Diagnosis) -> View:
    """Show each check in a line, and under it the one command that mends it."""
    room = max((len(c.state) for c in found.checks), default=0)
    blocks: list[Line] = []
    for check in found.checks:
        words = f"{check.state:<{room}}  {check.name}: {check.sentence}"
        blocks.append(Line(words, _TONES.get(check.state, ""), hang=room + 2))
        blocks += [Line(f"{'':<{room}}  fix: {check.fix}")] if check.fix else []
    return View(tuple(blocks), (Line(_verdict(found.checks, found.serious)),))


def _verdict(checks: tuple[Check, ...], serious: int) -> str:
    warnings = sum(c.state == "warning" for c in checks)
    if not serious and not warnings:
        return "nothing is wrong"
    return f"{text.count(serious, 'serious fault')}, {text.count(warnings, 'warning')}"


def _stopped(end: Stopped) -> str:
    if not end.running:
        return "flock is not running"
    took = f" after {text.duration(end.seconds)}" if end.seconds else ""
    return f"flock has stopped{took}" + (f" (process {end.pid})" if end.pid else "")


def _version(info: VersionInfo) -> tuple[tuple[str, str], ...]:
    return (
        ("flock", info.version),
        ("daemon", info.daemon or "not running"),
        ("python", info.python),
        ("platform", info.platform),
        ("command", info.command),
    )
