"""The middle's messages as contents, for engines that speak Gemini.

Owns the manners of the dialect: two roles, turns that alternate, as many results as calls right behind the turn that
called, each with its name and an object (pitfall 24), and each call's thought signature back on its own part (53). A
request that was read from this dialect keeps its parts as they came. What is left out stands in `lost`, what is said
in another way in `edits`. Raises Unsupported naming a part that has no equivalent. Called by `sent.py`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flock.dialects.gemini.parts import RESPONSE
from flock.dialects.gemini.signatures import SIGNATURE, SKIP, unpack
from flock.dialects.gemini.words import DIALECT
from flock.dialects.history import alternate, arguments, clean, media_type, notes, tidy
from flock.dialects.ir import (
    Audio,
    File,
    Image,
    Json,
    Message,
    Opaque,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from flock.errors import Unsupported

# what a part's meta holds for flock's own use, or as an id nobody misses
_QUIET = frozenset({"id", "index", "name", "role", "status", "tool_reference", "type", "reasoning_details", "phase"})
_SOUNDS = {"mp3": "audio/mp3", "wav": "audio/wav"}
_DOCUMENT = "application/pdf"


def unpacked(messages: list[Message]) -> list[Message]:
    """Return the messages with the signatures that ids of calls hold in the calls' meta, and the bare ids."""
    return [replace(message, parts=[_bare(part) for part in message.parts]) for message in messages]


def _bare(part: Part) -> Part:
    match part:
        case ToolCall():
            id, signature = unpack(part.id)
            return replace(part, id=id, meta={**part.meta, SIGNATURE: signature}) if signature else part
        case ToolResult():
            id, signature = unpack(part.id)
            return replace(part, id=id) if signature else part
        case _:
            return part


