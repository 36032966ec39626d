"""The Anthropic dialect's tables: paths, fields, stops, error types, thinking budgets, and how usage is counted.

Owns what both halves look up. Refuses to read or write messages. Used by the files beside this one.
"""

from typing import Any

from flock.dialects.ir import Stop, Usage
from flock.plain import is_object

MESSAGES, COUNT_TOKENS = "/v1/messages", "/v1/messages/count_tokens"
ENDPOINTS = {MESSAGES: "messages", COUNT_TOKENS: "count_tokens"}
# What flock itself writes; a client's own version is relayed with its body. Under 2026-10-21 the vendor refuses the
# sampling parameters that clients of other dialects send.
VERSION = "2023-06-01"

# Top-level fields whose type is checked before anybody relies on them. Values: accepted types, words for the error.
_NUMBER: tuple[tuple[type, ...], str] = ((int, float, type(None)), "a number")
_OBJECT: tuple[tuple[type, ...], str] = ((dict, type(None)), "an object")
FIELDS: dict[str, tuple[tuple[type, ...], str]] = {
    "model": ((str,), "a string"),
    "messages": ((list,), "an array"),
    "max_tokens": ((int,), "a whole number"),
    "system": ((str, list, type(None)), "a string or an array"),
    "stream": ((bool, type(None)), "true or false"),
    "temperature": _NUMBER,
    "top_p": _NUMBER,
    "top_k": ((int, type(None)), "a whole number"),
    "stop_sequences": ((list, type(None)), "an array of strings"),
    "tools": ((list, type(None)), "an array"),
    "tool_choice": _OBJECT,
    "thinking": _OBJECT,
    "output_config": _OBJECT,
    "output_format": _OBJECT,
    "metadata": _OBJECT,
}
# Of these a Request has its own fields; every other one goes into its extras.
READ = frozenset(FIELDS)

# What the SDK's StopReason knows. A content filter is a refusal here: the dialect has no other word for it.
STOP_REASONS: dict[Stop, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "stop_sequence": "stop_sequence",
    "content_filter": "refusal",
    "refusal": "refusal",
    "pause": "pause_turn",
    "context_window": "model_context_window_exceeded",
}
STOPS: dict[str, Stop] = {
    "end_turn": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "stop_sequence": "stop_sequence",
    "refusal": "refusal",
    "pause_turn": "pause",
    "model_context_window_exceeded": "context_window",
}

# Error types by HTTP status, as the vendor's API reference and the SDK's error classes name them.
ERROR_TYPES: dict[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    409: "invalid_request_error",
    413: "request_too_large",
    429: "rate_limit_error",
    499: "invalid_request_error",
    503: "overloaded_error",
    504: "timeout_error",
}
OVERLOADED_STATUS = 529  # the vendor's own for overloaded_error

# Thinking tokens by effort: 1024 is the least that is accepted, the next three are the steps of Claude Code's own words
# (think 4,000, think harder 10,000, ultrathink 31,999); more than 32,000 the vendor advises to send in batches only.
MIN_BUDGET = 1024
BUDGETS: dict[str, int] = {
    "minimal": MIN_BUDGET,
    "low": 4000,
    "medium": 10_000,
    "high": 31_999,
    "xhigh": 31_999,
    "max": 31_999,
}
# The dialect demands a limit, and a small one cuts answers that the client's own dialect would not have cut. This is
# what Claude Code 2.1.329 asks of a model it does not know, so engines are used to it.
DEFAULT_MAX_TOKENS = 32_000
MAX_BREAKPOINTS = 4  # cache_control blocks in one request


def effort_of(budget: int) -> str:
    """Return the effort whose thinking budget is nearest from below; "minimal" under the least."""
    return next((effort for effort in ("high", "medium", "low") if budget >= BUDGETS[effort]), "minimal")


def error_type(status: int) -> str:
    """Return the dialect's error type for a status; "api_error" for everything of ours."""
    return ERROR_TYPES.get(status, "api_error")


def read_usage(counts: Any) -> Usage | None:
    """Return the usage of a `usage` object; its input_tokens leave out what the cache read and wrote, ours do not."""
    if not is_object(counts):
        return None
    cached = _whole(counts.get("cache_read_input_tokens"))
    written = _whole(counts.get("cache_creation_input_tokens"))
    details = counts.get("output_tokens_details")
    by_time = counts.get("cache_creation")
    return Usage(
        input=_whole(counts.get("input_tokens")) + cached + written,
        cached=cached,
        output=_whole(counts.get("output_tokens")),
        cache_write=written,
        reasoning=_whole(details.get("thinking_tokens")) if is_object(details) else 0,
        cache_kept=min(_whole(by_time.get("ephemeral_1h_input_tokens")), written) if is_object(by_time) else 0,
    )


def write_usage(usage: Usage) -> dict[str, Any]:
    """Return the `usage` object. Never negative, whatever an engine counted."""
    cached = min(usage.cached, usage.input)
    written = min(usage.cache_write, usage.input - cached)
    counts: dict[str, Any] = {
        "input_tokens": usage.input - cached - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": usage.output,
    }
    if kept := min(usage.cache_kept, written):
        counts["cache_creation"] = {"ephemeral_5m_input_tokens": written - kept, "ephemeral_1h_input_tokens": kept}
    if usage.reasoning:
        counts["output_tokens_details"] = {"thinking_tokens": min(usage.reasoning, usage.output)}
    return counts


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def kind_of(value: Any) -> str:
    """Return how JSON calls a value's type, for error sentences."""
    names: dict[Any, str] = {dict: "an object", list: "an array", str: "a string", bool: "a boolean"}
    return "null" if value is None else names.get(value.__class__, "a number")
