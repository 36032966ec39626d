"""Messages of a chat request, read into the middle: roles, content parts, thinking, calls of tools and their results.

Does no I/O. Refuses what is not shaped as the dialect says, by its path; a content part it does not know is kept as an
Opaque for whoever speaks the dialect. `requests.py` calls it.
"""

import base64
import binascii
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson

from flock.dialects.ir import (
    Audio,
    File,
    Image,
    Message,
    Opaque,
    Part,
    Refusal,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from flock.dialects.openai.checks import at, fields_of, items_of, rest_of, words, wrong
from flock.errors import InvalidRequest
from flock.plain import is_array, is_object

ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
# Blocks of other dialects that clients leave inside `content` although the call stands in `tool_calls` too
# (langchainjs#9972), or that say nothing outside their own dialect.
STRIPPED = ("tool_use", "tool_call", "function_call", "redacted_thinking")
# fields of an assistant's message that hold its thinking, best first: engines renamed it more than once (litellm#24019)
THOUGHTS = ("reasoning_content", "reasoning", "thinking")
_KNOWN = ("role", "content", "name", "refusal", "tool_calls", "function_call", "reasoning_details", *THOUGHTS)


def read_messages(messages: list[Any]) -> list[Message]:
    """Return the messages of a request. Raises InvalidRequest naming the field that is wrong."""
    return [read_message(message, f"messages[{i}]") for i, message in enumerate(messages)]


def read_message(message: Any, where: str) -> Message:
    """Return one message; `where` is its path. Raises InvalidRequest."""
    if not is_object(message):
        raise wrong(where, "an object", message)
    spelled = message.get("role")
    role = ROLES.get(spelled) if isinstance(spelled, str) else None
    if role is None:
        raise InvalidRequest(
            f"{where}.role must be one of {', '.join(ROLES)}", hint=f"correct {where}.role", details=at(f"{where}.role")
        )
    if role == "tool":
        return Message(role, [_result(message, where)])
    meta = rest_of(message, *_KNOWN)
    if name := words(message.get("name"), f"{where}.name"):
        meta["name"] = name
    if spelled == "developer":
        meta["role"] = "developer"
    parts = read_content(message.get("content"), f"{where}.content")
    if role == "assistant":
        parts = [*_thoughts(message, where), *parts, *_refusal(message, where), *_calls(message, where)]
    return Message(role, parts, meta)


def read_content(content: Any, where: str) -> list[Part]:
    """Return the parts of a message's content: a string, an array of parts, or null. Raises InvalidRequest."""
    if content is None:
        return []
    if isinstance(content, str):
        return [Text(content)] if content else []
    if not is_array(content):
        raise wrong(where, "a string, an array or null", content)
    found: list[Part] = []
    for i, part in enumerate(content):
        if isinstance(part, str):
            found.append(Text(part))
            continue
        if not is_object(part):
            raise wrong(f"{where}[{i}]", "an object", part)
        one = _part(part, f"{where}[{i}]")
        if one is not None:
            found.append(one)
    return found


def _part(part: dict[str, Any], where: str) -> Part | None:
    match kind := words(part.get("type"), f"{where}.type"):
        case "text" | "input_text" | "output_text":
            text = part.get("text")
            if not isinstance(text, str):
                raise wrong(f"{where}.text", "a string", text)
            return Text(text, rest_of(part, "type", "text"))
        case "image_url":
            return _image(part, where)
        case "input_audio":
            sound = fields_of(part.get("input_audio"), f"{where}.input_audio")
            data = words(sound.get("data"), f"{where}.input_audio.data")
            shape = words(sound.get("format"), f"{where}.input_audio.format")
            return Audio(data, shape, rest_of(part, "type", "input_audio"))
        case "file":
            return _file(part, where)
        case "refusal":
            return Refusal(words(part.get("refusal"), f"{where}.refusal"), rest_of(part, "type", "refusal"))
        case "thinking" | "reasoning":
            return Thinking(_thought(part))
        case "":
            raise wrong(f"{where}.type", "a string", part.get("type"))
        case _:
            return None if kind in STRIPPED else Opaque("openai", kind, part)


def _image(part: dict[str, Any], where: str) -> Image:
    given = part.get("image_url")
    shown = {"url": given} if isinstance(given, str) else fields_of(given, f"{where}.image_url")
    url = shown.get("url")
    if not isinstance(url, str) or not url:
        raise wrong(f"{where}.image_url.url", "a string", url)
    detail = words(shown.get("detail"), f"{where}.image_url.detail")
    meta = rest_of(part, "type", "image_url")
    if url[:5].lower() != "data:":
        return Image(url=url, detail=detail, meta=meta)
    media_type, data = read_data_url(url, f"{where}.image_url.url")
    return Image(data=data, media_type=media_type, detail=detail, meta=meta)


def _file(part: dict[str, Any], where: str) -> File:
    given = fields_of(part.get("file"), f"{where}.file")
    data = words(given.get("file_data"), f"{where}.file.file_data")
    media_type = ""
    if data[:5].lower() == "data:":
        media_type, data = read_data_url(data, f"{where}.file.file_data")
    return File(
        data=data,
        media_type=media_type,
        id=words(given.get("file_id"), f"{where}.file.file_id"),
        name=words(given.get("filename"), f"{where}.file.filename"),
        meta=rest_of(part, "type", "file"),
    )


def read_data_url(url: str, where: str) -> tuple[str, str]:
    """Return the media type and base64 data of a `data:` URL (RFC 2397). Raises InvalidRequest for one without data."""
    head, comma, data = url[5:].partition(",")
    if not comma:
        raise InvalidRequest(f"{where} is a data: URL without data", hint=f"correct {where}", details=at(where))
    media_type, _, rest = head.partition(";")
    if "base64" in rest.lower().split(";"):
        return media_type, data
    try:
        return media_type or "text/plain", base64.b64encode(unquote_to_bytes(data)).decode("ascii")
    except (ValueError, binascii.Error):
        raise InvalidRequest(f"{where} cannot be decoded", hint=f"correct {where}", details=at(where)) from None


# -- what only an assistant says


def _thoughts(message: dict[str, Any], where: str) -> list[Part]:
    details = message.get("reasoning_details")
    if is_array(details):
        parts: list[Part] = [
            Thinking(
                _thought(detail),
                signature=words(detail.get("signature"), f"{where}.reasoning_details[{i}].signature"),
                redacted=words(detail.get("data"), f"{where}.reasoning_details[{i}].data"),
                origin="openai",
                meta={"reasoning_details": detail},
            )
            for i, detail in enumerate(details)
            if is_object(detail)
        ]
        if parts:
            return parts
    text = next((text for name in THOUGHTS if isinstance(text := message.get(name), str) and text), "")
    return [Thinking(text)] if text else []


def _thought(value: dict[str, Any]) -> str:
    """Return the words of a part or a detail that holds thinking, in any of the spellings seen."""
    for name in ("text", "thinking", "reasoning", "summary"):
        said = value.get(name)
        if isinstance(said, str):
            return said
        if is_array(said):  # Mistral's: a list of text parts
            return "".join([text for one in said if is_object(one) and isinstance(text := one.get("text"), str)])
    return ""


def _refusal(message: dict[str, Any], where: str) -> list[Part]:
    text = words(message.get("refusal"), f"{where}.refusal")
    return [Refusal(text)] if text else []


def _calls(message: dict[str, Any], where: str) -> list[Part]:
    found: list[Part] = []
    for i, call in enumerate(items_of(message.get("tool_calls"), f"{where}.tool_calls")):
        if not is_object(call):
            raise wrong(f"{where}.tool_calls[{i}]", "an object", call)
        found.append(_call(call, f"{where}.tool_calls[{i}]"))
    legacy = message.get("function_call")
    if legacy is not None:
        path = f"{where}.function_call"
        told = fields_of(legacy, path)
        # without an id: history.tidy gives both sides one, by order and name
        found.append(ToolCall("", words(told.get("name"), f"{path}.name"), read_arguments(told.get("arguments"), path)))
    return found


def _call(call: dict[str, Any], where: str) -> ToolCall:
    id = words(call.get("id"), f"{where}.id")
    if call.get("type") == "custom":
        custom = fields_of(call.get("custom"), f"{where}.custom")
        name = words(custom.get("name"), f"{where}.custom.name")
        return ToolCall(id, name, words(custom.get("input"), f"{where}.custom.input"), rest_of(call, "id", "custom"))
    function = fields_of(call.get("function"), f"{where}.function")
    name = words(function.get("name"), f"{where}.function.name")
    arguments = read_arguments(function.get("arguments"), f"{where}.function")
    return ToolCall(id, name, arguments, rest_of(call, "id", "type", "function", "index"))


def read_arguments(value: Any, where: str) -> str:
    """Return the JSON text of a call's arguments, which some clients send as an object. Raises InvalidRequest."""
    if is_object(value):
        try:
            return orjson.dumps(value).decode()
        except TypeError:  # deeper than orjson writes
            raise InvalidRequest(
                f"{where}.arguments is nested too deeply", hint="nest it less deeply", details=at(f"{where}.arguments")
            ) from None
    return words(value, f"{where}.arguments")


def _result(message: dict[str, Any], where: str) -> ToolResult:
    return ToolResult(
        words(message.get("tool_call_id"), f"{where}.tool_call_id"),
        read_content(message.get("content"), f"{where}.content"),
        name=words(message.get("name"), f"{where}.name"),
        meta=rest_of(message, "role", "content", "tool_call_id", "name"),
    )
