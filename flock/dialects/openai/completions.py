"""Legacy completions (`/v1/completions`) on the middle: a prompt is one message of the user, the answer is its text.

Does no I/O. A request read here has the dialect "completions", by which `replies.py` and `stream.py` know how its
answer is spelled. Refuses, with Unsupported, prompts that are no one text: they mean something only to an engine that
speaks this endpoint itself.
"""

from typing import Any

from flock.dialects.ask import Ask
from flock.dialects.ir import Message, Request, Text
from flock.dialects.openai.checks import at, rest_of, wrong
from flock.errors import Unsupported
from flock.plain import is_array

DIALECT = "completions"
# knobs of this endpoint alone: nothing in a chat stands for them
_OWN = ("best_of", "echo", "suffix")
_SHARED = (
    *("model", "prompt", "stream", "stream_options", "user", "safety_identifier", "prompt_cache_key", "max_tokens"),
    *("max_completion_tokens", "temperature", "top_p", "top_k", "min_p", "seed", "stop", "n", "presence_penalty"),
    *("frequency_penalty", "logprobs", "top_logprobs", "logit_bias", "response_format", "reasoning_effort"),
    *("reasoning", "thinking", "verbosity"),
)


def read_prompt(ask: Ask, request: Request) -> Request:
    """Return the request of a completion; `request` has its knobs. Raises InvalidRequest, Unsupported."""
    request.dialect = DIALECT
    request.messages = [Message("user", [Text(_prompt(ask.body.get("prompt")))])]
    own = {name: ask.body[name] for name in _OWN if ask.body.get(name)}
    if "suffix" in own:
        raise _not_here("a suffix (fill in the middle)", "suffix")
    if own:
        request.extras[DIALECT] = own
    if rest := rest_of(ask.body, *_SHARED, *_OWN):
        request.extras["openai"] = {**rest, **request.extras.get("openai", {})}
    return request


def _prompt(prompt: Any) -> str:
    if isinstance(prompt, str):
        return prompt
    if not is_array(prompt):
        raise wrong("prompt", "a string or an array", prompt)
    if len(prompt) == 1 and isinstance(prompt[0], str):
        return prompt[0]
    raise _not_here(
        "several prompts" if any(isinstance(one, str) for one in prompt) else "a prompt of tokens", "prompt"
    )


def _not_here(what: str, param: str) -> Unsupported:
    return Unsupported(
        f"{what} cannot be translated for this model's engine",
        hint="send one prompt as a string, or use /v1/chat/completions",
        details=at(param),
    )
