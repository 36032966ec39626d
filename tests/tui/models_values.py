"""A flock with many models, for the pictures and tests of the models' and engines' pages."""

from dataclasses import replace
from typing import Any

from flock.contract.catalog import CatalogModel, ModelInfo
from flock.contract.jobs import Job
from flock.contract.models import Model, ModelConfig, Residents
from flock.contract.op import Op
from tests.cli.catalog_values import BOUND, INFO, LARGE, SMALL, VOICE
from tests.cli.model_values import ADDED, AT, LENT, LOADING, PLAN, RUNNING

QWEN, GEMMA = ADDED, LOADING
EMBED = Model(
    "nomic-embed-v1.5", "ready", "embedded:nomic-embed-v1.5", "hf:nomic-ai/nomic-embed-text-v1.5-GGUF:Q8_0", 2048,
    146_000_000, False, kind="embedding", quant="Q8_0", license="Apache-2.0", slots=4, memory_bytes=412_000_000,
    measured=True, last_used_at="2026-11-21T11:20:00Z", tokens_per_second=None, config=ModelConfig(),
)  # fmt: skip
RESTING = Model(
    "qwen3-coder-30b-a3b", "stopped", "llamacpp:qwen3-coder-30b-a3b", "catalog:qwen3-coder-30b-a3b", 65536,
    18_600_000_000, False, kind="chat", quant="Q4_K_M", license="Apache-2.0", memory_bytes=21_400_000_000,
    last_used_at="2026-11-20T18:00:00Z", config=ModelConfig(),
)  # fmt: skip
BROKEN = Model(
    "phi-5-mini", "crashloop", "llamacpp:phi-5-mini", "hf:acme/phi-5-mini-GGUF:phi-5-mini-Q8_0.gguf", None,
    4_100_000_000, False, kind="chat", quant="Q8_0", error="llamacpp:phi-5-mini failed 6 times in a row and was "
    "given up (hint: flock engine restart llamacpp:phi-5-mini)",
)  # fmt: skip
MODELS = [QWEN, replace(GEMMA, memory_bytes=3_900_000_000), EMBED, RESTING, LENT, BROKEN]
HELD = Residents(16_000_000_000, 11_612_000_000, 4_388_000_000, tuple(MODELS[:3]), 9_100_000_000)

_NAMES = (
    ("qwen3-8b", "Qwen3 8B", "qwen3", "2025-04-28", "Apache-2.0", "yes", "chat reasoning tools", 5.0, 7.3, True),
    ("qwen3-coder-30b-a3b", "Qwen3 Coder 30B", "qwen3", "2025-07-31", "Apache-2.0", "yes", "chat code tools", 18.6,
     21.4, False),
    ("gemma4-12b", "Gemma 4 12B", "gemma4", "2026-03-12", "Gemma", "forbidden uses are listed", "chat vision tools",
     7.6, 9.8, True),
    ("llama-3.2-3b", "Llama 3.2 3B", "llama3", "2024-09-25", "Llama-3.2-Community",
     "free below 700 million users a month", "chat tools", 2.0, 2.9, True),
    ("aya-expanse-8b", "Aya Expanse 8B", "aya", "2024-10-24", "CC-BY-NC-4.0", "no", "chat", 5.1, 6.6, True),
    ("nomic-embed-v1.5", "Nomic Embed Text v1.5", "nomic", "2024-02-14", "Apache-2.0", "yes", "embedding", 0.146, 0.4,
     True),
)  # fmt: skip
_ADDED = ("qwen3-8b", "qwen3-coder-30b-a3b", "gemma4-12b", "nomic-embed-v1.5")
CATALOG: list[CatalogModel] = [
    replace(SMALL, installed=False),
    *(
        replace(
            SMALL, id=i, name=n, family=f, released=r, license=lic, commercial=c, capabilities=tuple(can.split()),
            size_bytes=int(size * 1e9), needs_bytes=int(needs * 1e9), fits=fit, top=i == "qwen3-8b", note="",
            verdict=f"needs {needs:.1f} GB, 4.4 free", installed=i in _ADDED, params_billions=None,
            active_billions=None,
        )
        for i, n, f, r, lic, c, can, size, needs, fit in _NAMES
    ),
    replace(BOUND, id="smollm3-3b", name="SmolLM3 3B", license="Apache-2.0", commercial="yes", size_bytes=1_900_000_000,
            needs_bytes=2_600_000_000, released="2025-07-08", capabilities=("chat", "tools")),
    VOICE,
    LARGE,
]  # fmt: skip
FAILED = Job(
    "j_00000000000f", "model.add", "phi-5-mini", "failed", "", None, 4, AT, "2026-11-21T11:59:00Z",
    error="hf:acme/phi-5-mini-GGUF is not there or not public", hint="flock hub login", code="not_found",
)  # fmt: skip
FETCHING = replace(RUNNING, target="gpt-oss-20b", message="fetching gpt-oss-20b-mxfp4.gguf",
                   plan=replace(PLAN, id="gpt-oss-20b"))  # fmt: skip


def info(op: Op[Any]) -> ModelInfo:
    """Return what is known of an entry of the catalog."""
    entry = next((m for m in CATALOG if m.id == getattr(op, "id", "")), SMALL)
    return replace(INFO, id=entry.id, entry=entry, installed=None)


def add(op: Op[Any]) -> Job:
    """Return the plan of an addition, or the job that it begins."""
    id = getattr(op, "name", "") or getattr(op, "source", "")
    found = replace(PLAN, id=id, fits="coder" not in id)
    if getattr(op, "dry_run", False):
        return Job("", "model.add", id, "planned", "", None, 0, AT, plan=found)
    return replace(FETCHING, id="j_0000000000aa", target=id, plan=found)


FULL: dict[str, Any] = {
    "model__add": add,
    "model__ls": MODELS,
    "model__ps": HELD,
    "catalog__search": CATALOG,
    "catalog__info": info,
    "job__ls": [FETCHING, FAILED],
}
