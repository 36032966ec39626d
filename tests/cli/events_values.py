"""The fixed answers to following events; values.py has those of all others."""

from typing import Any

from flock.contract.events import Event, FollowEvents
from flock.contract.op import Op

AT = "2026-11-21T11:58:30.250Z"
EVENTS = [
    Event(
        1201,
        AT,
        "request.stage",
        "req_0f3a9c1d2e4b5a68",
        {
            "stage": "queued",
            "model": "qwen/qwen3:8b",
            "user": "ada",
            "engine": "",
            "endpoint": "chat",
            "position": 2,
            "eta_seconds": 12.5,
            "why": "waiting for qwen/qwen3:8b: 2nd, about 12 s",
        },
    ),
    Event(
        1202,
        AT,
        "request.stage",
        "req_0f3a9c1d2e4b5a67",
        {
            "stage": "done",
            "model": "gemma4:12b",
            "user": "bob",
            "engine": "llamacpp:gemma4:12b",
            "endpoint": "chat",
            "outcome": "ok",
            "status": 200,
            "error": "",
            "input_tokens": 812,
            "output_tokens": 230,
            "ttft_ms": 412.5,
            "tokens_per_second": 38.5,
            "elapsed_ms": 6412.0,
        },
    ),
    Event(1203, AT, "engine.state", "llamacpp:gemma4:12b", {"state": "stopping", "model": "gemma4:12b"}),
    Event(1204, AT, "model.state", "qwen/qwen3:8b", {"state": "starting", "engine": "llamacpp", "progress": 0.42}),
    Event(
        1205, AT, "job.progress", "j_5d0c1f2a3b4c", {"state": "running", "progress": 0.5, "done_bytes": 2_500_000_000}
    ),
    Event(1211, AT, "feed.lost", "", {"lost": 6}),
]

EVENTS_CASES: dict[str, tuple[Op[Any], Any]] = {
    "events.follow": (FollowEvents(since=1200), EVENTS),
    "events.follow-none": (FollowEvents(kind="job.progress"), []),
}
