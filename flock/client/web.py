"""The public door of another machine: HTTP or HTTPS, with an admin key.

Owns where that key is from and what is told of certificates and names that fail. Refuses to show a key, to follow a
redirect with it, and to believe a certificate that this system does not. Loaded where an address begins with http.
"""

import http.client
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path

from flock.client.address import Http
from flock.client.door import Kind, bearer, unreachable
from flock.errors import FlockError, InternalError, InvalidKey, MissingKey, NotAllowed, UsageError
from flock.paths import short

# Bounds a host that is switched off: the system itself would try for two minutes
_CONNECT_SECONDS = 20.0
# No key is longer (flock's own have 54 characters); what is longer is a file that was meant
_KEY_LENGTH = 512
# What proxies answer for a flock behind them that does not
_NOBODY_BEHIND = (502, 503, 504)


def key_of(environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the admin key that the environment brings and where it is from: FLOCK_ADMIN_TOKEN, else the file named by
    FLOCK_ADMIN_TOKEN_FILE; "" for none. Raises UsageError for a file that cannot be read or that holds no key.
    """
    if said := environ.get("FLOCK_ADMIN_TOKEN", "").strip():
        return checked(said, "FLOCK_ADMIN_TOKEN"), "FLOCK_ADMIN_TOKEN"
    file = environ.get("FLOCK_ADMIN_TOKEN_FILE", "").strip()
    if not file:
        return "", ""
    try:
        with Path(file).open(encoding="utf-8") as stream:
            key = stream.read(_KEY_LENGTH + 2).strip()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(
            f"cannot read the file {short(file)} of FLOCK_ADMIN_TOKEN_FILE: {why}", hint="unset FLOCK_ADMIN_TOKEN_FILE"
        ) from None
    return checked(key, short(file)), short(file)


def checked(key: str, source: str) -> str:
    """Return a key that can stand in a header. Raises UsageError without repeating it."""
    if len(key) > _KEY_LENGTH or not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError(f"what {source} holds is no key: one word of printable characters is", hint="flock token ls")
    return key


class WebDoor:
    """The way to a flock behind HTTP; `source` says where the key is from, `host` how it was named."""

    kind: Kind = "http"
    most = 0
    asks = False

    def __init__(self, address: Http, key: str, source: str, host: str = "") -> None:
        self.address = address
        self.name = address.url
        self.host = host or address.url
        self.prefix = address.prefix
        self.headers: Mapping[str, str | bytes] = bearer(key)
        self._source = source if key else ""
        self._tls: ssl.SSLContext | None = None

    @property
    def warning(self) -> str:
        """Return what should be known before a key is sent, "" for nothing."""
        if self.address.secure or is_loopback(self.address.host) or not self.headers:
            return ""
        return f"{self.name} is not encrypted: everybody on the way can read the admin key; https:// or ssh:// hides it"

    def connect(self, timeout: float) -> http.client.HTTPConnection:
        """Connect, with TLS where the address says so. Raises OSError for `failure`."""
        host, port = self.address.host, self.address.port
        if self.address.secure:
            # the system's store, or SSL_CERT_FILE and SSL_CERT_DIR where they are set (OpenSSL reads them)
            self._tls = self._tls or ssl.create_default_context()
            made: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=_CONNECT_SECONDS, context=self._tls
            )
        else:
            made = http.client.HTTPConnection(host, port, timeout=_CONNECT_SECONDS)
        # a connection that has ended is never opened again behind our back, or a request would be sent twice
        made.auto_open = 0
        made.connect()
        if made.sock is not None:
            made.sock.settimeout(timeout)
        return made

    def end(self, connection: http.client.HTTPConnection) -> None:
        """Close the connection."""
        connection.close()

    def shut(self) -> None:
        """Do nothing: what is being opened ends by its own limit."""

    def refused(self, error: FlockError) -> FlockError:
        """Return the error with where the key is from, or with what seems to stand at the address instead of flock."""
        if isinstance(error, MissingKey) and not self._source:
            return MissingKey(
                f"{self.name} wants an admin key, and neither FLOCK_ADMIN_TOKEN nor a context has one",
                hint=f"flock context add NAME {self.name} < FILE_OF_THE_KEY",
            )
        if isinstance(error, (InvalidKey, NotAllowed)) and self._source:
            return type(error)(
                f"{error.sentence}; the key is from {self._source}", hint=error.hint, details=error.details
            )
        status = error.details.get("status") if isinstance(error, InternalError) else None
        if status in _NOBODY_BEHIND:
            return unreachable(
                f"what stands before the flock at {self.name} does not reach it ({status})", "broken", ""
            )
        if isinstance(status, int) and 300 <= status < 400:
            return unreachable(f"{self.name} sends elsewhere ({status}), where no key is taken", "broken", self._try())
        if isinstance(status, int) and status != 200:
            return unreachable(f"what answers at {self.name} is no flock (status {status})", "broken", self._try())
        return error

    def failure(self, error: Exception, connection: http.client.HTTPConnection | None, timeout: float) -> FlockError:
        """Return what to tell of a connection that failed."""
        name, hint = self.name, self._try()
        if isinstance(error, ssl.SSLCertVerificationError):
            return unreachable(
                f"the certificate of {name} is not to be believed: {error.verify_message}",
                "broken",
                "set SSL_CERT_FILE to the authority that issued it",
            )
        if isinstance(error, ssl.SSLError):
            return unreachable(f"{name} does not speak TLS as it should: {error.reason or error}", "broken", hint)
        if isinstance(error, socket.gaierror):
            return unreachable(f"no machine called {self.address.host!r} is known: {error.strerror}", "broken", hint)
        if isinstance(error, ConnectionRefusedError):
            return unreachable(f"nothing listens at {name}", "broken", hint)
        if isinstance(error, TimeoutError):
            limit = timeout if connection is not None else _CONNECT_SECONDS
            return unreachable(f"{name} did not answer within {limit:g} s", "silent", hint)
        if isinstance(error, (ConnectionError, http.client.IncompleteRead, http.client.NotConnected)):
            return unreachable(f"{name} closed the connection without an answer", "broken", hint)
        if isinstance(error, http.client.HTTPException):
            return InternalError(f"what answers at {name} does not speak HTTP ({type(error).__name__})", hint=hint)
        words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return unreachable(f"cannot reach {name}: {words}", "broken", hint)

    def _try(self) -> str:
        """Return a command that shows what answers there."""
        return f"curl -i {self.name}/healthz"


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine by its name or address alone; nothing is looked up."""
    return host in ("localhost", "::1") or host.endswith(".localhost") or host.startswith("127.")
