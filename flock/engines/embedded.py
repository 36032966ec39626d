"""The embedded engine: llama.cpp's HTTP server from the xllamacpp wheel, in a child of its own.

Owns the child's command line. Refuses to import xllamacpp here: 40 MB that only the child needs. Called by
supervisor.py.
"""

import importlib.metadata
import importlib.util
import sys
from pathlib import Path

import flock
from flock.engines.canaries import text_canary
from flock.engines.engine import Canary, Found, LaunchSpec
from flock.engines.llamacpp import ALL_LAYERS, flash_of, progress_of
from flock.engines.search import Search, package_version

# run by its path: the child needs nothing of flock, so flock need not be importable where it runs
CHILD = Path(__file__).with_name("embedded_child.py")
KEY_VARIABLE = "FLOCK_ENGINE_KEY"


def install_hint() -> str:
    """Return the command that brings the embedded engine: in a checkout it comes with everything else."""
    checkout = (Path(flock.__file__).parent.parent / "Makefile").exists()
    return "make up" if checkout else "flock engine install embedded"


class Embedded:
    """llama.cpp without anything to install beside flock."""

    kind = "embedded"
    title = "llama.cpp (embedded)"
    formats = frozenset({"gguf"})
    kinds = frozenset({"chat", "embedding", "rerank"})
    first_port = 8089
    # unlike /health, which needs no key and which a stranger on the port would answer too
    ready_path = "/v1/models"
    holds_stdin = True
    bind_failures = ("couldn't bind",)

    def __init__(self, search: Search | None = None) -> None:
        self._search = search or Search()

    def find(self) -> Found | None:
        """Return the wheel's version: of the one `flock engine install` brought, else of the one beside flock."""
        if python := self._installed():
            return Found(python, package_version(python, "xllamacpp") or "")
        module = importlib.util.find_spec("xllamacpp")
        if module is None or module.origin is None:
            return None
        return Found(module.origin, importlib.metadata.version("xllamacpp"))

    def _installed(self) -> str:
        """Return the Python that has the wheel, "" when it is not in a place of its own."""
        place = self._search.program(self.kind, "python")
        return place.where if place and not place.problem and package_version(place.where, "xllamacpp") else ""

    def argv(self, spec: LaunchSpec) -> list[str]:
        """Return the child's command line; `-P` keeps the current directory off its module path."""
        options: dict[str, object] = {
            "model": spec.model_path,
            "alias": spec.model_id,
            "port": spec.port,
            "context": spec.context * spec.slots,
            "slots": spec.slots,
            "threads": spec.threads,
            "batch": spec.batch,
            "micro-batch": spec.micro_batch,
            "cache-mib": spec.cache_mib,
            "kind": spec.kind,
            "pooling": spec.pooling,
            "kv-type": spec.kv_type,
            "flash": flash_of(spec),
            "gpu-layers": ALL_LAYERS if spec.gpu_layers is None else spec.gpu_layers,
        }
        options |= {
            name: path
            for name, path in (("draft", spec.draft), ("template", spec.template), ("projector", spec.projector))
            if path is not None
        }
        if spec.draft_tokens:
            options["draft-tokens"] = spec.draft_tokens
        python = self._installed() or sys.executable
        return [python, "-P", str(CHILD), *(f"--{name}={value}" for name, value in options.items())]

    def environment(self, spec: LaunchSpec) -> dict[str, str]:
        """Return the key's variable."""
        return {KEY_VARIABLE: spec.key}

    def served(self, spec: LaunchSpec) -> str:
        """Return "": its alias is the id."""
        return ""

    def canary(self, spec: LaunchSpec) -> Canary:
        """Return one token's worth of what the model does."""
        return text_canary(spec, spec.model_id)

    def loaded(self, line: str) -> float | None:
        """Return the share of the tensors that are read."""
        return progress_of(line)

    def missing_hint(self) -> str:
        """Return the command that installs it."""
        return install_hint()
