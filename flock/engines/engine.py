"""What an engine is: facts and pure functions, the same for every program that can serve a model.

Owns the Protocol `Engine`, the values that travel with it and the settings the registry reads. Refuses to spawn, to
read configuration and to keep state: process.py spawns, supervisor.py keeps state. Called by supervisor.py and
registry.py; written by one file per engine.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from flock.engines.kin import Kin


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """One model to be served by one process.

    `model_path` is its file, or the directory of its files; `context` the window of each slot in tokens; `threads`,
    `batch` and `micro_batch` of 0 leave the choice to the engine; `cache_mib` bounds the prompt cache it keeps in
    memory. `key` is what every request must carry. `kind` is a word of profile.KINDS; `pooling` ("mean", "") is how an
    embedding model makes one vector of a text where its file does not say. `kv_type` is f16, q8_0 or q4_0, `flash` on
    or off, "" for the engine's own choice; `gpu_layers` None for all there are; `draft` a small model that guesses
    `draft_tokens` ahead, 0 for the engine's own number; `template` a chat template's file; `projector` the image half;
    `windows` is how many whole windows the cache holds, 0 for as many as slots, and `cache_bytes` what it takes in all,
    0 when unknown; `tool_parser` and `reasoning_parser` the engine's words, "" for none; `memory_bytes` what it may
    take, for engines that take what they are given, 0 for no word about it.
    """

    model_id: str
    model_path: Path
    context: int
    slots: int
    port: int
    key: str = field(repr=False)
    threads: int = 0
    batch: int = 0
    micro_batch: int = 0
    cache_mib: int = 0
    kind: str = "chat"
    pooling: str = ""
    kv_type: str = ""
    flash: str = ""
    gpu_layers: int | None = None
    draft: Path | None = None
    draft_tokens: int = 0
    template: Path | None = None
    projector: Path | None = None
    tool_parser: str = ""
    reasoning_parser: str = ""
    trust_remote_code: bool = False
    memory_bytes: int = 0
    windows: int = 0
    cache_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Canary:
    """A question that an engine can only answer by generating: one token, half a second of silence, one word.

    `body` is sent to `path` with `content_type`; any answer of status 200 with a body counts.
    """

    path: str
    body: bytes
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Found:
    """An engine that is usable here: where it is and which version, "" where only starting it would tell.

    `problem` says why it cannot be used although it is there (too old, a part of it is missing), with `hint`; "" when
    it can.
    """

    where: str
    version: str = ""
    problem: str = ""
    hint: str = ""


class Engine(Protocol):
    """A program that serves one model over HTTP on loopback."""

    @property
    def kind(self) -> str:
        """The name of its profile in catalog/engines.yaml."""
        ...

    @property
    def title(self) -> str:
        """What people call it."""
        ...

    @property
    def formats(self) -> frozenset[str]:
        """What it loads: words of gguf, safetensors, mlx, whisper, piper."""
        ...

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of models it serves: words of profile.KINDS."""
        ...

    @property
    def first_port(self) -> int:
        """The first of its range of ports."""
        ...

    @property
    def ready_path(self) -> str:
        """The path that answers 200, with the key where it takes one, once the model is loaded."""
        ...

    @property
    def holds_stdin(self) -> bool:
        """Whether it exits when its standard input ends, so that it cannot outlive the daemon."""
        ...

    @property
    def bind_failures(self) -> tuple[str, ...]:
        """Words in its output that mean: the port was taken."""
        ...

    def find(self) -> Found | None:
        """Return where it is on this machine, None when it is not usable."""
        ...

    def argv(self, spec: LaunchSpec) -> list[str]:
        """Return the command line; it never holds a secret."""
        ...

    def environment(self, spec: LaunchSpec) -> dict[str, str]:
        """Return what is added to the environment; secrets go here."""
        ...

    def served(self, spec: LaunchSpec) -> str:
        """Return the model's name over there, "" where it is the id."""
        ...

    def canary(self, spec: LaunchSpec) -> Canary:
        """Return the question that shows that it generates."""
        ...

    def loaded(self, line: str) -> float | None:
        """Return how far a load is (0…1) by a line of the engine's output, None where the line does not tell."""
        ...

    def missing_hint(self) -> str:
        """Return the command that installs it, or that says how to."""
        ...


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """The part of the configuration that concerns engines; seconds and bytes.

    `preferred` is "" or a kind of engine; `paths` maps a kind to where the user says its program is; `endpoints` a kind
    (ollama, vllm, whisper …) to the URL of a server that runs already, `sources` the same kind to what named it
    ("FLOCK_VLLM_ENDPOINT"). `ollama_url` is where an Ollama is adopted when one answers there, "" for nowhere.
    `memory_bytes` is what models may take in all, 0 for what the machine has; `headroom_bytes` is left to others.
    `jit`: models load on the first request and leave after `idle_seconds` (0: never); `bound_seconds` is how long a
    model in memory may keep requests for others waiting; `queue_limit` how many requests may wait for one model;
    `exclusive`: one model in memory at a time. A ready engine is asked for a token every `probe_seconds` (0: never) and
    started again after `probe_failures` silences in a row. `kin` is what the catalog says of families.
    """

    preferred: str = ""
    paths: Mapping[str, str] = field(default_factory=dict[str, str])
    endpoints: Mapping[str, str] = field(default_factory=dict[str, str])
    sources: Mapping[str, str] = field(default_factory=dict[str, str])
    vllm_key: str = field(default="", repr=False)
    ollama_url: str = ""
    memory_bytes: int = 0
    headroom_bytes: int = 2 * 2**30
    jit: bool = True
    idle_seconds: float = 300.0
    bound_seconds: float = 30.0
    queue_limit: int = 256
    exclusive: bool = False
    probe_seconds: float = 30.0
    probe_failures: int = 3
    kin: Kin = field(default_factory=Kin)
