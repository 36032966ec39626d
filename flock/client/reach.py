"""The way to one flock, wherever it is: calls, its feed, and streams, over connections that are kept.

Owns which connection carries what and who waits for one: over ssh each is a process, and three are all there are, one
of them always for calls. Refuses to know how a door is opened (`door.py`, `ssh.py`, `web.py`) and to send anything
twice that changes something. Called by `cli/call.py`, `flock run` and the full screen, from any thread.
"""

import http.client
import os
import select
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from flock.client.blocking import TIMEOUT_SECONDS
from flock.client.calls import decode, encode
from flock.client.door import Door, Here, Kind, bearer, unreachable
from flock.client.stream import Line, Stream, unsent
from flock.contract.op import Op
from flock.errors import FlockError
from flock.paths import Home, find_home, system_socket

if TYPE_CHECKING:
    from http.client import HTTPConnection

Out = TypeVar("Out")

# Bounds a daemon that hangs: its feed says something every ten seconds at least (daemon/events.py).
FEED_SECONDS = 35.0
# Bounds an answer that never begins or stops in its midst: a model may have to be loaded first, and the daemon itself
# gives up on an engine that is silent for longer than `timeouts.idle` (five minutes) or a load than ten.
STREAM_SECONDS = 660.0


class Feed(Iterator[bytes]):
    """The data of each event of a feed; it is opened by the first `next`, and `close` ends it from any thread."""

    def __init__(self, reach: "Reach", op: Op[Any]) -> None:
        self._reach = reach
        self._op = op
        self._stream: Stream | None = None
        self._lines: Iterator[bytes] | None = None
        self._lock = threading.Lock()
        self._closed = False

    def __next__(self) -> bytes:
        """Return the next event's data. Raises DaemonUnreachable when the feed breaks off."""
        if self._lines is None:
            self._lines = iter(self._opened() or ())
        # each event is one line of data; `id:`, comments and blank lines are for readers that come back
        for line in self._lines:
            if line.startswith(b"data: "):
                return line[6:].rstrip(b"\r\n")
        raise StopIteration

    def _opened(self) -> Stream | None:
        if self._closed:
            return None
        call = encode(self._op)
        stream = self._reach.send(call.method, call.path, headers={"Accept": "text/event-stream"}, timeout=FEED_SECONDS)
        if stream.status != 200:
            self._reach.read(self._op, stream.status, stream.read())
        with self._lock:
            self._stream = stream
            if self._closed:
                stream.close()
        return stream

    def close(self) -> None:
        """End the feed."""
        with self._lock:
            self._closed = True
            if self._stream is not None:
                self._stream.close()


