"""Where configuration, data, logs and the socket lie, and with which modes.

Owns every path and file name flock uses on a machine. `FLOCK_HOME` puts everything under one directory; without it
the platform's directories apply. Refuses to create anything but directories it was asked for, and only private ones.
"""

import hashlib
import os
import pwd
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from flock.errors import NotAllowed, StorageFailed

# sun_path is 108 bytes on Linux and 104 on macOS, the final NUL included (unix(7), sys/un.h)
SOCKET_PATH_MAX = 103 if sys.platform == "darwin" else 107
# Not TMPDIR, which differs between a login shell, cron and systemd: the socket must be found from each
SHARED = Path("/tmp")
# The door of a service of the whole machine, in the directory that systemd makes for it (RuntimeDirectory=flock)
SYSTEM_SOCKET = Path("/run/flock/flock.sock")


@dataclass(frozen=True, slots=True)
class Home:
    """The directories of one flock; every file is a property of one of them."""

    config: Path
    data: Path
    logs: Path
    run: Path

    @property
    def config_file(self) -> Path:
        """The user's configuration."""
        return self.config / "config.yaml"

    @property
    def admin_key(self) -> Path:
        """The first admin key, 0600, written once."""
        return self.config / "admin.key"

    @property
    def secrets(self) -> Path:
        """Keys of adopted engines, 0600."""
        return self.config / "secrets.json"

    @property
    def contexts(self) -> Path:
        """Other machines' flocks under a name, 0600."""
        return self.config / "contexts.json"

    @property
    def database(self) -> Path:
        """Keys, usage, audit: the store."""
        return self.data / "flock.db"

    @property
    def log_file(self) -> Path:
        """What the daemon says."""
        return self.logs / "flock.log"

    @property
    def connections(self) -> Path:
        """What flock wrote into other tools' files, 0600."""
        return self.data / "connect.json"

    @property
    def connect_backups(self) -> Path:
        """Other tools' files as they were before flock wrote into them."""
        return self.data / "backups" / "connect"

    @property
    def models(self) -> Path:
        """What flock fetched, where the configuration names no other place."""
        return self.data / "models"

    @property
    def prices(self) -> Path:
        """The public tables of prices that `flock price update` fetched, 0600."""
        return self.data / "prices.json"

    @property
    def engines(self) -> Path:
        """What `flock engine install` brought: a directory for each kind."""
        return self.data / "engines"

    @property
    def engine_logs(self) -> Path:
        """One file per engine child, overwritten at each start of it."""
        return self.logs / "engines"

    @property
    def lock(self) -> Path:
        """Held by the running daemon for as long as it lives; its text is the daemon's pid."""
        return self.run / "daemon.lock"

    @property
    def children(self) -> Path:
        """The processes the daemon started: pid, start time, what for."""
        return self.run / "children.json"

    @property
    def completions(self) -> Path:
        """Lists of ids for shell completion, kept current by the daemon, read without starting Python."""
        return self.run / "ids"

    @property
    def socket(self) -> Path:
        """The private door. A path too long for a socket falls back to a short one in a directory everybody writes to:
        the daemon's `private_dir` and the client's `check_socket` see to it that nobody else has put it there.
        """
        path = self.run / "flock.sock"
        if len(os.fsencode(path)) <= SOCKET_PATH_MAX:
            return path
        short = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
        return SHARED / f"flock-{os.getuid()}-{short}" / "flock.sock"


def system_socket() -> Path | None:
    """Return the door of this machine's service as FLOCK_SYSTEM_SOCKET says, or the usual one.

    None where FLOCK_HOME names one flock: then no other is meant.
    """
    if said := os.environ.get("FLOCK_SYSTEM_SOCKET"):
        return Path(said)
    return None if os.environ.get("FLOCK_HOME") else SYSTEM_SOCKET


def home_directory() -> Path:
    """Return the user's home: $HOME, else the password database's (cron and systemd may set none)."""
    return Path(os.environ.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir)


