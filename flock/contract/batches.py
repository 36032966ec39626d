"""Batches: a file of requests, each carried out at most once, behind the people who wait."""

from dataclasses import dataclass

from flock.contract.op import Op, Risk, Where, arg, flag, operation


@dataclass(frozen=True, slots=True)
class Batch:
    """How a batch went. `state` is done, stopped (its cost limit was reached) or interrupted.

    Of `total` lines `done` were answered and `failed` were refused, in this run or an earlier one; `unknown` were under
    way when an earlier run was killed and are not sent again; `left` were not begun. `cost_usd` is what this run's
    paid answers cost as far as prices are known, null where nothing with a price was asked.
    """

    input: str
    output: str
    state: str
    total: int
    done: int
    failed: int
    unknown: int
    left: int
    input_tokens: int
    output_tokens: int
    cost_usd: str | None
    seconds: float


@operation(
    "batch.run",
    "batch",
    where=Where.LOCAL,
    risk=Risk.CHANGE,
    examples=(
        "batch requests.jsonl answers.jsonl",
        "batch requests.jsonl answers.jsonl --resume --max-cost 5 --concurrency 8",
    ),
)
class RunBatch(Op[Batch]):
    """Carry out a file of requests in OpenAI's batch format, and write one line for each answer."""

    input: str = arg("the file of requests, one JSON object a line; `-` is standard input")
    output: str = arg("the file of answers")
    resume: bool = flag("go on where an earlier run ended; else the file of answers must not exist", default=False)
    max_cost: str = flag("stop before more than so many dollars are spent; empty: no limit", default="")
    concurrency: int = flag("requests at once", default=4)
    model: str = flag("ask this model, whatever the lines say", default="")
