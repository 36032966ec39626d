"""A model as the store keeps it, and as it travels: the two sides of `OwnModel` and `ModelEntry`.

Owns the names under which facts are kept. What a later flock wrote and this one does not know is left alone, what does
not fit is left out: a model must load with what is known of it. Pure. Called by own_models.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Protocol, cast

from flock.contract import codec
from flock.contract.models import ModelConfig
from flock.engines.own_model import OwnModel
from flock.errors import InvalidRequest
from flock.store.entries import ModelEntry

# the texts among the facts of a model, beside `projector` and `sha256`
_TEXTS = ("kind", "family", "quant", "license", "note")


class StoredModels(Protocol):
    """The added models that outlive the daemon (store.models)."""

    async def all(self) -> Sequence[ModelEntry]:
        """Return all of them."""
        ...

    async def insert(self, entry: ModelEntry, /) -> None:
        """Add one."""
        ...

    async def update(self, entry: ModelEntry, /) -> None:
        """Write one anew."""
        ...

    async def delete(self, id: str, /) -> None:
        """Delete one."""
        ...


def restored(entry: ModelEntry, kind: str = "") -> OwnModel:
    """Return a stored model; `kind` is what its file says now, which counts more than what it said once."""
    facts = entry.facts
    told = {name: str(facts.get(name, "")) for name in _TEXTS}
    projector = str(facts.get("projector", ""))
    sums = facts.get("sha256")
    return OwnModel(
        id=entry.id,
        path=Path(entry.path),
        source=entry.source or f"file:{entry.path}",
        created_at=entry.created_at,
        engine=entry.engine,
        config=config_of(entry.config),
        projector=Path(projector) if projector else None,
        files=tuple(Path(file) for file in entry.files),
        sha256={str(k): str(v) for k, v in cast("dict[Any, Any]", sums).items()} if isinstance(sums, dict) else {},
        pinned=entry.pinned,
        priority=entry.priority,
        peak_bytes=entry.peak_bytes,
        peak_of=entry.peak_of,
        last_used_at=entry.last_used_at,
        kind=kind or told["kind"],
        family=told["family"],
        quant=told["quant"],
        license=told["license"],
        note=told["note"],
        pulled=facts.get("pulled") is True,
    )


def kept(model: OwnModel, *, loaded: bool) -> ModelEntry:
    """Return a model as the store keeps it; `loaded` is whether it is in memory now."""
    facts: dict[str, object] = {name: value for name in _TEXTS if (value := getattr(model, name))}
    if model.projector is not None:
        facts["projector"] = str(model.projector)
    if model.pulled:
        facts["pulled"] = True
    if model.sha256:
        facts["sha256"] = dict(model.sha256)
    return ModelEntry(
        id=model.id,
        # Path("") is the current directory, "."; a model that an Ollama keeps has no path
        path="" if model.path == Path() else str(model.path),
        created_at=model.created_at,
        # a file of the user's own says where it came from by its path
        source="" if model.source == f"file:{model.path}" else model.source,
        engine=model.engine,
        config=settings_of(model.config),
        facts=facts,
        files=tuple(str(file) for file in model.files),
        pinned=model.pinned,
        priority=model.priority,
        loaded=loaded,
        peak_bytes=model.peak_bytes,
        peak_of=model.peak_of,
        last_used_at=model.last_used_at,
    )


def config_of(settings: Mapping[str, object]) -> ModelConfig:
    """Return the settings of a model out of those that were kept; one that does not fit is left to flock."""
    found: dict[str, object] = {}
    for item in fields(ModelConfig):
        if item.name not in settings:
            continue
        try:
            one = codec.from_plain(ModelConfig, {item.name: settings[item.name]})
        except InvalidRequest:
            continue
        found[item.name] = getattr(one, item.name)
    return ModelConfig(**cast("dict[str, Any]", found))


def settings_of(config: ModelConfig) -> dict[str, object]:
    """Return the settings that are set, as they are kept."""
    return {
        item.name: value
        for item in fields(ModelConfig)
        if item.default is not MISSING and (value := getattr(config, item.name)) != item.default
    }
