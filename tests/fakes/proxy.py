"""A forward proxy that is a real process: absolute-form requests and CONNECT, with a password where one is asked for.

Prints "PORT n" once it listens. `GET /seen` (as of a web server) returns what it was asked for: "CONNECT host:port" or
"POST http://host:port/path", whether the credentials were right, and never the bytes of a tunnel. Every target is
reached on 127.0.0.1 at the port it names, so that a name of the internet can be asked for in a test.
usage: python -m tests.fakes.proxy [--port N] [--user NAME:PASSWORD] [--refuse] [--tls FILE]
"""

import argparse
import asyncio
import base64
import json
from pathlib import Path
from urllib.parse import urlsplit

from tests.fakes.certificates import load

SEEN: list[dict[str, object]] = []


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Move bytes one way until either side ends."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def answer(writer: asyncio.StreamWriter, line: str, body: bytes = b"") -> None:
    """Write a whole answer and close."""
    writer.write(f"HTTP/1.1 {line}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
    await writer.drain()
    writer.close()


class Turned(Exception):
    """The proxy has answered by itself."""


async def reached(writer: asyncio.StreamWriter, target: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return a connection to the port of a target on 127.0.0.1."""
    try:
        return await asyncio.open_connection("127.0.0.1", urlsplit(target).port or 80)
    except OSError:
        await answer(writer, "502 Bad Gateway")
        raise Turned from None


async def read_head(reader: asyncio.StreamReader) -> tuple[str, str, list[str], dict[str, str]]:
    """Return method, target, the lines of the headers, and the headers with names in lower case."""
    line, *rest = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = line.split(" ", 2)
    lines = [one for one in rest if one]
    return method, target, lines, {k.lower(): v.strip() for k, _, v in (one.partition(":") for one in lines)}


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, user: str, refuse: bool) -> None:
    """Answer the requests of one connection."""
    moving: asyncio.Task[None] | None = None
    far: asyncio.StreamWriter | None = None
    try:
        while True:
            method, target, lines, headers = await read_head(reader)
            if target == "/seen":
                await answer(writer, "200 OK", json.dumps(SEEN).encode())
                return
            await judge(writer, f"{method} {target}", headers, user, refuse)
            if method == "CONNECT":
                far_reader, far = await reached(writer, f"//{target}")
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await asyncio.gather(pump(reader, far), pump(far_reader, writer))
                return
            if far is None:
                far_reader, far = await reached(writer, target)
                moving = asyncio.ensure_future(pump(far_reader, writer))
            url = urlsplit(target)
            path = (url.path or "/") + (f"?{url.query}" if url.query else "")
            kept = [one for one in lines if not one.lower().startswith("proxy-")]
            far.write("\r\n".join([f"{method} {path} HTTP/1.1", *kept, "", ""]).encode("latin-1"))
            far.write(await reader.readexactly(int(headers.get("content-length", "0"))))
    except (asyncio.IncompleteReadError, ConnectionError, Turned):
        pass
    finally:
        if moving is not None:
            moving.cancel()
        if far is not None:
            far.close()
        writer.close()


async def judge(writer: asyncio.StreamWriter, asked: str, headers: dict[str, str], user: str, refuse: bool) -> None:
    """Remember what was asked, and raise Turned where the proxy does not do it."""
    wanted = f"Basic {base64.b64encode(user.encode()).decode()}" if user else ""
    right = headers.get("proxy-authorization", "") == wanted
    SEEN.append({"asked": asked, "credentials": right, "headers": sorted(headers)})
    if not right:
        await answer(writer, "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=proxy")
        raise Turned
    if refuse:
        await answer(writer, "403 Forbidden")
        raise Turned


async def main() -> None:
    """Listen until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--user", default="", help="NAME:PASSWORD that every request must show")
    parser.add_argument("--refuse", action="store_true", help="refuse every target with status 403")
    parser.add_argument("--tls", type=Path, help="a file with a certificate and its key: speak TLS to clients")
    options = parser.parse_args()
    tls = load(options.tls) if options.tls else None
    server = await asyncio.start_server(
        lambda r, w: serve(r, w, options.user, options.refuse), "127.0.0.1", options.port, backlog=128, ssl=tls
    )
    print("PORT", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
