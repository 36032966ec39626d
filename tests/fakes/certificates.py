"""Throw-away certificates for tests: an authority made for one run, and servers that it, or nobody, vouches for.

Nothing here outlives its temporary directory, and no system trusts it. Called by fakes that speak TLS, and by tests.
"""

import datetime
import ssl
from pathlib import Path

import trustme

HOSTS = ("localhost", "127.0.0.1")


class Authority:
    """A certificate authority; `file` is what SSL_CERT_FILE is set to for those who are to trust it."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self.file = folder / "authority.pem"
        self._ca.cert_pem.write_to_path(self.file)

    def server(self, *hosts: str, expired: bool = False) -> ssl.SSLContext:
        """Return a server's context with a certificate for these hosts, HOSTS by default."""
        yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
        issued = self._ca.issue_cert(
            *(hosts or HOSTS),
            not_before=yesterday - datetime.timedelta(days=1) if expired else None,
            not_after=yesterday if expired else None,
        )
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        issued.configure_cert(context)
        return context

    def write(self, folder: Path, *hosts: str) -> Path:
        """Write a server's certificate and key into one file, for another process, and return its path."""
        place = folder / "server.pem"
        self._ca.issue_cert(*(hosts or HOSTS)).private_key_and_cert_chain_pem.write_to_path(place)
        return place


def load(place: Path) -> ssl.SSLContext:
    """Return the server's context of a file that `Authority.write` made."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(place)
    return context
