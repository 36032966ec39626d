"""The Ollama engine where flock starts it itself: `ollama serve` for one model, on the user's own store of models.

Owns its command line, and the knowledge of an Ollama whose runner is missing. Where an Ollama runs already it is
adopted instead (attached.py), and ollama.py talks to either. It takes no key. Called by supervisor.py.
"""

import os
import re
from pathlib import Path

from flock.engines.canaries import generate_canary
from flock.engines.engine import Canary, Found, LaunchSpec
from flock.engines.search import Search, is_older
from flock.paths import short

# OLLAMA_CONTEXT_LENGTH is from there on; without it every model gets a window of 2,048 or 4,096 tokens
LEAST = "0.5.13"
# From 0.30 on it needs a llama-server of its own, which it looks for beside itself alone; some packages lack it
# (github.com/ollama/ollama/issues/16643, github.com/Homebrew/homebrew-core/issues/285982).
_RUNNER_SINCE = "0.30"
_RUNNERS = (
    "lib/ollama/llama-server",
    "llama-server",
    "../lib/ollama/llama-server",
    "../libexec/lib/ollama/llama-server",
)
CASK = "brew uninstall ollama && brew install --cask ollama"


class OllamaServer:
    """An `ollama serve` of flock's own. The model's tag stands where others have a path."""

    kind = "ollama"
    title = "Ollama"
    formats = frozenset({"ollama"})
    kinds = frozenset({"", "chat", "embedding"})
    # beside 11434, its own default, which stays the user's
    first_port = 11435
    ready_path = "/api/version"
    holds_stdin = False
    bind_failures = ("address already in use",)

    def __init__(self, search: Search | None = None) -> None:
        self.search = search or Search()

    def find(self) -> Found | None:
        """Return where ollama is; its version once it was asked."""
        place = self.search.program(self.kind, "ollama")
        if place is None or place.problem:
            return place.unusable(self.kind) if place else None
        said = self.search.versions.of(place.where)
        if said is None or said.problem:
            return Found(place.where, problem=said.problem if said else "", hint=f"{place.where} --version")
        # "ollama version is 0.32.1", and with no server running "Warning: client version is 0.32.1"
        found = re.search(r"version is v?(\d[\w.]*)", " ".join(said.lines))
        version = found[1] if found else ""
        if is_older(version, LEAST):
            return Found(place.where, version, f"Ollama {version} is too old, {LEAST} or newer is needed", _newer())
        if version and not is_older(version, _RUNNER_SINCE) and _lacks_runner(Path(place.where)):
            problem = f"{short(place.where)} came without its llama-server, so it can load no GGUF"
            return Found(place.where, version, problem, CASK)
        return Found(place.where, version)

    def argv(self, spec: LaunchSpec) -> list[str]:
        """Return the command line."""
        place = self.search.program(self.kind, "ollama")
        return [place.where if place else "ollama", "serve"]

    def environment(self, spec: LaunchSpec) -> dict[str, str]:
        """Return where it listens and how it loads; OLLAMA_MODELS of the user's own is inherited."""
        return {
            "OLLAMA_HOST": f"127.0.0.1:{spec.port}",
            "OLLAMA_CONTEXT_LENGTH": str(spec.context),
            "OLLAMA_NUM_PARALLEL": str(spec.slots),
            # flock decides when a model leaves
            "OLLAMA_KEEP_ALIVE": "-1",
            # another Ollama may be pulling into the same store, and what it has not finished looks unused
            "OLLAMA_NOPRUNE": "1",
            **({"OLLAMA_FLASH_ATTENTION": "0" if spec.flash == "off" else "1"} if spec.flash else {}),
            **({"OLLAMA_KV_CACHE_TYPE": spec.kv_type} if spec.kv_type else {}),
        }

    def served(self, spec: LaunchSpec) -> str:
        """Return the tag."""
        return str(spec.model_path)

    def canary(self, spec: LaunchSpec) -> Canary:
        """Return one token, for which it loads the model."""
        return generate_canary(self.served(spec))

    def loaded(self, line: str) -> float | None:
        """Return None: it loads with the first question."""
        return None

    def missing_hint(self) -> str:
        """Return the command that says how to install it."""
        return "flock engine install ollama"

    def program(self) -> str:
        """Return the program to be asked for its version, "" when there is none."""
        place = self.search.program(self.kind, "ollama")
        return place.where if place and not place.problem else ""


def lacks_runner(said: str) -> bool:
    """Return whether what an Ollama said means that its runner is missing: CASK is what to run then."""
    return "llama-server binary not found" in said


def _newer() -> str:
    return "brew upgrade ollama" if os.path.exists("/opt/homebrew/bin/brew") else "flock engine install ollama"


def _lacks_runner(program: Path) -> bool:
    """Return whether an Ollama of Homebrew lies there alone; other packages put the runner where they like."""
    real = program.resolve()
    return "Cellar" in real.parts and not any((real.parent / place).exists() for place in _RUNNERS)
