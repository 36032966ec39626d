"""The list of models in this dialect's shape, by pages. Called by the gateway for clients that send anthropic-version.

Owns the paging by ids; refuses to choose which models there are.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from flock.dialects.anthropic.check import refused
from flock.dialects.ir import Json

# the vendor's default and greatest page
PAGE, GREATEST_PAGE = 20, 1000
Row = tuple[str, int, int | None]


def write_models(rows: list[Row], query: Mapping[str, str] | None = None) -> bytes:
    """Return the body of `GET /v1/models` for (id, created epoch seconds, context) rows.

    `query` may hold `limit` (1 to 1000), `after_id` and `before_id`. Raises InvalidRequest for a limit that is none;
    an id that is unknown, since its model has gone meanwhile, begins at the beginning.
    """
    asked = query or {}
    limit = _limit(asked.get("limit"))
    ids = [row[0] for row in rows]
    after, before = asked.get("after_id"), asked.get("before_id")
    if before in ids:
        end = ids.index(before)
        page, more = rows[max(0, end - limit) : end], end > limit
    else:
        start = ids.index(after) + 1 if after in ids else 0
        page, more = rows[start : start + limit], len(rows) > start + limit
    return orjson.dumps(
        {
            "data": [_model(row) for row in page],
            "has_more": more,
            "first_id": page[0][0] if page else None,
            "last_id": page[-1][0] if page else None,
        }
    )


def write_model(row: Row) -> bytes:
    """Return the body of `GET /v1/models/{id}`."""
    return orjson.dumps(_model(row))


def _model(row: Row) -> Json:
    model_id, created, context = row
    shown: dict[str, Any] = {
        "type": "model",
        "id": model_id,
        "display_name": model_id,
        "created_at": datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lifecycle": "active",
    }
    if context:
        shown["max_input_tokens"] = context
    return shown


def _limit(text: str | None) -> int:
    if not text:
        return PAGE
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= GREATEST_PAGE:
        raise refused("limit", f"must be a whole number from 1 to {GREATEST_PAGE}")
    return int(text)
