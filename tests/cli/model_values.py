"""The fixed answers to the operations of models, jobs and presets; values.py has those of all others."""

from dataclasses import replace
from typing import Any

from flock.contract.jobs import CancelJob, Job, ListJobs, ShowJob
from flock.contract.models import (
    AddModel,
    ConfigureModel,
    Finding,
    FoundFile,
    ListModels,
    Model,
    ModelConfig,
    RemoveModel,
    ScanDirectory,
    SetDefaultModel,
    ValidateModel,
    Validation,
)
from flock.contract.op import Op
from flock.contract.plans import AddPlan, PlannedFile
from flock.contract.presets import ListPresets, Preset, RemovePreset, SavePreset

AT = "2026-11-21T11:58:30Z"
LATER = "2026-11-21T11:59:00Z"
FILE = "/home/ada/.local/share/flock/models/hub/unsloth--Qwen3-8B-GGUF/Qwen3-8B-Q4_K_M.gguf"

CONFIG = ModelConfig(context=32768, slots=2, kv_type="q8_0", trust_remote_code=True)
ADDED = Model(
    id="qwen3-8b",
    state="ready",
    engine="llamacpp:qwen3-8b",
    source="catalog:qwen3-8b",
    context=40960,
    size_bytes=5_027_783_872,
    default=True,
    kind="chat",
    slots=2,
    quant="Q4_K_M",
    license="Apache-2.0",
    pinned=True,
    memory_bytes=7_300_000_000,
    measured=True,
    running=1,
    queued=3,
    requests_per_minute=12.0,
    tokens_per_second=48.25,
    last_used_at=AT,
    config=CONFIG,
)
LOADING = replace(
    ADDED,
    id="gemma4-12b",
    state="starting",
    engine="embedded:gemma4-12b",
    source="hf:acme/gemma4-12b-GGUF:gemma4-12b-Q4_K_M.gguf",
    default=False,
    pinned=False,
    priority=5,
    measured=False,
    progress=0.42,
    running=0,
    queued=0,
    requests_per_minute=0.0,
    tokens_per_second=None,
    last_used_at=None,
    config=ModelConfig(),
)
LENT = Model("llama3.2-1b", "ready", "ollama", "ollama:llama3.2:1b", 4096, 1_321_098_329, False, kind="chat")
GONE = replace(ADDED, state="stopped", note="1 file of it deleted, 5.0 GB are free again")

PLAN = AddPlan(
    id="qwen3-8b",
    source="hf:unsloth/Qwen3-8B-GGUF:Qwen3-8B-Q4_K_M.gguf",
    engine="llamacpp",
    engine_ready=True,
    engine_hint="",
    kind="chat",
    quant="Q4_K_M",
    size_bytes=5_027_783_872,
    present_bytes=2_500_000_000,
    needs_bytes=7_300_000_000,
    budget_bytes=12_000_000_000,
    fits=True,
    verdict="needs 7.3 GB, 12.0 free",
    disk_free_bytes=69_100_000_000,
    eta_seconds=50.6,
    context=40960,
    slots=2,
    kv_type="q8_0",
    license="Apache-2.0",
    commercial="yes",
    files=(PlannedFile("Qwen3-8B-Q4_K_M.gguf", 5_027_783_872, "ab" * 32),),
    warnings=("not confirmed: cache (general knowledge)",),
)
TOO_LARGE = replace(
    PLAN,
    id="big",
    source="hf:acme/big",
    engine="vllm",
    engine_ready=False,
    engine_hint="flock engine install vllm",
    quant="",
    size_bytes=None,
    present_bytes=0,
    needs_bytes=None,
    fits=False,
    verdict="needs 43.0 GB, 12.0 free",
    eta_seconds=None,
    context=None,
    slots=None,
    kv_type="",
    license="",
    commercial="",
    files=tuple(PlannedFile(f"model-{i:05d}-of-00009.safetensors", None) for i in range(1, 10)),
    warnings=(),
)

