"""Token figures as the dialect spells them, read from every engine's variant and written in the vendor's.

Does no I/O. `prompt_tokens` is the whole prompt with the cached tokens inside it, as in the middle. Used by the tap,
the reader and the writers; reached as `upstream.read_usage` and `upstream.read_body_usage`.
"""

from typing import Any

import orjson

from flock.dialects.ir import Usage
from flock.plain import is_object


def read_usage(answer: Any) -> Usage | None:
    """Return the usage of an answer or a usage chunk (JSON object), None where there is none."""
    if not is_object(answer):
        return None
    counts = answer.get("usage")
    if not is_object(counts):
        return None
    usage = Usage(_whole(counts.get("prompt_tokens")), 0, _whole(counts.get("completion_tokens")))
    # once for every answer: what an engine does not tell is not looked for
    if prompt := counts.get("prompt_tokens_details"):
        prompt = prompt if is_object(prompt) else {}
        usage.cached = _whole(prompt.get("cached_tokens"))
        usage.cache_write = _whole(prompt.get("cache_write_tokens"))
    if not usage.cached:
        usage.cached = _whole(counts.get("prompt_cache_hit_tokens"))  # DeepSeek's own name stands outside the details
    if completion := counts.get("completion_tokens_details"):
        usage.reasoning = _whole(completion.get("reasoning_tokens")) if is_object(completion) else 0
    if is_object(timings := answer.get("timings")):
        usage.prefill_ms, usage.decode_ms = _time(timings.get("prompt_ms")), _time(timings.get("predicted_ms"))
    return usage


def read_timings(answer: dict[str, Any]) -> Usage | None:
    """Return the usage that llama.cpp's `timings` amount to, for answers that carry nothing else; None without them.

    `prompt_n` counts what was processed, `cache_n` what was taken from the cache.
    """
    timings = _inside(answer, "timings")
    if "predicted_n" not in timings:
        return None
    cached = _whole(timings.get("cache_n"))
    return Usage(
        input=_whole(timings.get("prompt_n")) + cached,
        cached=cached,
        output=_whole(timings.get("predicted_n")),
        prefill_ms=_time(timings.get("prompt_ms")),
        decode_ms=_time(timings.get("predicted_ms")),
    )


def read_body_usage(body: bytes) -> Usage | None:
    """Return the usage of a whole answer's bytes, None where there is none or it is not JSON."""
    try:
        return read_usage(orjson.loads(body))
    except ValueError:
        return None


def write_usage(usage: Usage) -> dict[str, Any]:
    """Return the `usage` object of an answer."""
    prompt = {"cached_tokens": usage.cached}
    if usage.cache_write:
        prompt["cache_write_tokens"] = usage.cache_write
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": prompt,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _inside(fields: dict[str, Any], name: str) -> dict[str, Any]:
    value = fields.get(name)
    return value if is_object(value) else {}


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _time(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
