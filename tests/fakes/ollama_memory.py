"""What the fake Ollama has: its models, which of them are loaded with which window, and until when.

Owns names, sizes, loads and durations; does no I/O. The rules are those of ollama/ollama's server (`server/sched.go`,
`api/types.go`): another `num_ctx` loads a model again, `keep_alive` 0 unloads it, a window is capped by what the model
was trained with. Used by ollama.py.
"""

import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

Body = dict[str, Any]
KEEP = 300.0  # seconds a model stays, unless a request says otherwise
FOREVER = 9_223_372_036.0  # seconds: what a negative keep_alive is
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


@dataclass(frozen=True, slots=True)
class Model:
    """One model: `trained` is its largest window, `weights` and `per_token` the bytes it takes when it is loaded."""

    name: str
    capabilities: tuple[str, ...] = ("completion", "tools")
    family: str = "llama"
    trained: int = 131072
    weights: int = 2_000_000_000
    per_token: int = 100_000
    about: str = ""

    def size(self, window: int) -> int:
        """Return the bytes it takes with a window."""
        return self.weights + window * self.per_token


# The faults that a name stands for; the same words order one for the next request at /arm.
FAULTS = {
    "breaks": "an error as a line in mid-stream",
    "dies": "the process ends in mid-stream",
    "cuts": "the connection is torn off in mid-stream",
    "busy": "status 503, as a full queue",
    "garbled": "bytes that are no UTF-8 in the answer",
    "fails": "status 500 before the first line",
    "endless": "goes on until the other side closes",
}
MODELS = (
    Model("scripted:latest", about="answers by the script"),
    Model("thinker:8b", ("completion", "tools", "thinking"), "qwen3", 40960, 5_000_000_000, about="thinks first"),
    Model("seer:7b", ("completion", "vision"), "llava", 32768, about="takes pictures, and no tools"),
    Model("tiny:1b", trained=8192, weights=800_000_000, about="has a small window"),
    Model("embedder:latest", ("embedding",), "nomic-bert", 2048, 270_000_000, 0, about="embeds"),
    *(Model(f"{name}:latest", about=about) for name, about in FAULTS.items()),
)


@dataclass(slots=True)
class Loaded:
    """A model in memory: its window, until when it stays, what it was asked last."""

    model: Model
    window: int
    until: float
    last: str | None = None


def digest(name: str) -> str:
    """Return a model's digest."""
    return sha256(f"fake {name}".encode()).hexdigest()


def seconds_of(keep: Any) -> float:
    """Return the seconds of a `keep_alive`. Raises ValueError with the server's words for what is none."""
    if keep is None:
        return KEEP
    if isinstance(keep, int | float) and not isinstance(keep, bool):
        return FOREVER if keep < 0 else float(keep)
    if not isinstance(keep, str):
        raise ValueError(f"Unsupported type: '{type(keep).__name__}'")
    text = keep.removeprefix("-").removeprefix("+")
    found = _DURATION.findall(text)
    if text != "0" and (not found or "".join(number + unit for number, unit in found) != text):
        raise ValueError(f'time: invalid duration "{keep}"')
    seconds = sum(float(number) * _UNITS[unit] for number, unit in found)
    return FOREVER if keep.startswith("-") and seconds else seconds


@dataclass(slots=True)
class Memory:
    """The models, and the memory they are in: `room` bytes. `default` is the window of a request that asks for none."""

    models: dict[str, Model]
    default: int = 4096
    room: int = 1 << 62
    loaded: dict[str, Loaded] = field(default_factory=dict)
    loads: dict[str, int] = field(default_factory=dict)

    def find(self, name: str) -> Model | None:
        """Return the model of a name, with or without its tag; None for none."""
        return self.models.get(name if ":" in name.rpartition("/")[2] else f"{name}:latest")

    def load(self, model: Model, asked: int | None, keep: float, now: float) -> tuple[Loaded, bool]:
        """Return the loaded model and whether it was loaded for this. Raises MemoryError with the server's words."""
        self.expire(now)
        window = min(asked or self.default, model.trained)
        held = self.loaded.get(model.name)
        fresh = held is None or held.window != window
        if fresh:
            if (size := model.size(window)) > self.room:
                need, have = f"{size / 2**30:.1f} GiB", f"{self.room / 2**30:.1f} GiB"
                raise MemoryError(f"model requires more system memory ({need}) than is available ({have})")
            held = self.loaded[model.name] = Loaded(model, window, now)
            self.loads[model.name] = self.loads.get(model.name, 0) + 1
            self._make_room(model.name)
        assert held is not None
        held.until = now + keep
        return held, fresh

    def _make_room(self, kept: str) -> None:
        """Unload others, the longest idle first, until all fit."""
        for name in sorted(self.loaded, key=lambda name: self.loaded[name].until):
            if sum(one.model.size(one.window) for one in self.loaded.values()) <= self.room:
                return
            if name != kept:
                del self.loaded[name]

    def unload(self, model: Model) -> None:
        """Forget a model."""
        self.loaded.pop(model.name, None)

    def expire(self, now: float) -> None:
        """Unload what has been idle for its time."""
        self.loaded = {name: one for name, one in self.loaded.items() if one.until > now}


def details(model: Model) -> Body:
    """Return what every list says of a model."""
    return {
        "parent_model": "",
        "format": "gguf",
        "family": model.family,
        "families": [model.family],
        "parameter_size": "3.2B",
        "quantization_level": "Q4_K_M",
    }


def shown(model: Model) -> Body:
    """Return what /api/show says of a model."""
    info: Body = {
        "general.architecture": model.family,
        "general.parameter_count": 3_212_749_888,
        f"{model.family}.context_length": model.trained,
    }
    return {
        "license": "none",
        "modelfile": f"FROM {model.name}\n",
        "parameters": "temperature 0.6",
        "template": "{{ .Prompt }}",
        "details": details(model),
        "model_info": info,
        "capabilities": list(model.capabilities),
        "modified_at": "2026-08-21T18:48:22.123456789-07:00",
    }
