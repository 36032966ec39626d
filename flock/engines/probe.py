"""What an adopted engine is and what it serves, asked of it.

Owns the order of the questions, the guess at its kind, and the reading of /v1/models. Tolerates the manners of MLX-LM
(HTTP/1.0; an empty body for /v1/models when its cache is missing) and of Ollama (null for no models). What is asked
beyond the list is in kinds.py, and in sound.py for engines that have no list. Called by watched.py and attached.py.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import aiohttp

from flock.engines import kinds, sound
from flock.engines.adopted import Address, Asker, Probe, Served
from flock.errors import EngineUnreachable, InvalidRequest, NotAllowed

# Words that servers use for what a model of their list does (Hugging Face's pipelines, in "task": speaches) → its kind
_TASK_WORDS = {
    "automatic-speech-recognition": "transcription",
    "feature-extraction": "embedding",
    "sentence-similarity": "embedding",
    "text-generation": "chat",
    "text-ranking": "rerank",
    "text-to-image": "image",
    "text-to-speech": "speech",
}
# An OpenAI-compatible server at a setting for sound: what it lists is for sound too, where it does not say otherwise
_SOUND_KINDS = {"whisper": "transcription", "piper": "speech"}


async def probe(
    session: aiohttp.ClientSession,
    address: Address,
    key: str = "",
    known: Probe | None = None,
    *,
    expected: str = "",
    name: str = "",
) -> Probe:
    """Ask an engine which models it serves, and, unless `known` tells it from before, what it and they are.

    `expected` is the kind that a setting says it is; `name` is what it is called, and so is a model that has no name.
    Raises EngineUnreachable when nothing answers within PROBE_SECONDS, NotAllowed when it wants a key or another one,
    InvalidRequest when what answers is nothing that flock knows.
    """
    asker = Asker(session, address, key)
    if known is not None and (still := await sound.again(asker, known)) is not None:
        return still
    status, headers, body = await asker.fetch("/v1/models")
    if status in (401, 403):
        wants = "refuses the key it was given" if key else "wants an API key"
        raise NotAllowed(
            f"the engine at {address.url} {wants} (HTTP {status})",
            hint=f"flock engine attach {address.url} < key.txt",
        )
    if status >= 500:
        raise EngineUnreachable(f"the engine at {address.url} answers HTTP {status} to GET /v1/models")
    found = _models(body) if status == 200 else None
    if found is None:
        heard = await sound.find(asker, headers, name)
        if heard is not None:
            return heard
        raise InvalidRequest(
            f"what answers at {address.url} is no OpenAI-compatible server: GET /v1/models gave HTTP {status}"
            + ("" if status != 200 else " and no list of models"),
            hint=f"curl -i {address.url}/v1/models",
        )
    models, owners = found
    if expected in _SOUND_KINDS:
        models = tuple(replace(m, kind=m.kind or _SOUND_KINDS[expected]) for m in models)
        return Probe(models, "openai", "")
    return await kinds.details(asker, Probe(models, expected or guess_kind(headers, owners), ""), known)


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


def _models(body: bytes) -> tuple[tuple[Served, ...], frozenset[str]] | None:
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
    models: dict[str, Served] = {}
    owners: set[str] = set()
    for item in cast("list[Any]", data):
        if not isinstance(item, dict):
            continue
        row = cast("dict[str, Any]", item)
        if isinstance(row.get("id"), str) and row["id"]:
            models[row["id"]] = _served(row)
        if isinstance(row.get("owned_by"), str):
            owners.add(row["owned_by"])
    return tuple(models.values()), frozenset(owners)


def _served(row: dict[str, Any]) -> Served:
    meta: Any = row.get("meta")
    facts = cast("dict[str, Any]", meta) if isinstance(meta, dict) else {}
    windows = (row.get("max_model_len"), row.get("context_length"), row.get("context_window"), facts.get("n_ctx_train"))
    context = next((value for value in windows if isinstance(value, int) and value > 0), None)
    size = facts.get("size")
    return Served(
        row["id"],
        context,
        kind=_TASK_WORDS.get(str(row.get("task", "")), ""),
        size_bytes=size if isinstance(size, int) and size > 0 else None,
    )
