"""The Gemini dialect's tables: paths, names of fields, stops, error statuses, and how usage is counted.

Owns what both halves look up, after Google's reference of the Generative Language API (v1beta) and the types of
google-genai 3.4. Refuses to read or write messages. Used by the files beside this one.
"""

import re
from typing import Any
from urllib.parse import unquote

from flock.dialects.ir import Stop, Usage
from flock.errors import InvalidRequest
from flock.plain import is_object

DIALECT = "gemini"
GENERATE, STREAM, COUNT = "generateContent", "streamGenerateContent", "countTokens"
# what stands at the end of a path that is to stream server-sent events; without it the answer is one JSON array
SSE_QUERY = "?alt=sse"
# a model's id may hold "/" and ":"; the verb is what follows the last colon
_PATH = re.compile(r"/v1(?:beta|alpha)?/(models|tunedModels)/(.+):([A-Za-z]+)")

# Names of fields that clients spell with underscores too, as protobuf's JSON allows: every one the reader looks at, or
# that Google's own clients send. Names that are data (arguments, properties of schemas) never come by here.
_CAMEL = """
allowedFunctionNames anyOf audioTimestamp cachedContent candidateCount codeExecution codeExecutionResult computerUse
continuationToken displayName dynamicRetrievalConfig executableCode fileData fileSearch fileUri frequencyPenalty
functionCall functionCallingConfig functionDeclarations functionResponse generateContentRequest generationConfig
googleMaps googleSearch googleSearchRetrieval imageConfig includeServerSideToolInvocations includeThoughts inlineData
maxItems maxLength maxOutputTokens maxProperties mcpServers mediaResolution mimeType minItems minLength minProperties
oneOf parametersJsonSchema partMetadata presencePenalty propertyOrdering responseFormat responseJsonSchema
responseLogprobs responseMimeType responseModalities responseSchema retrievalConfig safetySettings serviceTier
speechConfig stopSequences streamFunctionCallArguments systemInstruction thinkingBudget thinkingConfig thinkingLevel
thoughtSignature toolCall toolConfig toolResponse topK topP urlContext videoMetadata willContinue
additionalProperties prefixItems exclusiveMinimum exclusiveMaximum multipleOf uniqueItems patternProperties
"""
CAMEL = {re.sub(r"[A-Z]", lambda found: "_" + found.group().lower(), name): name for name in _CAMEL.split()}

# Why an answer ended, by Google's word; BROKEN are the failures of the model among them, which are no end. What is not
# known is taken for a filter: the vendor ended the answer before the model did.
STOPS: dict[str, Stop] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "pause",
    **dict.fromkeys(
        (
            *("SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR", "OTHER"),
            *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "IMAGE_OTHER", "NO_IMAGE"),
            *("ESCALATION", "PUP_LIMITED_DISABLED"),
        ),
        "content_filter",
    ),
}
UNKNOWN_STOP: Stop = "content_filter"
UNSPECIFIED = frozenset({"FINISH_REASON_UNSPECIFIED", "BLOCK_REASON_UNSPECIFIED", "BLOCKED_REASON_UNSPECIFIED"})
BROKEN: dict[str, str] = {
    "MALFORMED_FUNCTION_CALL": "the model wrote a tool call that cannot be read",
    "UNEXPECTED_TOOL_CALL": "the model called a tool although none was offered",
    "TOO_MANY_TOOL_CALLS": "the model called too many tools in a row",
    "MISSING_THOUGHT_SIGNATURE": "a thought signature is missing in the conversation",
    "MALFORMED_RESPONSE": "the model wrote an answer that cannot be read",
}
# The dialect has no words of its own for calls of tools, stop sequences and a window that is full.
FINISH_REASONS: dict[Stop, str] = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "stop_sequence": "STOP",
    "content_filter": "SAFETY",
    "refusal": "SAFETY",
    "pause": "MAX_TOKENS",
    "context_window": "MAX_TOKENS",
}

# google.rpc.Code by HTTP status, as Google's own servers pair them
STATUSES: dict[int, str] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def status_of(status: int) -> str:
    """Return the status name of an HTTP status."""
    return STATUSES.get(status, "INVALID_ARGUMENT" if 400 <= status < 500 else "INTERNAL")


def split_path(path: str) -> tuple[str, str, str]:
    """Return (collection, model, verb) of a path as a client sent it. Raises InvalidRequest for one that names none."""
    found = _PATH.fullmatch(unquote(path.partition("?")[0]))
    if found is None:
        raise InvalidRequest(f"{path} names no model and verb", hint="POST /v1beta/models/<model>:generateContent")
    return found[1], found[2].removeprefix("models/"), found[3]


def read_usage(counts: Any) -> Usage | None:
    """Return the usage of a `usageMetadata`: its candidates leave out the thoughts, its prompt what tools put in."""
    if not is_object(counts):
        return None
    thoughts = _whole(counts.get("thoughtsTokenCount"))
    return Usage(
        input=_whole(counts.get("promptTokenCount")) + _whole(counts.get("toolUsePromptTokenCount")),
        cached=_whole(counts.get("cachedContentTokenCount")),
        output=_whole(counts.get("candidatesTokenCount")) + thoughts,
        reasoning=thoughts,
    )


def write_usage(usage: Usage) -> dict[str, Any]:
    """Return the `usageMetadata`. Never negative, whatever an engine counted."""
    reasoning = min(usage.reasoning, usage.output)
    counts = {
        "promptTokenCount": usage.input,
        "candidatesTokenCount": usage.output - reasoning,
        "totalTokenCount": usage.input + usage.output,
    }
    if usage.cached:
        counts["cachedContentTokenCount"] = min(usage.cached, usage.input)
    if reasoning:
        counts["thoughtsTokenCount"] = reasoning
    return counts


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def text_of(value: Any) -> str:
    """Return a string, "" for anything else."""
    return value if isinstance(value, str) else ""
