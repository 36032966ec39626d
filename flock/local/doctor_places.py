"""Doctor's checks of directories and files: whose they are, their modes, the socket's length, room on the disk.

Called by `doctor.py`.
"""

import os
import pwd
import shlex
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from flock.contract.lifecycle import Check
from flock.errors import NotAllowed
from flock.local.scene import NOTE, OK, SERIOUS, WARNING, Scene
from flock.paths import check_owner, short, user_name
from flock.text import size

# Below the first the database's next checkpoint may fail; below the second no model of any use can be added.
_FULL_BYTES, _LOW_BYTES = 100_000_000, 5_000_000_000

_SQLITE = b"SQLite format 3\0"


def user(scene: Scene) -> Iterator[Check]:
    """Say whether this is the place's own user (`sudo flock` is not) and whether HOME makes sense."""
    try:
        check_owner(scene.home)
        yield Check("user", OK, f"flock of user {user_name()}")
    except NotAllowed as error:
        yield scene.from_error("user", error)
    behind = scene.environ.get("SUDO_USER", "")
    if os.getuid() == 0 and behind not in ("", "root"):
        sentence = f"this is root's own flock, called through sudo by {behind}, who may have another one"
        yield Check("user", NOTE, sentence, f"sudo -u {shlex.quote(behind)} -i {scene.command} doctor")
    yield from _home_variable(scene)


def _home_variable(scene: Scene) -> Iterator[Check]:
    said = scene.environ.get("HOME", "")
    try:
        known = pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        known = ""
    if scene.environ.get("FLOCK_HOME") or not known:
        return
    if not said:
        yield Check("user", NOTE, f"HOME is not set; flock uses {known} from the password database")
    elif not os.path.isabs(said):
        yield Check(
            "user", WARNING, f"HOME is {said!r}, which is no absolute path", f"export HOME={shlex.quote(known)}"
        )
    elif os.path.realpath(said) != os.path.realpath(known):
        sentence = f"HOME is {said}, and the password database says {known}: cron and ssh will look for flock there"
        yield Check("user", NOTE, sentence, f"export HOME={shlex.quote(known)}")


def directories(scene: Scene) -> Iterator[Check]:
    """Say whether each directory is there, ours, private and writable."""
    home, good = scene.home, True
    for path in dict.fromkeys((home.config, home.data, home.logs, home.run, home.socket.parent)):
        for check in _directory(path):
            good = False
            yield check
    if good:
        places = ", ".join(dict.fromkeys(short(p) for p in (home.config, home.data, home.logs)))
        there = "are private and writable" if home.run.exists() else "can be made"
        yield Check("directories", OK, f"{places} {there}")


def _directory(path: Path) -> Iterator[Check]:
    quoted = shlex.quote(str(path))
    if not os.path.lexists(path):
        above = path
        while not above.exists() and above != above.parent:
            above = above.parent
        if not os.access(above, os.W_OK | os.X_OK):
            sentence = f"{short(path)} cannot be made: {short(above)} is not writable for {user_name()}"
            yield Check("directories", SERIOUS, sentence, f"ls -ld {shlex.quote(str(above))}")
        return
    if not path.is_dir():
        yield Check("directories", SERIOUS, f"{short(path)} is no directory", f"mv {quoted} {quoted}.old")
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        yield Check(
            "directories", WARNING, f"others may look into {short(path)} (mode {mode:03o})", f"chmod 700 {quoted}"
        )
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        yield Check("directories", SERIOUS, f"{short(path)} is not writable for {user_name()}", f"chmod u+rwx {quoted}")


def files(scene: Scene) -> Iterator[Check]:
    """Say whether files that hold keys are readable for nobody else, and whether the database is one."""
    home, good = scene.home, True
    for path, what in (
        (home.admin_key, "the admin key"),
        (home.secrets, "keys of vendors and engines"),
        (home.database, "the database"),
    ):
        for check in _private_file(path, what):
            good = False
            yield check
    if home.database.exists() and not home.admin_key.exists():
        good = False
        fix = f"(umask 077; {scene.command} token create admin --admin > {shlex.quote(str(home.admin_key))})"
        yield Check("files", NOTE, f"the first admin key's file {short(home.admin_key)} is gone", fix)
    if _is_no_database(home.database):
        good = False
        quoted = shlex.quote(str(home.database))
        yield Check("files", SERIOUS, f"{short(home.database)} is no SQLite database", f"mv {quoted} {quoted}.broken")
    if good:
        yield Check("files", OK, "keys and database are readable for nobody else")


def _private_file(path: Path, what: str) -> Iterator[Check]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return
    mode = stat.S_IMODE(found.st_mode)
    quoted = shlex.quote(str(path))
    if mode & 0o077:
        yield Check("files", WARNING, f"others may read {short(path)} ({what}; mode {mode:03o})", f"chmod 600 {quoted}")
    if not os.access(path, os.R_OK | os.W_OK):
        yield Check("files", SERIOUS, f"{user_name()} may not read and write {short(path)} ({what})", f"ls -l {quoted}")


def _is_no_database(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(len(_SQLITE))
    except OSError:
        return False  # not there yet, or not readable, which was said
    return start not in (b"", _SQLITE)


def socket_path(scene: Scene) -> Iterator[Check]:
    """Say where the socket is, when it is not where one would look, and whether its place is safe."""
    home = scene.home
    if home.socket.parent == home.run:
        yield Check("socket", OK, short(home.socket))
        return
    yield Check("socket", NOTE, f"{short(home.run)} is too long a path for a socket; it is {home.socket}")
    try:
        owner = os.lstat(home.socket.parent).st_uid
    except OSError:
        return
    if owner != os.getuid():
        sentence = f"{home.socket.parent} belongs to {user_name(owner)}, so flock will not use it"
        yield Check("socket", SERIOUS, sentence, "export FLOCK_HOME=$HOME/.flock")


def disk(scene: Scene) -> Iterator[Check]:
    """Say whether there is room for the database and for models."""
    place = scene.home.data
    while not place.exists() and place != place.parent:
        place = place.parent
    free = shutil.disk_usage(place).free
    state = SERIOUS if free < _FULL_BYTES else WARNING if free < _LOW_BYTES else OK
    words = {SERIOUS: ": the database cannot grow", WARNING: ": hardly a model fits"}.get(state, "")
    fix = "" if state == OK else f"df -h {shlex.quote(str(place))}"
    yield Check("disk", state, f"{size(free)} free at {short(scene.home.data)}{words}", fix)
