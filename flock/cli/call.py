"""Carrying out an operation where it belongs: in the daemon, near or far, or in this process.

Owns which flock this command line speaks to, and the question before anything is removed. Refuses to draw. Called by
`app.py`, `deliver.py` and the verbs that do more than show one answer; tests hand in a recorder in its place.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flock import __version__
from flock.client.door import ABSENT
from flock.contract.op import Op, Risk, Where, command_line, question
from flock.errors import DaemonUnreachable, InvalidKey
from flock.paths import find_home, short

if TYPE_CHECKING:
    from flock.client.reach import Reach


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation gave: the value, the JSON text that `--json` prints exactly, and the number of the newest event
    that a daemon's answer knows of, 0 for none.
    """

    value: Any
    body: bytes
    event: int = 0


# Operations of this machine that look at the flock that is meant
_OF_A_FLOCK = ("connect.client", "daemon.version")

Perform = Callable[[Op[Any], bool], Answer]


class _Way:
    """What the command line said about where to go, and the way there once it was looked for."""

    said = ""
    reach: "Reach | None" = None
    told = False  # that the versions differ: once is enough


def go(host: str) -> None:
    """Set where this command line's operations go: what `--host` or `--context` said, "" for neither."""
    leave()
    _Way.said = host


def reach() -> "Reach":
    """Return the way to the flock that is meant. Raises UsageError and NotFound for one that nobody knows."""
    if _Way.reach is None:
        from flock.cli import preface
        from flock.client.reach import find

        _Way.reach = find(_Way.said, asks=not preface.asks_nothing())
        if _Way.reach.warning:
            from flock.cli import out

            out.say(f"note: {_Way.reach.warning}", "warn")
    return _Way.reach


def settle() -> None:
    """Let ssh ask what it has to ask, and say what there is to say, before somebody draws on the terminal; afterwards
    neither happens. Raises what `reach` raises, and DaemonUnreachable where nobody comes as far as the other machine.
    """
    if not (_Way.said or os.environ.get("FLOCK_HOST") or os.path.exists(find_home().contexts)):
        return  # this machine's: nothing more is loaded for it
    way = reach()
    if way.kind == "here":
        return
    from flock.contract.status import ShowStatus

    try:
        perform(ShowStatus(), False)
    except DaemonUnreachable as error:
        if error.details.get("state") not in ABSENT:
            raise
    _Way.told = True
    way.hush()


def leave() -> None:
    """Close what was opened on the way."""
    way, _Way.reach, _Way.told = _Way.reach, None, False
    if way is not None:
        way.close()


def perform(op: Op[Any], yes: bool) -> Answer:
    """Carry out an operation; one that removes asks first unless `yes`.

    Raises the operation's own errors; WouldAsk when a question is due and nobody is there; DaemonUnreachable.
    """
    if op.spec.risk is Risk.REMOVE:
        from flock.cli import ask

        ask.confirm(f"{question(op)}?", yes, command_line(op, yes=True))
    if op.spec.where is Where.DAEMON or (op.spec.where is Where.EITHER and reach().kind == "http"):
        return _remote(op)
    from flock.cli import elsewhere

    if op.spec.name in elsewhere.HERE:
        return _local(op)
    if reach().kind != "here":
        return elsewhere.asked(op, reach())
    if op.spec.where is Where.LOCAL:
        return _local(op)
    try:
        return _remote(op)
    except DaemonUnreachable as error:
        # a daemon that is there and silent may hold the very file that a local handler would change
        if op.spec.where is Where.EITHER and error.details.get("state") in ABSENT:
            return _local(op)
        raise


def follow(op: Op[Any]) -> Iterator[bytes]:
    """Yield the data of each event of a feed, until the daemon ends it. Raises what `perform` raises."""
    yield from reach().follow(op)


def _remote(op: Op[Any]) -> Answer:
    way = reach()
    key, source = _own_key(way) if op.spec.name == "me.show" else ("", "")
    try:
        value, body, event = way.told(op, key)
    except InvalidKey as error:
        if not source:
            raise
        raise InvalidKey(f"{error.sentence}; it is from {source}", hint=error.hint) from None
    if way.version and way.version != __version__ and not _Way.told:
        _Way.told = True
        from flock.cli import out

        words = (
            f"note: the flock on {way.name} is {way.version} and this command is {__version__}"
            if way.name
            else f"note: the daemon is flock {way.version} and this command is {__version__}; `flock up` restarts it"
        )
        out.say(words)
    return Answer(value, body, event)


def _own_key(way: "Reach") -> tuple[str, str]:
    """Return the key of whoever types, and where it is from: FLOCK_TOKEN, else the file of this machine's admin key."""
    if said := os.environ.get("FLOCK_TOKEN", "").strip():
        if not said.isprintable():
            raise InvalidKey("FLOCK_TOKEN is no API key: it has characters that no key has", hint="unset FLOCK_TOKEN")
        return said, "FLOCK_TOKEN"
    if way.kind != "here":
        return "", ""  # this machine's key is none of that flock's
    path = find_home().admin_key
    try:
        return path.read_text("utf-8").strip(), short(path)
    except (OSError, UnicodeDecodeError):
        return "", ""  # the daemon says what is missing


def _local(op: Op[Any]) -> Answer:
    from flock.contract import codec
    from flock.local import operations

    # what runs here all the same may want to know which flock is meant: a tool is connected to that one
    afar = op.spec.name in _OF_A_FLOCK and reach().kind != "here"
    value: Any = operations.run(op, operations.Here(reach=reach() if afar else None))
    return Answer(value, codec.dumps(value))
