"""What the tests of the request path share: clients that see how an answer ended, and what flock recorded of it."""

import contextlib
import http.client
import json
import os
import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import psutil

from tests.running import LLAMA_PATH, PATIENCE, Flock, command_line, wait_for

SECONDS = PATIENCE
CHAT = "/v1/chat/completions"
# what a client sends that wants to know the tokens of a stream
USAGE = {"stream_options": {"include_usage": True}}


def environment() -> dict[str, str]:
    """Return what makes the daemon run from the checkout these tests are run with, and find a real llama-server."""
    return {"PATH": LLAMA_PATH} | {k: v for k, v in os.environ.items() if k == "PYTHONPATH"}


def body(model: str, *, stream: bool = False, **fields: Any) -> dict[str, Any]:
    """Return a chat request."""
    return {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": stream, **fields}


@dataclass
class Told:
    """What a client was told. `clean`: the framing was complete; False is a broken connection."""

    status: int
    headers: dict[str, str]
    body: bytes = b""
    clean: bool = False

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def id(self) -> str:
        return self.headers["x-flock-request-id"]

    @property
    def events(self) -> list[bytes]:
        """The data of every event, the last one included when it is cut."""
        return [line[5:].strip() for line in self.body.split(b"\n") if line.startswith(b"data:")]

    @property
    def done(self) -> bool:
        return b"[DONE]" in self.events

    @property
    def error(self) -> dict[str, Any]:
        """The error this answer ends with, as a body or as the last event; {} when it ends otherwise."""
        last = self.events[-1] if self.events else self.body
        try:
            found = json.loads(last)
        except ValueError:
            return {}
        return found.get("error") or {} if isinstance(found, dict) else {}

    @property
    def text(self) -> str:
        """The words of a stream."""
        deltas = [json.loads(e) for e in self.events if e != b"[DONE]"]
        return "".join(c["delta"].get("content") or "" for d in deltas for c in d.get("choices", []))


class Client:
    """One connection to a port on 127.0.0.1."""

    def __init__(self, port: int, key: str = "", receive_buffer: int = 0) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(SECONDS)
        sock.connect(("127.0.0.1", port))
        self.connection.sock = self.sock = sock
        self.key = key
        self.response: http.client.HTTPResponse | None = None

    def send(self, value: Any, path: str = CHAT, headers: Mapping[str, str] = {}) -> "Client":
        """Send a request without reading anything; `value` is JSON, bytes stay as they are."""
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        auth = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        self.connection.request("POST", path, data, {"Content-Type": "application/json", **auth, **headers})
        return self

    def head(self) -> Told:
        """Wait for the status and the headers."""
        self.response = self.connection.getresponse()
        return Told(self.response.status, {k.lower(): v for k, v in self.response.getheaders()})

    def until(self, words: bytes) -> bytes:
        """Read until these words have come."""
        assert self.response is not None
        got = b""
        while words not in got:
            data = self.response.read1(65536)
            assert data, f"ended before {words!r}: {got!r}"
            got += data
        return got

    def rest(self, told: Told) -> Told:
        """Read to the end."""
        assert self.response is not None
        try:
            if self.response.chunked:
                while data := self.response.read1(65536):
                    told.body += data
            else:
                told.body += self.response.read()
            told.clean = True
        except http.client.IncompleteRead as broken:
            told.body += broken.partial
        except (http.client.HTTPException, OSError):
            pass
        return told

    def tell(self) -> Told:
        """Read the whole answer; a connection that breaks before the head has status 0."""
        try:
            told = self.head()
        except (http.client.HTTPException, OSError):
            return Told(0, {})
        return self.rest(told)

    def close(self) -> None:
        """Close as a program does that ends well: FIN."""
        if self.response is not None:
            self.response.close()
        self.connection.close()
        self.sock.close()

    def reset(self) -> None:
        """Close with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


def ask(port: int, key: str, value: Any, path: str = CHAT, headers: Mapping[str, str] = {}) -> Told:
    """Send one request on a connection of its own and return everything that came."""
    with contextlib.closing(Client(port, key)) as client:
        return client.send(value, path, headers).tell()


def call(port: int, method: str, path: str, key: str = "", value: Any = None, headers: Mapping[str, str] = {}) -> Told:
    """Make any request."""
    auth = {"Authorization": f"Bearer {key}"} if key else {}
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection:
        data = value if isinstance(value, bytes | None) else json.dumps(value).encode()
        connection.request(method, path, data, {**auth, **headers})
        response = connection.getresponse()
        return Told(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read(), True)


def seen(port: int) -> dict[str, Any]:
    """Return what the fake upstream at this port has seen."""
    return call(port, "GET", "/seen").json


def explained(flock: Flock, request_id: str) -> dict[str, Any]:
    """Return the explanation of a request once it has ended."""

    def ended() -> Any:
        told = call(flock.port, "GET", f"/admin/v1/requests/{request_id}/explanation", flock.key)
        return told.json if told.status == 200 and told.json["stage"] == "ended" else None

    return wait_for(ended, f"{request_id} has ended")


def usage(flock: Flock, limit: int = 10_000) -> dict[str, dict[str, Any]]:
    """Return the usage rows by request id."""
    rows = call(flock.port, "GET", f"/admin/v1/usage/recent?limit={limit}", flock.key).json
    return {row["request_id"]: row for row in rows}


def running(flock: Flock) -> int:
    """Return how many requests run."""
    return call(flock.port, "GET", "/admin/v1/status", flock.key).json["requests_running"]


def serves(flock: Flock) -> bool:
    """Say whether the daemon answers."""
    return call(flock.port, "GET", "/healthz").status == 200


def children(flock: Flock) -> list[psutil.Process]:
    """Return the daemon's engine processes that run: its children, and those an earlier daemon started."""
    found = {child.pid: child for child in psutil.Process(flock.pid).children(recursive=True)}
    for row in call(flock.port, "GET", "/admin/v1/engines", flock.key).json:
        if row["pid"] and row["pid"] not in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                found[row["pid"]] = psutil.Process(row["pid"])
    return [child for child in found.values() if child.status() != psutil.STATUS_ZOMBIE]


@dataclass
class Slots:
    """The engine behind one model of flock's own: its port and key, and what its slots do."""

    port: int
    key: str
    process: psutil.Process = field(repr=False)

    def busy(self) -> int:
        """Return how many slots work."""
        told = call(self.port, "GET", "/slots", self.key)
        assert told.status == 200, told.body
        return sum(slot["is_processing"] for slot in told.json)


def slots(flock: Flock, model: str) -> Slots:
    """Return the engine of a model of flock's own, which must run."""
    for child in children(flock):
        line = " ".join(command_line(child)).replace("=", " ")
        if f"--alias {model} " in line:
            port = line.split("--port ")[1].split()[0]
            environ = child.environ()
            return Slots(int(port), environ.get("FLOCK_ENGINE_KEY") or environ["LLAMA_API_KEY"], child)
    raise AssertionError(f"no engine of {model} runs")


@contextlib.contextmanager
def many(count: int, port: int, key: str) -> Iterator[list[Client]]:
    """Yield many connections."""
    clients = [Client(port, key) for _ in range(count)]
    try:
        yield clients
    finally:
        for client in clients:
            client.close()


def settings(flock: Flock, text: str) -> None:
    """Write the configuration file of a flock that does not run yet."""
    flock.home.mkdir(parents=True, exist_ok=True)
    (flock.home / "config.yaml").write_text(text)
