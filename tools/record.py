#!/usr/bin/env python3
"""A recording proxy: stands between a real client and an upstream and keeps what the client sends, cleaned.

Owns the cleaning: keys and cookies are left out; ids of accounts, devices and sessions, home directories, the host's
and the user's name and addresses of mail are replaced by stand-ins of the same length, the same one each time, so that
what was equal stays equal and no byte moves. Listens on 127.0.0.1 only and never changes what the upstream gets, but
for the model's name where `--as` gives another. Called by people who make tests/corpus/recorded; the tests read files.
usage: python tools/record.py --upstream URL --out DIR [--port N] [--as MODEL] [--hide TEXT …]
       python tools/record.py --pack DIR --out FILE.jsonl.xz
"""

import argparse
import asyncio
import getpass
import json
import lzma
import re
import signal
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, web

SECRET_HEADERS = frozenset(
    ("authorization", "proxy-authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie", "set-cookie")
)
# of one connection, not of the request
_HOP_BY_HOP = frozenset(("host", "connection", "content-length", "transfer-encoding", "keep-alive", "accept-encoding"))

# Ids that tell one person, machine or conversation from another, by shape
_IDS = re.compile(
    r"(?<![0-9a-f])(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"  # accounts, sessions, threads
    r"|[0-9a-f]{64})(?![0-9a-f])"  # devices
)
_KEYS = re.compile(r"\bsk-[A-Za-z0-9_-]{16,}|\bey[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{10,}")
_MAIL = re.compile(r"\b(?!noreply@)[\w.+-]+@[\w-]+\.[a-z]{2,}\b")
_HOMES = re.compile(r"(?<![\w/<])(?:(/home/|/Users/)([A-Za-z0-9._-]+)|/root(?=/))")


class Cleaner:
    """Replaces what names a person, a machine or a session; the same text gets the same stand-in for ever."""

    def __init__(self, hidden: Iterable[str] = ()) -> None:
        own = (str(Path.home()), socket.gethostname(), getpass.getuser())
        # the longest first: a home directory holds the user's name; short ones such as "root" are words of any text
        names = sorted({*hidden, *(name for name in own if len(name) > 5)}, key=len, reverse=True)
        self._hidden = re.compile("|".join(re.escape(name) for name in names)) if names else None
        self._given: dict[str, str] = {}

    def text(self, text: str) -> str:
        """Return a text with stand-ins of the same length."""
        if self._hidden is not None:
            text = self._hidden.sub(lambda m: self._stand_in(m[0], "/" if m[0].startswith("/") else "x"), text)
        text = _IDS.sub(lambda m: self._numbered(m[0]), text)
        text = _KEYS.sub(lambda m: "x" * len(m[0]), text)
        text = _MAIL.sub(lambda m: "x" * (len(m[0]) - 7) + "@x.test" if len(m[0]) > 8 else "x" * len(m[0]), text)
        return _HOMES.sub(lambda m: (m[1] or "/") + "x" * len(m[2] or "root"), text)

    def _stand_in(self, found: str, first: str) -> str:
        return first + "x" * (len(found) - len(first))

    def _numbered(self, found: str) -> str:
        """Return hexadecimal digits that count the ids seen so far, in the shape of the id."""
        if found not in self._given:
            digits = f"{len(self._given) + 1:0{len(found.replace('-', ''))}x}"
            rest = iter(digits)
            self._given[found] = "".join("-" if c == "-" else next(rest) for c in found)
        return self._given[found]

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return headers by lower-case name, without those that hold secrets or belong to one connection."""
        left_out = SECRET_HEADERS | _HOP_BY_HOP
        return {k.lower(): self.text(v) for k, v in headers.items() if k.lower() not in left_out}

    def value(self, value: Any) -> Any:
        """Return a JSON value with every text in it cleaned."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {self.text(name): self.value(item) for name, item in value.items()}
        return value


class Recorder:
    """The proxy: one file for each request, numbered in the order of their arrival."""

    def __init__(self, upstream: str, out: Path, cleaner: Cleaner, model: str = "") -> None:
        self._upstream = upstream.rstrip("/")
        self._out = out
        self._cleaner = cleaner
        self._model = model
        self._count = len(list(out.glob("*.json")))

    def app(self) -> web.Application:
        """Return the one route there is."""
        app = web.Application(client_max_size=256 * 2**20)
        app.router.add_route("*", "/{rest:.*}", self.pass_on)
        return app

    async def pass_on(self, request: web.Request) -> web.StreamResponse:
        """Keep a request and pass it on, and its answer back as it comes."""
        raw = await request.read()
        body = self._keep(request, raw)
        if self._model and isinstance(body, dict) and "model" in body:
            raw = json.dumps({**body, "model": self._model}).encode()
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP_BY_HOP}
        async with (
            ClientSession(cookie_jar=DummyCookieJar(), timeout=ClientTimeout(total=None)) as session,
            session.request(
                request.method, self._upstream + request.path_qs, data=raw or None, headers=headers
            ) as answer,
        ):
            left_out = _HOP_BY_HOP | {"content-encoding"}
            response = web.StreamResponse(
                status=answer.status, headers={k: v for k, v in answer.headers.items() if k.lower() not in left_out}
            )
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response

    def _keep(self, request: web.Request, raw: bytes) -> Any:
        """Write a request down; return its body as it came, None where it is not JSON."""
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        self._count += 1
        clean = self._cleaner
        kept = {
            "method": request.method,
            "path": clean.text(request.path_qs),
            "headers": clean.headers(request.headers),
            "body": clean.value(body),
        }
        file = self._out / f"{self._count:03d}.json"
        file.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n", "utf-8")
        print(f"{file}: {request.method} {request.path} {len(raw)} bytes", flush=True)
        return body


def pack(directory: Path, file: Path) -> None:
    """Write the requests of a directory as lines of JSON into one compressed file.

    xz and not gzip: the turns of a session repeat each other over more than gzip's 32 kB.
    """
    lines = [json.dumps(json.loads(f.read_text("utf-8")), ensure_ascii=False) for f in sorted(directory.glob("*.json"))]
    file.write_bytes(lzma.compress("".join(f"{line}\n" for line in lines).encode(), preset=9 | lzma.PRESET_EXTREME))


async def record(recorder: Recorder, port: int) -> None:
    """Listen until told to end; prints "PORT n" first."""
    runner = web.AppRunner(recorder.app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print("PORT", runner.addresses[0][1], flush=True)
    end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    await end.wait()
    await runner.cleanup()


def main() -> None:
    """Read the command line and record, or pack what was recorded."""
    parser = argparse.ArgumentParser(description="record what a client sends")
    parser.add_argument("--upstream", help="where the requests go")
    parser.add_argument("--out", type=Path, required=True, help="the directory of the recordings, or the packed file")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--as", dest="model", default="", help="the model's name towards the upstream")
    parser.add_argument("--hide", action="append", default=[], help="a further text to replace; may be repeated")
    parser.add_argument("--pack", type=Path, help="pack this directory and end")
    options = parser.parse_args()
    if options.pack:
        pack(options.pack, options.out)
        return
    if not options.upstream:
        parser.error("--upstream is needed")
    options.out.mkdir(parents=True, exist_ok=True)
    asyncio.run(record(Recorder(options.upstream, options.out, Cleaner(options.hide), options.model), options.port))


if __name__ == "__main__":
    main()
