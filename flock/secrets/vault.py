"""The way to every stored secret: a reference, else the keyring that proved itself, else the file.

Owns that order, the limit on each access, and what has been read once. Refuses to touch the store before a secret is
asked for; and to trust a keyring again in this process that hung once. Made by daemon/serve.py, one for each daemon;
called by vendors, engines and core.

A value that the file holds is read there even when a keyring is to be had, since it was put there when none was. What
is put goes to the keyring where there is one, and is then taken out of the file.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from flock.clock import Clock
from flock.contract.secrets import Secret, SecretStore
from flock.errors import Conflict, InvalidRequest, StorageFailed
from flock.secrets import references
from flock.secrets.document import Entry
from flock.secrets.file import SecretFile
from flock.secrets.os_keyring import Find, OsKeyring, installed, load
from flock.secrets.patience import within
from flock.secrets.seal import Cost

log = logging.getLogger(__name__)

Out = TypeVar("Out")

# A keyring answers in milliseconds or waits for somebody at a desktop; requests wait meanwhile.
LIMIT_SECONDS = 3.0
# "vendor:groq:2", "vllm", "[::1]:8000": what engines and vendors may be called
_NAME = re.compile(r"[A-Za-z0-9\[][A-Za-z0-9._:\[\]-]{0,199}")
# SecretService and Windows take more, but nothing that is longer is a key
_VALUE_MOST = 65536
_AGAIN = "flock down && flock up"


class Vault:
    """The secrets of one daemon. `environ` is asked for references; FLOCK_SECRETS_BACKEND=file in it leaves the
    keyring alone. `limit` is in seconds; `find` chooses the keyring's backend.
    """

    def __init__(
        self,
        path: Path,
        environ: Mapping[str, str],
        clock: Clock,
        *,
        limit: float = LIMIT_SECONDS,
        cost: Cost | None = None,
        find: Find = installed,
    ) -> None:
        self._path = path
        self._environ = environ
        self._limit = limit
        self._file = SecretFile(path, clock.now, cost=cost, turn_seconds=limit)
        self._ring = OsKeyring(find)
        # None before the proof, "" when it was passed, else why the keyring is not used
        self._why_not: str | None = None
        if environ.get("FLOCK_SECRETS_BACKEND", "") == "file":
            self._why_not = "FLOCK_SECRETS_BACKEND says file"
        self._service = f"flock {path.parent}"
        # one access to the keyring at a time, or each of many would wait for one that hangs, in a thread of its own
        self._at_keyring = asyncio.Lock()
        self._changing = asyncio.Lock()
        self._read_before: dict[str, str] = {}
        self._changes = 0

    async def get(self, name: str, *variables: str) -> str:
        """Return a secret, "" when there is none. `variables` are further environment variables that may hold it.

        Raises SecretsLocked; StorageFailed when it cannot be read where it is; InvalidRequest for what is no name. What
        the store had is kept in memory; a file that a variable names is read each time, since others rotate it.
        """
        _check(name)
        reference = references.find(self._environ, name, variables)
        if reference is not None:
            return reference.value or await self._limited(partial(references.read, reference), reference.path)
        if name in self._read_before:
            return self._read_before[name]
        before = self._changes
        entry, value = await self._at_file(partial(self._file.find, name))
        if entry is not None and entry.kept is None and entry.keyring:
            value = await self._from_keyring(name)
        if value and before == self._changes:
            self._read_before[name] = value
        return value

    async def put(self, name: str, value: str) -> None:
        """Store a secret in the keyring that proved itself, else in the file.

        Raises SecretsLocked, StorageFailed (what was stored before then stands), InvalidRequest.
        """
        _check(name)
        if not value.strip() or len(value) > _VALUE_MOST or "\0" in value:
            raise InvalidRequest(f'what was given as the secret "{name}" is empty or no text', hint="flock secret ls")
        async with self._changing:
            self._changed(name)
            if await self._why():
                await self._at_file(partial(self._file.put, name, value))
            else:
                service = (await self._at_file(self._file.look)).service or self._service
                await self._asked(partial(self._ring.put, service, name, value), "store", name)
                await self._at_file(partial(self._file.entrust, name, service))
            self._changed(name)

    async def delete(self, name: str) -> None:
        """Forget a secret wherever it lies; nothing happens when there is none. Needs no passphrase.

        Raises StorageFailed, also when it lies in a keyring that is not to be had now: it would stay there unseen.
        """
        async with self._changing:
            look = await self._at_file(self._file.look)
            entry = look.entries.get(name, Entry())
            if entry.keyring:
                await self._need_keyring("delete", name)
                service = look.service or self._service
                await self._asked(partial(self._ring.delete, service, name), "delete", name)
            await self._at_file(partial(self._file.delete, name))
            self._changed(name)

    async def names(self) -> list[Secret]:
        """Return every stored secret without its value, also while they are locked. Raises StorageFailed."""
        look = await self._at_file(self._file.look)
        kept = "locked file" if look.encrypted else "file"
        return [
            Secret(
                name=name,
                kind="environment"
                if references.find(self._environ, name)
                else kept
                if entry.kept is not None
                else "keyring",
                since=entry.since or None,
            )
            for name, entry in sorted(look.entries.items())
        ]

    async def where(self) -> SecretStore:
        """Return where secrets are kept; the keyring is put to the proof for that. Raises StorageFailed."""
        why = await self._why()
        look = await self._at_file(self._file.look)
        in_file = sum(entry.kept is not None for entry in look.entries.values())
        return SecretStore(
            kind="keyring" if not why else "locked file" if look.encrypted else "file",
            backend="" if why else self._ring.backend,
            why_no_keyring=why,
            path=str(self._path),
            mode=look.mode,
            encrypted=look.encrypted,
            locked=look.locked,
            in_keyring=len(look.entries) - in_file,
            in_file=in_file,
        )

    async def lock(self, passphrase: str) -> None:
        """Encrypt the file with a passphrase; without one, forget that of an encrypted file, so that it is asked again.

        What the daemon has read stays in its memory until it stops or this is called without a passphrase. Raises
        Conflict when the file is encrypted already, or has nothing to encrypt since the keyring keeps it all;
        InvalidRequest for a passphrase too short; StorageFailed, and the old file then stands.
        """
        async with self._changing:
            if not passphrase:
                await self._at_file(self._file.forget)
                self._read_before.clear()
                self._changes += 1
                return
            look = await self._at_file(self._file.look)
            in_file = any(entry.kept is not None for entry in look.entries.values())
            if not look.encrypted and not in_file and not await self._why():
                raise Conflict(
                    f"the keyring ({self._ring.backend}) protects the secrets already, and none is in the file",
                    hint="flock secret status",
                )
            await within(None, partial(self._file.lock, passphrase), "secrets lock")

    async def unlock(self, passphrase: str, *, for_good: bool = False) -> None:
        """Read an encrypted file until the daemon stops; `for_good` decrypts the file instead.

        Raises NotAllowed for another passphrase, Conflict when nothing is encrypted, StorageFailed; nothing has then
        changed.
        """
        async with self._changing:
            await within(None, partial(self._file.unlock, passphrase, for_good=for_good), "secrets unlock")

    def _changed(self, name: str) -> None:
        self._read_before.pop(name, None)
        self._changes += 1

    async def _from_keyring(self, name: str) -> str:
        await self._need_keyring("read", name)
        service = (await self._at_file(self._file.look)).service or self._service
        value = await self._asked(partial(self._ring.get, service, name), "read", name)
        if value is None:
            raise StorageFailed(
                f'the keyring ({self._ring.backend}) no longer has the secret "{name}"', hint="hand the secret in again"
            )
        return value

    async def _why(self) -> str:
        """Return why the keyring is not used, "" when it is; the first call puts it to the proof."""
        async with self._at_keyring:
            if self._why_not is None:
                await within(None, load, "keyring import")
                try:
                    self._why_not = await within(self._limit, partial(self._ring.prove, self._service), "keyring proof")
                except TimeoutError:
                    self._why_not = self._hung()
                if self._why_not:
                    log.info("secrets go to %s; the keyring is not used: %s", self._path, self._why_not)
            return self._why_not

    async def _need_keyring(self, verb: str, name: str) -> None:
        if why := await self._why():
            raise StorageFailed(
                f'cannot {verb} the secret "{name}": it lies in the keyring, which is not used: {why}', hint=_AGAIN
            )

    async def _asked(self, work: Callable[[], Out], verb: str, name: str) -> Out:
        """Return what the keyring says. Raises StorageFailed; one that hangs is not asked again."""
        async with self._at_keyring:
            if self._why_not:  # it hung while this one waited
                raise StorageFailed(f'cannot {verb} the secret "{name}" in the keyring: {self._why_not}', hint=_AGAIN)
            try:
                return await within(self._limit, work, "keyring")
            except TimeoutError:
                self._why_not = self._hung()
                log.warning("the keyring is not used any more until flock is started again: %s", self._why_not)
                raise StorageFailed(
                    f'cannot {verb} the secret "{name}" in the keyring ({self._ring.backend}): {self._why_not}',
                    hint=_AGAIN,
                ) from None

    def _hung(self) -> str:
        return f"it did not answer within {self._limit:g} s; unlock it or answer its question, then start flock again"

    async def _at_file(self, work: Callable[[], Out]) -> Out:
        return await self._limited(work, str(self._path))

    async def _limited(self, work: Callable[[], Out], path: str) -> Out:
        try:
            return await within(self._limit, work, "secrets file")
        except TimeoutError:
            raise StorageFailed(
                f"{path} did not answer within {self._limit:g} s", hint=f"df -h '{Path(path).parent}'"
            ) from None


def _check(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidRequest(f"{name!r} cannot be a secret's name", hint="flock secret ls")
