"""A model flock serves itself: its file, where it came from, how it is to be loaded.

Owns the value that travels between own_models.py, supervisor.py and registry.py. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flock.contract.models import ModelConfig
from flock.engines.window import Window


@dataclass(frozen=True, slots=True)
class OwnModel:
    """A model flock serves itself. `window` is settled for the built-in model, chosen at each start for others;
    `created_at` is an epoch; `kind` is what its file said when it was looked at, "" when it could not be.

    `source` is contract.models.Model.source; `engine` the kind of engine it was added for, "" for any that can;
    `config` what was set for it; `projector` its image half. `files` are what flock fetched for it, `sha256` their
    checksums by path; `pulled`: an Ollama has it since flock asked for it. `peak_bytes` is the most memory it was seen
    to take with the settings whose mark is `peak_of`.
    """

    id: str
    path: Path
    source: str
    created_at: float = 0.0
    window: Window | None = None
    note: str = ""
    kind: str = ""
    engine: str = ""
    config: ModelConfig = field(default_factory=ModelConfig)
    family: str = ""
    quant: str = ""
    license: str = ""
    projector: Path | None = None
    files: tuple[Path, ...] = ()
    sha256: Mapping[str, str] = field(default_factory=dict[str, str])
    pinned: bool = False
    priority: int = 0
    peak_bytes: int | None = None
    peak_of: str = ""
    last_used_at: float | None = None
    pulled: bool = False
