"""The list of models in the shape its reader expects: one path, three dialects.

Owns who gets which shape: `anthropic-version` asks for Anthropic's, `x-goog-api-key` or `x-goog-api-client` for
Google's, everybody else gets OpenAI's. Pure. Called by daemon/listing.py.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from flock.dialects.anthropic import models as anthropic
from flock.dialects.openai import server as openai

# id, epoch second of its beginning, window in tokens
Row = tuple[str, int, int | None]


def shape_of(headers: Mapping[str, str]) -> str:
    """Return "anthropic", "google" or "openai" by the headers of a request (looked up without regard to case)."""
    if "anthropic-version" in headers:
        return "anthropic"
    if "x-goog-api-key" in headers or "x-goog-api-client" in headers:
        return "google"
    return "openai"


def write_models(shape: str, rows: list[Row], query: Mapping[str, str]) -> bytes:
    """Return the body of the whole list; `query` may page it in the shape's own way. Raises InvalidRequest."""
    if shape == "anthropic":
        return anthropic.write_models(rows, query)
    if shape == "google":
        return orjson.dumps({"models": [_google(row) for row in rows]})
    return openai.write_models(rows)


def write_model(shape: str, row: Row) -> bytes:
    """Return the body of one model."""
    if shape == "anthropic":
        return anthropic.write_model(row)
    return orjson.dumps(_google(row)) if shape == "google" else openai.write_model(row)


def _google(row: Row) -> dict[str, Any]:
    name, _, context = row
    shown: dict[str, Any] = {
        "name": f"models/{name}",
        "displayName": name,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }
    if context:
        shown["inputTokenLimit"] = context
    return shown
