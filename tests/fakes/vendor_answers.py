"""What a fake vendor answers, beside its errors: conversations, lists of models, and the tasks. Pure.

Conversations follow the script of scripted_answers.py, in the faces of scripted_faces.py with each vendor's own usage;
Google's face is here. Called by vendor.py.
"""

import base64
import hashlib
import json
import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.fakes.scripted_answers import Answer, Asked, Call, Tool, Turn
from tests.fakes.scripted_faces import Anthropic, Body, Chat, Face, Responses, pieces, sse, text_of
from tests.fakes.vendor_rows import Row

# how much of every prompt a vendor's cache had
CACHED = 3
SPOKEN = "The vendor heard one sentence."
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
# a second of silence: 8000 Hz, one channel
SPEECH = b"RIFF" + struct.pack("<I", 36 + 8000) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
SPEECH += b"data" + struct.pack("<I", 8000) + b"\x80" * 8000


class VendorChat(Chat):
    """Chat completions, with the usage of one vendor."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def usage(self, tokens: tuple[int, int]) -> Body:
        plain = super().usage(tokens)
        match self.kind:
            case "openai":
                return plain | {
                    "prompt_tokens_details": {"cached_tokens": CACHED, "audio_tokens": 0},
                    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
                }
            case "openrouter":
                details = {"prompt_tokens_details": {"cached_tokens": CACHED}}
                return plain | details | {"cost": 0.00014, "cost_details": {"upstream_inference_cost": None}}
            case "groq":
                times = {"queue_time": 0.01, "prompt_time": 0.002, "completion_time": 0.05, "total_time": 0.052}
                return plain | times | {"prompt_tokens_details": {"cached_tokens": CACHED}}
            case "deepseek":
                return plain | {
                    "prompt_cache_hit_tokens": CACHED,
                    "prompt_cache_miss_tokens": tokens[0] - CACHED,
                    "prompt_tokens_details": {"cached_tokens": CACHED},
                }
            case "perplexity":
                return plain | {"search_context_size": "low", "cost": {"total_cost": 0.005}}
            case _:
                return plain


class MistralChat(Chat):
    """Chat completions of Mistral, which tells the usage of a stream unasked, with the reason of its end."""

    def frames(self, asked: Asked, said: Answer, tokens: tuple[int, int]) -> Iterator[bytes]:
        *frames, last, done = super().frames(replace(asked, usage=False), said, tokens)
        chunk = json.loads(last.removeprefix(b"data: "))
        yield from [*frames, sse(chunk | {"usage": self.usage(tokens)}), done]


class VendorAnthropic(Anthropic):
    """Anthropic Messages: its usage tells the cached part of a prompt beside the rest."""

    def usage(self, tokens: tuple[int, int]) -> Body:
        usage = super().usage(tokens)
        return usage | {"input_tokens": tokens[0] - CACHED, "cache_read_input_tokens": CACHED}


class VendorResponses(Responses):
    """OpenAI Responses."""

    def whole(self, asked: Asked, said: Answer, tokens: tuple[int, int]) -> Body:
        body = super().whole(asked, said, tokens)
        usage = body["usage"] | {"input_tokens_details": {"cached_tokens": CACHED}}
        return body | {"usage": usage, "incomplete_details": None}


class Gemini:
    """Google's generateContent. The model stands in the path, so that `read` gets it with the body."""

    path = "/v1beta/models"

    def read(self, body: Body) -> Asked:
        turns = [Turn("system", text_of(body.get("systemInstruction", {}).get("parts")))]
        for content in body["contents"]:
            parts = content["parts"]
            role = {"model": "assistant"}.get(content.get("role", "user"), "user")
            turns.append(Turn(role, text_of([part for part in parts if "text" in part])))
            turns += [Turn("tool", json.dumps(p["functionResponse"])) for p in parts if "functionResponse" in p]
        offered = [f for tool in body.get("tools") or [] for f in tool.get("functionDeclarations", [])]
        tools = [Tool(f["name"], f.get("parametersJsonSchema") or f.get("parameters") or {}) for f in offered]
        return Asked(body["model"], turns, tools, body["stream"])

    def candidate(self, parts: list[Body], finish: str | None, tokens: tuple[int, int]) -> Body:
        content = {"content": {"parts": parts, "role": "model"}, "index": 0}
        usage = {"promptTokenCount": tokens[0], "candidatesTokenCount": tokens[1], "totalTokenCount": sum(tokens)}
        return {
            "candidates": [content | ({"finishReason": finish} if finish else {})],
            "usageMetadata": usage | {"cachedContentTokenCount": CACHED},
            "modelVersion": "gemini-2.5-pro",
            "responseId": "resp-1AaZ",
        }

    def call(self, call: Call) -> Body:
        return {"functionCall": {"name": call.tool.name, "args": json.loads(call.arguments)}}

    def whole(self, asked: Asked, said: Answer, tokens: tuple[int, int]) -> Body:
        parts = [self.call(call) for call in said.calls] or [{"text": said.text}]
        return self.candidate(parts, "STOP", tokens)

    def frames(self, asked: Asked, said: Answer, tokens: tuple[int, int]) -> Iterator[bytes]:
        bits: list[Body] = [self.call(call) for call in said.calls] or [{"text": text} for text in pieces(said.text)]
        for place, bit in enumerate(bits):
            yield sse(self.candidate([bit], "STOP" if place == len(bits) - 1 else None, tokens))

    def more(self) -> bytes:
        return sse(self.candidate([{"text": "and "}], None, (CACHED, 1)))

    def refusal(self, status: int, message: str) -> Body:
        return {"error": {"code": status, "message": message, "status": "INVALID_ARGUMENT"}}


