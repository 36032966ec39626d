"""What stands around vendors in these tests: a clock that is moved by hand, secrets and rows in memory, one server.

The server is real: it listens on 127.0.0.1 in a thread and says what its path is told to say.
"""

import functools
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from flock.errors import SecretsLocked
from flock.outbound.vendors import VendorClient
from flock.store.entries import VendorEntry
from flock.vendors.registry import Vendors
from flock.vendors.row import VendorRow, load_vendors

CATALOG = Path(__file__).resolve().parents[3] / "catalog"


@functools.cache
def catalog() -> dict[str, VendorRow]:
    """Return flock's own vendors."""
    rows, problems = load_vendors([CATALOG])
    assert problems == []
    return rows


class At:
    """A clock that stands until it is moved."""

    def __init__(self, now: float = 1000.0) -> None:
        self.time = now

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


class Kept:
    """Secrets in memory; `locked` while nobody has given the passphrase; `reads` counts who asked for what."""

    def __init__(self, **values: str) -> None:
        self.values = dict(values)
        self.locked = False
        self.reads: list[str] = []

    async def get(self, name: str) -> str:
        self.reads.append(name)
        self._open()
        return self.values.get(name, "")

    async def put(self, name: str, value: str) -> None:
        self._open()
        self.values[name] = value

    async def delete(self, name: str) -> None:
        self.values.pop(name, None)

    def _open(self) -> None:
        if self.locked:
            raise SecretsLocked("the secrets are locked", hint="flock secret unlock")


class Rows:
    """The table of vendors in memory; `failing` is raised by the next write."""

    def __init__(self, *entries: VendorEntry) -> None:
        self.entries = {entry.name: entry for entry in entries}
        self.failing: Exception | None = None

    async def all(self) -> list[VendorEntry]:
        return list(self.entries.values())

    async def put(self, entry: VendorEntry) -> None:
        if self.failing is not None:
            raise self.failing
        self.entries[entry.name] = entry

    async def delete(self, name: str) -> None:
        self.entries.pop(name, None)


def vendors(
    *entries: VendorEntry,
    environment: Mapping[str, str] | None = None,
    rows: Mapping[str, VendorRow] | None = None,
    secrets: Kept | None = None,
    stored: Rows | None = None,
    clock: At | None = None,
    **more: Any,
) -> Vendors:
    """Return the vendors of a daemon that has not been started, with the real way to them."""
    made: list[Vendors] = []
    fetch = VendorClient(lambda: made[0].places(), plain=lambda: made[0].plain(), environ={})
    found = Vendors(
        catalog() if rows is None else rows,
        stored or Rows(*entries),
        secrets or Kept(),
        more.pop("fetch", fetch),
        clock or At(),
        environment=environment or {},
        **more,
    )
    made.append(found)
    found.client = fetch  # type: ignore[attr-defined]
    return found


class Server(ThreadingHTTPServer):
    """Answers GET by path: (status, body); `heard` holds each (path, headers)."""

    daemon_threads = True

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {}
        self.heard: list[tuple[str, dict[str, str]]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.heard.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        status, said = self.server.answers.get(self.path, (404, {"error": {"message": f"no path {self.path}"}}))
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def server() -> Iterator[Server]:
    """Yield a server that is gone afterwards."""
    made = Server()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        made.shutdown()
        thread.join()
        made.server_close()
