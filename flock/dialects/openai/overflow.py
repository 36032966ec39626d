"""Context overflow: recognised in the words of every engine, since each says it in a shape of its own.

Does no I/O. Refuses to guess: a refusal that is not about the window is no overflow. Reached as
`upstream.read_overflow`; the sentences are those of the engines' sources, pinned word by word in the tests.
"""

import re
from typing import Any

import orjson

from flock.dialects.openai.tap import read_fault
from flock.plain import is_object

# Error types and codes that say it by themselves: llama.cpp's, OpenAI's, LiteLLM's and OpenRouter's
_CODES = frozenset(
    {
        *("exceed_context_size_error", "context_length_exceeded", "context_window_exceeded", "context_length_error"),
        "tokens_limit_reached",
    }
)
_NUMBER = r"(\d[\d,]*)"
# (pattern, group of the prompt's tokens, group of the window; 0: not told)
_SENTENCES: tuple[tuple[re.Pattern[str], int, int], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), prompt, limit)
    for pattern, prompt, limit in (
        # llama.cpp: with and without the numbers (older ones)
        (rf"request \({_NUMBER} tokens\) exceeds the available context size \({_NUMBER} tokens\)", 1, 2),
        (r"exceeds the available context size", 0, 0),
        # vLLM since 0.12: characters are counted where tokens would be too many to count
        (rf"you passed {_NUMBER} input tokens.*context length is only {_NUMBER} tokens", 1, 2),
        (rf"you passed {_NUMBER} input characters.*context length is only {_NUMBER} tokens", 0, 2),
        (rf"context length is {_NUMBER} tokens.*prompt contains (?:at least )?{_NUMBER} (?:input )?tokens", 2, 1),
        (rf"context length is {_NUMBER} tokens.*prompt contains (?:at least )?{_NUMBER} characters", 0, 1),
        # vLLM before, and those who took its words over
        (rf"context length is {_NUMBER} tokens.*your request has {_NUMBER} input tokens", 2, 1),
        (rf"context length is {_NUMBER} tokens.*requested {_NUMBER} tokens \({_NUMBER} in the messages", 3, 1),
        (rf"context length is {_NUMBER} tokens.*requested {_NUMBER} tokens \({_NUMBER} in your prompt", 3, 1),
        (rf"prompt length is {_NUMBER} tokens.*your request has {_NUMBER} prompt tokens", 2, 1),
        (rf"prompt \(length {_NUMBER}\) is longer than the maximum model length of {_NUMBER}", 1, 2),
        (rf"input length \({_NUMBER}\) exceeds model's maximum context length \({_NUMBER}\)", 1, 2),
        (rf"input prompt \({_NUMBER} tokens\) is too long and exceeds limit of {_NUMBER}", 1, 2),
        # SGLang
        (rf"input \({_NUMBER} tokens\) is longer than the model's context length \({_NUMBER} tokens\)", 1, 2),
        # OpenAI, OpenRouter
        (rf"context length is {_NUMBER} tokens.*messages resulted in {_NUMBER} tokens", 2, 1),
        (rf"context length is {_NUMBER} tokens.*\({_NUMBER} of text input", 2, 1),
        (rf"context length is {_NUMBER} tokens.*requested (?:about )?{_NUMBER} tokens", 2, 1),
        (rf"context length is {_NUMBER} tokens", 0, 1),
        (r"exceeds the context window of this model", 0, 0),
        # Ollama: how much too long, not how long
        (r"prompt too long; exceeded max context length", 0, 0),
        (r"input length exceeds the context length", 0, 0),
        (r"prompt is longer than the context length", 0, 0),
        # vendors: Gemini; Together (text-generation-inference); Fireworks; Cohere; Mistral; xAI; GitHub Models; Qwen
        (rf"input token count \({_NUMBER}\) exceeds the maximum number of tokens allowed \({_NUMBER}\)", 1, 2),
        (rf"must be <= {_NUMBER}\. Given: {_NUMBER} `inputs` tokens", 2, 1),
        (rf"prompt is too long: {_NUMBER}, model maximum context length: {_NUMBER}", 1, 2),
        (rf"too many tokens: size limit exceeded by {_NUMBER} tokens.*limit for this model is {_NUMBER} tokens", 0, 2),
        (rf"prompt contains {_NUMBER} tokens.*too large for model with {_NUMBER} maximum context length", 1, 2),
        (rf"maximum prompt length is {_NUMBER} but the request contains {_NUMBER} tokens", 2, 1),
        (rf"request body too large for .*max size: {_NUMBER} tokens", 0, 1),
        (rf"range of input length should be \[1, {_NUMBER}\]", 0, 1),
        # LM Studio
        (rf"keep the first {_NUMBER} tokens when .*context length of only {_NUMBER} tokens", 1, 2),
        (rf"n_keep:? *\(?{_NUMBER}\)? *>= *n_ctx:? *\(?{_NUMBER}\)?", 1, 2),
        (r"tokens to keep from the initial prompt is greater than the context length", 0, 0),
        # MLX servers (LM Studio's, oMLX): MLX-LM itself has no limit
        (rf"prompt (?:has|is too long:) {_NUMBER} tokens.{{0,60}}?{_NUMBER}", 1, 2),
    )
)
# A request that fits but asks for more than is left: vLLM refuses it, llama.cpp and Ollama cut the answer. Not the
# prompt's fault as long as the prompt alone fits, but clients treat it alike and can do the same about it: compact.
_TOO_MUCH_ASKED = re.compile(
    rf"context length is {_NUMBER} tokens and your request has {_NUMBER} input tokens", re.IGNORECASE
)


def read_overflow(status: int, body: bytes) -> tuple[int | None, int | None] | None:
    """Return (prompt tokens, window) of an error that says the prompt does not fit, None for any other answer.

    Either number is None where the engine does not tell it. A prompt below the window means that only what was asked
    for on top of it does not fit (`max_tokens`).
    """
    if status < 400 and b'"error"' not in body[:64]:
        return None
    words = read_fault(body)
    error = _error(body)
    counted = _told(error)
    if counted != (None, None):
        return counted
    if found := _TOO_MUCH_ASKED.search(words):
        return _number(found[2]), _number(found[1])
    for pattern, prompt, limit in _SENTENCES:
        if found := pattern.search(words):
            return _number(found[prompt]) if prompt else None, _number(found[limit]) if limit else None
    kinds = (error.get("type"), error.get("code"))
    return (None, None) if any(isinstance(kind, str) and kind in _CODES for kind in kinds) else None


def _error(body: bytes) -> dict[str, Any]:
    try:
        answer: Any = orjson.loads(body)
    except ValueError:
        return {}
    error = answer.get("error", answer) if is_object(answer) else None
    return error if is_object(error) else {}


def _told(error: dict[str, Any]) -> tuple[int | None, int | None]:
    """Return llama.cpp's own two fields."""
    prompt, limit = error.get("n_prompt_tokens"), error.get("n_ctx")
    whole = isinstance(prompt, int) and isinstance(limit, int)
    return (prompt, limit) if whole and error.get("type") == "exceed_context_size_error" else (None, None)


def _number(text: str) -> int:
    return int(text.replace(",", ""))
