"""What an engine's list of models does not say: which kind each model is, its window, the engine's version.

Owns the questions for each kind of engine. None of them generates, and none is put again while the list stays the same
but for what an Ollama has loaded. Refuses to fail: what is not told stays unknown. Called by probe.py.
"""

import asyncio
from dataclasses import replace
from typing import Any, cast

import aiohttp

from flock.engines.adopted import Address, Asker, Probe, Served
from flock.errors import EngineUnreachable
from flock.upstream import ABILITIES

# An Ollama may have hundreds of models; it is asked for a few at a time
_SHOWN_AT_ONCE = 4
# POST {} is refused before anything is computed: 400 where a server does the task, 501 where it was not started for it.
# Seen in builds 11549 and 11669; one that embeds or reranks does nothing else.
_LLAMACPP_TASKS = (("/v1/rerank", "rerank"), ("/v1/embeddings", "embedding"))
# vLLM has only the routes of what its model can do: 405 for a GET of one, 404 of all others. Seen in 0.32; one that
# takes sound and chats has both, one that embeds also scores.
_VLLM_TASKS = (
    ("/v1/chat/completions", "chat"),
    ("/v1/embeddings", "embedding"),
    ("/v1/rerank", "rerank"),
    ("/v1/audio/transcriptions", "transcription"),
)


async def details(asker: Asker, seen: Probe, known: Probe | None) -> Probe:
    """Return what an engine says of the models it lists, as far as `known` does not tell it from before."""
    if seen.kind == "ollama":
        return await _ollama(asker, seen, known if known is not None and known.kind == "ollama" else None)
    if known is not None and known.whole and _same_models(known, seen):
        return known
    if seen.kind == "llamacpp":
        return await _llamacpp(asker, seen)
    if seen.kind == "vllm":
        return await _vllm(asker, seen)
    return _all(seen, "chat") if seen.kind == "mlx" else seen


async def props_version(session: aiohttp.ClientSession, port: int, key: str) -> str:
    """Return the build a llama.cpp server on this machine names, "" when it names none."""
    asker = Asker(session, Address("127.0.0.1", port, tls=False, prefix=""), key)
    return str((await asker.fetch_object("/props") or {}).get("build_info", ""))


def _same_models(known: Probe, seen: Probe) -> bool:
    models = {m.model for m in known.models}
    return bool(models) and known.kind == seen.kind and models == {m.model for m in seen.models}


def _all(seen: Probe, kind: str) -> Probe:
    return replace(seen, models=tuple(replace(m, kind=m.kind or kind) for m in seen.models))


async def _llamacpp(asker: Asker, seen: Probe) -> Probe:
    props = await asker.fetch_object("/props")
    found = props or {}
    seen = replace(seen, version=str(found.get("build_info", "")), whole=props is not None)
    if len(seen.models) != 1 or found.get("role") == "router":
        return seen  # a router starts a server for whatever is asked of a model
    settings: Any = found.get("default_generation_settings")
    window: Any = cast("dict[str, Any]", settings).get("n_ctx") if isinstance(settings, dict) else None
    (model,) = seen.models
    if isinstance(window, int) and window:
        seen = replace(seen, models=(replace(model, context=window),))
    statuses = [await _status(asker, path, {}) for path, _ in _LLAMACPP_TASKS]
    if None in statuses:
        return replace(seen, whole=False)
    does = [kind for (_, kind), status in zip(_LLAMACPP_TASKS, statuses, strict=True) if status == 400]
    return _all(seen, does[0] if does else "chat")


async def _vllm(asker: Asker, seen: Probe) -> Probe:
    answer = await asker.fetch_object("/version")
    seen = replace(seen, version=str((answer or {}).get("version", "")), whole=answer is not None)
    statuses = await asyncio.gather(*(_status(asker, path) for path, _ in _VLLM_TASKS))
    if None in statuses:
        return replace(seen, whole=False)
    does = [kind for (_, kind), status in zip(_VLLM_TASKS, statuses, strict=True) if status == 405]
    # before vLLM looked at its model, it had every route
    return _all(seen, does[0] if 0 < len(does) < len(_VLLM_TASKS) else "")


async def _status(asker: Asker, path: str, body: dict[str, Any] | None = None) -> int | None:
    try:
        return (await asker.fetch(path, body))[0]
    except EngineUnreachable:
        return None


async def _ollama(asker: Asker, seen: Probe, known: Probe | None) -> Probe:
    """Return kinds, windows and sizes of an Ollama's models; each is asked for once while its size stays the same."""
    tags, loaded = await asyncio.gather(asker.fetch_object("/api/tags"), asker.fetch_object("/api/ps"))
    sizes = {name: row.get("size") for name, row in _rows(tags).items()}
    windows = {name: row.get("context_length") for name, row in _rows(loaded).items()}
    before = {m.model: m for m in known.models} if known is not None else {}
    turns = asyncio.Semaphore(_SHOWN_AT_ONCE)

    async def shown(model: Served) -> Served:
        model = replace(model, size_bytes=_count(sizes.get(model.model)), context=_count(windows.get(model.model)))
        old = before.get(model.model)
        if old is not None and old.size_bytes == model.size_bytes and old.kind:
            return replace(old, context=model.context)
        async with turns:
            facts = await asker.fetch_object("/api/show", {"model": model.model})
        if facts is None:
            return model
        kind, largest, able = _ollama_kind(facts), _ollama_window(facts), _ollama_abilities(facts)
        return replace(model, kind=kind, largest=largest, abilities=able)

    models = tuple(await asyncio.gather(*(shown(model) for model in seen.models)))
    version = known.version if known is not None else ""
    version = version or str((await asker.fetch_object("/api/version") or {}).get("version", ""))
    held = sum(_count(row.get("size")) or 0 for row in _rows(loaded).values())
    return Probe(models, "ollama", version, whole=all(model.kind for model in models), held_bytes=held)


def _ollama_kind(facts: dict[str, Any]) -> str:
    """Return the kind of a model from /api/show; older Ollamas tell no capabilities, but the file's header."""
    able: Any = facts.get("capabilities")
    if isinstance(able, list):
        return "embedding" if "embedding" in able and "completion" not in able else "chat"
    header = _header(facts)
    if any(key.endswith(".pooling_type") for key in header):
        return "embedding"
    return "chat" if header else ""


def _ollama_abilities(facts: dict[str, Any]) -> frozenset[str] | None:
    able: Any = facts.get("capabilities")
    return ABILITIES.intersection(map(str, cast("list[Any]", able))) if isinstance(able, list) else None


def _ollama_window(facts: dict[str, Any]) -> int | None:
    header = _header(facts)
    return _count(header.get(f"{header.get('general.architecture', '')}.context_length"))


def _header(facts: dict[str, Any]) -> dict[str, Any]:
    header: Any = facts.get("model_info")
    return cast("dict[str, Any]", header) if isinstance(header, dict) else {}


def _rows(answer: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Return the rows of /api/tags or /api/ps by the model's name."""
    rows: Any = (answer or {}).get("models")
    found: dict[str, dict[str, Any]] = {}
    for item in cast("list[Any]", rows) if isinstance(rows, list) else []:
        if isinstance(item, dict):
            row = cast("dict[str, Any]", item)
            found[str(row.get("name") or row.get("model") or "")] = row
    return found


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
