"""Carrying out an operation where it belongs: in the daemon, or in this process.

Owns the choice, and the question before anything is removed. Refuses to draw. Called by `deliver.py` and by the verbs
that do more than show one answer; tests hand in a recorder in its place.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from flock import __version__
from flock.client.blocking import ABSENT, TIMEOUT_SECONDS, Client
from flock.contract.op import Op, Risk, Where, to_argv
from flock.errors import DaemonUnreachable
from flock.paths import find_home, system_socket


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

        argv = to_argv(op)
        ask.confirm(f"{_question(op)}?", yes, " ".join(["flock", *argv[: len(op.spec.verb)], "--yes", *_quoted(op)]))
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
    client = Client(find_home().socket, TIMEOUT_SECONDS + waits)
    try:
        value, body = client.call(op)
    except DaemonUnreachable as error:
        # a user without a flock of their own may have one of the whole machine
        shared = system_socket()
        if error.details.get("state") not in ABSENT or shared is None or not shared.exists():
            raise
        client = Client(shared, TIMEOUT_SECONDS + waits)
        value, body = client.call(op)
    if client.version and client.version != __version__:
        from flock.cli import out

        out.say(f"note: the daemon is flock {client.version} and this command is {__version__}; `flock up` restarts it")
    return Answer(value, body)


def _local(op: Op[Any]) -> Answer:
    from flock.contract import codec
    from flock.local import operations

    value: Any = operations.run(op)
    return Answer(value, codec.dumps(value))


def _question(op: Op[Any]) -> str:
    """Return "Remove model qwen3-8b" for `flock model remove qwen3-8b`."""
    *noun, verb = op.spec.verb
    return " ".join([verb.capitalize(), *noun, *(word for word in to_argv(op)[len(op.spec.verb) :] if word != "--")])


def _quoted(op: Op[Any]) -> list[str]:
    from shlex import quote

    return [quote(word) for word in to_argv(op)[len(op.spec.verb) :]]
