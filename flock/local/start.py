"""`flock up`: start the daemon in the background, or find that it runs, and gather what the ready card shows.

Owns the decision (start, restart an older daemon, leave a running one), the detached process and the wait for its
first word. Refuses to work in another user's place, and to touch a process that is not this home's daemon. Called
through `operations.run`; `flock up --foreground` does not come here.

The daemon's first word: it inherits the write end of a pipe, whose number stands in FLOCK_READY_FD, writes one line
(`{"ready": true, "first_key": bool}` or `{"error": {…}}`) and closes it. A pipe that ends without a line is a daemon
that died.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import flock
from flock import __version__, lock
from flock.client.blocking import Client
from flock.client.presence import Presence, is_alive, look
from flock.contract.lifecycle import Down, Ready, Up
from flock.contract.status import ShowStatus
from flock.errors import Conflict, DaemonUnreachable, FlockError, StartFailed, StorageFailed, from_plain
from flock.local import last_start, services
from flock.local.card import ready_card
from flock.local.ground import Ground
from flock.local.logs import tail
from flock.local.operations import Here, handles
from flock.local.systems import System, ground_of
from flock.paths import Home, check_owner, private_dir, short

# Longest a start may take: a database migration and an engine's port included; a start takes well under a second.
START_SECONDS = 60.0
# How long requests of an older daemon may take to end, and then its whole shutdown (a child that ignores TERM is
# killed within this).
DRAIN_SECONDS, STOP_SECONDS = 10.0, 45.0
_LOOK_SECONDS = 0.05


@handles(Up)
def up(op: Up, here: Here) -> Ready:
    """Start flock or find it running, and return the ready card.

    Raises NotAllowed in another user's place, StartFailed, or the error the daemon itself gave for not starting.
    """
    return start(here, [sys.executable, "-P", "-m", "flock", "up", "--foreground"])


def start(
    here: Here,
    command: Sequence[str],
    limit: float = START_SECONDS,
    ground: Ground | None = None,
    *,
    anew: bool = False,
) -> Ready:
    """Do what `up` does with `command` as the daemon; `limit` in seconds bounds the wait for its first word.

    `ground` is what may have flock as a service; this machine unless given. `anew` restarts one that runs.
    """
    home = here.home
    check_owner(home)
    private_dir(home.run)
    with turn(home, limit):
        found = _settled(home, limit)
        action, first_key = "running", False
        if found.state == "foreign":
            raise StartFailed(found.sentence, hint=found.hint)
        older = found.state == "other_version" or (found.state == "running" and (anew or _code_is_newer(home)))
        if older:
            _stop(home, found)
        if older or found.state != "running":
            action = "restarted" if older else "started"
            system = services.installed(ground or ground_of(here, machine=False))
            if system is not None:
                first_key = _start_service(home, system, limit)
            else:
                first_key = _spawn_and_wait(here, command, limit)
        status, _ = Client(home.socket).call(ShowStatus())
    return ready_card(here, status, action, first_key)


@contextmanager
def turn(home: Home, limit: float) -> Generator[None]:
    """Let one `flock up` at a time decide: the second finds what the first started. Waits `limit` seconds at most."""
    try:
        descriptor = os.open(home.run / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageFailed(f"cannot write to {short(home.run)}: {error.strerror}", hint="flock doctor") from None
    try:
        if not lock.take(descriptor, limit):
            raise StartFailed(
                f"another `flock up` has been starting flock for more than {limit:g} s", hint="flock logs"
            )
        yield
    finally:
        os.close(descriptor)


def _settled(home: Home, limit: float) -> Presence:
    """Look until the daemon is either there or not: one that is starting or stopping is waited for."""
    until = time.monotonic() + limit
    while True:
        found = look(home)
        if found.state != "absent" or found.pid is None:
            return found
        if time.monotonic() > until:
            raise StartFailed(
                f"process {found.pid} holds {short(home.lock)} and has not answered for {limit:g} s",
                hint=f"kill {found.pid}",
            )
        time.sleep(_LOOK_SECONDS)


def _code_is_newer(home: Home) -> bool:
    """Return whether flock's files changed after the daemon started: `git pull` need not change the version.

    The daemon writes its lock file once, when it starts. Times still to come say that a clock was wrong, not that code
    is new: they must not restart the daemon at every `up`.
    """
    try:
        started, now = home.lock.stat().st_mtime, time.time()
        return any(started < file.stat().st_mtime <= now for file in Path(flock.__file__).parent.rglob("*.py"))
    except OSError:
        return False  # a file that goes in this moment says nothing about age


def _stop(home: Home, found: Presence) -> None:
    """Stop a daemon of another version or of older code: its requests may end first."""
    try:
        Client(home.socket).call(Down(grace_seconds=DRAIN_SECONDS))
    except DaemonUnreachable:
        pass  # it went by itself in this moment
    until = time.monotonic() + DRAIN_SECONDS + STOP_SECONDS
    while found.pid is not None and is_alive(found.pid):
        if time.monotonic() > until:
            raise StartFailed(
                f"flock {found.version} (process {found.pid}) has not stopped to make room for {__version__}",
                hint=f"kill {found.pid}",
            )
        time.sleep(_LOOK_SECONDS)


def _start_service(home: Home, system: System, limit: float) -> bool:
    """Let the system that has flock as a service start it, and return whether the daemon made its first admin key."""
    before = home.admin_key.exists()
    system.start(again=False)
    until = time.monotonic() + limit
    # systemd has waited until the daemon was ready, launchd waits for nothing
    while _settled(home, limit).state != "running":
        if time.monotonic() > until:
            raise StartFailed(
                f"the system was told to start flock, and none answers after {limit:g} s", hint="flock service status"
            )
        time.sleep(_LOOK_SECONDS)
    return not before and home.admin_key.exists()


def _spawn_and_wait(here: Here, command: Sequence[str], limit: float) -> bool:
    """Start the daemon and return whether it made its first admin key.

    A daemon that somebody started in the meantime by another way is as good as ours.
    """
    home = here.home
    private_dir(home.logs)
    written = home.log_file.stat().st_size if home.log_file.exists() else 0
    reading, writing = os.pipe()
    try:
        try:
            child = _spawn(here, command, writing)
        finally:
            os.close(writing)
        word = _first_word(reading, limit)
    finally:
        os.close(reading)
    try:
        first_key = _understand(home, child, word, limit, written)
    except FlockError as error:
        if isinstance(error, Conflict) and _settled(home, limit).state == "running":
            return False
        last_start.note(home, error)
        raise
    last_start.forget(home)
    # Popen would warn that the process lives on, which is the purpose
    child.returncode = 0
    return first_key


def _spawn(here: Here, command: Sequence[str], ready: int) -> "subprocess.Popen[bytes]":
    """Start the daemon away from this terminal, with everything it says going to the log."""
    home = here.home
    try:
        log = os.open(home.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageFailed(
            f"cannot write the log {short(home.log_file)}: {error.strerror}", hint="flock doctor"
        ) from None
    try:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=home.run,
            env={**here.environ, "FLOCK_READY_FD": str(ready)},
            pass_fds=(ready,),
            start_new_session=True,
            umask=0o077,
        )
    except OSError as error:
        raise StartFailed(f"cannot run {command[0]}: {error.strerror}", hint="flock doctor") from None
    finally:
        os.close(log)


def _first_word(pipe: int, limit: float) -> bytes | None:
    """Return what the daemon wrote up to its line's end or the pipe's end; None when `limit` seconds went by."""
    until, word = time.monotonic() + limit, b""
    while b"\n" not in word and len(word) < 1 << 20:
        left = until - time.monotonic()
        if left <= 0 or not select.select([pipe], [], [], left)[0]:
            return None
        block = os.read(pipe, 65536)
        if not block:
            break
        word += block
    return word


def _understand(home: Home, child: "subprocess.Popen[bytes]", word: bytes | None, limit: float, written: int) -> bool:
    """Return whether the daemon made its first key.

    Raises the error it gave, or StartFailed with its last lines.
    """
    try:
        said = cast("dict[str, Any]", json.loads(word or b""))
        if said.get("ready"):
            return bool(said.get("first_key"))
        error = from_plain(said["error"])
    except (ValueError, KeyError, TypeError, AttributeError):
        error = None
    code = _end(child, patience=2.0 if word is not None else 0.0)
    if error is not None:
        raise error
    lines = tail(home.log_file, 8, since=written)
    what = f"flock ended while starting ({_exit(code)})"
    if word is None:
        what = f"flock was not ready within {limit:g} s and was stopped"
    last = "; its last words:\n" + "\n".join(f"  {line}" for line in lines) if lines else ""
    raise StartFailed(what + last, hint="flock logs", details={"log": lines})


def _end(child: "subprocess.Popen[bytes]", patience: float) -> int:
    """Wait for a daemon that failed to start, then TERM, then KILL its group; return its exit code."""
    for word, seconds in ((None, patience), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        if word is not None:
            try:
                os.killpg(child.pid, word)
            except ProcessLookupError:
                pass
        try:
            return child.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
    return -signal.SIGKILL


def _exit(code: int) -> str:
    return f"by signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