def face_of(task: str, row: Row) -> Face:
    """Return the face of a conversation's task."""
    match task:
        case "chat":
            return MistralChat() if row.shape == "mistral" else VendorChat(row.usage)
        case "messages":
            return VendorAnthropic()
        case "responses":
            return VendorResponses()
        case _:
            return Gemini()


# -- lists of models


def models(row: Row) -> Any:
    """Return a vendor's list of its models, in its own shape."""
    return LISTS.get(row.listed, _openai_list)(row)


def _openai_model(id: str, **more: Any) -> Body:
    return {"id": id, "object": "model", "created": 1715367049, "owned_by": "system", **more}


def _openai_list(row: Row) -> Body:
    return {"object": "list", "data": [_openai_model(id) for id in row.models]}


def _anthropic(row: Row) -> Body:
    data = [{"type": "model", "id": id, "display_name": id.title(), "created_at": "2025-09-29T00:00:00Z",
             "max_input_tokens": 200000, "max_tokens": 64000} for id in row.models]  # fmt: skip
    return {"data": data, "has_more": False, "first_id": row.models[0], "last_id": row.models[-1]}


def _gemini(row: Row) -> Body:
    listed = []
    for id in row.models:
        methods = ["embedContent"] if "embedding" in id else ["generateContent", "countTokens"]
        listed.append({"name": f"models/{id}", "version": "001", "displayName": id, "inputTokenLimit": 1048576,
                       "outputTokenLimit": 65536, "supportedGenerationMethods": methods})  # fmt: skip
    return {"models": listed}


def _openrouter(row: Row) -> Body:
    def one(id: str) -> Body:
        variable = id.endswith("/auto")
        pricing = {"prompt": "-1", "completion": "-1"} if variable else {
            "prompt": "0.00000015", "completion": "0.0000006", "request": "0", "image": "0"
        }  # fmt: skip
        return {"id": id, "canonical_slug": id, "name": id, "created": 1721260800, "context_length": 128000,
                "architecture": {"modality": "text->text"}, "pricing": pricing,
                "top_provider": {"context_length": 128000, "max_completion_tokens": 16384},
                "supported_parameters": ["tools", "max_tokens"]}  # fmt: skip

    return {"data": [one(id) for id in row.models]}


def _together(row: Row) -> list[Body]:
    return [{"id": id, "object": "model", "created": 0, "type": "chat", "display_name": id, "context_length": 131072,
             "pricing": {"hourly": 0, "input": 0.88, "output": 0.88, "base": 0, "finetune": 0}}
            for id in row.models]  # fmt: skip


def _cohere(row: Row) -> Body:
    endpoints = {"c": ["chat"], "e": ["embed"], "r": ["rerank"]}
    return {"models": [{"name": id, "endpoints": endpoints[id[0]], "finetuned": False, "context_length": 256000,
                        "tokenizer_url": ""} for id in row.models]}  # fmt: skip


def _mistral(row: Row) -> Body:
    more = {"capabilities": {"completion_chat": True, "function_calling": True}, "max_context_length": 131072}
    return {"object": "list", "data": [_openai_model(id, type="base", **more) for id in row.models]}


def _azure(row: Row) -> Body:
    data = [{"id": id, "object": "model", "created_at": 1, "status": "succeeded", "lifecycle_status": "preview",
             "capabilities": {"inference": True, "chat_completion": True}} for id in row.models]  # fmt: skip
    return {"object": "list", "data": data}


def _github(row: Row) -> list[Body]:
    return [{"id": id, "name": id, "publisher": "OpenAI", "registry": "azure-openai", "rate_limit_tier": "low",
             "limits": {"max_input_tokens": 131072, "max_output_tokens": 16384}, "capabilities": ["streaming"]}
            for id in row.models]  # fmt: skip