class Reach:
    """One flock. `name` is what people read of it and `host` what `--host` takes, both "" for this machine's; `version`
    is what its daemon last said it was.
    """

    def __init__(self, door: Door) -> None:
        self.door = door
        self.name: str = door.name
        self.kind: Kind = door.kind
        self.host: str = door.host
        self.version = ""
        self.warning: str = getattr(door, "warning", "")
        self._turn = threading.Condition()
        self._idle: list[HTTPConnection] = []
        self._busy: set[Line] = set()
        self._ended = False

    def call(self, op: Op[Out], key: str = "") -> tuple[Out, bytes]:
        """Carry out an operation in the daemon and return its answer and the bytes it came as; `key` is the API key
        that the call is about, where it is about one.

        Raises the FlockError that the daemon raised; DaemonUnreachable, whose `details["state"]` is absent, stale,
        silent or broken; NotAllowed when the door is somebody else's.
        """
        value, body, _ = self.told(op, key)
        return value, body

    def told(self, op: Op[Out], key: str = "") -> tuple[Out, bytes, int]:
        """Do as `call`, and return also the number of the newest event that the answer knows of, 0 where the daemon
        does not say.
        """
        call = encode(op)
        waits = getattr(op, "wait_seconds", 0.0) + getattr(op, "grace_seconds", 0.0)
        headers = bearer(key)
        stream = self._sent(call.method, call.path, call.body, headers, TIMEOUT_SECONDS + waits, streams=False)
        body = stream.read()
        # a key of the caller's own is none that the door knows anything of
        value = decode(op, stream.status, body) if key else self.read(op, stream.status, body)
        event = stream.headers.get("x-flock-event", "")
        return value, body, int(event) if event.isdecimal() else 0

    def read(self, op: Op[Out], status: int, body: bytes) -> Out:
        """Return the answer to an operation from what came. Raises the FlockError that the daemon raised."""
        try:
            return decode(op, status, body)
        except FlockError as error:
            raise self.door.refused(error) from None

    def follow(self, op: Op[Any]) -> Feed:
        """Return the data of each event of a feed, until the daemon ends it or `close` is called, by any thread."""
        return Feed(self, op)

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] = {},
        timeout: float = STREAM_SECONDS,
    ) -> Stream:
        """Send one HTTP request and return its answer as it comes, whatever its status.

        `timeout` bounds each silence, in seconds. Raises NotAllowed and DaemonUnreachable; its `details["sent"]` is
        False where nothing of the request has left this machine.
        """
        return self._sent(method, path, body, headers, timeout, streams=True)

    def close(self) -> None:
        """Close every connection; whoever waits or reads hears of it."""
        with self._turn:
            self._ended = True
            idle, self._idle = self._idle, []
            busy = list(self._busy)
            self._turn.notify_all()
        for line in busy:
            line.close()
        for connection in idle:
            self.door.end(connection)
        self.door.shut()

    def hush(self) -> None:
        """Ask nobody from now on: what draws on the terminal calls it once the first answer is there."""
        self.door.asks = False

    def run(self, words: Sequence[str], *, shown: bool) -> tuple[int, bytes, bytes]:
        """Run `flock WORDS` on the box itself and return its exit code and what it printed on both streams; with
        `shown` it is printed here, on this terminal where there is one. Only over ssh.

        Raises DaemonUnreachable where ssh does not come through.
        """
        from flock.client.ssh import SshDoor

        assert isinstance(self.door, SshDoor)
        # it takes a connection's place, so that there are never more processes than three
        line = self._line(0.0, streams=False)
        try:
            line.drop()
            return self.door.run(words, shown=shown)
        finally:
            line.close()

    def _sent(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str | bytes],
        timeout: float,
        *,
        streams: bool,
    ) -> Stream:
        said: dict[str, str | bytes] = {**self.door.headers, **headers}
        if body is not None:
            said.setdefault("Content-Type", "application/json")
        line = self._line(timeout, streams=streams)
        while True:
            kept = line.connection is not None
            try:
                answer = line.asked(method, self.door.prefix + path, body, said)
            except (OSError, http.client.HTTPException) as error:
                # what answered before and has hung up since has not read it; only reading may be tried once more
                if kept and method == "GET" and isinstance(error, ConnectionError) and not line.closed:
                    line.drop()
                    continue
                raise unsent(line, line.failed(error)) from None
            except FlockError as error:
                line.close()
                raise unsent(line, error) from None
            except BaseException:
                line.close()
                raise
            self.version = answer.getheader("X-Flock-Version", self.version)
            return Stream(line, answer)

    def _line(self, timeout: float, *, streams: bool) -> Line:
        """Return a connection's place, with a kept connection where there is one; wait for one to be left."""
        line = Line(self, timeout, streams=streams)
        with self._turn:
            while not self._ended and not self._has_room(streams):
                self._turn.wait()
            if self._ended:
                raise unsent(line, unreachable("the connection was closed", "broken", ""))
            self._busy.add(line)
            while self._idle and line.connection is None:
                connection = self._idle.pop()
                if _is_quiet(connection):
                    line.connection = connection
                else:
                    self.door.end(connection)
        return line

    def _has_room(self, streams: bool) -> bool:
        most = self.door.most
        if not most:
            return True
        return len(self._busy) < most and not (streams and sum(one.streams for one in self._busy) >= most - 1)

    def left(self, line: Line, connection: "HTTPConnection | None") -> None:
        """Take back a connection's place, with the connection where another may use it."""
        with self._turn:
            self._busy.discard(line)
            keep = connection is not None and not self._ended
            if keep and connection is not None:
                self._idle.append(connection)
            self._turn.notify_all()
        if connection is not None and not keep:
            self.door.end(connection)


def _is_quiet(connection: "HTTPConnection") -> bool:
    """Say whether a kept connection is still open: one that can be read from has ended, or never made sense."""
    if connection.sock is None:
        return False
    looked = select.poll()
    looked.register(connection.sock, select.POLLIN)
    return not looked.poll(0)


def find(said: str = "", environ: Mapping[str, str] = os.environ, *, asks: bool = True) -> Reach:
    """Return the way to the flock that is meant: `said` (a context's name, ssh://… or http(s)://…), else FLOCK_HOST,
    else the current context, else this user's own, else the machine's shared one. Nothing is opened yet.

    `asks`: ssh may ask at the terminal. Raises UsageError for an address that is none, NotFound for a name that no
    context has, StorageFailed when the file of contexts cannot be read.
    """
    home = find_home()
    meant = said.strip() or environ.get("FLOCK_HOST", "").strip()
    if not meant and not os.path.exists(home.contexts):  # a place that may not be looked into is told of by its door
        return _here(home)
    from flock.client import address, contexts

    if meant == contexts.LOCAL:
        return _here(home)
    entry, source, name = contexts.Entry(meant), "", ""
    if not address.is_address(meant):
        known = contexts.load(home)
        name = meant or known.current
        if not name:
            return _here(home)
        entry, source = known.find(name), f"the context {name!r}"
    place = address.parse(entry.host)
    if isinstance(place, address.Ssh):
        from flock.client.ssh import SshDoor

        return Reach(SshDoor(place, entry.remote_bin, host=name, asks=asks, environ=environ))
    from flock.client.web import WebDoor, key_of

    key, source = (entry.key, source) if entry.key else key_of(environ)
    return Reach(WebDoor(place, key, source, name))


def _here(home: Home) -> Reach:
    shared = system_socket()
    return Reach(Here((home.socket, *([shared] if shared is not None else []))))
