"""What an engine is: facts and pure functions, the same for every program that can serve a model.

Owns the Protocol `Engine`, the values that travel with it and the settings the registry reads. Refuses to spawn, to
read configuration and to keep state: process.py spawns, supervisor.py keeps state. Called by supervisor.py and
registry.py; written by one file per engine.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """One model to be served by one process.

    `context` is the window of each slot in tokens; `threads`, `batch` and `micro_batch` of 0 leave the choice to the
    engine; `cache_mib` bounds the prompt cache it keeps in memory. `key` is what every request must carry. `kind` is
    chat, embedding or rerank; `pooling` ("mean", "") is how an embedding model makes one vector of a text where its
    file does not say.
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


@dataclass(frozen=True, slots=True)
class Found:
    """An engine that is usable here: where it is and which version, "" where only starting it would tell."""

    where: str
    version: str = ""


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
    def ready_path(self) -> str:
        """The path that answers 200, with the key, once the model is loaded."""
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


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """The part of the configuration that concerns engines.

    `preferred` is "", llamacpp or embedded; `endpoints` maps a kind (ollama, vllm, whisper …) to the URL of a
    server that runs already, `sources` the same kind to what named it ("FLOCK_VLLM_ENDPOINT").
    """

    preferred: str = ""
    endpoints: Mapping[str, str] = field(default_factory=dict[str, str])
    sources: Mapping[str, str] = field(default_factory=dict[str, str])
    vllm_key: str = field(default="", repr=False)