LISTS = {
    "anthropic": _anthropic, "gemini": _gemini, "openrouter": _openrouter, "together": _together, "cohere": _cohere,
    "mistral": _mistral, "azure": _azure, "github": _github,
    "groq": lambda row: {"object": "list", "data": [
        _openai_model(id, active=True, context_window=131072, public_apps=None, max_completion_tokens=32768)
        for id in row.models]},
    "fireworks": lambda row: {"object": "list", "data": [
        _openai_model(id, kind="HF_BASE_MODEL", supports_chat=True, supports_tools=True, context_length=131072)
        for id in row.models]},
}  # fmt: skip


# -- tasks


def vector(text: str, size: int) -> list[float]:
    """Return the same numbers for the same text, of length 1."""
    seed = hashlib.sha256(text.encode()).digest()
    numbers = [seed[place % 32] / 255 - 0.5 for place in range(size)]
    length = sum(number * number for number in numbers) ** 0.5
    return [number / length for number in numbers]


def embeddings(body: Body, model: str) -> Body:
    """Return an OpenAI list of embeddings, as floats or in base64."""
    given = body["input"]
    texts = [given] if isinstance(given, str) or (given and isinstance(given[0], int)) else list(given)
    data = []
    for place, text in enumerate(texts):
        numbers: Any = vector(json.dumps(text), int(body.get("dimensions") or 8))
        if body.get("encoding_format") == "base64":
            numbers = base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
        data.append({"object": "embedding", "index": place, "embedding": numbers})
    used = sum(len(json.dumps(text)) // 4 + 1 for text in texts)
    return {"object": "list", "data": data, "model": model, "usage": {"prompt_tokens": used, "total_tokens": used}}


def gemini_embeddings(body: Body) -> Body:
    """Return the answer of embedContent, or of batchEmbedContents."""

    def one(asked: Body) -> Body:
        return {"values": vector(text_of(asked["content"]["parts"]), asked.get("outputDimensionality") or 8)}

    return {"embeddings": list(map(one, body["requests"]))} if "requests" in body else {"embedding": one(body)}


def rerank(body: Body, shape: str) -> Body:
    """Return documents by how many words they share with the query, in Cohere's shape or Together's."""
    words = set(str(body["query"]).lower().split())
    texts = [d if isinstance(d, str) else str(d.get("text", d)) for d in body["documents"]]
    scores = [(len(words & set(text.lower().split())) / (len(words) or 1), place) for place, text in enumerate(texts)]
    best = sorted(scores, key=lambda pair: (-pair[0], pair[1]))[: int(body.get("top_n") or len(texts))]
    results: list[Body] = [{"index": place, "relevance_score": score} for score, place in best]
    if shape == "cohere":
        meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}
        return {"id": "7e1c", "results": results, "meta": meta}
    if body.get("return_documents"):
        results = [result | {"document": {"text": texts[result["index"]]}} for result in results]
    usage = {"prompt_tokens": 20, "completion_tokens": 0, "total_tokens": 20}
    return {"object": "rerank", "id": "nZf-1", "model": body["model"], "results": results, "usage": usage}


def images(body: Body) -> Body:
    """Return pictures in base64."""
    data = [{"b64_json": base64.b64encode(PICTURE).decode()} for _ in range(int(body.get("n") or 1))]
    usage = {"input_tokens": 10, "output_tokens": 272, "total_tokens": 282}
    return {"created": 1, "data": data, "usage": usage, "output_format": "png", "size": "1024x1024"}


def transcription(form: dict[str, str]) -> tuple[str, bytes]:
    """Return (content type, body) of what was heard, in the format that was asked for; a stream where one was."""
    usage = {"type": "duration", "seconds": 3}
    if form.get("stream") == "true":
        events = [{"type": "transcript.text.delta", "delta": piece} for piece in pieces(SPOKEN)]
        last = {"type": "transcript.text.done", "text": SPOKEN, "usage": {"type": "tokens", "input_tokens": 14,
                "input_token_details": {"text_tokens": 0, "audio_tokens": 14}, "output_tokens": 9,
                "total_tokens": 23}}  # fmt: skip
        return "text/event-stream", b"".join(sse(event) for event in [*events, last])
    match form.get("response_format", "json"):
        case "text":
            return "text/plain; charset=utf-8", f"{SPOKEN}\n".encode()
        case "verbose_json":
            segment = {"id": 0, "seek": 0, "start": 0.0, "end": 3.0, "text": SPOKEN, "tokens": [1], "temperature": 0.0,
                       "avg_logprob": -0.2, "compression_ratio": 1.0, "no_speech_prob": 0.01}  # fmt: skip
            body = {"task": "transcribe", "language": "english", "duration": 3.0, "text": SPOKEN, "segments": [segment]}
            return "application/json", json.dumps(body | {"usage": usage}).encode()
        case _:
            return "application/json", json.dumps({"text": SPOKEN, "usage": usage}).encode()