def find_home(data_dir: str = "") -> Home:
    """Return this user's flock directories; `data_dir` is the configuration's wish and moves data only.

    The run directory (socket, lock) depends on FLOCK_HOME, FLOCK_DATA_DIR or the home directory alone, never on XDG
    variables or TMPDIR: cron, a login shell, ssh and systemd must find the same socket.
    """
    if root := os.environ.get("FLOCK_HOME"):
        top = Path(os.path.abspath(os.path.expanduser(root)))
        return Home(config=top, data=_moved(data_dir, top / "data"), logs=top / "logs", run=top / "run")
    # platformdirs' directories, spelled out: importing it costs every command line 17 ms, and the test beside compares
    user = home_directory()
    if sys.platform == "darwin":
        support = user / "Library" / "Application Support" / "flock"
        config, data, logs, run = support, support, user / "Library" / "Logs" / "flock", support / "run"
    else:
        config = _xdg("XDG_CONFIG_HOME", user / ".config") / "flock"
        data = _xdg("XDG_DATA_HOME", user / ".local/share") / "flock"
        logs = _xdg("XDG_STATE_HOME", user / ".local/state") / "flock" / "log"
        run = user / ".local/share/flock/run"
    if wish := os.environ.get("FLOCK_DATA_DIR"):
        data = Path(os.path.abspath(os.path.expanduser(wish)))
        run = data / "run"
        return Home(config=config, data=data, logs=logs, run=run)
    return Home(config=config, data=_moved(data_dir, data), logs=logs, run=run)


def _moved(wish: str, otherwise: Path) -> Path:
    return Path(os.path.abspath(os.path.expanduser(wish))) if wish else otherwise


def _xdg(variable: str, otherwise: Path) -> Path:
    # the specification says that relative paths must be ignored
    value = os.environ.get(variable, "")
    return Path(value) if os.path.isabs(value) else otherwise


def private_dir(path: Path) -> Path:
    """Create a 0700 directory of ours, or check that the one that stands there is.

    Raises NotAllowed when it belongs to somebody else, also through a link; StorageFailed when it cannot be made.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = os.lstat(path)
    except OSError as error:
        raise StorageFailed(
            f"cannot create the directory {path}: {error.strerror}",
            hint=f"make {path.parent} writable for {user_name()}, or set FLOCK_HOME to a directory that is",
        ) from None
    if found.st_uid == os.getuid() and stat.S_ISLNK(found.st_mode):
        found = os.stat(path)  # our own link may lead to our own directory on another disk
    if found.st_uid != os.getuid():
        raise not_ours(path, found.st_uid)
    if stat.S_IMODE(found.st_mode) & 0o077:
        # others lose what they had; what the user took from themselves is not given back
        os.chmod(path, stat.S_IMODE(found.st_mode) & 0o700)
    return path


def not_ours(path: Path, owner: int) -> NotAllowed:
    """Return the refusal to work in a directory of another user."""
    return NotAllowed(
        f"{path} belongs to user {user_name(owner)}, and this is {user_name()}",
        hint=f"run flock as {user_name(owner)}, without sudo, or set FLOCK_HOME to a directory of your own",
    )


def check_socket(socket: Path) -> None:
    """Refuse the short path of a socket when somebody else has put its directory there, before anything is sent to it.

    Raises NotAllowed.
    """
    if socket.parent.parent != SHARED:
        return
    try:
        owner = os.lstat(socket.parent).st_uid
    except OSError:
        return  # nobody is there, which is what connecting will say
    if owner != os.getuid():
        raise not_ours(socket.parent, owner)


def check_owner(home: Home) -> None:
    """Refuse to work in another user's place (`sudo flock`), before anything is created there.

    Raises NotAllowed naming the directory and its owner.
    """
    for path in (home.run, home.data, home.config):
        nearest, shut = path, False
        while True:
            try:
                owner = nearest.stat().st_uid
                break
            except PermissionError:
                shut = True  # what lies above it may not be looked into
            except OSError as error:
                if nearest == nearest.parent:
                    raise StorageFailed(f"cannot look at {nearest}: {error.strerror}", hint=f"ls -ld {path}") from None
            nearest = nearest.parent
        # a directory of root above ours (/, /home) says nothing; one of another user, or one that is shut, does
        if owner != os.getuid() and (owner != 0 or shut or nearest == path):
            raise not_ours(nearest, owner)


def user_name(uid: int | None = None) -> str:
    """Return the name of a user, "uid N" where it has none."""
    number = os.getuid() if uid is None else uid
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid {number}"


def short(path: Path | str) -> str:
    """Return a path as people write it: "~" for the home directory."""
    text, user = str(path), str(home_directory())
    return "~" + text[len(user) :] if text == user or text.startswith(user.rstrip("/") + "/") else text
