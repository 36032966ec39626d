"""The fixed answers of a model asked once, and of batches; values.py has those of all others."""

from typing import Any

from flock.contract.batches import Batch, RunBatch
from flock.contract.op import Op
from flock.contract.prompts import PromptAnswer, RunPrompt

WHOLE = Batch("requests.jsonl", "answers.jsonl", "done", 1200, 1200, 0, 0, 0, 96_000, 240_000, None, 312.5)
ENDED_EARLY = Batch(
    "requests.jsonl",
    "/data/answers.jsonl",
    "stopped",
    1200,
    700,
    3,
    2,
    495,
    56_000,
    140_000,
    "4.9981",
    4210.0,
)

PROMPT_CASES: dict[str, tuple[Op[Any], Any]] = {
    "run.prompt": (
        RunPrompt(prompt=("Why is the sky blue?",)),
        PromptAnswer(
            "Air scatters blue light more than red:\n\n- \x1b[2Jshort waves\n- in all directions",
            "They ask about Rayleigh.",
            "qwen/qwen3:8b",
            "stop",
            21,
            340,
            412.25,
            8123.5,
            44.1,
            "req_0f3a9c1d2e4b5a68",
        ),
    ),
    "batch.run": (RunBatch(input="requests.jsonl", output="answers.jsonl"), WHOLE),
    "batch.run-stopped": (RunBatch(input="requests.jsonl", output="/data/answers.jsonl", max_cost="5"), ENDED_EARLY),
}
