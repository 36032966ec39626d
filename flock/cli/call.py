"""Carrying out an operation where it belongs: in the daemon, or in this process.

Owns the choice, and the question before anything is removed. Refuses to draw. Called by `deliver.py` and by the verbs
that do more than show one answer; tests hand in a recorder in its place.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from flock import __version__
from flock.client.blocking import ABSENT, TIMEOUT_SECONDS, Client
from flock.contract.op import Op, Risk, Where, command_line, question
from flock.errors import DaemonUnreachable, InvalidKey
from flock.paths import find_home, short, system_socket


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation gave: the value, and the JSON text that `--json` prints exactly."""

    value: Any
    body: bytes


# Bounds a daemon that hangs: its feed says something every ten seconds at least (daemon/events.py).
FEED_SECONDS = 35.0

Perform = Callable[[Op[Any], bool], Answer]


def perform(op: Op[Any], yes: bool) -> Answer:
    """Carry out an operation; one that removes asks first unless `yes`.

    Raises the operation's own errors; WouldAsk when a question is due and nobody is there; DaemonUnreachable.
    """
    if op.spec.risk is Risk.REMOVE:
        from flock.cli import ask

        ask.confirm(f"{question(op)}?", yes, command_line(op, yes=True))
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
    try:
        yield from Client(find_home().socket, FEED_SECONDS).stream(op)
    except DaemonUnreachable as error:
        shared = system_socket()
        if error.details.get("state") not in ABSENT or shared is None or not shared.exists():
            raise
        yield from Client(shared, FEED_SECONDS).stream(op)


def _remote(op: Op[Any]) -> Answer:
    waits = getattr(op, "wait_seconds", 0.0) + getattr(op, "grace_seconds", 0.0)
    key, source = _own_key() if op.spec.name == "me.show" else ("", "")
    client = Client(find_home().socket, TIMEOUT_SECONDS + waits, key)
    try:
        value, body = client.call(op)
    except DaemonUnreachable as error:
        # a user without a flock of their own may have one of the whole machine
        shared = system_socket()
        if error.details.get("state") not in ABSENT or shared is None or not shared.exists():
            raise
        client = Client(shared, TIMEOUT_SECONDS + waits, key)
        value, body = client.call(op)
    except InvalidKey as error:
        if not source:
            raise
        raise InvalidKey(f"{error.sentence}; it is from {source}", hint=error.hint) from None
    if client.version and client.version != __version__:
        from flock.cli import out

        out.say(f"note: the daemon is flock {client.version} and this command is {__version__}; `flock up` restarts it")
    return Answer(value, body)


def _own_key() -> tuple[str, str]:
    """Return the key of whoever types, and where it is from: FLOCK_TOKEN, else the file of this machine's admin key."""
    if said := os.environ.get("FLOCK_TOKEN", "").strip():
        if not said.isprintable():
            raise InvalidKey("FLOCK_TOKEN is no API key: it has characters that no key has", hint="unset FLOCK_TOKEN")
        return said, "FLOCK_TOKEN"
    path = find_home().admin_key
    try:
        return path.read_text("utf-8").strip(), short(path)
    except (OSError, UnicodeDecodeError):
        return "", ""  # the daemon says what is missing


def _local(op: Op[Any]) -> Answer:
    from flock.contract import codec
    from flock.local import operations

    value: Any = operations.run(op)
    return Answer(value, codec.dumps(value))
