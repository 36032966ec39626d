"""The fixed answers to the operations on single engines; values.py has those of all others."""

from dataclasses import replace
from typing import Any

from flock.contract.engines import (
    CheckEngines,
    Engine,
    EngineCheck,
    EngineLog,
    InstallEngine,
    RestartEngine,
    ShowEngine,
    ShowEngineLog,
)
from flock.contract.jobs import Job
from flock.contract.op import Op

NAME = "llamacpp:qwen3-8b"
READY = Engine(
    NAME,
    "llamacpp",
    "own",
    "ready",
    "http://127.0.0.1:8089",
    ("qwen3-8b",),
    "flock",
    "b11669",
    4242,
    "2026-11-21T11:58:30Z",
    restarts=1,
    memory_bytes=6_120_000_000,
    log_file="/home/ada/.local/state/flock/engines/llamacpp-qwen3-8b.log",
    command="/usr/bin/llama-server --model /models/qwen3-8b.gguf --port 8089",
)
LOADING = replace(READY, state="starting", progress=0.42, memory_bytes=None, restarts=0, pid=4243)
GIVEN_UP = replace(
    READY,
    state="crashloop",
    endpoint="",
    pid=None,
    memory_bytes=None,
    command="",
    error=f"{NAME} failed 6 times in a row and was given up (hint: flock engine restart {NAME})",
)
ADOPTED = Engine("vllm", "vllm", "adopted", "ready", "http://gpu-box:8000", ("a", "b"), "attached")

INSTALLED = Job(
    "j_5d0c1f2a3b4c",
    "engine.install",
    "piper",
    "done",
    "done",
    1.0,
    9,
    "2026-11-21T11:58:30Z",
    "2026-11-21T11:59:30Z",
)

ENGINE_CASES: dict[str, tuple[Op[Any], Any]] = {
    "engine.show": (ShowEngine(name=NAME), READY),
    "engine.show-adopted": (ShowEngine(name="vllm"), ADOPTED),
    "engine.show-crashloop": (ShowEngine(name=NAME), GIVEN_UP),
    "engine.show-loading": (ShowEngine(name=NAME), LOADING),
    "engine.logs": (ShowEngineLog(name=NAME), EngineLog(("main: model loaded", "srv  update_slots: all idle"), 812)),
    "engine.logs-none": (ShowEngineLog(name=NAME, grep="error"), EngineLog((), 812)),
    "engine.install": (InstallEngine(kind="piper"), INSTALLED),
    "engine.restart": (RestartEngine(name=NAME), READY),
    "engine.restart-loading": (RestartEngine(name=NAME), LOADING),
    "engine.check": (
        CheckEngines(),
        [
            EngineCheck(NAME, "ok", "it generates", 0.123),
            EngineCheck("mlx:gemma", "busy", "no token in 20 s; 1 request in flight", 20.0),
            EngineCheck("vllm", "failed", "nothing answers at http://gpu-box:8000: connection refused"),
        ],
    ),
    "engine.check-none": (CheckEngines(), []),
}
