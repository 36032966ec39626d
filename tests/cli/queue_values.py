"""The fixed answers to the operations of the queue and of loading; values.py has those of all others."""

from typing import Any

from flock.contract.jobs import Job
from flock.contract.models import ListResidents, LoadModel, Model, ModelConfig, Residents, UnloadModel
from flock.contract.op import Op
from flock.contract.queue import Queue, ShowQueue, Waiter

LOADED = Model(
    "qwen3-8b",
    "ready",
    "llamacpp:qwen3-8b",
    "catalog:qwen3-8b",
    32768,
    5_027_783_872,
    True,
    kind="chat",
    slots=2,
    quant="Q4_K_M",
    pinned=True,
    memory_bytes=7_400_000_000,
    measured=True,
    running=2,
    queued=1,
    last_used_at="2026-11-21T11:59:58Z",
    config=ModelConfig(),
)
COMING = Model(
    "gemma4-12b",
    "starting",
    "embedded:gemma4-12b",
    "catalog:gemma4-12b",
    None,
    7_600_000_000,
    False,
    kind="chat",
    memory_bytes=9_900_000_000,
    progress=0.42,
    queued=1,
    config=ModelConfig(),
)
WAITING = Queue(
    (
        Waiter(
            "req_01", "alice", "qwen3-8b", 1, 0.4, 3.2, "qwen3-8b answers 4 requests, which is all it takes at once"
        ),
        Waiter("req_02", "ci", "gemma4-12b", 1, 12.0, 8.1, "loading gemma4-12b: 42 %"),
        Waiter("req_03", "alice", "phi-4-14b", 2, 1.0, None, "qwen3-8b and gemma4-12b are in memory"),
        Waiter("", "flock model load", "phi-4-14b", 0, 2.0, 30.0, "qwen3-8b and gemma4-12b are in memory"),
    ),
    ("phi-4-14b",),
    30.0,
)
LOADING = Job(
    "j_5d0c1f2a3b4c", "model.load", "gemma4-12b", "done", "done", 1.0, 5, "2026-11-21T11:58:30Z", "2026-11-21T11:59:00Z"
)

QUEUE_CASES: dict[str, tuple[Op[Any], Any]] = {
    "model.load": (LoadModel(id="gemma4-12b", swap=True), LOADING),
    "model.ps": (
        ListResidents(),
        Residents(22_000_000_000, 17_300_000_000, 4_700_000_000, (LOADED, COMING), 9_100_000_000),
    ),
    "model.ps-none": (ListResidents(), Residents(22_000_000_000, 0, 22_000_000_000)),
    "model.unload": (UnloadModel(id="qwen3-8b"), LOADED),
    "queue.show": (ShowQueue(), WAITING),
    "queue.show-none": (ShowQueue(), Queue((), (), 30.0)),
}
