"""The fixed answers to the operations of opening flock and of its copies."""

from dataclasses import replace
from typing import Any

from flock.contract.exposing import Backup, CreateBackup, Expose, Exposed, ListBackups, RestoreBackup
from flock.contract.op import Op

OPEN = Exposed(
    listen="0.0.0.0:8080",
    url="http://192.168.1.20:8080",
    reached=True,
    checks=(
        "3 keys let people in, 1 of them administer flock: flock token ls",
        "192.168.1.20:8080 answers",
        "without a key nobody gets in",
    ),
    firewall=("sudo ufw allow 8080/tcp",),
    restart="",
)
LATER = replace(
    OPEN, reached=False, checks=("flock does not run: flock up",), firewall=(), restart="flock down && flock up"
)
SHUT = Exposed("127.0.0.1:8080", "http://127.0.0.1:8080", True, ("127.0.0.1:8080 answers",), (), "")
COPY = Backup(
    file="/home/alice/.local/share/flock/backups/flock-20261126T101500Z.tar.gz",
    at="2026-11-26T10:15:00Z",
    size_bytes=48_213,
    sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    revision="0004",
    version="0.1.0",
    notes=("keys of vendors and engines are not in it: they stay in the keyring or in secrets.json",),
)
LISTED = replace(COPY, sha256="", notes=())
BROKEN = Backup("/b/flock-20261120T101500Z.tar.gz", "", 17, "", "", "", problem="it is damaged, or no copy of flock's")

EXPOSING_CASES: dict[str, tuple[Op[Any], Any]] = {
    "backup.create": (CreateBackup(), COPY),
    "backup.ls": (ListBackups(), [LISTED, BROKEN]),
    "backup.ls-empty": (ListBackups(), []),
    "backup.restore": (
        RestoreBackup(file=COPY.file),
        replace(COPY, notes=("what was there is kept as ~/flock.db.before-restore",)),
    ),
    "expose.set": (Expose(), OPEN),
    "expose.set-later": (Expose(restart=False), LATER),
    "expose.set-off": (Expose(off=True), SHUT),
}
