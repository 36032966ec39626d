"""The fixed answers to the operations of fetched files; values.py has those of all others."""

from typing import Any

from flock.contract.files import CachedFile, FetchFile, ListCache, PruneCache, Pruned
from flock.contract.jobs import Job
from flock.contract.op import Op

AT = "2026-11-21T11:58:30Z"
MODELS = "/home/ada/.local/share/flock/models"
REPO, FILE = "bartowski/Qwen2.5-0.5B-Instruct-GGUF", "Qwen2.5-0.5B-Instruct-Q4_K_M.gguf"

NEEDED = CachedFile(
    f"{MODELS}/hub/Qwen--Qwen3-8B-GGUF/Qwen3-8B-Q4_K_M.gguf",
    "hf:Qwen/Qwen3-8B-GGUF:Qwen3-8B-Q4_K_M.gguf",
    5_027_783_872,
    "whole",
    ("qwen3-8b",),
    AT,
)
FREE = CachedFile(
    f"{MODELS}/urls/models.example.org/7b6e4371/tiny.gguf", "https://models.example.org/tiny.gguf", 3_500_000, "whole"
)
PART = CachedFile(
    f"{MODELS}/hub/bartowski--Qwen2.5-0.5B-Instruct-GGUF/{FILE}.part", f"hf:{REPO}:{FILE}", 120_000_000, "partial"
)
WRONG = CachedFile(
    f"{MODELS}/quarantine/tiny.gguf.0123456789ab", "https://models.example.org/tiny.gguf", 3_499_999, "quarantined"
)
DONE = Job("j_5d0c1f2a3b4c", "files.fetch", f"{REPO}:{FILE}", "done", "done", 1.0, 5, AT, "2026-11-21T11:59:00Z")

FILES_CASES: dict[str, tuple[Op[Any], Any]] = {
    "files.ls": (ListCache(), [NEEDED, PART, FREE, WRONG]),
    "files.ls-none": (ListCache(), []),
    "files.prune": (PruneCache(partial=True), Pruned(True, 126_999_999, (PART, FREE, WRONG))),
    "files.prune-deleted": (PruneCache(delete=True), Pruned(False, 3_500_000, (FREE,))),
    "files.prune-none": (PruneCache(), Pruned(True, 0)),
    "files.fetch": (FetchFile(repo=REPO, file=FILE), DONE),
}
