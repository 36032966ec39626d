"""How much a request may take: reserved of its key's limits before anything is sent, settled by what it took.

Owns the two reserves (requests and tokens at the door, dollars before a paid vendor is asked) and what a request that
ended is charged, once, however it ended. Refuses to decide whether there is enough: policy/limits.py does. Nothing is
estimated for a key without limits of tokens or dollars. Called by core/inference.py and, right before dispatch, by
core/egress.py.

What is charged is what the usage row says, so that counters and rows never part: an estimate stands in the row, marked
as one.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from flock.clock import Clock
from flock.core.cost import worst_nano
from flock.core.names import Named
from flock.core.record import Record
from flock.dialects.ask import Ask
from flock.dialects.demand import Demand, demand, prompt_tokens
from flock.dialects.ir import Usage
from flock.errors import (
    BudgetExceeded,
    FlockError,
    QuotaExceeded,
    RateLimited,
    RequestOverLimit,
)
from flock.policy import refused
from flock.policy.limits import Limits
from flock.policy.money import dollars
from flock.profile import TASKS

# An estimate of a prompt's tokens is within 23 % for nine of ten prompts (dialects/estimate.py): dollars are reserved
# for so much more, since a vendor counts by its own tokenizer.
_MARGIN = 1.25
# bytes of an answer per token where nobody counted: OpenAI's rule of thumb for English
_BYTES = 4
# what a refusal is counted as in the figures: the names of meters (contract/tokens.py), and three more
_MINUTE = {"requests": "rpm", "tokens": "tpm"}


def kind_of_refusal(error: FlockError) -> str:
    """Return which limit refused: rpm, tpm, quota, budget/day, budget/week, budget/month, request; "" for none."""
    details = error.details
    match error:
        case RateLimited():
            return _MINUTE.get(str(details.get("of")), "rpm")
        case QuotaExceeded():
            return "quota"
        case BudgetExceeded():
            return f"budget/{details.get('window')}"
        case RequestOverLimit():
            return "request"
        case _:
            return ""


class Admission:
    """The reserves of requests. Without `limits` nobody has any; `refused` hears which limit refused."""

    def __init__(self, limits: Limits | None, clock: Clock, refused: Callable[[str], None]) -> None:
        self._limits = limits
        self._clock = clock
        self._refused = refused

    def reserve(self, record: Record, ask: Ask, named: Named) -> None:
        """Reserve what a request may take. Raises RateLimited, QuotaExceeded, RequestOverLimit.

        Tokens are those of the prompt and those that the answer may have. Of the answer's no more is reserved than the
        smallest limit holds: only a prompt that is larger by itself is refused for good.
        """
        key, limits = record.key, self._limits
        record.measure = partial(prompt_tokens, ask)
        if limits is None:
            return
        tokens = 0
        if key.rpm or key.tpm:
            record.levels = lambda: (self._clock.now(), limits.levels(key))
        if key.tpm or key.quota:
            most = min(key.tpm or key.quota, key.quota or key.tpm)
            needed = record.demand = demand(ask, _window(named))
            tokens = max(needed.prompt, min(needed.prompt + needed.answer, most))
        try:
            record.hold = limits.admit(key, record.id, tokens=tokens, at=record.at)
        except FlockError as error:
            self._count(error)
            raise

    async def spend(self, record: Record, ask: Ask) -> None:
        """Reserve the most that a request to a paid vendor may cost, before it is sent. Raises BudgetExceeded,
        RequestOverLimit, StorageFailed.

        Only keys with budgets, and requests that say what they may cost, wait for this. A second vendor's price takes
        the place of the first one's.
        """
        key, limits = record.key, self._limits
        budgets = limits is not None and bool(key.budgets)
        if not budgets and record.most is None:
            return
        needed = record.demand = record.demand or demand(ask)
        prompt = math.ceil(needed.prompt * _MARGIN)
        nano = record.worst = worst_nano(prompt, needed.answer, record.price)
        if record.most is not None and (nano is None or nano > record.most):
            raise refused.over_said(record.most, nano, record.vendor, record.model)
        if limits is None or not budgets:
            return
        try:
            await limits.spend(
                record.hold,
                key,
                record.id,
                model=record.model,
                endpoint=record.endpoint,
                vendor=record.vendor,
                tokens=prompt + needed.answer,
                nano_usd=nano,
            )
        except FlockError as error:
            self._count(error)
            raise
        record.spent = nano or 0

    def _count(self, error: FlockError) -> None:
        """Count what a limit refuses; an error of the disk is none."""
        if kind := kind_of_refusal(error):
            self._refused(kind)

    def settle(self, record: Record) -> None:
        """Charge a request that ended: called once, before its row is written and without a wait in between."""
        complete(record)
        hold, limits = record.hold, self._limits
        if hold is not None and limits is not None:
            usage, nano = record.usage, charged(record)
            limits.settle(hold, tokens=usage.input + usage.output if usage else 0, nano_usd=nano)
        record.hold = record.measure = record.levels = None


def complete(record: Record) -> None:
    """Complete the usage of a request that ended before it was told, or whose engine tells none: as an estimate.

    A request that nobody took, and one that was refused, used nothing. One that its client left used its prompt, and
    what had come of the answer.
    """
    usage, needed, measure = record.usage, record.demand, record.measure
    if not record.tries or measure is None:
        return
    last = record.tries[-1]
    if usage is not None:
        if record.estimated and not usage.input and usage.output:
            record.usage = replace(usage, input=needed.prompt if needed else measure())
        return
    if last.left:
        record.usage, record.estimated = Usage(input=needed.prompt if needed else measure()), True
    elif needed is not None and record.outcome == "ok" and 0 < last.status < 400:
        record.usage, record.estimated = Usage(input=needed.prompt, output=_answered(record, needed)), True


def _answered(record: Record, needed: Demand) -> int:
    """Return about how many tokens an answer has that nobody counted."""
    return needed.answer if record.endpoint in TASKS else record.bytes_out // _BYTES


def charged(record: Record) -> int | None:
    """Return what a request is charged, in billionths of a dollar: its cost, or what was reserved for it where nobody
    knows what a vendor has done; None where it cost nothing or nobody knows.

    A vendor that was left before its answer began may go on to the end of it.
    """
    if record.lent:
        return None
    cost = record.cost_nano
    if not record.vendor:  # one of our own answered after a vendor had failed: the reserve was for that one
        return cost
    last = record.tries[-1] if record.tries else None
    if not record.spent or last is None or not (last.left or 0 < last.status < 400):
        return cost
    if cost is not None and not last.left:
        return cost
    record.charged = record.spent
    record.notes.append(
        f"{record.vendor} told no usage: ${dollars(record.spent)}, which was reserved, is what it counts as"
    )
    return record.spent


def _window(named: Named) -> int | None:
    """Return the largest window of those who have the model, None when one is not known."""
    windows = [place.largest or place.context for place in named.placements]
    return max((window for window in windows if window), default=None) if all(windows) else None
