"""Values that tests of adding models share."""

from dataclasses import replace
from typing import Any

from flock.contract.plans import AddPlan

PLAN = AddPlan(
    id="y",
    source="hf:o/r",
    engine="embedded",
    engine_ready=True,
    engine_hint="",
    kind="chat",
    quant="Q4_K_M",
    size_bytes=100,
    present_bytes=0,
    needs_bytes=200,
    budget_bytes=1000,
    fits=True,
    verdict="fits",
    disk_free_bytes=10_000,
    eta_seconds=0.1,
)


def plan(**changes: Any) -> AddPlan:
    """Return a plan."""
    return replace(PLAN, **changes)
