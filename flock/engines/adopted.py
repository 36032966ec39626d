"""An engine somebody else runs: where it is, what it serves, whether it answers.

Owns the reading of its URL and the questions put to it. Refuses to start, stop or change it. Tolerates the manners of
MLX-LM (HTTP/1.0; an empty body for /v1/models when its cache is missing). Called by registry.py.
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

from flock.errors import EngineUnreachable, FlockError, InvalidRequest, NotAllowed
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
    def url(self) -> str:
        """The base URL without `/v1` and without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{self.prefix}"


@dataclass(frozen=True, slots=True)
class Probe:
    """What an engine said: its models with their windows in tokens (None when it does not tell), its kind
    (llamacpp, vllm, ollama, mlx or openai) and its version, "" when it does not tell.
    """

    models: tuple[tuple[str, int | None], ...]
    kind: str
    version: str


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


async def probe(session: aiohttp.ClientSession, address: Address, key: str = "", known: Probe | None = None) -> Probe:
    """Ask an engine which models it serves, and, unless `known` tells it from before, what it is.

    Raises EngineUnreachable when nothing answers within PROBE_SECONDS, NotAllowed when it wants a key or another one,
    InvalidRequest when what answers is no OpenAI-compatible server.
    """
    url = f"{address.url}/v1/models"
    status, headers, body = await fetch(session, url, key)
    if status in (401, 403):
        wants = "refuses the key it was given" if key else "wants an API key"
        raise NotAllowed(
            f"the engine at {address.url} {wants} (HTTP {status})",
            hint=f"flock engine attach {address.url} < key.txt",
        )
    if status >= 500:
        raise EngineUnreachable(f"the engine at {address.url} answers HTTP {status} to GET /v1/models")
    found = _models(body)
    if status != 200 or found is None:
        raise InvalidRequest(
            f"what answers at {address.url} is no OpenAI-compatible server: GET /v1/models gave HTTP {status}"
            + ("" if status != 200 else " and no list of models"),
            hint=f"curl -i {url}",
        )
    models, owners = found
    if known is not None and known.models and {m for m, _ in known.models} == {m for m, _ in models}:
        return known
    kind = guess_kind(headers, owners)
    return await _with_details(session, address, key, Probe(models, kind, ""))


def guess_kind(headers: Mapping[str, str], owners: frozenset[str]) -> str:
    """Return the kind of an engine from the headers and the owners in its list of models."""
    server = headers.get("Server", "").lower()
    if server.startswith("llama.cpp") or "llamacpp" in owners:
        return "llamacpp"
    if "vllm" in owners:
        return "vllm"
    if "library" in owners or "ollama" in owners:
        return "ollama"
    if server.startswith("basehttp") and not owners:
        # mlx_lm.server is the one engine on Python's own HTTP server, and names no owner
        return "mlx"
    return "openai"


async def props_version(session: aiohttp.ClientSession, port: int, key: str) -> str:
    """Return the build a llama.cpp server on this machine names, "" when it names none."""
    props = await _fetch_object(session, f"http://127.0.0.1:{port}/props", key)
    return str(props.get("build_info", ""))


async def _with_details(session: aiohttp.ClientSession, address: Address, key: str, seen: Probe) -> Probe:
    if seen.kind == "llamacpp":
        props = await _fetch_object(session, f"{address.url}/props", key)
        settings = cast("dict[str, Any]", props.get("default_generation_settings") or {})
        window = settings.get("n_ctx") if len(seen.models) == 1 else None
        models = tuple((m, window if isinstance(window, int) and window else c) for m, c in seen.models)
        return Probe(models, seen.kind, str(props.get("build_info", "")))
    path = {"vllm": "/version", "ollama": "/api/version"}.get(seen.kind)
    if path is None:
        return seen
    answer = await _fetch_object(session, address.url + path, key)
    return Probe(seen.models, seen.kind, str(answer.get("version", "")))


async def fetch(session: aiohttp.ClientSession, url: str, key: str = "") -> tuple[int, Mapping[str, str], bytes]:
    """Return status, headers and body of a GET. Raises EngineUnreachable naming the URL."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    limit = aiohttp.ClientTimeout(total=PROBE_SECONDS)
    try:
        async with session.get(url, headers=headers, timeout=limit, allow_redirects=False) as answer:
            body = await answer.content.read(_ANSWER_MAX)
            while len(body) < _ANSWER_MAX and (more := await answer.content.read(_ANSWER_MAX)):
                body += more
            return answer.status, answer.headers, body
    except TimeoutError:
        slow = f"nothing answers at {url} within {PROBE_SECONDS:.0f} s"
        raise EngineUnreachable(slow, details={"timeout": True}) from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise EngineUnreachable(f"nothing answers at {url}: {_why(error)}") from None


async def _fetch_object(session: aiohttp.ClientSession, url: str, key: str) -> dict[str, Any]:
    """Return the JSON object behind a URL, {} when there is none: details are never worth a failure."""
    try:
        status, _, body = await fetch(session, url, key)
        found: Any = json.loads(body) if status == 200 else {}
    except (FlockError, ValueError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _models(body: bytes) -> tuple[tuple[tuple[str, int | None], ...], frozenset[str]] | None:
    """Return models and owners of a /v1/models body; None when it is no such list."""
    if not body.strip():
        return (), frozenset()
    try:
        found: Any = json.loads(body)
    except ValueError:
        return None
    data: Any = cast("dict[str, Any]", found).get("data") if isinstance(found, dict) else None
    if data is None and isinstance(found, dict) and "data" in found:
        data = []  # an Ollama without models says null
    if not isinstance(data, list):
        return None
    models: dict[str, int | None] = {}
    owners: set[str] = set()
    for item in cast("list[Any]", data):
        if not isinstance(item, dict):
            continue
        row = cast("dict[str, Any]", item)
        if isinstance(row.get("id"), str) and row["id"]:
            models[row["id"]] = _window(row)
        if isinstance(row.get("owned_by"), str):
            owners.add(row["owned_by"])
    return tuple(models.items()), frozenset(owners)


def _window(row: dict[str, Any]) -> int | None:
    meta: Any = row.get("meta")
    for value in (row.get("max_model_len"), row.get("context_length"), row.get("context_window")):
        if isinstance(value, int) and value > 0:
            return value
    if isinstance(meta, dict):
        trained = cast("dict[str, Any]", meta).get("n_ctx_train")
        return trained if isinstance(trained, int) and trained > 0 else None
    return None


def _why(error: Exception) -> str:
    inner: Any = getattr(error, "os_error", None) or error
    # asyncio puts its own words into strerror; a failed look-up of a name has an errno that is none
    if isinstance(inner, OSError) and inner.errno and inner.errno > 0 and not isinstance(inner, socket.gaierror):
        return os.strerror(inner.errno).lower()
    words = getattr(inner, "strerror", None) or str(inner) or type(inner).__name__
    return one_line(str(words), 120)
