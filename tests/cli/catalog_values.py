"""The fixed answers to the operations of the catalog of models; values.py has those of all others."""

from dataclasses import replace
from typing import Any

from flock.contract.catalog import CatalogModel, ListPicks, ModelInfo, SearchCatalog, ShowModelInfo, Variant
from flock.contract.models import Model
from flock.contract.op import Op

SMALL = CatalogModel(
    id="gpt-oss-20b",
    name="gpt-oss 20B",
    family="gpt-oss",
    released="2025-08-05",
    license="Apache-2.0",
    commercial="yes",
    capabilities=("chat", "reasoning", "tools"),
    params_billions=21.0,
    active_billions=3.6,
    context=131072,
    size_bytes=12_100_000_000,
    min_memory_bytes=16_000_000_000,
    needs_bytes=12_900_000_000,
    fits=True,
    engine="embedded",
    top=True,
    installed=True,
    note="Published in MXFP4, 4.25 bits; reasoning_effort low, medium or high; harmony format.",
    quant="MXFP4",
    verdict="needs 14.5 GB, 14.5 free",
)
LARGE = CatalogModel(
    id="kimi-k2.6-sharded",
    name="Kimi K2.6",
    family="kimi",
    released="2026-04-20",
    license="Modified-MIT",
    commercial="very large deployments show its name",
    capabilities=("chat", "code", "vision", "reasoning", "tools"),
    params_billions=1000.0,
    active_billions=32.0,
    context=262144,
    size_bytes=595_000_000_000,
    min_memory_bytes=640_000_000_000,
    needs_bytes=628_000_000_000,
    fits=False,
    engine="embedded",
    sharded=True,
    superseded_by="Kimi-K2.7-Code and Kimi K3",
    quant="UD-Q8_K_XL",
    verdict="needs 5 machines: not built yet",
)
VOICE = CatalogModel(
    id="piper-en-us-lessac-medium",
    name="Piper en_US lessac medium",
    family="piper",
    released="2023-06-26",
    license="",
    commercial="",
    capabilities=("audio", "speech"),
    params_billions=None,
    active_billions=None,
    context=None,
    size_bytes=None,
    min_memory_bytes=None,
    needs_bytes=None,
    fits=False,
    engine="",
    verdict="nothing here serves it: it comes as piper",
)
BOUND = replace(SMALL, id="llama-3.2-3b", license="Llama-3.2-Community", commercial="no", installed=False, top=False)

INFO = ModelInfo(
    id=SMALL.id,
    entry=SMALL,
    installed=Model(SMALL.id, "ready", "embedded:gpt-oss-20b", f"catalog:{SMALL.id}", 35840, 12_100_000_000, True),
    variants=(
        Variant("embedded", "hf:ggml-org/gpt-oss-20b-GGUF:gpt-oss-20b-mxfp4.gguf", "MXFP4", 12_100_000_000,
                12_900_000_000, True, chosen=True),
        Variant("vllm", "hf:openai/gpt-oss-20b", "mxfp4", 14_000_000_000, 17_300_000_000, False,
                note="vLLM wants an NVIDIA card, and there is none; first: flock engine install vllm"),
    ),
    license_url="https://www.apache.org/licenses/LICENSE-2.0",
    fallback=("qwen3-8b",),
    unsure=("sources.gguf.size_gb: 12.1 GB for the same weights in another repository; Ollama's own file is larger",),
    catalog_file="/usr/share/flock/catalog/models/gpt-oss-20b.yaml",
)  # fmt: skip
ALONE = ModelInfo(
    id="qwen/qwen3:8b",
    entry=None,
    installed=Model("qwen/qwen3:8b", "stopped", "llamacpp-1", "file:/models/qwen3.gguf", 32768, 5_027_783_872, False),
)

CATALOG_CASES: dict[str, tuple[Op[Any], Any]] = {
    "catalog.info": (ShowModelInfo(id=SMALL.id), INFO),
    "catalog.info-installed-only": (ShowModelInfo(id=ALONE.id), ALONE),
    "catalog.info-new": (
        ShowModelInfo(id=LARGE.id),
        ModelInfo(
            LARGE.id,
            replace(LARGE, sharded=False, fits=True, verdict="needs 628.0 GB, 1.1 TB free"),
            None,
            license_url="https://example.com/licence",
        ),
    ),
    "catalog.info-sharded": (ShowModelInfo(id=LARGE.id), ModelInfo(LARGE.id, LARGE, None)),
    "catalog.picks": (
        ListPicks(),
        [replace(SMALL, purpose="for everything"), replace(BOUND, purpose="small and fast")],
    ),
    "catalog.picks-none": (ListPicks(), []),
    "catalog.search": (SearchCatalog(), [SMALL, BOUND, LARGE, VOICE]),
    "catalog.search-none": (SearchCatalog(query="qwen"), []),
}
