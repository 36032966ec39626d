"""A forward proxy that is a real process: absolute-form requests and CONNECT, with a password where one is asked for.

Prints "PORT n" once it listens. `GET /seen` (as of a web server) returns what it was asked for: "CONNECT host:port" or
"POST http://host:port/path", whether the credentials were right, and never the bytes of a tunnel. Every target is
reached on 127.0.0.1 at the port it names, so that a name of the internet can be asked for in a test.
usage: python -m tests.fakes.proxy [--port N] [--user NAME:PASSWORD] [--refuse]
"""

import argparse
import asyncio
import base64
import json
from urllib.parse import urlsplit

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


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, user: str, refuse: bool) -> None:
    """Answer one connection."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
        return
    line, *rest = head.split("\r\n")
    method, target, _ = line.split(" ", 2)
    if target == "/seen":
        await answer(writer, "200 OK", json.dumps(SEEN).encode())
        return
    headers = {name.lower(): value.strip() for name, _, value in (h.partition(":") for h in rest if h)}
    wanted = f"Basic {base64.b64encode(user.encode()).decode()}" if user else ""
    right = headers.get("proxy-authorization", "") == wanted
    SEEN.append({"asked": f"{method} {target}", "credentials": right, "headers": sorted(headers)})
    if not right:
        await answer(writer, "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=proxy")
        return
    if refuse:
        await answer(writer, "403 Forbidden")
        return
    url = urlsplit(f"//{target}" if method == "CONNECT" else target)
    try:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", url.port or 80)
    except OSError:
        await answer(writer, "502 Bad Gateway")
        return
    if method == "CONNECT":
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    else:  # what follows on the connection is passed on as it is: one target per connection is enough for a fake
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        kept = [h for h in rest if h and not h.lower().startswith("proxy-")]
        far_writer.write("\r\n".join([f"{method} {path} HTTP/1.1", *kept, "", ""]).encode("latin-1"))
    await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))


async def main() -> None:
    """Listen until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--user", default="", help="NAME:PASSWORD that every request must show")
    parser.add_argument("--refuse", action="store_true", help="refuse every target with status 403")
    options = parser.parse_args()
    server = await asyncio.start_server(
        lambda r, w: serve(r, w, options.user, options.refuse), "127.0.0.1", options.port, backlog=128
    )
    print("PORT", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
