"""Token counts and times as the dialect tells them: counters of the final object, durations in nanoseconds.

Does no I/O. Owns what a missing `prompt_eval_count` means: not none, but not told. Used by the reader, the tap and the
writers; core asks `is_estimated` whether a usage is the engine's own.
"""

from dataclasses import dataclass
from typing import Any

from flock.dialects.ir import Json, Usage

_NANOS = 1_000_000  # nanoseconds in a millisecond


@dataclass(slots=True)
class PromptEstimated(Usage):
    """A usage whose `input` is flock's own estimate (0 where there is none): the engine counted only the answer.

    Ollama leaves out counters that are 0, and many versions counted what was evaluated, not what came from the cache
    (ollama#2068, #3427): a prompt that was wholly cached has no `prompt_eval_count`.
    """


def is_estimated(usage: Usage | None) -> bool:
    """Return whether the prompt's tokens of a usage are an estimate."""
    return isinstance(usage, PromptEstimated)


def read_usage(answer: Json, prompt: int = 0) -> Usage | None:
    """Return the usage of a final object, None where it tells none; `prompt` is the estimate to use where it has to."""
    told, output = _whole(answer.get("prompt_eval_count")), _whole(answer.get("eval_count"))
    prefill, decode = _time(answer.get("prompt_eval_duration")), _time(answer.get("eval_duration"))
    if not told and not output and prefill is None and decode is None:
        return None
    if told:
        # inside the prompt's count, since September 2026
        cached = min(_whole(answer.get("prompt_eval_cached_count")), told)
        return Usage(told, cached, output, prefill_ms=prefill, decode_ms=decode)
    return PromptEstimated(prompt, output=output, prefill_ms=prefill, decode_ms=decode)


def write_metrics(usage: Usage | None) -> Json:
    """Return the counters and durations of a final object: only what is known, since a pure writer measures nothing.

    `total_duration` is what the engine took for prompt and answer; how long a model took to load is not known.
    """
    if usage is None:
        return {}
    found: Json = {}
    prefill, decode = _nanos(usage.prefill_ms), _nanos(usage.decode_ms)
    if prefill and decode:
        found["total_duration"] = prefill + decode
    if usage.input:
        found["prompt_eval_count"] = usage.input
    if usage.cached:
        found["prompt_eval_cached_count"] = usage.cached
    if prefill:
        found["prompt_eval_duration"] = prefill
    found["eval_count"] = usage.output
    if decode:
        found["eval_duration"] = decode
    return found


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _time(value: Any) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value / _NANOS if number and value > 0 else None


def _nanos(milliseconds: float | None) -> int:
    return round(milliseconds * _NANOS) if milliseconds else 0