class Turns:
    """Writes the contents of one request. `own`: the client speaks this dialect too, so its hints go back.

    `wire` maps tool names to those on the wire, `custom` holds the tools that take one text. `signed`: the model
    refuses calls of the turn it is in that have no signature.
    """

    def __init__(self, own: bool, wire: Mapping[str, str], custom: frozenset[str], *, signed: bool) -> None:
        self._own = own
        self._wire = wire
        self._custom = custom
        self._signed = signed
        self._called: dict[str, str] = {}  # the names of calls by their ids, for results that came without one
        self.lost: dict[str, None] = {}
        self.edits: dict[str, None] = {}

    def write(self, messages: list[Message]) -> tuple[Json | None, list[Json]]:
        """Return (systemInstruction, contents)."""
        told, edits = tidy(unpacked(messages))
        self.edits |= dict.fromkeys(edits)
        noted = notes(told)
        if noted != told:
            self.edits["system words in mid-conversation became notes of the user"] = None
        begin = next((i for i, one in enumerate(noted) if one.role != "system"), len(noted))
        system = [part for message in noted[:begin] for part in self._parts(message)]
        turns = alternate(noted[begin:])
        # only the calls since the user last spoke are looked at
        last = max((i for i, one in enumerate(turns) if one.role == "user"), default=-1)
        contents: list[Json] = []
        for i, message in enumerate(turns):
            self._add(contents, message, current=i > last)
        return ({"parts": system} if system else None), contents

    def _add(self, contents: list[Json], message: Message, *, current: bool) -> None:
        role = "model" if message.role == "assistant" else "user"
        parts = self._parts(message)
        if not parts:
            return
        if role == "model" and current and self._signed and not self._own:
            self._sign(parts)
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"] += parts
        else:
            contents.append({"role": role, "parts": parts})

    def _sign(self, parts: list[Json]) -> None:
        """Mark the first call of a turn that no signature came with: parallel calls have one on the first alone."""
        first = next((part for part in parts if "functionCall" in part), None)
        if first is not None and SIGNATURE not in first:
            first[SIGNATURE] = SKIP
            self.edits["a tool call without a thought signature: sent with Google's word for that"] = None

    def _parts(self, message: Message) -> list[Json]:
        if "name" in message.meta:
            self.lost["messages[].name"] = None
        found: list[Json] = []
        shown: list[Json] = []
        for part in message.parts:
            if isinstance(part, ToolResult):
                found.append(self._result(part, shown))
            elif (written := self._part(part)) is not None:
                found.append(written)
        return found + shown  # pictures of results behind all results, which stand together

    def _part(self, part: Part) -> Json | None:
        self._meta(part)
        match part:
            case Text() | Refusal():
                return self._words(part)
            case Thinking():
                return self._thinking(part)
            case ToolCall():
                return self._call(part)
            case Image():
                return {**_picture(part), **self._hints(part.meta)}
            case File():
                return {**_document(part), **self._hints(part.meta)}
            case Audio():
                kind = _SOUNDS.get(part.format, f"audio/{part.format}")
                return {"inlineData": {"mimeType": kind, "data": part.data}, **self._hints(part.meta)}
            case Opaque():
                if part.dialect == DIALECT:
                    return part.value
                self.lost[part.type] = None
                return None
            case ToolResult():
                return self._result(part, [])

    def _words(self, part: Text | Refusal) -> Json | None:
        hints = self._hints(part.meta)
        return {"text": clean(part.text), **hints} if part.text or hints else None

    def _hints(self, meta: Json) -> Json:
        return {name: value for name, value in meta.items() if not name.startswith("_")} if self._own else {}

    def _meta(self, part: Part) -> None:
        """Name the hints of another dialect that are left out."""
        if self._own or isinstance(part, Opaque):
            return
        for name in part.meta:
            if not name.startswith("_") and name not in _QUIET and name != SIGNATURE:
                self.lost[name] = None

    def _thinking(self, part: Thinking) -> Json | None:
        """Return a thought that Gemini had itself; nobody else's is passed off as one, and it reads none unsigned."""
        if self._own or (part.origin == DIALECT and part.signature):
            signature = {SIGNATURE: part.signature} if part.signature else {}
            return {"text": clean(part.text), "thought": True, **signature, **self._hints(part.meta)}
        self.lost["thinking of earlier turns"] = None
        return None

    def _call(self, part: ToolCall) -> Json:
        given, edit = arguments(part, custom=part.name in self._custom)
        if edit:
            self.edits[edit] = None
        call: Json = {"name": self._wire.get(part.name, part.name), "args": given}
        if part.id:
            call["id"] = part.id
        self._called[part.id] = call["name"]
        signature: Any = part.meta.get(SIGNATURE)
        signed = {SIGNATURE: signature} if signature else {}
        return {"functionCall": call, **signed, **self._hints(part.meta)}

    def _result(self, part: ToolResult, shown: list[Json]) -> Json:
        self._meta(part)
        name = self._called.get(part.id) or self._wire.get(part.name, part.name)
        told: Any = part.meta.get(RESPONSE)
        if self._own and told is not None:
            return {"functionResponse": {**told, "name": name, "id": part.id}, **self._hints(part.meta)}
        texts = [clean(inner.text) for inner in part.parts if isinstance(inner, Text | Refusal)]
        others = [written for inner in part.parts if (written := self._shown(inner)) is not None]
        if others:
            shown += [{"text": f"[from the result of the tool {name or part.id}]"}, *others]
            self.edits["pictures in tool results: moved behind them"] = None
        key = "error" if part.is_error else "result"
        answer: Json = {"name": name, "response": {key: "\n\n".join(texts)}}
        if part.id:
            answer["id"] = part.id
        return {"functionResponse": answer}

    def _shown(self, part: Part) -> Json | None:
        """Return a part of a result that cannot stand in an object of words."""
        return None if isinstance(part, Text | Refusal) else self._part(part)


def _picture(part: Image) -> Json:
    if part.data:
        return {"inlineData": {"mimeType": media_type(part.data, part.media_type), "data": part.data}}
    return _kept(part.url, part.id, part.media_type, "pictures")


def _document(part: File) -> Json:
    name: Json = {"displayName": part.name} if part.name else {}
    if part.text:
        return {"text": clean(f"{part.name}\n\n{part.text}" if part.name else part.text)}
    if part.data:
        return {"inlineData": {"mimeType": part.media_type or _DOCUMENT, "data": part.data, **name}}
    return _kept(part.url, part.id, part.media_type, "documents")


def _kept(url: str, id: str, kind: str, what: str) -> Json:
    """Return a file by its URI: one of the web, or of Google's own store."""
    uri = url or id
    if not uri.startswith(("http://", "https://", "gs://", "files/")):
        raise Unsupported(
            f"the Gemini dialect has no {what} that another vendor keeps ({uri or 'no id'})",
            hint="send them inline",
            details={"unsupported": ["stateful"]},
        )
    return {"fileData": {"fileUri": uri, **({"mimeType": kind} if kind else {})}}
