"""Messages of the middle → the items of an `input`, for engines that speak Responses.

Owns what goes back and how: reasoning only to who made it, without ids since nothing is kept (`store` is false), its
summary always a list; calls of custom tools with their raw input, calls inside a namespace under their own name.
Pure; called by upstream.py. The way in is items.py.
"""

from dataclasses import dataclass, field
from typing import Any

from flock.dialects.custom_tools import is_custom
from flock.dialects.history import safe_id, tidy
from flock.dialects.ir import (
    Json,
    Message,
    Opaque,
    Part,
    Refusal,
    Request,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from flock.dialects.responses.content import NAMESPACE, OWN_NAME, PHASE, PLACE, Spelling
from flock.dialects.responses.search import SEARCH, write_search_call
from flock.dialects.responses.words import DIALECT

# stands before the words of a result that is an error: the dialect has no field for it
FAILED = "[tool error] "


@dataclass(slots=True)
class Written:
    """An input, the words that go into `instructions`, what was left out and what was changed."""

    items: list[Json] = field(default_factory=list[Json])
    instructions: str = ""
    lost: list[str] = field(default_factory=list[str])
    edits: list[str] = field(default_factory=list[str])


def write_input(request: Request, wire: dict[str, str]) -> Written:
    """Return the conversation as items; `wire` maps tool names of the middle to those sent.

    A history of this dialect is left as it is, one of another is tidied. Raises Unsupported naming a part that has no
    equivalent.
    """
    spelling = Spelling(request.dialect)
    messages, edits = (request.messages, list[str]()) if spelling.own else tidy(request.messages)
    writing = _Writing(request, spelling, wire)
    instructions, rest = _instructions(messages, own=spelling.own)
    for message in messages[: len(messages) - len(rest)]:
        for one in (message, *message.parts):
            if not isinstance(one, Opaque):
                spelling.meta(one.meta)
    for message in rest:
        writing.message(message)
    lost = list(dict.fromkeys(spelling.lost))
    return Written(writing.items, instructions, lost, [*edits, *dict.fromkeys(spelling.edits)])


def _instructions(messages: list[Message], *, own: bool) -> tuple[str, list[Message]]:
    """Return what stands in `instructions`, and the other messages: all that come first where nobody said which."""
    if own:
        if messages and PLACE in messages[0].meta:
            return _words(messages[0]), messages[1:]
        return "", messages
    count = next((i for i, message in enumerate(messages) if message.role != "system"), len(messages))
    return "\n\n".join(filter(None, map(_words, messages[:count]))), messages[count:]


def _words(message: Message) -> str:
    return "\n\n".join(part.text for part in message.parts if isinstance(part, Text))


class _Writing:
    def __init__(self, request: Request, spelling: Spelling, wire: dict[str, str]) -> None:
        self.items: list[Json] = []
        self._request = request
        self._spelling = spelling
        self._wire = wire
        self._custom: set[str] = set()

    def message(self, message: Message) -> None:
        self._spelling.meta(message.meta)
        if message.role == "assistant":
            self._turn(message.parts)
        elif message.role == "tool":
            for part in message.parts:
                if isinstance(part, ToolResult):
                    self._result(part)
                else:
                    self._kept(part)
        elif len(message.parts) == 1 and isinstance(part := message.parts[0], Opaque) and part.whole:
            self._kept(part)
        else:
            role = message.meta.get("role") or message.role
            content = self._spelling.content(message.parts)
            if content or not message.parts:
                self.items.append({"type": "message", "role": role, "content": content})

    def _turn(self, parts: list[Part]) -> None:
        spoken: list[Part] = []
        for part in parts:
            if isinstance(part, Text | Refusal) and (not spoken or _phase(part) == _phase(spoken[-1])):
                spoken.append(part)
                continue
            self._spoken(spoken)
            spoken = []
            match part:
                case Text() | Refusal():
                    spoken = [part]
                case ToolCall():
                    self._call(part)
                case Thinking():
                    self._thinking(part)
                case Opaque():
                    self._kept(part)
                case _:
                    self._spoken([part])
        self._spoken(spoken)

    def _spoken(self, parts: list[Part]) -> None:
        content = self._spelling.content(parts, spoken=True)
        if content:
            # The types of the vendor's library, by which vLLM checks, want an id and a status beside output_text; what
            # is taken everywhere is an id that nobody has kept, the same one in every turn.
            item: Json = {"type": "message", "id": f"msg_{len(self.items)}", "status": "completed", "role": "assistant"}
            item["content"] = content
            if phase := _phase(parts[0]):
                item[PHASE] = phase
            self.items.append(item)

    def _kept(self, part: Part) -> None:
        if isinstance(part, Opaque) and (value := self._spelling.opaque(part)) is not None:
            self.items.append(value)

    def _thinking(self, part: Thinking) -> None:
        raw: Any = part.meta.get("content")
        if part.origin != DIALECT or not (part.signature or raw):
            self._spelling.lost.append("thinking of earlier turns")  # nobody vouches for it
            return
        texts: Any = part.meta.get("summary", [part.text] if part.text else [])
        item: Json = {"type": "reasoning", "summary": [{"type": "summary_text", "text": text} for text in texts]}
        if raw:
            item["content"] = [{"type": "reasoning_text", "text": text} for text in raw]
        if part.signature:
            item["encrypted_content"] = part.signature
        self.items.append(item)

    def _call(self, call: ToolCall) -> None:
        custom = is_custom(self._request, call)
        id = safe_id(call.id)
        self._spelling.meta(call.meta)
        if SEARCH in call.meta and self._spelling.own:
            self.items.append(write_search_call(call, id))
            return
        if custom:
            self._custom.add(id)
        item: Json = {"type": "custom_tool_call" if custom else "function_call", "call_id": id}
        tool = self._request.tool(call.name)
        namespace = tool.namespace if tool is not None else call.meta.get(NAMESPACE)
        if namespace:
            item["name"] = tool.own_name if tool is not None else call.meta.get(OWN_NAME, call.name)
            item["namespace"] = namespace
        else:
            item["name"] = self._wire.get(call.name, call.name)
        item["input" if custom else "arguments"] = call.arguments if custom else call.arguments or "{}"
        self.items.append(item)

    def _result(self, result: ToolResult) -> None:
        id = safe_id(result.id)
        self._spelling.meta(result.meta)
        if self._spelling.own and SEARCH in result.meta:
            self.items.append(result.meta[SEARCH])
            return
        kind = "custom_tool_call_output" if id in self._custom else "function_call_output"
        parts = result.parts
        if result.is_error:
            self._spelling.edits.append("an error of a tool is said in its words")
            parts = [Text(FAILED), *parts]
        plain = [part.text for part in parts if isinstance(part, Text) and not part.meta]
        output: str | list[Json]
        if len(plain) == len(parts) and (result.is_error or len(parts) <= 1):
            output = "".join(plain)
        else:
            output = self._spelling.content(parts)
        self.items.append({"type": kind, "call_id": id, "output": output})


def _phase(part: Part) -> str:
    return str(part.meta.get(PHASE, "")) if isinstance(part, Text) else ""
