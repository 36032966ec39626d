"""The file of secrets: names and values in home.secrets, as they are or sealed with a passphrase.

Owns the order of its writers and the key in memory while it is unlocked. Knows of secrets in the keyring by name only.
Blocking: vault.py calls it in threads. Never logs a value.
"""

import contextlib
import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from flock.clock import SystemClock, rfc3339
from flock.errors import Conflict, InvalidRequest, SecretsLocked, StorageFailed
from flock.secrets import disk, document, seal
from flock.secrets.document import Document, Entry
from flock.secrets.seal import Cost, Seal

# The longest that a writer may hold up the others: a disk that hangs does so for good.
TURN_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Look:
    """What can be said of the file without a passphrase."""

    mode: str
    encrypted: bool
    locked: bool
    service: str
    entries: Mapping[str, Entry]


class SecretFile:
    """The file at `path`. One instance per process: its lock orders the writers. `now` gives epoch seconds."""

    def __init__(
        self,
        path: Path,
        now: Callable[[], float] | None = None,
        *,
        cost: Cost | None = None,
        turn_seconds: float = TURN_SECONDS,
    ) -> None:
        self._path = path
        self._now = now or SystemClock().now
        self._cost = cost or Cost()
        self._turn_seconds = turn_seconds
        self._lock = threading.Lock()
        self._seal: Seal | None = None

    def get(self, name: str) -> str:
        """Return a value, "" when the file has none. Raises SecretsLocked, StorageFailed."""
        return self.find(name)[1]

    def find(self, name: str) -> tuple[Entry | None, str]:
        """Return an entry and its value, "" when the file holds none of it. Raises SecretsLocked, StorageFailed."""
        with self._turn():
            found = self._read()
            entry = found.entries.get(name)
            if entry is None or entry.kept is None:
                return entry, ""
            return entry, entry.kept if found.lock is None else self._opened(found).open(name, entry.kept)

    def put(self, name: str, value: str) -> None:
        """Keep a value in the file. Raises SecretsLocked; StorageFailed, and the old file then stands unchanged."""
        with self._turn():
            found = self._read()
            kept = value if found.lock is None else self._opened(found).close(name, value)
            old = found.entries.get(name, Entry())
            self._write(found.having(name, Entry(rfc3339(self._now()), kept, old.keyring)))

    def entrust(self, name: str, service: str) -> None:
        """Note that a value lies in the keyring of a service, and keep none here. Raises StorageFailed."""
        with self._turn():
            found = replace(self._read(), service=service)
            self._write(found.having(name, Entry(rfc3339(self._now()), None, keyring=True)))

    def delete(self, name: str) -> None:
        """Forget a secret, needing no passphrase; nothing happens when there is none. Raises StorageFailed."""
        with self._turn():
            found = self._read()
            if name in found.entries:
                self._write(found.without(name))

    def look(self) -> Look:
        """Return what the file is like. Raises StorageFailed."""
        with self._turn():
            found = self._read()
            encrypted = found.lock is not None
            locked = encrypted and not self._is_open(found)
            return Look(disk.mode(self._path), encrypted, locked, found.service, found.entries)

    def lock(self, passphrase: str) -> None:
        """Seal every value, now and from now on; they stay readable to this process. Raises InvalidRequest for a
        passphrase too short, Conflict when they are sealed already, StorageFailed.
        """
        made = seal.new(passphrase, self._cost)  # takes long: not in the others' turn
        with self._turn():
            found = self._read()
            if found.lock is not None:
                raise _sealed_already()
            entries = {n: _with(e, lambda n=n, e=e: made.close(n, e.kept or "")) for n, e in found.entries.items()}
            disk.sweep(self._path)
            self._write(replace(found, entries=entries, lock=made.header))
            self._seal = made

    def forget(self) -> None:
        """Forget the key, so that the passphrase is needed again. Raises InvalidRequest when nothing is sealed."""
        with self._turn():
            if self._read().lock is None:
                raise InvalidRequest("a passphrase is needed to lock the secrets", hint="flock secret lock")
            self._seal = None

    def unlock(self, passphrase: str, *, for_good: bool = False) -> None:
        """Keep the key in memory; `for_good` writes the values as they are instead. Raises NotAllowed for another
        passphrase, Conflict when nothing is sealed, StorageFailed; nothing has changed then.
        """
        with self._turn():
            header = self._read().lock
        if header is None:
            raise Conflict("the secrets are not encrypted", hint="flock secret status")
        made = seal.find(passphrase, header)
        with self._turn():
            found = self._read()
            if found.lock != header:
                raise Conflict("the secrets were changed meanwhile", hint="flock secret status")
            if not for_good:
                self._seal = made
                return
            entries = {n: _with(e, lambda n=n, e=e: made.open(n, e.kept or "")) for n, e in found.entries.items()}
            self._write(replace(found, entries=entries, lock=None))
            self._seal = None

    def _opened(self, found: Document) -> Seal:
        if self._seal is None or not self._is_open(found):
            raise SecretsLocked(
                "the stored secrets are encrypted, and nobody has unlocked them since flock started",
                hint="flock secret unlock",
            )
        return self._seal

    def _is_open(self, found: Document) -> bool:
        # a file that was put back from elsewhere may have another key
        return self._seal is not None and found.lock == self._seal.header

    def _read(self) -> Document:
        text = disk.read(self._path)
        if text is None:
            return Document()
        try:
            return document.read(text)
        except ValueError as error:
            raise StorageFailed(
                f"{self._path} {error}", hint=f"mv '{self._path}' '{self._path}.broken', then hand the keys in again"
            ) from None

    def _write(self, found: Document) -> None:
        disk.replace(self._path, document.write(found))

    @contextlib.contextmanager
    def _turn(self) -> Generator[None]:
        if not self._lock.acquire(timeout=self._turn_seconds):
            raise StorageFailed(f"{self._path} cannot be reached: its disk hangs", hint=f"df -h '{self._path.parent}'")
        try:
            yield
        finally:
            self._lock.release()


def _with(entry: Entry, made: Callable[[], str]) -> Entry:
    return entry if entry.kept is None else replace(entry, kept=made())


def _sealed_already() -> Conflict:
    return Conflict(
        "the secrets are encrypted already; for another passphrase decrypt them first",
        hint="flock secret unlock --for-good",
    )
