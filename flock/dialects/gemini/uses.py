"""What a generateContent request uses of `profile.FEATURES`: one walk over its body, before anything is read.

Owns the names of what an engine may lack. Refuses to check types: what is wrong is skipped here and named by
`asked.py`. Called through `server.py`.
"""

from typing import Any

from flock.dialects.ask import Ask
from flock.dialects.gemini.parts import is_kept, objects
from flock.dialects.gemini.signatures import SIGNATURE
from flock.dialects.ir import Json
from flock.plain import is_object

_HOSTED_PARTS = frozenset({"executableCode", "codeExecutionResult", "toolCall", "toolResponse"})


def features(ask: Ask) -> frozenset[str]:
    """Return the features this request uses."""
    body = ask.body
    found: set[str] = set()
    if body.get("cachedContent"):
        found.add("stateful")
    for tool in objects(body.get("tools")):
        if tool.get("functionDeclarations"):
            found.add("tools")
        if any(value is not None for name, value in tool.items() if name != "functionDeclarations"):
            found.add("hosted_tools")
    _of_choice(body.get("toolConfig"), found)
    config = body.get("generationConfig")
    if is_object(config):
        _of_config(config, found)
    contents = objects(body.get("contents"))
    for i, content in enumerate(contents):
        if content.get("role") == "system" and i:
            found.add("late_system")
        for part in objects(content.get("parts")):
            _of_part(part, found)
    if contents and contents[-1].get("role") == "model":
        found.add("prefill")
    return frozenset(found)


def _of_choice(value: Any, found: set[str]) -> None:
    calling = value.get("functionCallingConfig") if is_object(value) else None
    if is_object(calling) and str(calling.get("mode") or "AUTO").upper() not in ("AUTO", "MODE_UNSPECIFIED"):
        found.add("tool_choice")


def _of_config(config: Json, found: set[str]) -> None:
    if config.get("responseSchema") is not None or config.get("responseJsonSchema") is not None:
        found.add("json_schema")
    elif config.get("responseMimeType") == "application/json":
        found.add("json_object")
    count = config.get("candidateCount")
    if isinstance(count, int) and count > 1:
        found.add("many")
    if config.get("responseLogprobs") is True:
        found.add("logprobs")
    thinking = config.get("thinkingConfig")
    if is_object(thinking):
        asked = [value for name, value in thinking.items() if name != "includeThoughts"]
        if any(value not in (None, "THINKING_LEVEL_UNSPECIFIED") for value in asked):
            found.add("reasoning")
    modalities = config.get("responseModalities")
    if isinstance(modalities, list) and "AUDIO" in modalities:
        found.add("audio")


def _of_part(part: Json, found: set[str]) -> None:
    if part.get(SIGNATURE):
        found.add("signed_thinking")
    if part.get("functionCall") is not None:
        found.add("tools")
    elif is_object(told := part.get("functionResponse")):
        found.add("tools")
        for inner in objects(told.get("parts")):
            _of_part(inner, found)
    elif is_object(blob := part.get("inlineData")):
        found.add(_kind(blob.get("mimeType")))
    elif is_object(told := part.get("fileData")):
        kind = _kind(told.get("mimeType"))
        found.add(kind)
        if is_kept(str(told.get("fileUri") or "")):
            found.add("stateful")
        elif kind == "images":
            found.add("image_urls")
    elif not _HOSTED_PARTS.isdisjoint(part):
        found.add("hosted_tools")


def _kind(media_type: Any) -> str:
    kind = media_type.lower() if isinstance(media_type, str) else ""
    if kind.startswith("image/"):
        return "images"
    return "audio" if kind.startswith("audio/") else "documents"
