"""A flock with several engines, for the pictures and tests of the engines' page."""

from dataclasses import replace
from typing import Any

from flock.contract.engines import EngineCheck, EngineLog
from flock.contract.op import Op
from tests.cli.engine_values import ADOPTED, GIVEN_UP, LOADING, READY

ENGINES = [
    READY,
    replace(LOADING, name="embedded:gemma4-12b", kind="embedded", models=("gemma4-12b",), version="0.3.1"),
    replace(GIVEN_UP, name="llamacpp:phi-5-mini", models=("phi-5-mini",), restarts=6,
            error="llamacpp:phi-5-mini failed 6 times in a row and was given up"),
    ADOPTED,
]  # fmt: skip
SAID = (
    "$ llama-server --model /models/qwen3-8b.gguf --port 8089",
    "0.00.000.512 I build: 11669 with gcc",
    "0.00.001.020 \x1b[32mI system info\x1b[0m: n_threads = 8 (AVX2, FMA)",
    "0.00.020.100 W load: special_eos_id is not in special_eog_ids",
    *(f"0.00.{at:03}.300 I load_tensors: layer {at} assigned to CPU" for at in range(24)),
    "0.01.820.002 I main: model loaded",
    "0.02.110.847 E srv  send_error: task id = 3, error: the prompt does not fit\tin the window",
    "0.02.910.000 I slot  release: id 0 | task 0 | stop processing: n_past = 412",
    "0.02.910.411 I srv  update_slots: all slots are idle",
)


def logs(op: Op[Any]) -> EngineLog:
    """Return what an engine has said, and nothing new after it."""
    return EngineLog(SAID if getattr(op, "after", -1) < 0 else (), 812)


FULL: dict[str, Any] = {
    "engine__ls": ENGINES,
    "engine__logs": logs,
    "engine__check": [EngineCheck(READY.name, "ok", "it generates", 0.123)],
    "job__ls": [],
}
