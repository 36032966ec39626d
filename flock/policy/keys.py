"""Who may call: API keys in memory, looked up by hash.

Owns the format `sk-orc-…`, creation, rotation, expiry, revocation and the check of every request. The secret itself is
never kept: the store has its sha256. A key that is changed stays the same object, so that what holds it (a running
request, a queue) knows of the change at its next look. Called by both doors and by core/tokens.py.
"""

import asyncio
import fnmatch
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flock.clock import Clock, rfc3339
from flock.contract.op import Scope
from flock.errors import InvalidKey, MissingKey, NotAllowed, NotFound
from flock.store.entries import KeyEntry

PREFIX = "sk-orc-"
# 24 random bytes: as in the predecessor, 192 bits, 32 characters of base64url
SECRET_BYTES = 24
# what a key that was made elsewhere must have behind the prefix: 24 characters of base64url are 144 bits
SEEDED = re.compile(re.escape(PREFIX) + r"[A-Za-z0-9_-]{24,200}")


@dataclass(slots=True)
class Key:
    """A live key. `used_at` is the last request's epoch time; the store hears of it in batches. `vendors` are globs of
    the vendors it may use; an admin's key may use all of them, a request without a key none.

    `models` are globs of the models it may ask for, () for all; `expires_at` is epoch seconds; `rpm`, `tpm`, `quota`,
    `budgets` (dollars, window) are its limits, 0 and () for none; `share` is its weight where requests wait; `user`
    is whose usage its requests are. `old_digest` is that of the secret before the last rotation, good until
    `old_until`.
    """

    id: str
    name: str
    scope: Scope
    digest: bytes
    used_at: float = 0.0
    vendors: tuple[str, ...] = ()
    owner: str = ""
    models: tuple[str, ...] = ()
    expires_at: float | None = None
    rpm: int = 0
    tpm: int = 0
    quota: int = 0
    budgets: tuple[tuple[str, str], ...] = ()
    share: int = 1
    old_digest: bytes | None = None
    old_until: float = 0.0

    @property
    def user(self) -> str:
        """Whose usage its requests are."""
        return self.owner or self.name

    def may_use(self, vendor: str) -> bool:
        """Return whether requests of this key may go to a vendor, which costs money."""
        return any(fnmatch.fnmatchcase(vendor, glob) for glob in self.vendors)


def _fields(entry: KeyEntry) -> dict[str, Any]:
    """Return what of a row a key in memory has."""
    return {
        "id": entry.id,
        "name": entry.name,
        "scope": Scope(entry.scope),
        "digest": entry.digest,
        "vendors": ("*",) if entry.scope == Scope.ADMIN.value else globs(entry.vendors),
        "owner": entry.owner,
        "models": globs(entry.models),
        "expires_at": entry.expires_at,
        "rpm": entry.rpm,
        "tpm": entry.tpm,
        "quota": entry.quota,
        "budgets": entry.budgets,
        "share": entry.share,
        "old_digest": entry.old_digest,
        "old_until": entry.old_until or 0.0,
    }


# What a request runs as when keys are not required (auth.require_keys: false, loopback only).
ANYONE = Key(id="", name="anyone", scope=Scope.ADMIN, digest=b"")


def digest_of(secret: str) -> bytes:
    """Return the sha256 under which a key is stored."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def new_secret() -> str:
    """Return a fresh key."""
    return PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def masked(words: str) -> str:
    """Return words without the secret in them: whoever puts a key where a name belongs is not to find it on record."""
    return f"{PREFIX}…" if words.startswith(PREFIX) else words


def globs(text: str) -> tuple[str, ...]:
    """Return the globs in a text, between commas ("groq, open*")."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def new_entry(name: str, scope: Scope, secret: str, now: float, vendors: str = "") -> KeyEntry:
    """Return the row to store for a fresh key; `vendors` are globs of those it may use, between commas."""
    return KeyEntry(
        id="k_" + secrets.token_hex(6),
        name=name,
        scope=scope.value,
        digest=digest_of(secret),
        hint=secret[-4:],
        created_at=now,
        last_used_at=None,
        revoked_at=None,
        vendors=vendors,
    )


