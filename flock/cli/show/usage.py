"""How usage looks."""

from typing import Any

from flock import text
from flock.cli.show.view import View, or_none, since, table
from flock.contract.op import Op
from flock.contract.usage import UsageRow


def human(op: Op[Any], value: list[UsageRow], now: float) -> View:
    """Show one row per request; "~" before tokens: flock counted them itself; "?": a price that is not known."""
    rows: list[tuple[str, ...]] = [
        (
            u.request_id,
            since(u.at, now),
            u.user,
            u.model,
            u.engine,
            f"{'~' if u.estimated else ''}{u.input_tokens:,}",
            f"{'~' if u.estimated else ''}{u.output_tokens:,}",
            text.duration(u.latency_ms / 1000),
            or_none(None if u.ttft_ms is None else text.duration(u.ttft_ms / 1000)),
            or_none(f"${u.cost_usd}" if u.cost_usd is not None else "?" if u.vendor else ""),
            u.outcome,
        )
        for u in value
    ]
    return table(
        "request when user model engine in out took first_token cost outcome",
        rows,
        "no request yet",
        "engine first_token user cost",
    )


def ids(op: Op[Any], value: list[UsageRow]) -> list[str]:
    """Return the requests' ids."""
    return [u.request_id for u in value]
