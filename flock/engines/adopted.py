"""An engine somebody else runs: where it is, what it serves, and the way to ask it something.

Owns the reading of its URL, the word for what it said, and single questions: small, and over within PROBE_SECONDS.
Refuses to start, stop or change it. Called by probe.py, sound.py and kinds.py, which know what to ask.
"""

import json
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import aiohttp

from flock.errors import EngineUnreachable, FlockError, InvalidRequest
from flock.text import one_line

# A question to an engine that hangs; it is asked again ten seconds later.
PROBE_SECONDS = 3.0
# /v1/models of a large Ollama is 20 kB; anything beyond this is no list of models
_ANSWER_MAX = 4 * 2**20
_HOST = re.compile(r"^[A-Za-z0-9._:-]+$")


@dataclass(frozen=True, slots=True)
class Address:
    """Where an engine is; `prefix` is the path before `/v1`, "" or "/llm"."""

    host: str
    port: int
    tls: bool
    prefix: str

    @property
    def label(self) -> str:
        """Host and port: what an engine is called that was given no name."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The base URL without `/v1` and without a slash at the end."""
        return f"{'https' if self.tls else 'http'}://{self.label}{self.prefix}"


@dataclass(frozen=True, slots=True)
class Served:
    """A model of an adopted engine. `context` is its window now and `largest` the one it could be loaded with, in
    tokens, None when unknown; `kind` a word of profile.KINDS; `size_bytes` of its weights, None when unknown;
    `abilities` what a model that chats can do beside that (upstream.ABILITIES), None when unknown.
    """

    model: str
    context: int | None = None
    kind: str = ""
    largest: int | None = None
    size_bytes: int | None = None
    abilities: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """What an engine said: its models, its kind (a row of catalog/engines.yaml) and its version, "" when it does not
    tell. `whole` is False when a question about its models went without an answer, so that it is put again.
    `held_bytes` is what an Ollama says that its models take in memory, 0 for others.
    """

    models: tuple[Served, ...]
    kind: str
    version: str
    whole: bool = True
    held_bytes: int = 0


def parse_url(text: str) -> Address:
    """Read an engine's URL: with or without scheme (http then), `/v1` and a slash at the end.

    Raises InvalidRequest, which never repeats a password.
    """
    hint = "flock engine attach http://127.0.0.1:8000"
    full = text.strip() if "://" in text else f"http://{text.strip()}"
    try:
        parts = urlsplit(full)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise InvalidRequest(f'"{one_line(text, 80)}" is not a URL', hint=hint) from None
    if "@" in parts.netloc:
        raise InvalidRequest("a URL with a user name or password in it is not taken", hint="give the key by itself")
    if parts.scheme not in ("http", "https"):
        raise InvalidRequest(f'"{one_line(text, 80)}" is neither http nor https', hint=hint)
    if not _HOST.match(host) or port == 0:
        raise InvalidRequest(f'"{one_line(text, 80)}" names no host and port', hint=hint)
    if parts.query or parts.fragment:
        raise InvalidRequest(f'"{one_line(text, 80)}" has more than a path behind the host', hint=hint)
    path = parts.path.rstrip("/")
    tls = parts.scheme == "https"
    return Address(host, port or (443 if tls else 80), tls, path.removesuffix("/v1").rstrip("/"))


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks one engine: `key` is sent as Bearer, "" for none."""

    session: aiohttp.ClientSession
    address: Address
    key: str = ""

    async def fetch(self, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Mapping[str, str], bytes]:
        """Return status, headers and body of a GET, or of a POST with a JSON body. Raises EngineUnreachable."""
        return await fetch(self.session, self.address.url + path, self.key, body)

    async def fetch_object(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        """Return the JSON object behind a path, {} for anything else; None when no answer came."""
        try:
            status, _, answer = await self.fetch(path, body)
        except FlockError:
            return None
        return read_object(answer) if status == 200 else {}


async def fetch(
    session: aiohttp.ClientSession, url: str, key: str = "", body: Mapping[str, Any] | None = None
) -> tuple[int, Mapping[str, str], bytes]:
    """Return status, headers and body of a GET, or of a POST with a JSON body.

    Raises EngineUnreachable naming the URL.
    """
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    limit = aiohttp.ClientTimeout(total=PROBE_SECONDS)
    method = "GET" if body is None else "POST"
    try:
        async with session.request(
            method, url, headers=headers, json=body, timeout=limit, allow_redirects=False
        ) as answer:
            found = await answer.content.read(_ANSWER_MAX)
            while len(found) < _ANSWER_MAX and (more := await answer.content.read(_ANSWER_MAX)):
                found += more
            return answer.status, answer.headers, found
    except TimeoutError:
        slow = f"nothing answers at {url} within {PROBE_SECONDS:.0f} s"
        raise EngineUnreachable(slow, details={"timeout": True}) from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise EngineUnreachable(f"nothing answers at {url}: {_why(error)}") from None


def read_object(body: bytes) -> dict[str, Any]:
    """Return a body's JSON object, {} when it is none."""
    try:
        found: Any = json.loads(body)
    except ValueError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _why(error: Exception) -> str:
    inner: Any = getattr(error, "os_error", None) or error
    # asyncio puts its own words into strerror; a failed look-up of a name has an errno that is none
    if isinstance(inner, OSError) and inner.errno and inner.errno > 0 and not isinstance(inner, socket.gaierror):
        return os.strerror(inner.errno).lower()
    words = getattr(inner, "strerror", None) or str(inner) or type(inner).__name__
    return one_line(str(words), 120)
