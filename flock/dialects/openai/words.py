"""The OpenAI dialect's tables: field types, error types, paths. Used by the halves beside this file."""

from typing import Any

from flock.errors import FlockError

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"

# Top-level fields whose type flock checks before an engine sees them; engines answer such mistakes with anything from
# a good 400 to a dropped connection. Unknown fields are relayed. Values: accepted types, words for the error.
_NUMBER: tuple[tuple[type, ...], str] = ((int, float, type(None)), "a number")
_WHOLE: tuple[tuple[type, ...], str] = ((int, type(None)), "a whole number")
_BOOL: tuple[tuple[type, ...], str] = ((bool, type(None)), "true or false")
_LIST: tuple[tuple[type, ...], str] = ((list, type(None)), "an array")
_OBJECT: tuple[tuple[type, ...], str] = ((dict, type(None)), "an object")
FIELDS: dict[str, tuple[tuple[type, ...], str]] = {
    "model": ((str, type(None)), "a string"),
    "stream": _BOOL,
    "stream_options": _OBJECT,
    "temperature": _NUMBER,
    "top_p": _NUMBER,
    "presence_penalty": _NUMBER,
    "frequency_penalty": _NUMBER,
    "max_tokens": _WHOLE,
    "max_completion_tokens": _WHOLE,
    "n": _WHOLE,
    "seed": _WHOLE,
    "top_logprobs": _WHOLE,
    "stop": ((str, list, type(None)), "a string or an array of strings"),
    "tools": _LIST,
    "functions": _LIST,
    "tool_choice": ((str, dict, type(None)), "a string or an object"),
    "parallel_tool_calls": _BOOL,
    "response_format": _OBJECT,
    "logit_bias": _OBJECT,
    "user": ((str, type(None)), "a string"),
}

# Error types by HTTP status, as the vendor's API reference names them.
TYPES: dict[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    409: "invalid_request_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
    499: "invalid_request_error",
}


# OpenAI's own word for what no waiting of a client's helps: the day's tokens or a budget are used up. What running
# requests may give back within a minute is a rate limit.
SPENT = "insufficient_quota"
_SPENT_CODES = frozenset({"quota_exceeded", "budget_exceeded"})
_SOON_SECONDS = 60


def error_type(error: FlockError) -> str:
    """Return the dialect's error type; "server_error" for everything of ours."""
    return SPENT if is_spent(error) else TYPES.get(error.status, "server_error")


def is_spent(error: FlockError) -> bool:
    """Return whether a quota or a budget is used up for longer than a client would wait."""
    if error.code not in _SPENT_CODES:
        return False
    wait = error.details.get("retry_after")
    return not isinstance(wait, int | float) or wait > _SOON_SECONDS


def kind_of(value: Any) -> str:
    """Return how JSON calls a value's type, for error sentences."""
    names: dict[Any, str] = {dict: "an object", list: "an array", str: "a string", bool: "a boolean"}
    return "null" if value is None else names.get(value.__class__, "a number")
