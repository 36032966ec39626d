"""The fixed answers to the operations of the hub; values.py has those of all others."""

from typing import Any

from flock.contract.catalog import Variant
from flock.contract.hub import HubFile, HubModel, HubRepository, SearchHub, ShowHubRepository
from flock.contract.op import Op

REPO = "bartowski/Qwen2.5-0.5B-Instruct-GGUF"
NAME = "Qwen2.5-0.5B-Instruct"
SUM = "0123456789abcdef" * 4

FOUND = [
    HubModel(REPO, 123_456, 78, "2026-09-19T10:00:00Z", False, ("gguf", "license:apache-2.0")),
    HubModel("meta-llama/Llama-3.2-1B-Instruct", None, None, "", True),
]
SHOWN = HubRepository(
    REPO,
    "apache-2.0",
    False,
    (HubFile(f"{NAME}-Q4_K_M.gguf", 397_808_192, SUM), HubFile("README.md", 12_000), HubFile("config.json", None)),
    (
        Variant("llamacpp", f"hf:{REPO}:{NAME}-Q4_K_M.gguf", "Q4_K_M", 397_808_192, 900_000_000, True, True),
        Variant("llamacpp", f"hf:{REPO}:{NAME}-f16.gguf", "F16", 994_156_320, None, False, False, "needs more"),
    ),
)
CLOSED = HubRepository("ada/Closed", "", True, (), ())
LARGE = HubRepository("ada/Large", "mit", False, tuple(HubFile(f"{n:02}.bin", n) for n in range(42)), ())

HUB_CASES: dict[str, tuple[Op[Any], Any]] = {
    "hub.search": (SearchHub(words=("qwen2.5", "gguf")), FOUND),
    "hub.search-none": (SearchHub(words=("nothing",)), []),
    "hub.show": (ShowHubRepository(repo=REPO), SHOWN),
    "hub.show-gated": (ShowHubRepository(repo="ada/Closed"), CLOSED),
    "hub.show-many": (ShowHubRepository(repo="ada/Large"), LARGE),
}