RUNNING = Job(
    id="j_5d0c1f2a3b4c",
    kind="model.add",
    target="qwen3-8b",
    state="running",
    message="fetching Qwen3-8B-Q4_K_M.gguf",
    progress=0.5,
    revision=3,
    started_at=AT,
    done_bytes=2_513_891_936,
    total_bytes=5_027_783_872,
    bytes_per_second=48_300_000.0,
    eta_seconds=52.0,
    plan=PLAN,
)
DONE = Job("j_5d0c1f2a3b4c", "model.add", "qwen3-8b", "done", "done", 1.0, 9, AT, LATER, plan=PLAN)
CANCELLED = replace(RUNNING, state="cancelled", message="cancelled", ended_at=LATER, eta_seconds=None)
LOADED = Job("j_000000000002", "model.load", "qwen3-8b", "done", "done", 1.0, 4, AT, LATER)
DRY = Job("", "model.add", "qwen3-8b", "planned", PLAN.verdict, None, 0, AT, plan=PLAN)

PRESETS = [
    Preset("tools", ModelConfig(context=32768, tool_parser="hermes")),
    Preset("many-users", ModelConfig(slots=8, kv_type="q8_0"), builtin=True, note="eight short ones at once"),
    Preset("nothing", ModelConfig()),
]

MODEL_CASES: dict[str, tuple[Op[Any], Any]] = {
    "job.cancel": (CancelJob(id=RUNNING.id), CANCELLED),
    "job.ls-fetching": (ListJobs(), [RUNNING, DONE]),
    "job.show-fetching": (ShowJob(id=RUNNING.id), RUNNING),
    "model.add-dry-run": (AddModel(source="qwen3-8b", dry_run=True), DRY),
    "model.add-dry-run-no": (
        AddModel(source="hf:acme/big", dry_run=True),
        replace(DRY, target="big", message=TOO_LARGE.verdict, plan=TOO_LARGE),
    ),
    "model.add-no-load": (AddModel(source="qwen3-8b", load=False), DONE),
    "model.config": (ConfigureModel(id="qwen3-8b"), ADDED),
    "model.config-changed": (
        ConfigureModel(id="gemma4-12b", reset=True),
        replace(LOADING, note="it is loaded anew once it is idle"),
    ),
    "model.default": (SetDefaultModel(id="qwen3-8b"), ADDED),
    "model.default-hidden": (
        SetDefaultModel(id="qwen3-8b"),
        replace(ADDED, note="until the next start only: FLOCK_DEFAULT_MODEL is set"),
    ),
    "model.ls-added": (ListModels(), [ADDED, LOADING, LENT]),
    "model.remove-fetched": (RemoveModel(id="qwen3-8b"), GONE),
    "model.scan": (
        ScanDirectory(directory="/srv/models"),
        [
            FoundFile("/srv/models/a b.gguf", "gguf", "a-b", 5_027_783_872, "chat"),
            FoundFile("/srv/models/dir", "mlx", "mine", 1_000_000, "chat", added=True),
            FoundFile("/srv/models/cut.gguf", "gguf", "", 10, error="/srv/models/cut.gguf is cut off or damaged"),
        ],
    ),
    "model.scan-none": (ScanDirectory(directory="/srv/empty"), []),
    "model.validate": (
        ValidateModel(id="qwen3-8b"),
        Validation(
            "qwen3-8b",
            True,
            (
                Finding("files", "ok", f"{FILE} is whole: gguf, 5.0 GB"),
                Finding(
                    "template", "warning", "tools do not reach the model", "flock model config qwen3-8b --template FILE"
                ),
            ),
        ),
    ),
    "model.validate-no": (
        ValidateModel(id="qwen3-8b"),
        Validation(
            "qwen3-8b",
            False,
            (Finding("files", "error", f"there is no file {FILE}", "flock model add catalog:qwen3-8b"),),
        ),
    ),
    "preset.ls": (ListPresets(), PRESETS),
    "preset.ls-none": (ListPresets(), []),
    "preset.remove": (RemovePreset(name="tools"), PRESETS[0]),
    "preset.save": (SavePreset(name="tools", model="qwen3-8b"), PRESETS[0]),
}
