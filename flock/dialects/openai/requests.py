"""A chat request, read into the middle: every top-level field, and what nobody else understands kept as it came.

Does no I/O. Refuses what is not shaped as the dialect says, by its path. Reached as `server.read_request`; legacy
completions are read in `completions.py` with the knobs of this file.
"""

from typing import Any

from flock.dialects.ask import Ask
from flock.dialects.ir import Format, Json, Reasoning, Request
from flock.dialects.openai.checks import (
    at,
    fields_of,
    items_of,
    number,
    rest_of,
    switch,
    whole,
    words,
    wrong,
)
from flock.dialects.openai.completions import read_prompt
from flock.dialects.openai.messages import read_messages
from flock.dialects.openai.offers import LEGACY, read_choice, read_tools
from flock.errors import InvalidRequest

# Top-level fields that have a place in the middle. Whatever else a client sends goes into `extras`; what stands under
# `user` and `session` is never sent on, so it is not kept there either.
UNDERSTOOD = frozenset(
    {
        *("model", "messages", "prompt", "stream", "stream_options", "user", "safety_identifier", "prompt_cache_key"),
        *("tools", "tool_choice", "functions", "function_call", "parallel_tool_calls"),
        *("max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "min_p", "seed", "stop", "n"),
        *("presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias"),
        *("response_format", "reasoning_effort", "reasoning", "thinking", "verbosity"),
    }
)


def read_request(ask: Ask) -> Request:
    """Return what the client asks for. Raises InvalidRequest naming the field that is wrong, Unsupported."""
    body = ask.body
    if ask.endpoint == "completions":
        return read_prompt(ask, read_knobs(body, {}))
    extras: Json = {name: value for name, value in body.items() if name not in UNDERSTOOD and value is not None}
    request = read_knobs(body, extras)
    request.messages = read_messages(items_of(body.get("messages"), "messages"))
    request.tools = read_tools(body)
    request.tool_choice, allowed = read_choice(body)
    if allowed is not None:
        request.tools = [tool for tool in request.tools if tool.name in allowed]
    request.parallel_tools = switch(body.get("parallel_tool_calls"), "parallel_tool_calls")
    if request.tools and all(LEGACY in tool.meta for tool in request.tools):
        request.parallel_tools = False  # a function_call is one
    return request


def read_knobs(body: dict[str, Any], extras: Json) -> Request:
    """Return a request with everything but its conversation and tools; `extras` is filled and kept where not empty."""
    options = fields_of(body.get("stream_options"), "stream_options")
    if left := rest_of(options, "include_usage"):
        extras["stream_options"] = left
    request = Request(
        "openai",
        words(body.get("model"), "model"),
        [],
        max_tokens=_limit(body),
        temperature=number(body.get("temperature"), "temperature"),
        top_p=number(body.get("top_p"), "top_p"),
        top_k=whole(body.get("top_k"), "top_k"),
        min_p=number(body.get("min_p"), "min_p"),
        presence_penalty=number(body.get("presence_penalty"), "presence_penalty"),
        frequency_penalty=number(body.get("frequency_penalty"), "frequency_penalty"),
        seed=whole(body.get("seed"), "seed"),
        stop=_stop(body.get("stop")),
        n=whole(body.get("n"), "n"),
        logit_bias=fields_of(body.get("logit_bias"), "logit_bias") or None,
        reasoning=_reasoning(body, extras),
        format=_format(body, extras),
        verbosity=words(body.get("verbosity"), "verbosity"),
        stream=body.get("stream") is True,
        wants_usage=options.get("include_usage") is True,
        user=words(body.get("safety_identifier"), "safety_identifier") or words(body.get("user"), "user"),
        session=words(body.get("prompt_cache_key"), "prompt_cache_key"),
    )
    logprobs = body.get("logprobs")
    if isinstance(logprobs, int) and not isinstance(logprobs, bool):  # the completions' spelling: how many
        request.logprobs, request.top_logprobs = True, logprobs
    else:
        request.logprobs = switch(logprobs, "logprobs")
        request.top_logprobs = whole(body.get("top_logprobs"), "top_logprobs")
    if extras:
        request.extras["openai"] = extras
    return request


def _limit(body: dict[str, Any]) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        limit = whole(body.get(name), name)
        if limit is not None:
            # llama.cpp and its clients say -1 (some 0) for "as much as fits"
            return limit if limit > 0 else None
    return None


def _stop(given: Any) -> list[str]:
    if given is None:
        return []
    if isinstance(given, str):
        return [given]
    found = items_of(given, "stop")
    for i, one in enumerate(found):
        if not isinstance(one, str):
            raise wrong(f"stop[{i}]", "a string", one)
    return list(found)


def _reasoning(body: dict[str, Any], extras: Json) -> Reasoning | None:
    """Return how much to think, from all spellings in use: OpenAI's, OpenRouter's object, DeepSeek's `thinking`."""
    effort = words(body.get("reasoning_effort"), "reasoning_effort")
    given = fields_of(body.get("reasoning"), "reasoning")
    thinking = fields_of(body.get("thinking"), "thinking")
    found = Reasoning(effort=effort)
    if given:
        found.effort = effort or words(given.get("effort"), "reasoning.effort")
        found.budget = whole(given.get("max_tokens"), "reasoning.max_tokens")
        enabled = switch(given.get("enabled"), "reasoning.enabled")
        found.mode = "off" if enabled is False else "on" if enabled or found.budget is not None else ""
        if left := rest_of(given, "effort", "max_tokens", "enabled"):
            extras["reasoning"] = left
    if thinking:
        kind = words(thinking.get("type"), "thinking.type")
        if kind in ("disabled", "off"):
            found.mode = "off"
        elif kind in ("enabled", "on", "auto", "adaptive"):
            found.mode = "adaptive" if kind in ("auto", "adaptive") else "on"
        elif kind:
            extras["thinking"] = {"type": kind}
        budget = whole(thinking.get("budget_tokens"), "thinking.budget_tokens")
        found.budget = found.budget if budget is None else budget
        if left := rest_of(thinking, "type", "budget_tokens"):
            extras["thinking"] = {**extras.get("thinking", {}), **left}
    return None if found == Reasoning() else found


def _format(body: dict[str, Any], extras: Json) -> Format | None:
    given = fields_of(body.get("response_format"), "response_format")
    if not given:
        return None
    match words(given.get("type"), "response_format.type"):
        case "text":
            return Format("text")
        case "json_schema":
            where = "response_format.json_schema"
            # llama.cpp's clients put the schema straight below response_format
            inner = given if "schema" in given else fields_of(given.get("json_schema"), where)
            if inner.get("schema") is None:
                path = f"{where}.schema"
                raise InvalidRequest(f"{path} is missing", hint=f"add {path}", details=at(path))
            strict = inner.get("strict")
            return Format(
                "json_schema",
                fields_of(inner["schema"], f"{where}.schema"),
                words(inner.get("name"), f"{where}.name"),
                strict if isinstance(strict, bool) else None,
                words(inner.get("description"), f"{where}.description"),
            )
        case "json_object":
            schema = fields_of(given.get("schema"), "response_format.schema")
            return Format("json_schema", schema) if schema else Format("json_object")
        case _:
            extras["response_format"] = given
            return None
