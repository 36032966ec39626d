"""Content blocks as the middle's parts, as requests and answers have them.

Owns the reading of every block type; one that is not known stays an Opaque with its whole value. Refuses to look into
the order of blocks. Raises InvalidRequest naming the path. Called by `asked.py` (requests) and `upstream.py` (answers).
"""

from typing import Any

from flock.dialects.anthropic.check import an_array, an_object, flag_in, json_of, missing, rest_of, text_in, wrong
from flock.dialects.ir import File, Image, Opaque, Part, Text, Thinking, ToolCall, ToolResult
from flock.plain import is_array, is_object

NAME = "anthropic"


def read_content(content: Any, path: str) -> list[Part]:
    """Return the parts of a `content` at `path`: a string, or an array of blocks."""
    if isinstance(content, str):
        return [Text(content)]
    if not is_array(content):
        raise wrong(path, "a string or an array", content)
    return [read_block(block, f"{path}.{i}") for i, block in enumerate(content)]


def read_block(block: Any, path: str) -> Part:
    """Return the part of one block."""
    if not is_object(block):
        raise wrong(path, "an object", block)
    match kind := text_in(block, "type", path):
        case "text":
            return Text(text_in(block, "text", path), rest_of(block, "type", "text"))
        case "tool_use":
            return _tool_use(block, path)
        case "tool_result":
            return _tool_result(block, path)
        case "thinking":
            return _thinking(block, path)
        case "redacted_thinking":
            data = text_in(block, "data", path)
            return Thinking(redacted=data, origin=NAME, meta=rest_of(block, "type", "data"))
        case "image":
            return _image(block, path)
        case "document":
            return _document(block, path)
        case "tool_reference":
            return reference(text_in(block, "tool_name", path), rest_of(block, "type", "tool_name"))
        case "tool_addition":
            return _addition(block)
        case _:
            return Opaque(NAME, kind, block)


def _addition(block: dict[str, Any]) -> Part:
    """Return the words for a deferred tool that the client offers from here on; a definition stays opaque."""
    tool = block.get("tool")
    name = tool.get("name") if is_object(tool) and tool.get("type") == "tool_reference" else None
    return reference(name, {"block": block}) if isinstance(name, str) else Opaque(NAME, "tool_addition", block)


def reference(name: str, meta: dict[str, Any]) -> Text:
    """Return the words for a tool that a search has found; its name stays in the meta."""
    return Text(f"The tool {name} is available.", {"tool_reference": name, **meta})


def _thinking(block: dict[str, Any], path: str) -> Thinking:
    signature = text_in(block, "signature", path, default="")
    return Thinking(
        text_in(block, "thinking", path, default=""),
        signature,
        origin=NAME if signature else "",
        meta=rest_of(block, "type", "thinking", "signature"),
    )


def _tool_use(block: dict[str, Any], path: str) -> ToolCall:
    if "input" not in block:
        raise missing(f"{path}.input")
    given = an_object(block["input"], f"{path}.input")
    name = text_in(block, "name", path)
    if not name:
        raise wrong(f"{path}.name", "the name of a tool", name)
    return ToolCall(
        text_in(block, "id", path),
        name,
        json_of(given, f"{path}.input"),
        rest_of(block, "type", "id", "name", "input"),
    )


def _tool_result(block: dict[str, Any], path: str) -> ToolResult:
    content = block.get("content")
    parts: list[Part] = []
    if is_array(content):
        for i, inner in enumerate(content):
            at = f"{path}.content.{i}"
            kind = text_in(an_object(inner, at), "type", at)
            parts.append(Opaque(NAME, kind, inner) if kind == "tool_result" else read_block(inner, at))
    elif content:
        parts = read_content(content, f"{path}.content")
    return ToolResult(
        text_in(block, "tool_use_id", path),
        parts,
        is_error=flag_in(block, "is_error", path) or False,
        meta=rest_of(block, "type", "tool_use_id", "content", "is_error"),
    )


def _image(block: dict[str, Any], path: str) -> Part:
    at = f"{path}.source"
    source = an_object(block.get("source"), at)
    meta = rest_of(block, "type", "source")
    match text_in(source, "type", at):
        case "base64":
            return Image(text_in(source, "data", at), text_in(source, "media_type", at), meta=meta)
        case "url":
            return Image(url=text_in(source, "url", at), meta=meta)
        case "file":
            return Image(id=text_in(source, "file_id", at), meta=meta)
        case _:
            return Opaque(NAME, "image", block)


def _document(block: dict[str, Any], path: str) -> Part:
    at = f"{path}.source"
    source = an_object(block.get("source"), at)
    name = text_in(block, "title", path, default="")
    meta = rest_of(block, "type", "source", "title")
    match text_in(source, "type", at):
        case "base64":
            return File(text_in(source, "data", at), text_in(source, "media_type", at), name=name, meta=meta)
        case "text":
            text = text_in(source, "data", at)
            return File(
                media_type=text_in(source, "media_type", at, default="text/plain"), text=text, name=name, meta=meta
            )
        case "url":
            return File(url=text_in(source, "url", at), name=name, meta=meta)
        case "file":
            return File(id=text_in(source, "file_id", at), name=name, meta=meta)
        case "content":
            return _content_document(block, source, name, meta, at)
        case _:
            return Opaque(NAME, "document", block)


def _content_document(block: dict[str, Any], source: dict[str, Any], name: str, meta: dict[str, Any], at: str) -> Part:
    """Return a document of texts as one text, its pieces kept in the meta; one with pictures only the vendor reads."""
    content = source.get("content")
    if isinstance(content, str):
        return File(text=content, media_type="text/plain", name=name, meta={**meta, "content": content})
    texts: list[str] = []
    for i, inner in enumerate(an_array(content, f"{at}.content")):
        where = f"{at}.content.{i}"
        if text_in(an_object(inner, where), "type", where) != "text":
            return Opaque(NAME, "document", block)
        texts.append(text_in(inner, "text", where))
    return File(text="\n\n".join(texts), media_type="text/plain", name=name, meta={**meta, "content": content})
