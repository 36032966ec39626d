"""A process that speaks the OpenAI dialect, with faults: the engine that cannot be had on demand.

The model's name chooses the behaviour (FAULTS in upstream_faults.py, REFUSALS in upstream_refusals.py). Prints "PORT n"
once it listens; `GET /seen` returns what it saw (requests, the bodies, connections that the client closed) so that
tests look at facts instead of waiting; the models that wait do so until somebody asks for `GET /go`. `--good`: every
model behaves as "ok"; `--also P`: every model is there a second time under a name that begins with P.
usage: python -m tests.fakes.upstream [--port N] [--key SECRET] [--good] [--also P]
"""

import argparse
import asyncio
import json

from tests.fakes.upstream_faults import FAULTS, GO, SEEN, Fake, Write, ok, status_401
from tests.fakes.upstream_refusals import REFUSALS

BEHAVIOURS = FAULTS | REFUSALS


async def read_request(reader: asyncio.StreamReader, begun: bytes) -> tuple[str, dict[str, str], bytes]:
    """Return (request line, headers in lower case, body) of the request whose first bytes are `begun`."""
    head = (begun + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return head[0], headers, body


async def watch_close(reader: asyncio.StreamReader, working: asyncio.Task[None]) -> bytes:
    """Stop working when the gateway closes the connection, and remember it; return what it sent instead of closing."""
    try:
        data = await reader.read(1)
    except asyncio.CancelledError:
        return b""
    except ConnectionError:
        data = b""
    if not data and not working.done():
        SEEN["closed_early"] = int(str(SEEN["closed_early"])) + 1
        working.cancel()
    return data


async def serve(reader: asyncio.StreamReader, writer: Write, key: str, good: bool) -> None:
    """Answer one connection's requests."""
    try:
        begun = b""
        while True:
            line, headers, body = await read_request(reader, begun)
            begun = b""
            path = line.split()[1]
            fake = Fake(writer)
            if key and headers.get("authorization") != f"Bearer {key}":
                await status_401(fake)
            elif path == "/seen":
                await fake.plain(200, SEEN)
            elif path == "/go":
                GO.set()
                GO.clear()  # who waits now has been woken, who comes later waits for the next one
                await fake.plain(200, {})
            elif path.endswith("/models"):
                await fake.plain(200, {"object": "list", "data": [{"id": m, "object": "model"} for m in BEHAVIOURS]})
            elif line.startswith("POST"):
                fake.body = json.loads(body)
                SEEN["requests"] = int(str(SEEN["requests"])) + 1
                SEEN["bodies"] = [fake.body]
                SEEN["headers"] = [headers]
                working = asyncio.ensure_future((ok if good else BEHAVIOURS[str(fake.body["model"])])(fake))
                watching = asyncio.ensure_future(watch_close(reader, working))
                await asyncio.wait([working])
                # who writes into a connection that was closed hears of it before the watch does
                if not working.cancelled() and isinstance(working.exception(), ConnectionError):
                    SEEN["closed_early"] = int(str(SEEN["closed_early"])) + 1
                watching.cancel()
                begun = await watching
            else:
                await fake.plain(404, {"error": {"message": f"no {path}"}})
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    """Listen until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key", default="")
    parser.add_argument("--good", action="store_true")
    parser.add_argument("--also", default="")
    options = parser.parse_args()
    BEHAVIOURS.update({options.also + name: behaviour for name, behaviour in BEHAVIOURS.items()})
    server = await asyncio.start_server(
        lambda r, w: serve(r, w, options.key, options.good), "127.0.0.1", options.port, backlog=512
    )
    print("PORT", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
