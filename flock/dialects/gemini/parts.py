"""The parts of a content as the middle's, in requests and in answers.

Owns the reading of every kind of part; one that only Google understands stays an Opaque with its whole value. A thought
signature of words or of a call stays in the part's meta, one of a thought is the thinking's own. Refuses to look at the
order of parts. Raises InvalidRequest naming the path. Called by `asked.py`, and for whole answers by `reader.py`.
"""

from typing import Any

import orjson

from flock.dialects.gemini.signatures import SIGNATURE
from flock.dialects.gemini.words import DIALECT
from flock.dialects.ir import Audio, File, Image, Json, Opaque, Part, Text, Thinking, ToolCall, ToolResult
from flock.dialects.openai.checks import at, fields_of, items_of, named, rest_of, words, wrong
from flock.errors import InvalidRequest
from flock.plain import is_array, is_object

# in the meta of a result: what it was as it came, for engines that speak this dialect
RESPONSE = "_response"
_KINDS = ("functionCall", "functionResponse", "inlineData", "fileData")
# the names that Google's own libraries give a result that is no object, and one that is an error
_RESULTS, _ERROR = ("result", "output"), "error"
# media types of sound → the format's short name; others by what follows "audio/"
_FORMATS = {"audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/x-wav": "wav", "audio/wave": "wav"}


def read_content(value: Any, path: str) -> list[Part]:
    """Return the parts of a `parts`, an array, or one part alone."""
    parts = [value] if is_object(value) else items_of(value, path)
    return [read_part(part, f"{path}[{i}]") for i, part in enumerate(parts)]


def read_part(value: Any, path: str) -> Part:
    """Return the part of one; a bare string is text."""
    if isinstance(value, str):
        return Text(value)
    if not is_object(value):
        raise wrong(path, "an object", value)
    if "text" in value and not any(name in value for name in _KINDS):
        return _text(value, path)
    if value.get("functionCall") is not None:
        return read_call(value, path)
    if value.get("functionResponse") is not None:
        return _result(value, path)
    if value.get("inlineData") is not None:
        return _inline(value, path)
    if value.get("fileData") is not None:
        return _file(value, path)
    # code that the vendor ran, its result, records of its tools: nobody else's, and no words
    return Opaque(DIALECT, next(iter(value), "part"), value, whole=True)


def _text(value: Json, path: str) -> Part:
    text = words(value["text"], f"{path}.text")
    signature = words(value.get(SIGNATURE), f"{path}.{SIGNATURE}")
    if value.get("thought") is True:
        origin = DIALECT if signature else ""
        return Thinking(text, signature, origin=origin, meta=rest_of(value, "text", "thought", SIGNATURE))
    return Text(text, rest_of(value, "text", "thought"))


def read_call(value: Json, path: str) -> ToolCall:
    """Return the call of a part; its id is "" where it has none."""
    call = fields_of(value["functionCall"], f"{path}.functionCall")
    given = fields_of(call.get("args"), f"{path}.functionCall.args")
    name = named(call.get("name"), f"{path}.functionCall.name")
    meta = rest_of(value, "functionCall", "thought")
    try:
        arguments = orjson.dumps(given).decode()
    except TypeError:  # orjson reads 1024 levels and writes 254
        raise InvalidRequest(
            f"{path}.functionCall.args is nested too deeply", hint="nest it less", details=at(path)
        ) from None
    return ToolCall(words(call.get("id"), f"{path}.functionCall.id"), name, arguments, meta)


def _result(value: Json, path: str) -> ToolResult:
    where = f"{path}.functionResponse"
    told = fields_of(value["functionResponse"], where)
    response = told.get("response")
    text, is_error = _response(response)
    parts: list[Part] = [Text(text)] if text else []
    for i, inner in enumerate(items_of(told.get("parts"), f"{where}.parts")):
        parts.append(read_part(inner, f"{where}.parts[{i}]"))
    meta = {RESPONSE: told, **rest_of(value, "functionResponse", SIGNATURE)}
    name, id = words(told.get("name"), f"{where}.name"), words(told.get("id"), f"{where}.id")
    return ToolResult(id, parts, is_error, name, meta)


def _response(response: Any) -> tuple[str, bool]:
    """Return what a result says, and whether it is an error: a text alone in it is told without its name."""
    if response is None:
        return "", False
    if is_object(response) and len(response) == 1:
        ((name, value),) = response.items()
        if isinstance(value, str) and name in (*_RESULTS, _ERROR):
            return value, name == _ERROR
    if isinstance(response, str):
        return response, False
    try:
        return orjson.dumps(response).decode(), False
    except TypeError:
        return repr(response), False


def _inline(value: Json, path: str) -> Part:
    where = f"{path}.inlineData"
    blob = fields_of(value["inlineData"], where)
    data, kind = words(blob.get("data"), f"{where}.data"), words(blob.get("mimeType"), f"{where}.mimeType").lower()
    meta = rest_of(value, "inlineData", "thought")
    # both alphabets of base64 are taken by Google; nobody else takes the second
    data = data.replace("-", "+").replace("_", "/")
    if kind.startswith("image/"):
        return Image(data, kind, meta=meta)
    if kind.startswith("audio/"):
        plain = kind.partition(";")[0]
        return Audio(data, _FORMATS.get(plain, plain[6:]), meta)
    if kind.startswith("video/"):
        return Opaque(DIALECT, "video", value)
    return File(data, kind, name=words(blob.get("displayName"), f"{where}.displayName"), meta=meta)


def _file(value: Json, path: str) -> Part:
    where = f"{path}.fileData"
    told = fields_of(value["fileData"], where)
    uri, kind = named(told.get("fileUri"), f"{where}.fileUri"), words(told.get("mimeType"), f"{where}.mimeType").lower()
    meta = rest_of(value, "fileData", "thought")
    url, id = ("", uri) if is_kept(uri) else (uri, "")
    if kind.startswith("image/"):
        return Image(media_type=kind, url=url, id=id, meta=meta)
    if kind.startswith(("audio/", "video/")) or not kind:
        return Opaque(DIALECT, "fileData", value)
    return File(media_type=kind, url=url, id=id, name=words(told.get("displayName"), f"{where}.displayName"), meta=meta)


def is_kept(uri: str) -> bool:
    """Return whether a URI is one of Google's own stores, which nobody else can read."""
    return uri.startswith(("gs://", "files/")) or "generativelanguage.googleapis.com/" in uri


def objects(value: Any) -> list[Json]:
    """Return the objects of an array, or the one object that stands in place of it; [] for anything else."""
    if is_object(value):
        return [value]
    return [item for item in value if is_object(item)] if is_array(value) else []
