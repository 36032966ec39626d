"""The list of models in Google's shape, by pages. Called through dialects/listing.py.

Owns the fields of a model as google-genai's `types.Model` has them, and the paging by tokens; refuses to choose which
models there are.
"""

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from flock.dialects.ir import Json
from flock.errors import InvalidRequest

# Google's default and greatest page
PAGE, GREATEST_PAGE = 50, 1000
Row = tuple[str, int, int | None]
# model id → the methods it has
Methods = Callable[[str], Sequence[str]]


def generates(model: str) -> Sequence[str]:
    """Return the methods of a model that talks."""
    return ("generateContent", "streamGenerateContent", "countTokens")


def write_models(rows: list[Row], query: Mapping[str, str] | None = None, methods: Methods = generates) -> bytes:
    """Return the body of `GET /v1beta/models` for (id, created epoch seconds, context) rows.

    `query` may hold `pageSize` (1 to 1000; more counts as 1000) and `pageToken`. A token names the last model of the
    page before; when that one has gone meanwhile the list begins again. Raises InvalidRequest for values that are none.
    """
    asked = query or {}
    size, ids = _size(asked.get("pageSize")), [row[0] for row in rows]
    last = _last(asked.get("pageToken"))
    start = ids.index(last) + 1 if last in ids else 0
    page = rows[start : start + size]
    found: Json = {"models": [_model(row, methods) for row in page]}
    if start + size < len(rows):
        found["nextPageToken"] = urlsafe_b64encode(page[-1][0].encode()).decode()
    return orjson.dumps(found)


def write_model(row: Row, methods: Methods = generates) -> bytes:
    """Return the body of `GET /v1beta/models/{id}`."""
    return orjson.dumps(_model(row, methods))


def _model(row: Row, methods: Methods) -> Json:
    name, _, context = row
    shown: dict[str, Any] = {
        "name": f"models/{name}",
        "version": "1",
        "displayName": name,
        "description": f"{name}, served by flock",
        "supportedGenerationMethods": [*methods(name)],
    }
    if context:  # an answer may take all that the prompt leaves
        shown |= {"inputTokenLimit": context, "outputTokenLimit": context}
    return shown


def _size(text: str | None) -> int:
    if not text or text == "0":
        return PAGE
    if not text.isascii() or not text.isdigit():
        raise InvalidRequest("pageSize must be a whole number", hint="leave it out", details={"param": "pageSize"})
    return min(int(text), GREATEST_PAGE)


def _last(token: str | None) -> str | None:
    if not token:
        return None
    try:
        return b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except ValueError:
        raise InvalidRequest(
            "pageToken is none of ours", hint="send nextPageToken as it came", details={"param": "pageToken"}
        ) from None