class Keys:
    """The live keys, expired ones too. `on_revoked` is called with the key's id at the moment of revocation; whoever
    changes keys in store and memory holds `changing`, so that of two changes at once neither loses a field.
    """

    def __init__(self, clock: Clock, *, required: bool) -> None:
        self._clock = clock
        self.required = required
        self.changing = asyncio.Lock()
        self._by_id: dict[str, Key] = {}
        self._by_digest: dict[bytes, Key] = {}
        self._replaced: dict[bytes, Key] = {}  # by the digest of the secret before the last rotation
        self._touched: dict[str, float] = {}
        self.on_revoked: Callable[[str], None] = lambda _id: None

    def load(self, entries: list[KeyEntry]) -> None:
        """Take the store's rows; revoked ones are left out."""
        for entry in entries:
            self.add(entry)

    def add(self, entry: KeyEntry) -> Key | None:
        """Take one row, also one that was changed: the key's object stays. Return the key, None for a revoked row."""
        if entry.revoked_at is not None:
            return None
        fields = _fields(entry)
        key = self._by_id.get(entry.id)
        if key is None:
            key = self._by_id[entry.id] = Key(**fields)
        else:
            self._forget_digests(key)
            for name, value in fields.items():
                setattr(key, name, value)
        self._by_digest[key.digest] = key
        if key.old_digest is not None and key.old_until > self._clock.now():
            self._replaced[key.old_digest] = key
        return key

    def revoke(self, key_id: str) -> None:
        """Forget a key; the next request with it is refused, running ones are told. Raises NotFound."""
        key = self._by_id.pop(key_id, None)
        if key is None:
            raise NotFound(f"no key {key_id!r} is active", hint="flock token ls", details={"nearest": self.ids()})
        self._forget_digests(key)
        self.on_revoked(key_id)

    def _forget_digests(self, key: Key) -> None:
        self._by_digest.pop(key.digest, None)
        if key.old_digest is not None:
            self._replaced.pop(key.old_digest, None)

    def get(self, key_id: str) -> Key | None:
        """Return a live key, None for one that is revoked or was never there."""
        return self._by_id.get(key_id)

    def all(self) -> list[Key]:
        """Return the live keys."""
        return list(self._by_id.values())

    def ids(self) -> list[str]:
        """Return the ids of live keys."""
        return list(self._by_id)

    def has_admin(self) -> bool:
        """Return whether a key of admin scope is live."""
        return any(k.scope is Scope.ADMIN for k in self._by_id.values())

    def authenticate(self, secret: str | None) -> Key:
        """Return the key a secret belongs to.

        The lookup is by hash and the match is compared in constant time, so that timing tells nothing about a key.
        Raises MissingKey or InvalidKey; returns ANYONE for a missing key where keys are not required.
        """
        if not secret:
            if self.required:
                raise MissingKey(
                    "no API key came with the request",
                    hint="send it as `Authorization: Bearer sk-orc-…`; make one: flock token create",
                )
            return ANYONE
        digest, now = digest_of(secret), self._clock.now()
        key = self._by_digest.get(digest)
        if key is None or not hmac.compare_digest(key.digest, digest):
            key = self._in_grace(digest, now)
        if key.expires_at is not None and now >= key.expires_at:
            raise InvalidKey(
                f"this API key expired at {rfc3339(key.expires_at)}",
                hint=f"an admin can let it go on: flock token renew {key.id} --ttl 30d",
            )
        key.used_at = self._touched[key.id] = now
        return key

    def _in_grace(self, digest: bytes, now: float) -> Key:
        """Return the key whose secret before the last rotation this is, while its grace lasts. Raises InvalidKey."""
        key = self._replaced.get(digest)
        if key is None or key.old_digest is None or not hmac.compare_digest(key.old_digest, digest):
            raise InvalidKey("this API key is unknown or was revoked", hint="make one: flock token create")
        if now >= key.old_until:
            del self._replaced[digest]
            raise InvalidKey(
                f"this API key was replaced, and its grace ended at {rfc3339(key.old_until)}",
                hint="use the new one, or make one: flock token create",
            )
        return key

    def take_touched(self) -> dict[str, float]:
        """Return and forget which keys were used since the last call, with the time of last use.

        The writer asks every few seconds: secrets whose grace is over are forgotten here, without a timer of their own.
        """
        now = self._clock.now()
        for digest in [d for d, key in self._replaced.items() if now >= key.old_until]:
            del self._replaced[digest]
        touched, self._touched = self._touched, {}
        return touched


def require(key: Key, scope: Scope) -> None:
    """Check that a key's scope covers an operation's. Raises NotAllowed naming both."""
    if key.scope is not Scope.ADMIN and key.scope is not scope:
        raise NotAllowed(
            f"the key {key.name!r} has scope {key.scope.value}, and this needs {scope.value}",
            hint="use an admin key: flock token create --admin",
        )
