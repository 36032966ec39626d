"""The Ollama engine where flock starts it itself: one `ollama serve`, on the user's own store of models.

Owns its command line, where Ollama's own variable says that one runs already, and the knowledge of an Ollama whose
runner is missing. Which of them is used is own_ollama.py's, and ollama.py talks to either. It takes no key.
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
DEFAULT_PORT = 11434
_PLACE = re.compile(r"^(?P<host>\[[0-9a-fA-F:]*\]|[^:\[\]]*)(:(?P<port>\d{0,5}))?$")
_LOOPBACK = ("127.0.0.1", "localhost", "0.0.0.0", "::1", "::")
CASK = "brew uninstall ollama && brew install --cask ollama"


class OllamaServer:
    """An `ollama serve` of flock's own, which keeps a model in memory for `keep_seconds` after its last request, 0 for
    ever. A model's tag stands where others have a path.
    """

    kind = "ollama"
    title = "Ollama"
    formats = frozenset({"ollama"})
    kinds = frozenset({"", "chat", "embedding"})
    # beside 11434, its own default, which stays the user's
    first_port = 11435
    ready_path = "/api/version"
    holds_stdin = False
    bind_failures = ("address already in use",)

    def __init__(self, search: Search | None = None, keep_seconds: float = 0.0) -> None:
        self.search = search or Search()
        self._keep = f"{keep_seconds:g}s" if keep_seconds > 0 else "-1"

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
            # flock asks for a window with each request; without one it is the user's or Ollama's choice
            **({"OLLAMA_CONTEXT_LENGTH": str(spec.context)} if spec.context else {}),
            **({"OLLAMA_NUM_PARALLEL": str(spec.slots)} if spec.slots else {}),
            "OLLAMA_KEEP_ALIVE": self._keep,
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


def default_url(said: str) -> str:
    """Return where an Ollama would be by its own variable OLLAMA_HOST, at 127.0.0.1:11434 where that says nothing; ""
    for one on another machine, which is only adopted when it is named to flock. Read as its envconfig.Host does.
    """
    scheme, there, rest = said.strip().strip("\"'").rpartition("://")
    place = rest.partition("/")[0]
    found = _PLACE.match(place)
    if found is None or scheme not in ("", "http"):
        return ""
    host = found["host"].strip("[]") or "127.0.0.1"
    if host not in _LOOPBACK:
        return ""
    port = int(found["port"] or 0) or (80 if there else DEFAULT_PORT)
    return f"http://{'[::1]' if host in ('::1', '::') else '127.0.0.1'}:{port}" if port < 65536 else ""


def _newer() -> str:
    return "brew upgrade ollama" if os.path.exists("/opt/homebrew/bin/brew") else "flock engine install ollama"


def _lacks_runner(program: Path) -> bool:
    """Return whether an Ollama of Homebrew lies there alone; other packages put the runner where they like."""
    real = program.resolve()
    return "Cellar" in real.parts and not any((real.parent / place).exists() for place in _RUNNERS)
