"""The list of models in the shape its reader expects: one path, three dialects.

Owns who gets which shape: `anthropic-version` asks for Anthropic's, `x-goog-api-key` or `x-goog-api-client` for
Google's, everybody else gets OpenAI's. Pure. Called by daemon/listing.py.
"""

from collections.abc import Mapping

from flock.dialects.anthropic import models as anthropic
from flock.dialects.gemini import models as gemini
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


def write_models(
    shape: str, rows: list[Row], query: Mapping[str, str], methods: gemini.Methods = gemini.generates
) -> bytes:
    """Return the body of the list; `query` may page it in the shape's own way. Raises InvalidRequest.

    `methods` says by a model's id what may be asked of it, for Google's shape alone.
    """
    if shape == "anthropic":
        return anthropic.write_models(rows, query)
    if shape == "google":
        return gemini.write_models(rows, query, methods)
    return openai.write_models(rows)


def write_model(shape: str, row: Row, methods: gemini.Methods = gemini.generates) -> bytes:
    """Return the body of one model."""
    if shape == "anthropic":
        return anthropic.write_model(row)
    return gemini.write_model(row, methods) if shape == "google" else openai.write_model(row)
