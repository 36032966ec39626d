"""A private door without a flock behind it: a real Unix socket that speaks the admin API in a thread of its own.

It reads operations out of HTTP by the contract alone, independently of `client/calls.py`, so that the two are held
against each other.
"""

import json
import re
import socketserver
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from flock.contract import codec
from flock.contract.op import Op, ensure_declared, hints
from flock.errors import FlockError, NotFound

Answerer = Callable[[Op[Any]], Any]


class Door(socketserver.ThreadingUnixStreamServer):
    """Answers operations through `answer`, a function from operation to value, bytes or raised FlockError."""

    daemon_threads = True

    def __init__(self, path: Path, answer: Answerer, version: str = "", health: bytes | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.answer = answer
        self.version = version
        self.health = health
        self.heard: list[Op[Any]] = []
        super().__init__(str(path), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> "Door":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Door

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if self.path == "/healthz" and self.server.health is not None:
            return self._send(200, self.server.health)
        try:
            op = read(self.command, self.path, body)
            self.server.heard.append(op)
            value = self.server.answer(op)
            self._send(200, value if isinstance(value, bytes) else codec.dumps(value))
        except FlockError as error:
            self._send(error.status, json.dumps({"error": error.to_plain()}).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.server.version:
            self.send_header("X-Flock-Version", self.server.version)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def address_string(self) -> str:
        """Return a name: a Unix socket has no address."""
        return "unix"


def read(method: str, path: str, body: bytes) -> Op[Any]:
    """Read an operation out of a request. Raises NotFound when no route fits."""
    place = urlsplit(path)
    for kind in ensure_declared().values():
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(kind.spec.path))
        found = re.fullmatch(pattern, place.path)
        if kind.spec.method != method or not kind.spec.path or not found:
            continue
        known = hints(kind)
        values: dict[str, Any] = json.loads(body) if body else {}
        given = {name: [unquote(words)] for name, words in found.groupdict().items()}
        given |= parse_qs(place.query, keep_blank_values=True)
        for name, words in given.items():
            values[name] = codec.from_query(known[name], words, name)
        return codec.from_plain(kind, values)
    raise NotFound(f"no route {method} {path}")
