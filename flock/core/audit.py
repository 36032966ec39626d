"""Reading the audit: the newest acts, what they come to, and whether the chain through them is whole.

Refuses to write: the rows are made in operations.py and chained by the store. Called through the operations table.
"""

import re

from flock.clock import rfc3339
from flock.contract.audit import AuditChain, AuditRow, AuditSummary, RecentAudit, SummarizeAudit, VerifyAudit
from flock.core.context import Actor, Context
from flock.core.operations import handles
from flock.core.rows import limited
from flock.core.times import parse_since, parse_span, parse_until
from flock.errors import InvalidRequest
from flock.store.audit import Wanted

# what `flock audit verify` prints as the head: a sha256 in hex
_HEAD = re.compile(r"[0-9a-f]{64}")


@handles(RecentAudit)
async def recent_audit(context: Context, op: RecentAudit, _actor: Actor) -> list[AuditRow]:
    """Return the newest rows, those still in the writer's buffer included."""
    limit, now = limited(op.limit, "flock audit"), context.clock.now()
    since = parse_since(op.since, now)
    # without --until rows of a clock that was ahead are shown too
    until = parse_until(op.until, now, since, op.since) if op.until.strip() else None
    await context.store.writer.flush()
    return await context.store.audit.recent(limit, Wanted(op.actor, op.action, since, until))


@handles(SummarizeAudit)
async def summarize_audit(context: Context, op: SummarizeAudit, _actor: Actor) -> AuditSummary:
    """Return how many acts there were, by whom, of which kind, and how many were refused."""
    since, until = parse_span(op.since, op.until, context.clock.now())
    await context.store.writer.flush()
    acts, refused, top = await context.store.audit.counts(Wanted(op.actor, "", since, until))
    return AuditSummary(
        since=rfc3339(since),
        until=rfc3339(until),
        acts=acts,
        refused=refused,
        top_actors=top["actor"],
        top_actions=top["action"],
        outcomes=top["outcome"],
    )


@handles(VerifyAudit)
async def verify_audit(context: Context, op: VerifyAudit, _actor: Actor) -> AuditChain:
    """Walk all rows and say whether each follows from the one before."""
    noted = op.head.strip().lower()
    if noted and not _HEAD.fullmatch(noted):
        raise InvalidRequest(
            f"--head {op.head!r} is no hash that flock printed: it has 64 digits and letters from a to f",
            hint="flock audit verify",
        )
    await context.store.writer.flush()
    walk = await context.store.audit.walk(noted, context.store.writer.chain.head)
    whole = walk.broken_at is None and not walk.problem
    chained = walk.rows > walk.unchained
    return AuditChain(
        state="broken" if not whole else "whole" if chained or not walk.rows else "unchained",
        rows=walk.rows,
        unchained=walk.unchained,
        pruned=walk.pruned,
        broken_at=walk.broken_at,
        problem=walk.problem,
        head=walk.head.hash if whole and chained else "",
    )
