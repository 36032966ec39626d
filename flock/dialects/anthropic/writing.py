"""The middle's parts as content blocks.

Owns the spelling of every block, for requests to engines and for answers to clients. Refuses to choose which parts go
where (`sent.py`, `server.py`). Raises Unsupported naming a part that the dialect does not have.
"""

from base64 import b64decode
from collections.abc import Mapping

from flock.dialects.anthropic.blocks import NAME
from flock.dialects.history import arguments, media_type, safe_id
from flock.dialects.ir import Audio, File, Image, Json, Opaque, Part, Refusal, Text, Thinking, ToolCall, ToolResult
from flock.errors import Unsupported
from flock.plain import is_object

_NO_NAMES: dict[str, str] = {}


class Blocks:
    """Writes parts. `own`: they were read from this dialect, so that its hints go back; else only cache breakpoints do.

    `wire` maps tool names to those on the wire, `custom` holds the tools that take one text. What had to be repaired
    stands in `edits`, what was left out in `lost`.
    """

    def __init__(self, *, own: bool, wire: Mapping[str, str] = _NO_NAMES, custom: frozenset[str] = frozenset()) -> None:
        self._own = own
        self._wire = wire
        self._custom = custom
        self.edits: dict[str, None] = {}
        self.lost: dict[str, None] = {}

    def content(self, parts: list[Part]) -> str | list[Json]:
        """Return the `content` of these parts: a lone text without hints is a string."""
        blocks = self.blocks(parts)
        if len(blocks) == 1 and len(blocks[0]) == 2 and blocks[0]["type"] == "text":
            return blocks[0]["text"]
        return blocks

    def blocks(self, parts: list[Part]) -> list[Json]:
        """Return the blocks of these parts."""
        found = [self.block(part) for part in parts]
        return [block for block in found if block is not None]

    def block(self, part: Part) -> Json | None:
        """Return the block of one part, None for what is left out."""
        match part:
            case Text():
                return self._text(part)
            case Refusal():
                return {"type": "text", "text": part.text}
            case Thinking():
                return self._thinking(part)
            case ToolCall():
                return self._call(part)
            case ToolResult():
                return self._result(part)
            case Image():
                return {"type": "image", "source": _image_source(part), **self._hints(part.meta)}
            case File():
                return self._file(part)
            case Audio():
                raise Unsupported("the Anthropic dialect has no audio input", details={"unsupported": ["audio"]})
            case Opaque():
                if part.dialect == NAME:
                    return part.value
                self.lost[part.type] = None
                return None

    def _hints(self, meta: Json) -> Json:
        if self._own or not meta:
            return meta
        point = meta.get("cache_control")
        return {"cache_control": point} if is_object(point) else {}

    def _text(self, part: Text) -> Json:
        if self._own and "tool_reference" in part.meta:
            block = part.meta.get("block")
            if is_object(block):
                return block
            hints = {name: value for name, value in part.meta.items() if name != "tool_reference"}
            name = part.meta["tool_reference"]
            return {"type": "tool_reference", "tool_name": self._wire.get(name, name), **hints}
        return {"type": "text", "text": part.text, **self._hints(part.meta)} if part.meta else _plain(part.text)

    def _thinking(self, part: Thinking) -> Json | None:
        """Return a block of thinking this dialect vouches for; a signature of another one is never passed off as it."""
        if not (part.origin == NAME or (self._own and not part.origin)):
            self.lost["thinking"] = None
            return None
        if part.redacted:
            return {"type": "redacted_thinking", "data": part.redacted, **self._hints(part.meta)}
        if not (self._own or part.signature):
            self.lost["thinking"] = None
            return None
        block = {"type": "thinking", "thinking": part.text, "signature": part.signature}
        return {**block, **self._hints(part.meta)}

    def _call(self, part: ToolCall) -> Json:
        given, edit = arguments(part, custom=part.name in self._custom)
        if edit:
            self.edits[edit] = None
        name = self._wire.get(part.name, part.name)
        return {"type": "tool_use", "id": safe_id(part.id), "name": name, "input": given, **self._hints(part.meta)}

    def _result(self, part: ToolResult) -> Json:
        block: Json = {"type": "tool_result", "tool_use_id": safe_id(part.id)}
        if part.parts:
            block["content"] = self.content(part.parts)
        if part.is_error:
            block["is_error"] = True
        return {**block, **self._hints(part.meta)} if part.meta else block

    def _file(self, part: File) -> Json:
        hints = self._hints(part.meta)
        if part.text:
            pieces = part.meta.get("content")
            if self._own and pieces is not None:
                source: Json = {"type": "content", "content": pieces}
                hints = {name: value for name, value in hints.items() if name != "content"}
            else:
                source = {"type": "text", "media_type": "text/plain", "data": part.text}
        elif part.url:
            source = {"type": "url", "url": part.url}
        elif part.id:
            source = {"type": "file", "file_id": part.id}
        elif self._own:
            source = {"type": "base64", "media_type": part.media_type, "data": part.data}
        else:
            source = _file_source(part)
        title = {"title": part.name} if part.name else {}
        return {"type": "document", "source": source, **title, **hints}


def _plain(text: str) -> Json:
    return {"type": "text", "text": text}


def _image_source(part: Image) -> Json:
    if part.data:
        return {"type": "base64", "media_type": media_type(part.data, part.media_type), "data": part.data}
    if part.url:
        return {"type": "url", "url": part.url}
    return {"type": "file", "file_id": part.id}


def _file_source(part: File) -> Json:
    kind = part.media_type or "application/pdf"
    if kind.startswith("text/") or kind == "application/json":
        try:
            return {"type": "text", "media_type": "text/plain", "data": b64decode(part.data, validate=True).decode()}
        except ValueError:
            pass
    if kind != "application/pdf":
        raise Unsupported(
            f"the Anthropic dialect has documents of PDF and text, not of {kind}",
            details={"unsupported": ["documents"]},
        )
    return {"type": "base64", "media_type": kind, "data": part.data}
