"""Thinking, sampling and the form of the answer as the dialect's settings, in combinations the vendor takes.

Owns the rules by which settings exclude each other. A request of this dialect keeps its own. Called by `sent.py`, which
hands in the body under construction and the lists of what was lost and edited.
"""

from flock.dialects.anthropic.blocks import NAME
from flock.dialects.anthropic.words import BUDGETS, DEFAULT_MAX_TOKENS, MIN_BUDGET
from flock.dialects.ir import Json, Request, Thinking, ToolCall


def thinking_of(request: Request, body: Json, lost: list[str], edits: list[str], *, own: bool) -> None:
    """Set `thinking` and `output_config.effort`, and raise max_tokens where the budget needs it."""
    wanted = request.reasoning
    if wanted is None:
        return
    if own:
        if wanted.mode == "on":
            budget = {} if wanted.budget is None else {"budget_tokens": wanted.budget}
            body["thinking"] = {"type": "enabled", **budget}
        elif wanted.mode:
            body["thinking"] = {"type": "disabled" if wanted.mode == "off" else "adaptive"}
        if wanted.effort:
            body["output_config"] = {"effort": wanted.effort}
        return
    if wanted.mode == "off" or wanted.effort == "none":
        body["thinking"] = {"type": "disabled"}
        return
    if not wanted.mode and not wanted.effort:
        return
    if wanted.effort and wanted.effort not in BUDGETS:
        edits.append(f"reasoning effort: {wanted.effort} → medium")
    budget = wanted.budget or BUDGETS.get(wanted.effort or "medium", BUDGETS["medium"])
    if _lost_its_thinking(request):
        # the vendor wants the thinking that led to a call, and another engine's it would refuse
        edits.append("thinking: off for this call, the thinking before the last tool call is not this dialect's")
        lost.append("reasoning")
        return
    limit = body["max_tokens"]
    budget = max(MIN_BUDGET, min(budget, limit // 2 if request.max_tokens else DEFAULT_MAX_TOKENS // 2))
    if budget >= limit:
        body["max_tokens"] = limit + budget
        edits.append(f"max_tokens: {limit} → {limit + budget}, room for thinking")
    body["thinking"] = {"type": "enabled", "budget_tokens": budget}


def _lost_its_thinking(request: Request) -> bool:
    """Return whether the conversation goes on behind results of calls that no thinking of this dialect led to."""
    for message in reversed(request.messages):
        if message.role == "assistant":
            signed = any(isinstance(p, Thinking) and p.origin == NAME for p in message.parts)
            return any(isinstance(part, ToolCall) for part in message.parts) and not signed
        if message.role == "user":
            return False
    return False


def sampling(request: Request, body: Json, lost: list[str], edits: list[str], *, own: bool) -> None:
    """Set temperature, top_p, top_k and stop_sequences; name the settings the dialect does not have."""
    temperature, top_p, top_k = request.temperature, request.top_p, request.top_k
    if not own:
        if temperature is not None and temperature > 1:
            edits.append(f"temperature: {temperature} → 1")
            temperature = 1
        if body.get("thinking", {}).get("type") == "enabled":
            # the vendor takes none of them while the model thinks, top_p only near 1
            refused = [("temperature", temperature not in (None, 1)), ("top_k", top_k is not None)]
            lost += [name for name, is_set in [*refused, ("top_p", top_p is not None and top_p < 0.95)] if is_set]
            temperature, top_k = None, None
            top_p = top_p if top_p is not None and top_p >= 0.95 else None
        if top_p == 1:
            top_p = None  # says nothing, and newer models refuse it beside a temperature
    stops = request.stop if own else [stop for stop in request.stop if stop.strip()]
    if len(stops) < len(request.stop):
        lost.append("stop (white space)")
    for name, value in (("temperature", temperature), ("top_p", top_p), ("top_k", top_k)):
        if value is not None:
            body[name] = value
    if stops:
        body["stop_sequences"] = stops
    lost += [name for name in _ELSEWHERE if getattr(request, name) not in (None, "", {})]


_ELSEWHERE = ("min_p", "presence_penalty", "frequency_penalty", "seed", "logit_bias", "top_logprobs", "verbosity")


def format_of(request: Request, body: Json, lost: list[str], edits: list[str]) -> None:
    """Set `output_config.format`; an answer that is just some JSON object is asked for in words."""
    form = request.format
    if form is None or form.kind == "text":
        return
    if form.kind == "json_schema":
        schema = form.schema or {"type": "object"}
        body.setdefault("output_config", {})["format"] = {"type": "json_schema", "schema": schema}
        return
    words = "Answer with one JSON object and nothing else."
    system = body.get("system")
    if isinstance(system, list):
        body["system"] = [*system, {"type": "text", "text": words}]
    else:
        body["system"] = f"{system}\n\n{words}" if system else words
    edits.append("response_format json_object: asked for in the system prompt")
