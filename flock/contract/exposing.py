"""Opening flock to the team, and keeping copies of what it knows."""

from dataclasses import dataclass

from flock.contract.op import Op, Risk, Where, arg, flag, inner, operation


@dataclass(frozen=True, slots=True)
class Exposed:
    """Where others reach flock. `reached` says whether the address answered a connection of flock's own, made over the
    machine's own address; `checks` are sentences: what was looked at; `firewall` are commands that would open the port,
    for what this machine seems to have; `restart` is what takes the change into force, "" when it is.
    """

    listen: str
    url: str
    reached: bool
    checks: tuple[str, ...]
    firewall: tuple[str, ...]
    restart: str


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy of flock's state: the database, the configuration and the user's catalog, never secrets of vendors.

    `sha256` is the file's, "" in a list; `revision` is the database's; `at` RFC 3339 UTC; `version` is the flock that
    made it. `problem` says why a file of the list cannot be restored, "" for nothing; `notes` are sentences about what
    was done.
    """

    file: str
    at: str
    size_bytes: int
    sha256: str
    revision: str
    version: str
    problem: str = ""
    notes: tuple[str, ...] = ()


@operation(
    "expose.set",
    "expose",
    where=Where.LOCAL,
    risk=Risk.CHANGE,
    examples=("expose", "expose --host 192.168.1.20 --url https://llm.example.org", "expose --off"),
)
class Expose(Op[Exposed]):
    """Let other machines reach flock: set where it listens and its URL, check the keys, and try the address."""

    host: str = flag("the address to listen on; empty: all of this machine's", default="")
    port: int = flag("the port; 0: as it is", default=0)
    url: str = flag("the URL others use, where a proxy or a name stands before it", default="")
    off: bool = flag("listen on this machine only again", default=False)
    restart: bool = flag("restart the daemon now, if it runs, so that it counts", default=True)


@operation(
    "backup.create",
    "backup create",
    "POST /admin/v1/backups",
    where=Where.EITHER,
    risk=Risk.CHANGE,
    examples=("backup create", "backup create --keep 14 --json"),
)
class CreateBackup(Op[Backup]):
    """Copy the database and the configuration into one file, while flock runs."""

    to: str = flag("the directory; empty: `backups` in the data directory", default="")
    keep: int = flag("delete all but the newest so many afterwards; 0: none", default=0)
    wait_seconds: float = inner(3600.0)


@operation("backup.ls", "backup ls", where=Where.LOCAL, examples=("backup ls", "backup ls --json"))
class ListBackups(Op[list[Backup]]):
    """List the copies, newest first."""

    to: str = flag("the directory; empty: `backups` in the data directory", default="")


@operation(
    "backup.restore",
    "backup restore",
    where=Where.LOCAL,
    risk=Risk.REMOVE,
    examples=("backup restore ~/.local/share/flock/backups/flock-20261126T101500Z.tar.gz",),
)
class RestoreBackup(Op[Backup]):
    """Put a copy back in place of what is there; the daemon must be down. What was there is kept beside it."""

    file: str = arg("the file, or the name of one from `flock backup ls`")
    config: bool = flag("put the configuration back too", default=False)
