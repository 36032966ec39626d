"""The response object: what an answer says of itself, whole or inside the events that begin and end a stream.

Owns its fields as the vendor's library declares them (openai 3.52, types/responses/response.py); what the client asked
for is echoed as flock understood it. Pure; made once an answer by writer.py.
"""

from typing import Any

from flock.dialects.half import Addressing
from flock.dialects.ir import Json, Request, Text, Usage
from flock.dialects.responses.content import PLACE
from flock.dialects.responses.tools import write_choice, write_tools
from flock.dialects.responses.words import DIALECT

# fields of the request that are echoed as they came, and what stands there when the client said nothing
_ECHOED: dict[str, Any] = {
    "max_tool_calls": None,
    "metadata": {},
    "service_tier": "default",
    "truncation": "disabled",
}


class ResponseObject:
    """The response object of one answer. `id` is the answer's own, made of the request's."""

    __slots__ = ("_constant", "_first", "id", "stem")

    def __init__(self, request: Request, to: Addressing) -> None:
        self.stem = to.id.removeprefix("req_") or "0"
        self.id = f"resp_{self.stem}"
        self._first: Json = {"id": self.id, "object": "response", "created_at": to.created}
        self._constant = _said(request, to)

    def fields(
        self,
        status: str,
        output: list[Json],
        usage: Usage | None = None,
        *,
        error: Json | None = None,
        reason: str = "",
    ) -> Json:
        """Return the object; `reason` is why it is incomplete. The usage stands last, where taps look for it."""
        return {
            **self._first,
            "status": status,
            "error": error,
            "incomplete_details": {"reason": reason} if reason else None,
            **self._constant,
            "output": output,
            "usage": None if usage is None else write_usage(usage),
        }


def _said(request: Request, to: Addressing) -> Json:
    extras = request.extras.get(DIALECT, {})
    echoed = {name: extras.get(name, default) for name, default in _ECHOED.items()}
    reasoning = request.reasoning
    text: Json = {"format": _format(request)}
    if request.verbosity:
        text["verbosity"] = request.verbosity
    return {
        "background": False,
        "instructions": _instructions(request),
        "max_output_tokens": request.max_tokens,
        "model": to.model,
        "parallel_tool_calls": True if request.parallel_tools is None else request.parallel_tools,
        "previous_response_id": None,
        "prompt_cache_key": request.session or None,
        "reasoning": {
            "effort": (reasoning.effort or None) if reasoning else None,
            "summary": (reasoning.summary or None) if reasoning else None,
        },
        "safety_identifier": request.user or None,
        "store": False,
        "temperature": 1.0 if request.temperature is None else request.temperature,
        "text": text,
        "tool_choice": write_choice(request, {}),
        "tools": write_tools(request, {}, []),
        "top_logprobs": request.top_logprobs or 0,
        "top_p": 1.0 if request.top_p is None else request.top_p,
        "user": None,
        **echoed,
    }


def _instructions(request: Request) -> str | None:
    for message in request.messages[:1]:
        if PLACE in message.meta:
            return "\n\n".join(part.text for part in message.parts if isinstance(part, Text))
    return None


def _format(request: Request) -> Json:
    asked = request.format
    if asked is None or asked.kind != "json_schema":
        return {"type": asked.kind if asked else "text"}
    return write_schema(request)


def write_schema(request: Request) -> Json:
    """Return `text.format` of a request that asks for a JSON schema."""
    asked = request.format
    assert asked is not None
    written: Json = {"type": "json_schema", "name": asked.name or "answer", "schema": asked.schema or {}}
    if asked.strict is not None:
        written["strict"] = asked.strict
    if asked.description:
        written["description"] = asked.description
    return written


def write_usage(usage: Usage) -> Json:
    """Return the usage as Responses counts: cached tokens inside the input, reasoning inside the output."""
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }
