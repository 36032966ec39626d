"""The llama.cpp engine: `llama-server`, preferred where there is one.

Owns its command line. Options that older builds do not know, or know by another name, go through the environment, where
an unknown name is ignored; on the command line it would be refused. Which tool calls and thoughts it reads follows from
the chat template alone, so the words of parsers mean nothing to it. Called by supervisor.py.
"""

import re
import shutil
import sys

from flock.engines.canaries import text_canary
from flock.engines.engine import Canary, Found, LaunchSpec
from flock.engines.search import Search
from flock.paths import short

# what a server is told that does not chat; it then does nothing else
KIND_OPTIONS = {"embedding": ("--embedding",), "rerank": ("--reranking",)}

# Weights are read, not mapped, on Linux. Where a processor has its own order for them (AMX, AVX-512, NEON: "repack") a
# mapped model is resident twice: 1,655 MB against 1,020 for one of 778 MB, at the same speed. On a Mac the graphics
# take the mapped pages as they are. The first is the name of builds from 2026 on, the second that of older ones.
READ_WHOLE = {"LLAMA_ARG_LOAD_MODE": "none", "LLAMA_ARG_NO_MMAP": "1"}
# From there on all layers go to the GPU unasked, and flash attention is a word (llama.cpp's pull request 15434).
LEAST_BUILD = 6325
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

    def __init__(self, path: str | None = None, *, search: Search | None = None) -> None:
        self.search = search or Search(path=path)

    def find(self) -> Found | None:
        """Return where llama-server is; its version once it was asked, at the latest when it runs (GET /props)."""
        place = self.search.program(self.kind, "llama-server")
        if place is None or place.problem:
            return place.unusable(self.kind) if place else None
        said = self.search.versions.of(place.where)
        if said is None:
            return Found(place.where)
        if said.problem:
            return Found(place.where, problem=said.problem, hint=f"{place.where} --version")
        return _judged(place.where, build_of(said.lines), self.missing_hint())

    def program(self) -> str:
        """Return the program to be asked for its version, "" when there is none."""
        place = self.search.program(self.kind, "llama-server")
        return place.where if place and not place.problem else ""

    def argv(self, spec: LaunchSpec) -> list[str]:
        """Return the command line; the context is the sum over the slots, since llama.cpp divides it."""
        argv = [self.program() or "llama-server"]
        argv += ["--model", str(spec.model_path), "--alias", spec.model_id]
        argv += ["--host", "127.0.0.1", "--port", str(spec.port)]
        argv += ["--ctx-size", str(spec.context * spec.slots), "--parallel", str(spec.slots)]
        argv += ["--jinja", "--metrics", "--slots", "--props"]
        for option, value in (
            ("--threads", spec.threads),
            ("--batch-size", spec.batch),
            ("--ubatch-size", spec.micro_batch),
            ("--pooling", spec.pooling),
            ("--mmproj", spec.projector),
            ("--model-draft", spec.draft),
            ("--chat-template-file", spec.template),
        ):
            argv += [option, str(value)] if value else []
        return [*argv, *KIND_OPTIONS.get(spec.kind, ())]

    def environment(self, spec: LaunchSpec) -> dict[str, str]:
        """Return the key and the options older builds may not know (names: `llama-server --help`)."""
        return {
            **(READ_WHOLE if sys.platform != "darwin" else {}),
            **({f"LLAMA_ARG_CACHE_TYPE_{half}": spec.kv_type for half in "KV"} if spec.kv_type else {}),
            # a word in the environment is understood by builds to which it is a switch as well
            **({"LLAMA_ARG_FLASH_ATTN": flash} if (flash := flash_of(spec)) else {}),
            **(_drafting(spec) if spec.draft is not None else {}),
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
        return text_canary(spec, spec.model_id)

    def loaded(self, line: str) -> float | None:
        """Return the share of the tensors that are read: see `progress_of`."""
        return progress_of(line)

    def missing_hint(self) -> str:
        """Return the command that installs it: the package where there is one, the same engine in a wheel elsewhere."""
        return "brew install llama.cpp" if shutil.which("brew") else "flock engine install embedded"


def build_of(lines: tuple[str, ...]) -> int:
    """Return the number of a build by what it says to --version, 0 where it says none.

    "version: 0.7.0 (build 11669, commit …)"; before 2026 "version: 6325 (4d74393b)".
    """
    found = re.search(r"\(build (\d+)|version: (\d+) \(", " ".join(lines))
    return int(found[1] or found[2]) if found else 0


def flash_of(spec: LaunchSpec) -> str:
    """Return whether flash attention is on: values in fewer bits need it (llama-context.cpp)."""
    return "on" if spec.kv_type in ("q8_0", "q4_0") and spec.flash != "off" else spec.flash


def progress_of(line: str) -> float | None:
    """Return how far a load is, by the dots older builds write: one for each hundredth of the tensors. Builds of 2026
    say nothing between "loading model" and "model loaded".
    """
    dots = re.search(r"^(\.{2,100})\s*$", line)
    return len(dots[1]) / 100 if dots else None


def _drafting(spec: LaunchSpec) -> dict[str, str]:
    """Return how a draft model is used. LLAMA_ARG_DRAFT_MAX, the older name, is an error to builds of 2026."""
    tokens = {"LLAMA_ARG_SPEC_DRAFT_N_MAX": str(spec.draft_tokens)} if spec.draft_tokens else {}
    return {"LLAMA_ARG_SPEC_TYPE": "draft-simple", "LLAMA_ARG_N_GPU_LAYERS_DRAFT": str(ALL_LAYERS), **tokens}


def _judged(where: str, build: int, hint: str) -> Found:
    if not build:
        return Found(where, problem=f"{short(where)} --version names no build of llama.cpp", hint=f"{where} --version")
    if build < LEAST_BUILD:
        problem = f"build {build} of llama.cpp is too old, {LEAST_BUILD} or newer is needed"
        return Found(where, f"b{build}", problem, hint)
    return Found(where, f"b{build}")
