"""The lists of models in this dialect's shape: /api/tags, /api/ps, /api/show and /api/version.

Does no I/O and chooses no models. Refuses to invent: what flock does not know of a model (its size, its quantisation,
how much of it is in which memory) is left out, or empty where clients need the field. Called by the door, which fills
the rows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from flock.dialects.ir import Json
from flock.dialects.ollama.words import API_VERSION, dumped, moment

# What Ollama tells of a model with `keep_alive: -1`: an hour of the year 2318 (now and 2^63 - 1 nanoseconds). A model
# that flock holds is not unloaded by a clock either.
FOREVER = "2318-01-01T00:00:00Z"
# The architecture that `model_info` names where the family is not known. Clients look up what it says in
# "general.architecture" and then "<that>.context_length".
_NO_FAMILY = "flock"
# kind of model → capabilities that all of the kind have: a chat model's calls are understood by flock where its engine
# does not
_CAPABILITIES: dict[str, tuple[str, ...]] = {
    "": ("completion", "tools"),
    "chat": ("completion", "tools"),
    "embedding": ("embedding",),
    "image": ("image",),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One model: its id, size in bytes (None: not known), kind (profile.KINDS), window in tokens (None: not known).

    `loaded`: it answers without being loaded first; `created`: epoch second; `vision`, `thinking`: known to have it;
    `family`: its architecture as GGUF files call it ("qwen3"), "" where it is not known.
    """

    id: str
    size: int | None = None
    kind: str = ""
    context: int | None = None
    loaded: bool = False
    created: int = 0
    vision: bool = False
    thinking: bool = False
    family: str = ""


def write_tags(rows: Iterable[Row]) -> bytes:
    """Return the body of `GET /api/tags`: all models."""
    return dumped({"models": [{**_head(row), "modified_at": moment(row.created)} for row in rows]})


def write_ps(rows: Iterable[Row]) -> bytes:
    """Return the body of `GET /api/ps`: those of the models that are loaded."""
    return dumped({"models": [_running(row) for row in rows if row.loaded]})


def write_show(row: Row) -> bytes:
    """Return the body of `POST /api/show`. The template is the engine's own and not told."""
    architecture = row.family or _NO_FAMILY
    info: Json = {"general.architecture": architecture, "general.basename": row.id}
    if row.context:
        info[f"{architecture}.context_length"] = row.context
    return dumped(
        {
            "modelfile": f"FROM {row.id}\n",
            "parameters": f"num_ctx {row.context}" if row.context else "",
            "template": "",
            "details": _details(row),
            "model_info": info,
            "capabilities": capabilities(row),
            "modified_at": moment(row.created),
        }
    )


def write_version(version: str = API_VERSION) -> bytes:
    """Return the body of `GET /api/version`: the version of Ollama whose API this is, by which clients decide."""
    return dumped({"version": version})


def capabilities(row: Row) -> list[str]:
    """Return what a model can do, in Ollama's words; [] for kinds Ollama has none for."""
    found = list(_CAPABILITIES.get(row.kind, ()))
    if "completion" in found:
        found += [word for word, has in (("vision", row.vision), ("thinking", row.thinking)) if has]
    return found


def digest(id: str) -> str:
    """Return what stands for a model's digest: the sha256 of its id, in hex.

    No hash of any weights: flock may not have them. The same id has the same one everywhere and for ever, which is all
    that clients use it for.
    """
    return sha256(id.encode("utf-8", "surrogatepass")).hexdigest()


def _head(row: Row) -> Json:
    size = {} if row.size is None else {"size": row.size}
    return {"name": row.id, "model": row.id, **size, "digest": digest(row.id), "details": _details(row)}


def _running(row: Row) -> Json:
    window = {"context_length": row.context} if row.context else {}
    return {**_head(row), "expires_at": FOREVER, **window}


def _details(row: Row) -> Json:
    """Return the details; Ollama's own list has these six always, and clients in JavaScript read them unasked."""
    return {
        "parent_model": "",
        "format": "",
        "family": row.family,
        "families": [row.family] if row.family else [],
        "parameter_size": "",
        "quantization_level": "",
    }
