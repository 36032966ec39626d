"""Whether a daemon of this home runs, and what to do when it does not.

Owns the five states and their words. The lock decides whether its holder lives, never the number in it: after a reboot
that number may be anybody's. It is tried only where the number names a living process and nobody answers, and only
shared and for an instant, which a daemon that starts just then outwaits (lock.py). Called by `flock up`,
`flock down`, `doctor` and the first screen.
"""

import fcntl
import json
import os
from dataclasses import dataclass
from typing import Literal, cast

from flock import __version__
from flock.client.blocking import Client
from flock.errors import DaemonUnreachable, FlockError
from flock.paths import Home, short, user_name

# A healthy daemon answers /healthz in milliseconds; one under full load on a small machine within seconds.
LOOK_SECONDS = 5.0

State = Literal["running", "absent", "stale", "foreign", "other_version"]


@dataclass(frozen=True, slots=True)
class Presence:
    """What was found at the socket.

    `running`: answers, same version as this command. `other_version`: answers, another version. `absent`: nothing
    there (`pid` is set when the lock's holder lives all the same: it is starting or stopping). `stale`: a socket or
    lock is left that nobody serves. `foreign`: somebody else's, or something that is no flock, or one that does not
    answer.
    """

    state: State
    pid: int | None
    version: str
    sentence: str
    hint: str


def look(home: Home, timeout: float = LOOK_SECONDS) -> Presence:
    """Find out whether a daemon answers at this home's socket; `timeout` in seconds. Raises nothing."""
    pid = lock_pid(home)
    client = Client(home.socket, timeout)
    try:
        status, body = client.fetch("GET", "/healthz")
    except DaemonUnreachable as error:
        return _nobody(home, pid, error)
    except FlockError as error:
        return _foreign(home, pid, error.sentence, error.hint)
    try:
        health = cast("dict[str, object]", json.loads(body))
        version, said = str(health["version"]), health.get("pid")
    except (ValueError, KeyError, TypeError):
        return _foreign(
            home, pid, f"what answers at {short(home.socket)} (status {status}) is no flock", "flock doctor"
        )
    pid = said if isinstance(said, int) else pid
    who = f"flock {version} runs as process {pid}" if pid else f"flock {version} runs"
    if version != __version__:
        return Presence("other_version", pid, version, f"{who}, and this command is {__version__}", "flock up")
    return Presence("running", pid, version, who, "flock status")


def _nobody(home: Home, pid: int | None, error: DaemonUnreachable) -> Presence:
    living = pid if pid and is_alive(pid) and is_held(home) else None
    if error.details["state"] not in ("absent", "stale"):
        return _foreign(home, living, error.sentence, error.hint)
    if living:
        return Presence("absent", living, "", f"flock (process {living}) is starting or stopping", "flock logs")
    if error.details["state"] == "stale":
        sentence = f"flock is not running; the socket of a flock that has ended is left at {short(home.socket)}"
        return Presence("stale", None, "", sentence, "flock up")
    return Presence("absent", None, "", "flock is not running", "flock up")


def _foreign(home: Home, pid: int | None, sentence: str, hint: str) -> Presence:
    try:
        owner = os.lstat(home.socket).st_uid
    except OSError:
        owner = os.getuid()
    if owner != os.getuid():
        sentence = f"the flock at {short(home.socket)} belongs to {user_name(owner)}, and this is {user_name()}"
        hint = f"run it as {user_name(owner)}, or set FLOCK_HOME to a directory of your own"
    return Presence("foreign", pid, "", sentence, hint)


def lock_pid(home: Home) -> int | None:
    """Return the process id that the lock file names, None when there is none."""
    try:
        words = home.lock.read_text("utf-8", "replace").split()
    except OSError:
        return None
    return int(words[0]) if words and words[0].isascii() and words[0].isdigit() and int(words[0]) > 1 else None


def is_held(home: Home) -> bool:
    """Say whether some process holds the daemon's lock; True also when this user may not even try."""
    try:
        descriptor = os.open(home.lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def is_alive(pid: int) -> bool:
    """Say whether a process of that id exists; one that has ended and waits for its parent does not count."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            # the state follows the command's name, which stands in brackets and may hold anything (proc(5))
            return stat.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except (OSError, IndexError):
        return True
