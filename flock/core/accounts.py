"""Reading what was recorded of requests: in brief, and why each went where it went."""

import difflib

from flock.contract.requests import (
    CancelRequest,
    ExplainRequest,
    Explanation,
    ListRequests,
    RequestRow,
    ShowRequest,
)
from flock.core.context import Actor, Context
from flock.core.decision import unpack
from flock.core.operations import handles
from flock.core.rows import limited
from flock.errors import Cancelled, Conflict, NotFound


@handles(ListRequests)
async def list_requests(context: Context, op: ListRequests, _actor: Actor) -> list[RequestRow]:
    """Return running requests, then ended ones, newest first."""
    limit = limited(op.limit, "flock request ls")
    now = context.clock.monotonic()
    rows = [r.row(now) for r in reversed(context.inference.running.values())][:limit]
    if op.running or len(rows) >= limit:
        return rows
    await context.store.writer.flush()
    return rows + [_row(e) for e in await _latest(context, limit - len(rows))]


@handles(ShowRequest)
async def show_request(context: Context, op: ShowRequest, _actor: Actor) -> RequestRow:
    """Return one request in brief."""
    running = context.inference.running.get(op.id)
    return running.row(context.clock.monotonic()) if running else _row(await _explanation(context, op.id))


@handles(ExplainRequest)
async def explain_request(context: Context, op: ExplainRequest, _actor: Actor) -> Explanation:
    """Return one request's whole record; `last` is the one that ended last."""
    running = context.inference.running.get(op.id)
    return running.explanation() if running else await _explanation(context, op.id)


@handles(CancelRequest)
async def cancel_request(context: Context, op: CancelRequest, actor: Actor) -> RequestRow:
    """End a request that runs or waits. Raises NotFound, and Conflict for one that has ended already."""
    record = context.inference.running.get(op.id)
    if record is None or record.interrupt is None:
        ended = await _explanation(context, op.id)
        raise Conflict(
            f"the request {ended.id} has ended already: {ended.outcome or ended.stage}",
            hint=f"flock explain {ended.id}",
        )
    record.notes.append(f"cancelled by {actor.name}")
    record.interrupt(Cancelled(f"the request was cancelled by {actor.name}", hint="send it again"))
    return record.row(context.clock.monotonic())


async def _latest(context: Context, limit: int) -> list[Explanation]:
    return [unpack(d) for d in await context.store.decisions.latest(limit)]


async def _explanation(context: Context, request_id: str) -> Explanation:
    await context.store.writer.flush()
    if request_id == "last":
        latest = await _latest(context, 1)
        if latest:
            return latest[0]
        raise NotFound("no request has been served yet", hint="flock status")
    found = await context.store.decisions.get(request_id)
    if found is None:
        recent = [e.id for e in await _latest(context, 50)]
        nearest = difflib.get_close_matches(request_id, recent, n=3, cutoff=0.6)
        raise NotFound(
            f"there is no request {request_id!r} on record", hint="flock request ls", details={"nearest": nearest}
        )
    return unpack(found)


def _row(record: Explanation) -> RequestRow:
    last = record.spans[-1] if record.spans else None
    # a stream's answer begins with its first byte
    decode = last if record.stream and last is not None and last.name == "decode" else None
    seconds, more = decode.duration_ms / 1000 if decode is not None else 0.0, record.output_tokens - 1
    return RequestRow(
        id=record.id,
        at=record.at,
        user=record.user,
        model=record.model or record.requested_model,
        endpoint=record.endpoint,
        engine=record.engine,
        stage=record.stage,
        outcome=record.outcome,
        output_tokens=record.output_tokens,
        elapsed_ms=round(last.start_ms + last.duration_ms, 2) if last else 0.0,
        input_tokens=record.input_tokens,
        ttft_ms=decode.start_ms if decode is not None else None,
        tokens_per_second=round(more / seconds, 1) if seconds and more > 0 else None,
    )
