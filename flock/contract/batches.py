"""Batches: a file of requests, each carried out at most once, behind the people who wait."""

from dataclasses import dataclass

from flock.contract.op import Op, Risk, Where, arg, flag, operation


@dataclass(frozen=True, slots=True)
class Batch:
    """How a batch went. `state` is done, stopped (its cost limit was reached) or interrupted.

    Of `total` lines `done` were answered and `failed` were refused, in this run or an earlier one; `unknown` were under
    way when a run was killed or a connection broke, and are not sent again; `left` were not begun. Tokens and dollars
    are of all runs; a paid answer whose cost nobody knows counts as what was held for it, and `cost_usd` is null where
    nothing with a price was asked. `seconds` are this run's; `why` says why it ended early, "" else.
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
    why: str = ""


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
    """Carry out a file of requests in OpenAI's batch format, and write one line for each answer.

    Each request is sent at most once, behind everybody else who asks; answers come in the order in which they end. What
    was begun stands in a journal beside the answers: after a kill, --resume goes on, and a request that was under way
    is answered by the error unknown_outcome. Exit code 0: all were answered; 1: all have ended and some failed; 75:
    some are left, and --resume goes on.
    """

    input: str = arg("the file of requests, one JSON object a line; `-` is standard input")
    output: str = arg("the file of answers")
    resume: bool = flag("go on where an earlier run ended; else the file of answers must not exist", default=False)
    max_cost: str = flag("stop before more than so many dollars are spent; empty: no limit", default="")
    concurrency: int = flag("requests at once", default=4)
    model: str = flag("ask this model, whatever the lines say", default="")
