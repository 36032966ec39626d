"""The fixed answers to looking at a busy daemon; values.py has those of all others."""

from typing import Any

from flock.contract.events import ShowTop, Top
from flock.contract.models import Model, Residents
from flock.contract.op import Op
from flock.contract.queue import Queue, Waiter
from flock.contract.requests import RequestRow

AT = "2026-11-21T12:00:00.000Z"
QWEN = Model(
    "qwen3-8b",
    "ready",
    "llamacpp:qwen3-8b",
    "catalog:qwen3-8b",
    32768,
    5_027_783_872,
    True,
    kind="chat",
    slots=2,
    pinned=True,
    memory_bytes=9_600_000_000,
    measured=True,
    running=2,
    queued=0,
    tokens_per_second=38.5,
)
GEMMA = Model(
    "gemma4-12b",
    "starting",
    "llamacpp:gemma4-12b",
    "catalog:gemma4-12b",
    32768,
    7_300_000_000,
    False,
    kind="chat",
    memory_bytes=11_200_000_000,
    progress=0.42,
    queued=1,
)
BUSY = Top(
    at=AT,
    uptime_seconds=93_600.0,
    requests=(
        RequestRow(
            "req_0f3a9c1d2e4b5a67",
            "2026-11-21T11:59:56.000Z",
            "ada",
            "qwen3-8b",
            "chat",
            "llamacpp:qwen3-8b",
            "generating",
            "",
            154,
            4123.0,
            ttft_ms=412.5,
            tokens_per_second=41.5,
        ),
        RequestRow(
            "req_0f3a9c1d2e4b5a68",
            "2026-11-21T11:59:59.000Z",
            "bob",
            "qwen3-8b",
            "messages",
            "llamacpp:qwen3-8b",
            "prefilling",
            "",
            0,
            812.0,
        ),
        RequestRow(
            "req_0f3a9c1d2e4b5a69",
            "2026-11-21T11:59:58.000Z",
            "ada",
            "gemma4-12b",
            "chat",
            "",
            "queued",
            "",
            0,
            2000.0,
            position=1,
            eta_seconds=9.0,
        ),
    ),
    memory=Residents(24_000_000_000, 20_800_000_000, 3_200_000_000, (QWEN, GEMMA)),
    queue=Queue(
        (Waiter("req_0f3a9c1d2e4b5a69", "ada", "gemma4-12b", 1, 2.0, 9.0, "loading gemma4-12b: 42 %"),),
        ("gemma4-12b",),
        30.0,
    ),
    requests_per_minute=42.0,
    tokens_per_second=85.3,
    p50_ms=1850.0,
    p95_ms=6400.0,
    p99_ms=9120.5,
    error_rate=0.0125,
    last_event=1205,
)
IDLE = Top(
    AT, 12.0, (), Residents(8_000_000_000, 0, 8_000_000_000), Queue((), (), 30.0), 0.0, 0.0, None, None, None, None
)

TOP_CASES: dict[str, tuple[Op[Any], Any]] = {
    "top.show": (ShowTop(), BUSY),
    "top.show-idle": (ShowTop(once=True), IDLE),
}
