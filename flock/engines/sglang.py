"""The SGLang engine: `python -m sglang.launch_server`, on NVIDIA cards.

Owns its command line, written from its documentation (Server Arguments): no build of it runs on the machines the tests
run on, so tests/unit/engines/test_drivers.py holds the words of the command and nothing else. It takes a key on its
command line alone, where every user of the machine reads it, so it gets none. A draft model of flock's is not given to
it. Called by supervisor.py.
"""

import re

from flock.engines.canaries import text_canary
from flock.engines.engine import Canary, Found, LaunchSpec
from flock.engines.search import Search, python_engine

# the series whose documentation was read
LEAST = "0.5"
_LOADING = re.compile(r"Loading [\w ]+ checkpoint shards:\s+(\d+)%")


class Sglang:
    """SGLang."""

    kind = "sglang"
    title = "SGLang"
    formats = frozenset({"safetensors"})
    kinds = frozenset({"chat", "embedding"})
    # away from 30000, its own default
    first_port = 8300
    # /v1/models answers before the model has generated once, this answers 503 until then
    ready_path = "/health"
    holds_stdin = False
    bind_failures = ("address already in use",)

    def __init__(self, search: Search | None = None) -> None:
        self._search = search or Search()

    def find(self) -> Found | None:
        """Return where sglang is and its version."""
        return self._look()[1]

    def argv(self, spec: LaunchSpec) -> list[str]:
        """Return the command line; its cache holds so many whole windows for all requests together."""
        argv = [self._look()[0] or "python3", "-m", "sglang.launch_server", "--model-path", str(spec.model_path)]
        argv += ["--served-model-name", spec.model_id, "--host", "127.0.0.1", "--port", str(spec.port)]
        argv += ["--context-length", str(spec.context), "--max-running-requests", str(spec.slots)]
        argv += ["--max-total-tokens", str(spec.context * (spec.windows or spec.slots))]
        if spec.kv_type in ("q8_0", "q4_0"):
            argv += ["--kv-cache-dtype", "fp8_e5m2"]
        if spec.kind == "embedding":
            argv += ["--is-embedding"]
        for option, value in (
            ("--tool-call-parser", spec.tool_parser),
            ("--reasoning-parser", spec.reasoning_parser),
            ("--chat-template", spec.template),
        ):
            argv += [option, str(value)] if value else []
        return [*argv, *(["--trust-remote-code"] if spec.trust_remote_code else [])]

    def environment(self, spec: LaunchSpec) -> dict[str, str]:
        """Return what keeps it off the network."""
        return {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "DO_NOT_TRACK": "1"}

    def served(self, spec: LaunchSpec) -> str:
        """Return "": --served-model-name gives it the id."""
        return ""

    def canary(self, spec: LaunchSpec) -> Canary:
        """Return one token, or the vector of a word."""
        return text_canary(spec, spec.model_id)

    def loaded(self, line: str) -> float | None:
        """Return how many of the files are read; a line holds all the states of its bar."""
        found = _LOADING.findall(line)
        return int(found[-1]) / 100 if found else None

    def missing_hint(self) -> str:
        """Return the command that says how to install it."""
        return "flock engine install sglang"

    def _look(self) -> tuple[str, Found | None]:
        return python_engine(self._search, self.kind, "sglang", LEAST, "sglang")
