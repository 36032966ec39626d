"""One running daemon per file of tests, and the ways to its doors."""

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.running import PATIENCE, Flock, flock_home


@pytest.fixture(scope="module")
def flock() -> Iterator[Flock]:
    with flock_home() as flock:
        flock.home.mkdir(mode=0o700, parents=True)
        # every operation is tried with wrong keys: more often than an address may in a minute
        (flock.home / "config.yaml").write_text("auth:\n  bad_keys_per_minute: 0\n")
        flock.ok("up")
        yield flock


@pytest.fixture(scope="module")
def user_key(flock: Flock) -> str:
    return flock.json("token", "create", "alice")["token"]


class UnixConnection(http.client.HTTPConnection):
    """HTTP over the private door."""

    def __init__(self, path: Path) -> None:
        super().__init__("flock", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(str(self._path))


class Door:
    """Requests at one of the two doors."""

    def __init__(self, flock: Flock, private: bool) -> None:
        self.flock = flock
        self.private = private

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] = {}
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Return status, headers in lower case and body; `body` is JSON, bytes stay as they are."""
        connection = (
            UnixConnection(self.flock.home / "run" / "flock.sock")
            if self.private
            else http.client.HTTPConnection("127.0.0.1", self.flock.port, timeout=PATIENCE)
        )
        try:
            data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
            connection.request(method, path, data, dict(headers))
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def public(flock: Flock) -> Door:
    return Door(flock, private=False)


@pytest.fixture(scope="module")
def private(flock: Flock) -> Door:
    return Door(flock, private=True)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
