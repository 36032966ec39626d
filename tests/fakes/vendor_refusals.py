"""How each vendor spells its errors: status, type and body, in its own words. Pure; called by vendor.py.

`refusal(shape, kind)` for the kinds of KINDS. vendor.md says what was seen on the wire and what is from documents.
"""

import json
from typing import Any

KINDS = ("no_key", "bad_key", "no_path", "no_model", "rate", "overloaded", "failed", "context")
Refusal = tuple[int, str, bytes]

_JSON, _HTML = "application/json", "text/html; charset=utf-8"


def _openai(status: int, message: str, kind: str, code: str | None, param: str | None = None, **more: Any) -> Refusal:
    error = {"message": message, "type": kind, "param": param, "code": code}
    return status, _JSON, json.dumps({"error": error, **more}).encode()


def _plain(status: int, body: Any) -> Refusal:
    return status, _JSON, json.dumps(body).encode()


def _page(status: int, title: str) -> Refusal:
    page = f"<html>\n<head><title>{status} {title}</title></head>\n<body>\n<center><h1>{status} {title}</h1></center>\n"
    return status, _HTML, f"{page}<hr><center>openresty/1.27.4</center>\n</body>\n</html>\n".encode()


def _anthropic(status: int, kind: str, message: str) -> Refusal:
    error = {"type": kind, "message": message}
    return _plain(status, {"type": "error", "error": error, "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy"})


def _google(status: int, word: str, message: str, *details: dict[str, Any]) -> Refusal:
    error: dict[str, Any] = {"code": status, "message": message, "status": word}
    if details:
        error["details"] = details
    return _plain(status, {"error": error})


def _coded(status: int, message: str, code: Any) -> Refusal:
    return _plain(status, {"error": {"message": message, "code": code}})


_BAD, _SERVER = "invalid_request_error", "server_error"
_OPENAI = {
    "no_key": _openai(
        401, "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer "
        "auth (i.e. Authorization: Bearer YOUR_KEY).", _BAD, None),
    "bad_key": _openai(
        401, "Incorrect API key provided: sk-fa***-key. You can find your API key at "
        "https://platform.openai.com/account/api-keys.", _BAD, "invalid_api_key"),
    "no_path": _openai(404, "Invalid URL", _BAD, None),
    "no_model": _openai(
        404, "The model `nope` does not exist or you do not have access to it.", _BAD, "model_not_found"),
    "rate": _openai(
        429, "Rate limit reached for gpt-5 in organization org-x on tokens per min (TPM): Limit 30000, Used 29000, "
        "Requested 2000. Please try again in 2s.", "tokens", "rate_limit_exceeded"),
    "overloaded": _openai(503, "The engine is currently overloaded, please try again later", _SERVER, None),
    "failed": _openai(500, "The server had an error while processing your request. Sorry about that!", _SERVER, None),
    "context": _openai(
        400, "Your input exceeds the context window of this model. Please adjust your input and try again.", _BAD,
        "context_length_exceeded", "input"),
}  # fmt: skip
_KEY_INFO = {
    "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com",
}  # fmt: skip
_GROK = "Client specified an invalid argument"

