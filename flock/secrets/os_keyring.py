"""The keyring of the operating system, once it has proved itself: the only importer of `keyring`.

Owns which backends are never trusted, and the proof: a random value is written, read back and deleted in this very
process, since what a desktop session has is not there under cron, ssh or systemd, and some backends lose what they are
given. Refuses to repeat what a backend says while it holds a secret: its words may hold it too. Blocking, and may hang
on D-Bus or a prompt: vault.py calls it in threads with a limit.
"""

import contextlib
import importlib
import logging
import secrets as random
from collections.abc import Callable, Generator
from typing import Any

from flock.errors import StorageFailed

log = logging.getLogger(__name__)

# keyring's own word for a backend that it recommends (keyring.core.recommended)
LEAST_PRIORITY = 1.0
# What keyring has when there is none, and what only looks like one. The chain hands everything to its first member,
# which may be one of these; keyrings.alt writes plain text, or asks for a passphrase on a terminal nobody sits at.
_NONE, _CHAIN = "keyring.backends.fail.", "keyring.backends.chainer."
_NEVER = ("keyring.backends.null.", _CHAIN, "keyrings.alt.")

Find = Callable[[], Any]


def load() -> None:
    """Import the library and its largest backend, which asks nobody anything, so that no limit need hold for it."""
    for module in ("keyring", "keyring.backends.SecretService"):
        with contextlib.suppress(Exception):  # the proof says what is wrong
            importlib.import_module(module)


def installed() -> Any:
    """Return the backend that the keyring library chooses in this process's environment."""
    import keyring

    return keyring.get_keyring()


class OsKeyring:
    """One keyring for one daemon. `backend` is its name once `prove` has found it good."""

    def __init__(self, find: Find = installed) -> None:
        self.backend = ""
        self._find = find
        self._ring: Any = None

    def prove(self, service: str) -> str:
        """Put the keyring to the proof and return why it cannot be trusted, "" when it can. Raises nothing.

        Leaves nothing behind in a keyring that passes.
        """
        try:
            ring = _acceptable(self._find())
            if isinstance(ring, str):
                return ring
            name, value = f"flock-proof-{random.token_hex(4)}", random.token_urlsafe(24)
            ring.set_password(service, name, value)
            found = ring.get_password(service, name)
            if found is None:
                return f"{_name(ring)} loses what it is given"
            if found != value:
                return f"{_name(ring)} returns something else than it was given"
            ring.delete_password(service, name)
            if ring.get_password(service, name) is not None:
                return f"{_name(ring)} keeps what was deleted"
        except (Exception, SystemExit) as error:
            # nothing secret was in its hands, so its words may be repeated
            words = " ".join(str(error).split())[:200]
            return f"it failed when it was tried ({type(error).__name__}{': ' if words else ''}{words})"
        self._ring, self.backend = ring, _name(ring)
        return ""

    def get(self, service: str, name: str) -> str | None:
        """Return a value, None when there is none. Raises StorageFailed. Only after `prove`."""
        with self._told("read", name):
            found: str | None = self._ring.get_password(service, name)
        return found

    def put(self, service: str, name: str, value: str) -> None:
        """Store a value and read it back. Raises StorageFailed."""
        with self._told("store", name):
            self._ring.set_password(service, name, value)
            found: str | None = self._ring.get_password(service, name)
        if found != value:
            raise StorageFailed(
                f'the keyring ({self.backend}) did not keep the secret "{name}"', hint="flock secret status"
            )

    def delete(self, service: str, name: str) -> None:
        """Forget a value; nothing happens when there is none. Raises StorageFailed."""
        with self._told("delete", name):
            if self._ring.get_password(service, name) is not None:
                self._ring.delete_password(service, name)

    @contextlib.contextmanager
    def _told(self, verb: str, name: str) -> Generator[None]:
        try:
            yield
        except (Exception, SystemExit) as error:
            raise StorageFailed(
                f'the keyring ({self.backend}) failed to {verb} the secret "{name}" ({type(error).__name__})',
                hint="unlock the keyring and try again",
            ) from None


def _acceptable(ring: Any) -> Any:
    """Return the backend, the first acceptable one of a chain, or a sentence that says why there is none."""
    if not _is_a(ring, _CHAIN):
        return _fault(ring) or ring
    faults: list[str] = []
    for member in ring.backends:
        if not (fault := _fault(member)):
            return member
        faults.append(fault)
    return "; ".join(faults) or "no keyring is installed"


def _fault(ring: Any) -> str:
    if _is_a(ring, _NONE):
        return "there is none in the daemon's environment"
    if _is_a(ring, *_NEVER) or "plaintext" in _path(ring.__class__).lower():
        return f"{_name(ring)} protects nothing"
    if float(ring.priority) < LEAST_PRIORITY:
        return f"{_name(ring)} is not recommended by the keyring library"
    return ""


def _is_a(ring: Any, *families: str) -> bool:
    """Say whether a backend is of one of these modules, or made from one that is."""
    return any(_path(kind).startswith(families) for kind in ring.__class__.__mro__)


def _path(kind: Any) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _name(ring: Any) -> str:
    """Return a backend's name as people may search for it: "SecretService", "macOS", "kwallet"."""
    module, _, kind = _path(ring.__class__).rpartition(".")
    return kind if module.startswith("keyrings.alt.") else module.rpartition(".")[2] or kind
