"""The Responses dialect's tables: field types, item types, error codes, how an answer ends. Used by both halves.

Values only. The types are those of the vendor's API reference and its Python library (openai 3.52, types/responses).
"""

from flock.dialects.ir import Stop
from flock.dialects.openai.words import SPENT, is_spent
from flock.errors import FlockError

PATH = "/v1/responses"
DIALECT = "responses"

# Top-level fields whose type flock checks before an engine sees them. Unknown fields are relayed. Values: accepted
# types, words for the error.
_NUMBER: tuple[tuple[type, ...], str] = ((int, float, type(None)), "a number")
_WHOLE: tuple[tuple[type, ...], str] = ((int, type(None)), "a whole number")
_BOOL: tuple[tuple[type, ...], str] = ((bool, type(None)), "true or false")
_LIST: tuple[tuple[type, ...], str] = ((list, type(None)), "an array")
_OBJECT: tuple[tuple[type, ...], str] = ((dict, type(None)), "an object")
_STRING: tuple[tuple[type, ...], str] = ((str, type(None)), "a string")
FIELDS: dict[str, tuple[tuple[type, ...], str]] = {
    "model": _STRING,
    "stream": _BOOL,
    "instructions": _STRING,
    "temperature": _NUMBER,
    "top_p": _NUMBER,
    "max_output_tokens": _WHOLE,
    "top_logprobs": _WHOLE,
    "tools": _LIST,
    "tool_choice": ((str, dict, type(None)), "a string or an object"),
    "parallel_tool_calls": _BOOL,
    "text": _OBJECT,
    "reasoning": _OBJECT,
    "include": _LIST,
    "store": _BOOL,
    "background": _BOOL,
    "previous_response_id": _STRING,
    "conversation": ((str, dict, type(None)), "a string or an object"),
    "prompt_cache_key": _STRING,
    "safety_identifier": _STRING,
    "user": _STRING,
}

ROLES = frozenset({"user", "assistant", "system", "developer"})
EFFORTS = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"})

# What an item's type says of its place in a conversation, where only its vendor knows what is in it: the model's own
# items and answers to them. What is neither stands as a turn of the user's.
MODEL_ITEMS = frozenset(
    {"compaction", "compaction_summary", "program", "mcp_list_tools", "mcp_approval_request", "reasoning"}
)
ANSWER_ITEMS = frozenset({"mcp_approval_response", "program_output"})

LOGPROBS = "message.output_text.logprobs"
ENCRYPTED = "reasoning.encrypted_content"

# Why an answer that is not whole ended, by the middle's word. Whoever continues an incomplete answer does right by a
# paused turn as well, and Responses has no word of its own for that.
INCOMPLETE: dict[Stop, str] = {
    "length": "max_output_tokens",
    "context_window": "max_output_tokens",
    "pause": "max_output_tokens",
    "content_filter": "content_filter",
}
# the reasons of `incomplete_details`, by their names
REASONS: dict[str, Stop] = {"max_output_tokens": "length", "content_filter": "content_filter"}

# Codes of `response.failed` by flock's own. Codex acts on them: it gives up on the first, third and fourth and says
# why, waits as told after the second, and tries again after any other (codex-rs, its handling of response.failed). It
# gives up on a quota that is used up as well (SPENT).
_CODES = {
    "context_length_exceeded": "context_length_exceeded",
    "engine_busy": "rate_limit_exceeded",
    "engine_overloaded": "server_is_overloaded",
    "draining": "server_is_overloaded",
}


def failure_code(error: FlockError) -> str:
    """Return the code under which `response.failed` reports an error."""
    if error.code in _CODES:
        return _CODES[error.code]
    if is_spent(error):
        return SPENT
    if error.status == 429:
        return "rate_limit_exceeded"
    return "invalid_prompt" if error.status in (400, 413, 422) else "server_error"


def failure_message(error: FlockError) -> str:
    """Return the sentence of an error, with the time to wait where it is known: Codex reads it out of the sentence."""
    wait = error.details.get("retry_after")
    if isinstance(wait, int | float) and not isinstance(wait, bool) and failure_code(error) == "rate_limit_exceeded":
        return f"{error.sentence}. Try again in {wait:g}s."
    return error.sentence
