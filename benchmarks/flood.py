"""A door in front of a daemon's that passes everything on but the event feed, which it makes up: as busy as can be.

    python benchmarks/flood.py SOCKET REAL_SOCKET EVENTS_A_SECOND

Requests come, go through their stages and end, RUNNING at a time. Prints a line when it listens; ends with its standard
input. Used by screens.py; nothing here is flock's.
"""

import asyncio
import contextlib
import json
import sys
import time

STAGES = ("queued", "prefilling", "generating", "sending", "done")
RUNNING = 64
# written at a time: a hundredth of a second's worth, as a busy loop would
SLICES = 100


def event(number: int, at: str) -> bytes:
    """Return the frame of one event: of RUNNING requests each goes through its stages by turns."""
    turn, which = divmod(number, RUNNING)
    life, stage = divmod(turn, len(STAGES))
    data = {
        "stage": STAGES[stage],
        "model": "qwen3-8b",
        "user": f"user-{which % 9}",
        "engine": "embedded:qwen3-8b",
        "endpoint": "chat",
    }
    if STAGES[stage] == "done":
        data |= {
            "outcome": "ok",
            "status": 200,
            "error": "",
            "input_tokens": 812,
            "output_tokens": 96,
            "ttft_ms": 120.5,
            "tokens_per_second": 48.1,
            "elapsed_ms": 2110.4,
        }
    subject = f"req_{life:08x}{which:08x}"
    body = {"id": number, "at": at, "kind": "request.stage", "subject": subject, "data": data}
    return b"id: %d-flood\ndata: %s\n\n" % (number, json.dumps(body, separators=(",", ":")).encode())


async def flood(writer: asyncio.StreamWriter, rate: int) -> None:
    """Write events until the reader leaves."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    number, began = 0, time.monotonic()
    while True:
        due = int((time.monotonic() - began) * rate) - number
        if due > 0:
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            body = b"".join(event(number + i + 1, at) for i in range(due))
            number += due
            writer.write(b"%x\r\n%b\r\n" % (len(body), body))
            await writer.drain()
        await asyncio.sleep(1 / SLICES)


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on until they end."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


def serve(real: str, rate: int):  # type: ignore[no-untyped-def]
    """Return the handler of a connection: the feed is made up, everything else goes to the real socket."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            if b"/admin/v1/events" in head.partition(b"\r\n")[0]:
                await flood(writer, rate)
                return
            far_reader, far_writer = await asyncio.open_unix_connection(real)
            # one request each: on a connection that is kept, the feed would be asked for past this door
            far_writer.write(head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    return handle


async def main(socket: str, real: str, rate: int) -> None:
    """Listen until standard input ends."""
    server = await asyncio.start_unix_server(serve(real, rate), socket)
    print("listening", flush=True)
    await asyncio.to_thread(sys.stdin.buffer.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