# shape → kind → refusal; what is missing is spelled as OpenAI spells it
SHAPES: dict[str, dict[str, Refusal]] = {
    "openai": {},
    "anthropic": {
        "no_key": _anthropic(401, "authentication_error", "x-api-key header is required"),
        "bad_key": _anthropic(401, "authentication_error", "invalid x-api-key"),
        "no_path": _anthropic(404, "not_found_error", "Not Found"),
        "no_model": _anthropic(404, "not_found_error", "model: nope"),
        "rate": _anthropic(429, "rate_limit_error", "This request would exceed your organization's rate limit of "
                           "50,000 input tokens per minute."),
        "overloaded": _anthropic(529, "overloaded_error", "Overloaded"),
        "failed": _anthropic(500, "api_error", "Internal server error"),
        "context": _anthropic(400, _BAD, "prompt is too long: 208544 tokens > 200000 maximum"),
    },
    "gemini": {
        "no_key": _google(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers (callers without "
                          "established identity). Please use API Key or other form of API consumer identity to call "
                          "this API."),
        "bad_key": _google(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", _KEY_INFO),
        "no_path": (404, "text/html; charset=UTF-8", b"<!DOCTYPE html>\n<html lang=en>\n  <title>Error 404 (Not "
                    b"Found)!!1</title>\n  <p><b>404.</b> <ins>That\xe2\x80\x99s an error.</ins>\n"),
        "no_model": _google(404, "NOT_FOUND", "models/nope is not found for API version v1beta, or is not supported "
                            "for generateContent. Call ListModels to see the list of available models and their "
                            "supported methods."),
        "rate": _google(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and "
                        "billing details.", {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2s"}),
        "overloaded": _google(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
        "failed": _google(500, "INTERNAL", "An internal error has occurred. Please retry or report in "
                          "https://developers.generativeai.google/guide/troubleshooting"),
        "context": _google(400, "INVALID_ARGUMENT", "The input token count (1200293) exceeds the maximum number of "
                           "tokens allowed (1048576)."),
    },
    "openrouter": {
        "no_key": _coded(401, "No auth credentials found", 401),
        "bad_key": _coded(401, "User not found.", 401),
        "no_path": (404, _HTML, b"<!DOCTYPE html><html><head><title>Not Found | OpenRouter</title></head></html>"),
        "no_model": _coded(400, "nope is not a valid model ID", 400),
        "rate": _coded(429, "Rate limit exceeded: free-models-per-min. ", 429),
        "overloaded": _coded(503, "No instances available", 503),
        "failed": _coded(502, "Provider returned error", 502),
        "context": _coded(400, "This endpoint's maximum context length is 8192 tokens. However, you requested about "
                          "12000 tokens (10000 of text input, 2000 in the output). Please reduce the length of either "
                          "one, or use the \"middle-out\" transform to compress your prompt automatically.", 400),
    },
    "groq": {
        "bad_key": _plain(401, {"error": {"message": "Invalid API Key", "type": _BAD, "code": "invalid_api_key"}}),
        "no_path": _plain(404, {"error": {"message": "Unknown request URL: POST /. Please check the URL for typos, or "
                                          "see the docs at https://console.groq.com/docs/", "type": _BAD,
                                          "code": "unknown_url"}}),
        "context": _plain(400, {"error": {"message": "Please reduce the length of the messages or completion.",
                                          "type": _BAD, "param": "messages", "code": "context_length_exceeded"}}),
        "overloaded": _plain(503, {"error": {"message": "Service Unavailable", "type": "internal_server_error"}}),
    },
    "together": {
        "bad_key": _openai(401, "Invalid API key provided. You can find your API key at "
                           "https://api.together.ai/settings/api-keys.", _BAD, "invalid_api_key", id="nZf-1"),
        "rate": _openai(429, "You have reached the rate limit for this model.", "rate_limit", None, id="nZf-1"),
        "context": _openai(422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8193. Given: "
                           "10000 `inputs` tokens and 2000 `max_new_tokens`", _BAD, None, id="nZf-1"),
    },
    "fireworks": {
        "bad_key": _plain(401, {"error": {"object": "error", "type": _BAD, "code": "UNAUTHORIZED",
                                          "message": "The API key you provided is invalid."}}),
        "no_path": _plain(404, {"error": {"object": "error", "type": _BAD, "message": "Path not found"}}),
        "no_model": _plain(404, {"error": {"object": "error", "type": _BAD, "code": "NOT_FOUND",
                                           "message": "Model not found, inaccessible, and/or not deployed"}}),
        "context": _plain(400, {"error": {"object": "error", "type": _BAD, "message": "The prompt is too long: 140000, "
                                          "model maximum context length: 131071"}}),
    },
    "cohere": {
        "no_key": _plain(401, {"message": "no api key supplied"}),
        "bad_key": _plain(401, {"id": "7e1c", "message": "invalid api token"}),
        "no_path": _plain(404, {"message": "404 page not found"}),
        "no_model": _plain(404, {"id": "7e1c", "message": "model 'nope' not found, make sure the correct model ID was "
                                 "used and that you have access to the model."}),
        "rate": _plain(429, {"message": "You are using a Trial key, which is limited to 10 API calls / minute."}),
        "overloaded": _plain(503, {"message": "service unavailable"}),
        "failed": _plain(500, {"id": "7e1c", "message": "internal server error"}),
        "context": _plain(400, {"id": "7e1c", "message": "too many tokens: size limit exceeded by 11326 tokens. Try "
                                "using shorter or fewer inputs. The limit for this model is 256000 tokens."}),
    },
    "mistral": {
        "no_key": _plain(401, {"detail": "Unauthorized"}),
        "bad_key": _plain(401, {"detail": "Unauthorized"}),
        "no_path": _plain(404, {"message": "no Route matched with those values", "request_id": "d6e1"}),
        "no_model": _plain(400, {"object": "error", "message": "Invalid model: nope", "type": "invalid_model",
                                 "param": None, "code": "1500"}),
        "rate": _plain(429, {"object": "error", "message": "Service tier capacity exceeded for this model.",
                             "type": "service_tier_capacity_exceeded", "param": None, "code": "3505"}),
        "context": _plain(400, {"object": "error", "message": "Prompt contains 65673 tokens and 0 draft tokens, too "
                                "large for model with 32768 maximum context length", "type": "invalid_request_prompt",
                                "param": None, "code": "3051"}),
    },
    "perplexity": {
        "no_key": _page(401, "Authorization Required"),
        "bad_key": _page(401, "Authorization Required"),
        "no_path": _page(404, "Not Found"),
        "no_model": _plain(400, {"error": {"message": "Invalid model 'nope'. Permitted models can be found in the "
                                           "documentation at https://docs.perplexity.ai/guides/model-cards.",
                                           "type": "invalid_model", "code": 400}}),
        "rate": _page(429, "Too Many Requests"),
    },
    "deepseek": {
        "bad_key": _openai(401, "Authentication Fails, Your api key: ****-key is invalid", "authentication_error",
                           _BAD),
        "no_path": (404, "text/plain", b""),
        "no_model": _openai(400, "Model Not Exist", _BAD, _BAD),
        "context": _openai(400, "This model's maximum context length is 65536 tokens. However, you requested 70000 "
                           "tokens (70000 in the messages, 0 in the completion). Please reduce the length of the "
                           "messages or completion.", _BAD, _BAD),
    },
    "x-ai": {
        "no_key": _plain(401, {"code": "The caller does not have permission", "error": "No API key provided."}),
        "bad_key": _plain(400, {"code": _GROK, "error": "Incorrect API key provided: sk***ey. You can obtain an API "
                                "key from https://console.x.ai."}),
        "no_path": (404, "text/plain", b""),
        "no_model": _plain(404, {"code": "Some requested entity was not found", "error": "The model nope does not "
                                 "exist or your team does not have access to it."}),
        "rate": _plain(429, {"code": "Some resource has been exhausted", "error": "Too many requests"}),
        "context": _plain(400, {"code": _GROK, "error": "This model's maximum prompt length is 131072 but the request "
                                "contains 537812 tokens."}),
    },
    "azure": {
        "no_key": _plain(401, {"error": {"code": "401", "message": "Access denied due to invalid subscription key or "
                                         "wrong API endpoint. Make sure to provide a valid key for an active "
                                         "subscription and use a correct regional API endpoint for your resource."}}),
        "no_path": _plain(404, {"error": {"code": "404", "message": "Resource not found"}}),
        "no_model": _plain(404, {"error": {"code": "DeploymentNotFound", "message": "The API deployment for "
                                           "this resource does not exist."}}),
        "rate": _plain(429, {"error": {"code": "429", "message": "Requests to the ChatCompletions_Create Operation "
                                       "have exceeded token rate limit. Please retry after 2 seconds."}}),
    },
    "github": {
        "no_key": _plain(401, {"error": {"code": "unauthorized", "message": "Unauthorized"}}),
        "bad_key": _plain(401, {"error": {"code": "unauthorized", "message": "Bad credentials",
                                          "details": "Bad credentials"}}),
        "no_path": (404, "text/plain", b"404 page not found\n"),
        "no_model": _plain(400, {"error": {"code": "unknown_model", "message": "Unknown model: nope",
                                           "details": "Unknown model: nope"}}),
        "rate": _plain(429, {"error": {"code": "RateLimitReached", "message": "Rate limit of 10 per 60s exceeded."}}),
        "context": _plain(413, {"error": {"code": "tokens_limit_reached", "message": "Request body too large for "
                                          "gpt-4o-mini model. Max size: 8000 tokens."}}),
    },
    "qwen": {
        "bad_key": _openai(401, "Incorrect API key provided. ", _BAD, "invalid_api_key", request_id="81a373d6"),
        "no_path": (404, "text/plain", b""),
        "context": _openai(400, "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 98304]",
                           _BAD, "invalid_parameter_error", request_id="81a373d6"),
    },
    "cerebras": {
        "bad_key": _plain(401, {"message": "Wrong API Key", "type": _BAD, "param": "api_key", "code": "wrong_api_key"}),
        "no_path": _plain(404, {"message": "Not Found", "type": "not_found_error", "param": None, "code": None}),
        "no_model": _plain(404, {"message": "Model nope does not exist or you do not have access to it.",
                                 "type": "not_found_error", "param": "model", "code": "model_not_found"}),
        "context": _plain(400, {"message": "Please reduce the length of the messages or completion. Current length is "
                                "42328 while limit is 40000", "type": _BAD, "param": "messages",
                                "code": "context_length_exceeded"}),
    },
}  # fmt: skip
SHAPES["azure"]["bad_key"] = SHAPES["azure"]["no_key"]


def refusal(shape: str, kind: str) -> Refusal:
    """Return (status, content type, body) of a vendor's refusal."""
    return SHAPES[shape].get(kind) or _OPENAI[kind]


def in_stream(shape: str, task: str) -> bytes:
    """Return the frames of a failure in the middle of a stream."""
    if task == "messages":
        error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
        return f"event: error\ndata: {json.dumps(error)}\n\n".encode()
    if task == "responses":
        error = {"type": "error", "sequence_number": 9, "code": "server_error", "message": "The server had an error",
                 "param": None}  # fmt: skip
        return f"event: error\ndata: {json.dumps(error)}\n\n".encode()
    if shape == "openrouter":
        chunk = {"id": "gen-1", "object": "chat.completion.chunk", "created": 1, "model": "openai/gpt-4o-mini",
                 "provider": "OpenAI", "error": {"code": 502, "message": "Provider disconnected unexpectedly"},
                 "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]}  # fmt: skip
        return f"data: {json.dumps(chunk)}\n\n".encode()
    body = refusal(shape, "overloaded" if task == "stream" else "failed")[2]
    return b"data: " + body + b"\n\n"
