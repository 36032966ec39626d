"""A reverse proxy with TLS, as people put one before a flock: `python -m tests.fakes.front PORT CERTIFICATE [PREFIX]`.

It takes PREFIX off the paths it is asked for, and prints `PORT N` once it listens. With CERTIFICATE `-` it speaks plain
HTTP; with PORT 0 it answers 502 to everything, as one does that has nobody behind it.
"""

import asyncio
import contextlib
import re
import ssl
import sys


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, prefix: bytes = b"") -> None:
    """Copy until the end; each piece that begins a request loses the prefix."""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while piece := await reader.read(1 << 16):
            if prefix:
                piece = re.sub(rb"^([A-Z]+ )" + re.escape(prefix), rb"\1", piece)
            writer.write(piece)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()


async def main(port: int, certificate: str, prefix: str) -> None:
    """Serve until killed."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not port:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")
                words = b"<html>bad gateway</html>"
                head = b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: "
                writer.write(head + b"%d\r\n\r\n" % len(words) + words)
                await writer.drain()
            writer.close()
            return
        behind, to = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, to, prefix.encode()), pump(behind, writer))

    context = None
    if certificate != "-":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    print(f"PORT {server.sockets[0].getsockname()[1]}", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else ""))
