"""What real vendors refuse of a chat request that others take: unknown fields, ids, roles, in their own words. Pure.

Written after reports and references (vendor.md), not after flock's catalog, so that a field too many meets a refusal.
Called by vendor.py; a row's `manners` names the vendor whose they are.
"""

import json
import re
from typing import Any

Body = dict[str, Any]
Refusal = tuple[int, str, bytes]


def named(*lines: str) -> frozenset[str]:
    """Return the words of some lines."""
    return frozenset(word for line in lines for word in line.split())


# parameters of chat completions by the types of OpenAI's SDK 3.52, the deprecated ones among them
OPENAI = named(
    "audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens messages",
    "metadata modalities model moderation n parallel_tool_calls prediction presence_penalty prompt_cache_key",
    "prompt_cache_options prompt_cache_retention reasoning_effort response_format safety_identifier seed service_tier",
    "stop store stream stream_options temperature tool_choice tools top_logprobs top_p user verbosity",
    "web_search_options",
)
# by the types of Mistral's SDK 3.7
MISTRAL = named(
    "frequency_penalty guardrails logprobs max_tokens messages metadata min_tokens model n parallel_tool_calls",
    "prediction presence_penalty prompt_cache_key prompt_logprobs prompt_mode random_seed reasoning_effort",
    "repetition_penalty response_format safe_prompt service_tier stop stream temperature tool_choice tools top_k",
    "top_logprobs top_p top_prompt_logprobs",
)
MISTRAL_MESSAGES = {
    "system": {"content", "role"},
    "user": {"content", "role"},
    "assistant": {"content", "prefix", "role", "tool_calls"},
    "tool": {"content", "name", "role", "tool_call_id"},
}
# docs.cohere.com/docs/compatibility-api, "Unsupported parameters"
COHERE = named(
    "store metadata logit_bias top_logprobs n modalities prediction audio service_tier parallel_tool_calls",
)
# console.groq.com/docs/openai, and what was seen
GROQ = (OPENAI - named("logprobs logit_bias top_logprobs prompt_cache_key store")) | {"reasoning_format"}
_NINE = re.compile("[a-zA-Z0-9]{9}")
_REASONING = re.compile(r"o[134]|gpt-5(?!.*chat)")
_ONLY_PLAIN = ("top_p", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs", "stop")


def refused(manners: str, body: Body) -> Refusal | None:
    """Return the refusal of a chat request, None where the vendor takes it."""
    return VENDORS[manners](body) if manners else None


def _said(status: int, body: Any) -> Refusal:
    return status, "application/json", json.dumps(body).encode()


def _openai_error(message: str, param: str | None = None, code: str | None = None) -> Refusal:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return _said(400, {"error": error})


def _openai(body: Body) -> Refusal | None:
    reasons = _REASONING.match(body["model"]) is not None
    known = OPENAI if reasons else OPENAI - {"reasoning_effort"}
    if unknown := [name for name in body if name not in known]:
        plural = "s" if len(unknown) > 1 else ""
        return _openai_error(f"Unrecognized request argument{plural} supplied: {', '.join(unknown)}")
    if not reasons:
        return None
    if "max_tokens" in body:
        message = "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        return _openai_error(f"Unsupported parameter: {message}", "max_tokens", "unsupported_parameter")
    if body.get("temperature", 1) != 1:
        told = f"'temperature' does not support {body['temperature']} with this model. Only the default (1) value is"
        return _openai_error(f"Unsupported value: {told} supported.", "temperature", "unsupported_value")
    for name in _ONLY_PLAIN:
        if name in body:
            message = f"Unsupported parameter: '{name}' is not supported with this model."
            return _openai_error(message, name, "unsupported_parameter")
    return None


def _groq(body: Body) -> Refusal | None:
    def error(message: str) -> Refusal:
        return _said(400, {"error": {"message": message, "type": "invalid_request_error"}})

    for name in body:
        if name not in GROQ:
            return error(f"property '{name}' is unsupported")
    if "reasoning_effort" in body and not body["model"].startswith("openai/gpt-oss"):
        return error("`reasoning_effort` is not supported with this model")
    known = {"content", "role", "tool_call_id", "tool_calls"}
    for place, message in enumerate(body["messages"]):
        for name in message.keys() - known:
            at = f"messages.{place}"
            return error(
                f"'{at}' : for 'role:{message['role']}' the following must be satisfied[('{at}' : property '{name}' is "
                "unsupported)]"
            )
    return None


def _mistral(body: Body) -> Refusal | None:
    forbidden = [["body", name] for name in body if name not in MISTRAL]
    for place, message in enumerate(body["messages"]):
        role = message["role"]
        known = MISTRAL_MESSAGES[role]
        forbidden += [["body", "messages", place, role, name] for name in message if name not in known]
    if forbidden:
        detail = [{"type": "extra_forbidden", "loc": loc, "msg": "Extra inputs are not permitted"} for loc in forbidden]
        more = {"type": "invalid_request_error", "param": None, "code": None}
        return _said(422, {"object": "error", "message": {"detail": detail}, **more})
    for message in body["messages"]:
        ids = [call["id"] for call in message.get("tool_calls") or []]
        for id in [*ids, *([message["tool_call_id"]] if message["role"] == "tool" else [])]:
            if not _NINE.fullmatch(id):
                words = f"Tool call id was {id} but must be a-z, A-Z, 0-9, with a length of 9."
                more = {"type": "invalid_function_call", "param": None, "code": "3280"}
                return _said(400, {"object": "error", "message": words, **more})
    return None


def _perplexity(body: Body) -> Refusal | None:
    roles = [message["role"] for message in body["messages"]]
    while roles and roles[0] == "system":
        roles.pop(0)
    words = ""
    if any(role != ("user", "assistant")[place % 2] for place, role in enumerate(roles)):
        words = "After the (optional) system message(s), user and assistant roles should be alternating."
    elif not roles or roles[-1] != "user":
        words = "Last message must have role `user`."
    return _said(400, {"error": {"message": words, "type": "invalid_message", "code": 400}}) if words else None


def _cohere(body: Body) -> Refusal | None:
    unfit = [name for name in body if name in COHERE or name not in OPENAI]
    if body.get("reasoning_effort") in ("low", "medium"):
        unfit.append("reasoning_effort")
    return _said(422, {"id": "7e1c", "message": f"unknown field: parameter '{unfit[0]}'"}) if unfit else None


def _x_ai(body: Body) -> Refusal | None:
    camel = {"presence_penalty": "presencePenalty", "frequency_penalty": "frequencyPenalty", "stop": "stop"}
    words = [f"Argument not supported on this model: {camel[name]}" for name in camel if name in body]
    if "reasoning_effort" in body and not body["model"].startswith("grok-3-mini"):
        words.append(f"Model {body['model']} does not support parameter reasoningEffort.")
    return _said(400, {"code": "Client specified an invalid argument", "error": words[0]}) if words else None


VENDORS = {
    "openai": _openai,
    "groq": _groq,
    "mistral": _mistral,
    "perplexity": _perplexity,
    "cohere": _cohere,
    "x-ai": _x_ai,
}
