"""The list of models as people see it: the default first, with how much is asked of each and how fast it answers.

Owns the joining of what runs (engines/) with what was measured (inference). Called by everything that shows models.
"""

from dataclasses import replace

from flock.contract.models import Model
from flock.core.context import Context
from flock.upstream import Placement


def listed(context: Context) -> list[Model]:
    """Return every model, the default marked and first: the one that a chat without a model's name goes to."""
    table = context.registry.table
    default = context.inference.names.default(table)
    marked = [_measured(context, row, table.get(row.id, ())) for row in context.registry.models()]
    marked = [replace(row, default=row.id == default) for row in marked]
    return sorted(marked, key=lambda row: not row.default)


def _measured(context: Context, row: Model, places: "tuple[Placement, ...]") -> Model:
    pace = context.inference.pace
    speeds = [speed for place in places if (speed := pace.speed(place.name, row.id)) is not None]
    return replace(
        row,
        requests_per_minute=pace.per_minute(row.id, context.clock.monotonic()),
        tokens_per_second=round(max(speeds), 1) if speeds else None,
    )
