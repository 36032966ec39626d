"""Who may call: API keys in memory, looked up by hash.

Owns the format `sk-orc-…`, creation, revocation and the check of every request. The secret itself is never kept: the
store has its sha256. Called by both doors and by core/tokens.py.
"""

import fnmatch
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from flock.clock import Clock
from flock.contract.op import Scope
from flock.errors import InvalidKey, MissingKey, NotAllowed, NotFound
from flock.store.entries import KeyEntry

PREFIX = "sk-orc-"
# 24 random bytes: as in the predecessor, 192 bits, 32 characters of base64url
SECRET_BYTES = 24


@dataclass(slots=True)
class Key:
    """A live key. `used_at` is the last request's epoch time; the store hears of it in batches. `vendors` are globs of
    the vendors it may use; an admin's key may use all of them, a request without a key none.

    `models` are globs of the models it may ask for, () for all; `expires_at` is epoch seconds; `rpm`, `tpm`, `quota`,
    `budgets` (dollars, window) are its limits, 0 and () for none; `share` is its weight where requests wait; `user`
    is whose usage its requests are.
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

    @property
    def user(self) -> str:
        """Whose usage its requests are."""
        return self.owner or self.name

    def may_use(self, vendor: str) -> bool:
        """Return whether requests of this key may go to a vendor, which costs money."""
        return any(fnmatch.fnmatchcase(vendor, glob) for glob in self.vendors)


# What a request runs as when keys are not required (auth.require_keys: false, loopback only).
ANYONE = Key(id="", name="anyone", scope=Scope.ADMIN, digest=b"")


def digest_of(secret: str) -> bytes:
    """Return the sha256 under which a key is stored."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def new_secret() -> str:
    """Return a fresh key."""
    return PREFIX + secrets.token_urlsafe(SECRET_BYTES)


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
    """The live keys. `on_revoked` is called with the key's id at the moment of revocation."""

    def __init__(self, clock: Clock, *, required: bool) -> None:
        self._clock = clock
        self.required = required
        self._by_digest: dict[bytes, Key] = {}
        self._touched: dict[str, float] = {}
        self.on_revoked: Callable[[str], None] = lambda _id: None

    def load(self, entries: list[KeyEntry]) -> None:
        """Take the store's rows; revoked ones are left out."""
        for entry in entries:
            self.add(entry)

    def add(self, entry: KeyEntry) -> None:
        """Take one row."""
        if entry.revoked_at is None:
            scope = Scope(entry.scope)
            vendors = ("*",) if scope is Scope.ADMIN else globs(entry.vendors)
            self._by_digest[entry.digest] = Key(
                entry.id,
                entry.name,
                scope,
                entry.digest,
                vendors=vendors,
                owner=entry.owner,
                models=globs(entry.models),
                expires_at=entry.expires_at,
                rpm=entry.rpm,
                tpm=entry.tpm,
                quota=entry.quota,
                budgets=entry.budgets,
                share=entry.share,
            )

    def revoke(self, key_id: str) -> None:
        """Forget a key; the next request with it is refused, running ones are told. Raises NotFound."""
        for digest, key in self._by_digest.items():
            if key.id == key_id:
                del self._by_digest[digest]
                self.on_revoked(key_id)
                return
        raise NotFound(f"no key {key_id!r} is active", hint="flock token ls", details={"nearest": self.ids()})

    def ids(self) -> list[str]:
        """Return the ids of live keys."""
        return [k.id for k in self._by_digest.values()]

    def has_admin(self) -> bool:
        """Return whether a key of admin scope is live."""
        return any(k.scope is Scope.ADMIN for k in self._by_digest.values())

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
        digest = digest_of(secret)
        key = self._by_digest.get(digest)
        if key is None or not hmac.compare_digest(key.digest, digest):
            raise InvalidKey("this API key is unknown or was revoked", hint="make one: flock token create")
        key.used_at = self._touched[key.id] = self._clock.now()
        return key

    def take_touched(self) -> dict[str, float]:
        """Return and forget which keys were used since the last call, with the time of last use."""
        touched, self._touched = self._touched, {}
        return touched


def require(key: Key, scope: Scope) -> None:
    """Check that a key's scope covers an operation's. Raises NotAllowed naming both."""
    if key.scope is not Scope.ADMIN and key.scope is not scope:
        raise NotAllowed(
            f"the key {key.name!r} has scope {key.scope.value}, and this needs {scope.value}",
            hint="use an admin key: flock token create --admin",
        )
