"""A vendor's server in the test's own loop: raw sockets, so that it can end, stall and lie at any byte.

The path of a request says what happens; `seen` holds what came, `connections` and `closed` count.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

BLOCK = b"x" * 65536


@dataclass
class Seen:
    """One request: its first line, the names of its headers as they came, headers in lower case, body."""

    line: str
    names: list[str]
    headers: dict[str, str]
    body: bytes


@dataclass
class Peer:
    """What the server saw, and what its behaviours wait for."""

    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    closed: int = 0
    written: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, path: str, scheme: str = "http", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        count = 0
        try:
            while True:
                first = await reader.readexactly(1)
                if first == b"\x16":  # a handshake, where no TLS is spoken
                    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    return
                head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
                path = head[0].split()[1]
                if path == "/takes-nothing":
                    await self.go.wait()
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.seen.append(Seen(head[0], [line.partition(":")[0] for line in head[1:] if line], headers, body))
                count += 1
                if not await self.behave(path, count, writer, reader):
                    return
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            self.closed += 1
            writer.close()

    async def behave(self, path: str, count: int, writer: asyncio.StreamWriter, reader: asyncio.StreamReader) -> bool:
        """Answer one request and return whether the connection goes on."""
        kind, _, rest = path[1:].partition("/")
        match kind:
            case "second-dies" if count == 2:
                return False
            case "second-begins" if count == 2:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")
                return False
            case "second-waits" if count == 2:
                await self.go.wait()
                return False
            case "dies":
                return False
            case "garbage":
                writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
                return False
            case "silent" | "takes-nothing":
                await reader.read(1)  # until the other side closes
                return False
            case "to":
                plain(writer, b"", f"302 Found\r\nLocation: {rest}", "text/plain")
            case "status":
                plain(writer, b'{"error":{"message":"no"}}', f"{rest} Why\r\nRetry-After: 7")
            case "wait-ms":
                plain(writer, b"{}", "429 Slow Down\r\nretry-after-ms: 1500")
            case "large":
                plain(writer, BLOCK * 4)
            case "packed":
                plain(writer, b"not gzip at all", "200 OK\r\nContent-Encoding: gzip")
            case "broken" | "stalls" | "events":
                await self.stream(kind, writer, reader)
                return kind == "events"
            case "endless":
                await self.endless(writer)
                return False
            case _:
                plain(writer, b'{"ok":true}', "200 OK\r\nSet-Cookie: a=b")
        await writer.drain()
        return True

    async def stream(self, kind: str, writer: asyncio.StreamWriter, reader: asyncio.StreamReader) -> None:
        begin(writer)
        chunk(writer, b"data: one\n\n")
        await writer.drain()
        if kind == "stalls":
            await reader.read(1)
            return
        chunk(writer, b"data: two\n\n")
        if kind == "events":
            writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def endless(self, writer: asyncio.StreamWriter) -> None:
        """Write for as long as somebody takes it; `written` stands still while nobody does."""
        begin(writer)
        while True:
            chunk(writer, BLOCK)
            await writer.drain()
            self.written += len(BLOCK)


def begin(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")


def chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(b"%x\r\n%b\r\n" % (len(data), data))


def plain(writer: asyncio.StreamWriter, body: bytes, line: str = "200 OK", kind: str = "application/json") -> None:
    writer.write(f"HTTP/1.1 {line}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)


@contextlib.asynccontextmanager
async def running_peer(context: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    """Run a peer, over TLS where a context is given."""
    peer = Peer()
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0, ssl=context)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        for writer in peer.writers:
            writer.transport.abort()
        await until(lambda: peer.closed == peer.connections)


async def until(state: Callable[[], object]) -> None:
    """Wait for a state; the test's own limit bounds it."""
    while not state():  # noqa: ASYNC110 - no event says it
        await asyncio.sleep(0.001)
