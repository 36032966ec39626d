"""The llama.cpp engine: `llama-server` from PATH, preferred where there is one.

Owns its command line. Options that older builds do not know go through the environment, where an unknown name is
ignored; on the command line it would be refused. Called by supervisor.py.
"""

import re
import shutil
import sys

from flock.engines.canaries import words_canary
from flock.engines.engine import Canary, Found, LaunchSpec

# what a server is told that does not chat; it then does nothing else
KIND_OPTIONS = {"embedding": ("--embedding",), "rerank": ("--reranking",)}

# Weights are read, not mapped, on Linux. Where a processor has its own order for them (AMX, AVX-512, NEON: "repack") a
# mapped model is resident twice: 1,655 MB against 1,020 for one of 778 MB, at the same speed. On a Mac the graphics
# take the mapped pages as they are. The first is the name of builds from 2026 on, the second that of older ones.
READ_WHOLE = {"LLAMA_ARG_LOAD_MODE": "none", "LLAMA_ARG_NO_MMAP": "1"}
# More than any model has, as llama.cpp's own examples say it; builds before 2026 leave all on the processor unasked.
ALL_LAYERS = 999


class LlamaCpp:
    """llama.cpp's own server program. `path` is the search path, PATH of the environment when None."""

    kind = "llamacpp"
    title = "llama.cpp"
    formats = frozenset({"gguf"})
    kinds = frozenset({"chat", "embedding", "rerank"})
    first_port = 8089
    # unlike /health, which needs no key and which a stranger on the port would answer too
    ready_path = "/v1/models"
    holds_stdin = False
    bind_failures = ("couldn't bind", "address already in use")

    def __init__(self, path: str | None = None) -> None:
        self._path = path

    def find(self) -> Found | None:
        """Return where llama-server is; its version is known once it runs (GET /props)."""
        where = shutil.which("llama-server", path=self._path)
        return Found(where) if where else None

    def argv(self, spec: LaunchSpec) -> list[str]:
        """Return the command line; the context is the sum over the slots, since llama.cpp divides it."""
        argv = [shutil.which("llama-server", path=self._path) or "llama-server"]
        argv += ["--model", str(spec.model_path), "--alias", spec.model_id]
        argv += ["--host", "127.0.0.1", "--port", str(spec.port)]
        argv += ["--ctx-size", str(spec.context * spec.slots), "--parallel", str(spec.slots)]
        argv += ["--jinja", "--metrics", "--slots", "--props"]
        for option, value in (
            ("--threads", spec.threads),
            ("--batch-size", spec.batch),
            ("--ubatch-size", spec.micro_batch),
            ("--pooling", spec.pooling),
        ):
            argv += [option, str(value)] if value else []
        return [*argv, *KIND_OPTIONS.get(spec.kind, ())]

    def environment(self, spec: LaunchSpec) -> dict[str, str]:
        """Return the key and the options older builds may not know (names: `llama-server --help`)."""
        return {
            **(READ_WHOLE if sys.platform != "darwin" else {}),
            **({f"LLAMA_ARG_CACHE_TYPE_{half}": spec.kv_type for half in "KV"} if spec.kv_type else {}),
            # a word in the environment is understood by builds to which it is a switch as well
            **({"LLAMA_ARG_FLASH_ATTN": spec.flash} if spec.flash else {}),
            "LLAMA_ARG_N_GPU_LAYERS": str(ALL_LAYERS if spec.gpu_layers is None else spec.gpu_layers),
            "LLAMA_API_KEY": spec.key,
            "LLAMA_ARG_CACHE_RAM": str(spec.cache_mib),
            # its page would be one more door on loopback, and model downloads are flock's business
            "LLAMA_ARG_UI": "0",
            "LLAMA_ARG_OFFLINE": "1",
            # a client's connection occupies a thread also while it waits for a slot: see embedded_child.py
            "LLAMA_ARG_THREADS_HTTP": "128",
        }

    def served(self, spec: LaunchSpec) -> str:
        """Return "": `--alias` gives it the id."""
        return ""

    def canary(self, spec: LaunchSpec) -> Canary:
        """Return one token's worth of what the model does."""
        return words_canary(spec, spec.model_id)

    def loaded(self, line: str) -> float | None:
        """Return the share of the tensors that are read: see `progress_of`."""
        return progress_of(line)

    def missing_hint(self) -> str:
        """Return where to get it."""
        return "brew install llama.cpp"


def progress_of(line: str) -> float | None:
    """Return how far a load is, by the dots llama.cpp writes: one for each hundredth of the tensors."""
    dots = re.search(r"(\.{2,100})\s*$", line)
    return len(dots.group(1)) / 100 if dots else None
