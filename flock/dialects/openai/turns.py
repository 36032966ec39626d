"""The messages of a chat request as engines take them: roles, content, calls, results, whatever dialect they came from.

Does no I/O. What an engine of this dialect cannot be told stops the request, by name; what only helps the client's own
vendor (cache breakpoints, citations) is left out and reported once. `outgoing.py` calls it.
"""

from dataclasses import dataclass, field
from typing import Any

import orjson

from flock.dialects import history
from flock.dialects.ir import (
    Audio,
    File,
    Image,
    Message,
    Opaque,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from flock.dialects.openai.attachments import as_text, own_file, write_file, write_image
from flock.errors import InvalidRequest, Unsupported

# what a part's meta holds for flock's own use, or as an id nobody misses
_QUIET = frozenset({"id", "index", "name", "role", "status", "tool_reference", "type", "reasoning_details"})
ERROR_MARK = "[tool error] "
SYSTEM_MARK = "[system] "


@dataclass(slots=True)
class Turns:
    """Writes the messages of one request. `own`: the client speaks this dialect too, so its hints are kept.

    `wire` maps tool names to those of the wire, `custom` holds the names of tools that take one text.
    """

    own: bool
    wire: dict[str, str]
    custom: frozenset[str]
    late_system: str = "keep"
    system_role: str = "system"
    history_thinking: bool = False
    lost: dict[str, None] = field(default_factory=dict[str, None])
    edits: dict[str, None] = field(default_factory=dict[str, None])
    _out: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    _shown: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    _begun: bool = False
    _led: bool = False  # the first message is the system's

    def write(self, messages: list[Message]) -> list[dict[str, Any]]:
        """Return the messages as the dialect spells them. Raises Unsupported naming a part that has no equivalent."""
        for message in messages:
            match message.role:
                case "system":
                    self._system(message)
                case "tool":
                    self._results(message)
                case "assistant":
                    self._flush()
                    self._assistant(message)
                case "user":
                    self._user(message)
        self._flush()
        return self._out

    # -- one role each

    def _system(self, message: Message) -> None:
        texts = [self._words(part) for part in message.parts]
        text = "\n\n".join([text for text in texts if text])
        if not text:
            return
        late = self._begun
        if self.late_system == "keep" or not (late or self._out):
            self._led = self._led or not self._out
            self._put(self.system_role, text, message)
        elif late and self.late_system == "user":
            self._flush()
            self._put("user", SYSTEM_MARK + text, message)
            self.edits["system messages in mid-conversation: sent as notes of the user"] = None
        else:
            self._hoist(text, message)
            if late:
                self.edits["system messages in mid-conversation: moved to the beginning"] = None

    def _hoist(self, text: str, message: Message) -> None:
        """Append to the first system message, or become it."""
        if self._led and isinstance(self._out[0]["content"], str):
            self._out[0]["content"] += "\n\n" + text
        else:
            self._out.insert(0, self._named({"role": self.system_role, "content": text}, message))
            self._led = True

    def _words(self, part: Part) -> str:
        """Return what a part says where only words may stand."""
        self._meta(part)
        if isinstance(part, Text | Refusal):
            return history.clean(part.text)
        content = self._part(part)
        if content is not None and content.get("type") == "text":
            return str(content["text"])
        raise Unsupported(f"a system message cannot hold {_called(part)}", hint="put it into a message of the user")

    def _user(self, message: Message) -> None:
        self._begun = True
        content = self._content(message.parts)
        if self._led and self.system_role == "user" and len(self._out) == 1 and content:
            # templates without a system role want turns that alternate too: one message for both
            lead, self._led = self._out.pop()["content"], False
            content = f"{lead}\n\n{content}" if isinstance(content, str) else [*_listed(lead), *content]
        if self._shown:  # results' pictures go before what the user says, so that turns still alternate
            content, self._shown = [*self._shown, *_listed(content)], []
        if content:
            self._put("user", content, message)

    def _assistant(self, message: Message) -> None:
        self._begun = True
        said: list[Part] = []
        thoughts: list[Thinking] = []
        calls: list[dict[str, Any]] = []
        refusal = ""
        last = next((part for part in reversed(message.parts) if not isinstance(part, ToolCall)), None)
        for part in message.parts:
            match part:
                case ToolCall():
                    calls.append(self._call(part))
                case Thinking():
                    thoughts.append(part)
                case Refusal() if part is last:
                    refusal = history.clean(part.text)
                case _:
                    said.append(part)
        content = self._content(said)
        # null only beside calls: Ollama refuses it elsewhere
        out: dict[str, Any] = {"role": "assistant", "content": content or (None if calls else "")}
        if refusal:
            out["refusal"] = refusal
        if calls:
            out["tool_calls"] = calls
        if content or refusal or calls:
            self._think(out, thoughts)
            self._out.append(self._named(out, message))

    def _think(self, out: dict[str, Any], thoughts: list[Thinking]) -> None:
        text = "".join([part.text for part in thoughts])
        if not self.history_thinking:
            if thoughts:
                self.edits["thinking of earlier turns: left out"] = None
            return
        if text:
            out["reasoning_content"] = history.clean(text)
        details = [part.meta["reasoning_details"] for part in thoughts if "reasoning_details" in part.meta]
        if details and self.own:
            out["reasoning_details"] = details

    def _call(self, call: ToolCall) -> dict[str, Any]:
        self._meta(call)
        told, edit = history.arguments(call, custom=call.name in self.custom)
        if edit:
            self.edits[edit] = None
        # as it came where it is an object: the same bytes in every turn, for the engine's prefix cache
        plain = not edit and call.name not in self.custom and call.arguments.strip()
        arguments = history.clean(call.arguments) if plain else _dumped(told)
        function = {"name": self.wire.get(call.name, call.name), "arguments": arguments}
        return {"id": history.safe_id(call.id), "type": "function", "function": function}

    def _results(self, message: Message) -> None:
        self._begun = True
        for part in message.parts:
            if isinstance(part, ToolResult):
                self._result(part)
            else:
                self._user(Message("user", [part]))

    def _result(self, result: ToolResult) -> None:
        self._meta(result)
        texts: list[dict[str, Any]] = []
        shown: list[dict[str, Any]] = []
        for part in result.parts:
            if (one := self._part(part)) is None:
                continue
            (texts if one.get("type") == "text" else shown).append(one)
        if result.is_error:
            first = texts[0]["text"] if texts else "failed"
            texts = [{"type": "text", "text": ERROR_MARK + first}, *texts[1:]]
        if shown:
            label = f"[from the result of the tool {self.wire.get(result.name, result.name) or result.id}]"
            self._shown += [{"type": "text", "text": label}, *shown]
            self.edits["pictures in tool results: moved into the user's next message"] = None
            texts = texts or [{"type": "text", "text": "[see the next message]"}]
        content: Any = texts if self.own and len(texts) > 1 else "\n\n".join([text["text"] for text in texts])
        out: dict[str, Any] = {"role": "tool", "tool_call_id": history.safe_id(result.id), "content": content}
        if result.name and self.own:
            out["name"] = self.wire.get(result.name, result.name)
        if self.own:
            out.update(result.meta)
        self._out.append(out)

    def _flush(self) -> None:
        """Give what results showed a message of its own, since what follows is not the user's."""
        if self._shown:
            self._out.append({"role": "user", "content": self._shown})
            self._shown = []

    # -- content

    def _content(self, parts: list[Part]) -> Any:
        """Return parts as content: a string where words are all there is, else an array in their order."""
        found = [one for part in parts if (one := self._part(part)) is not None]
        plain = all(one.get("type") == "text" and len(one) == 2 for one in found)
        if plain and (len(found) < 2 or not self.own):
            # not every engine takes arrays, and those that do join them each in its own way
            return "\n\n".join([one["text"] for one in found])
        return found

    def _part(self, part: Part) -> dict[str, Any] | None:
        """Return one part of content, None for one that says nothing. Raises Unsupported."""
        self._meta(part)
        out: dict[str, Any]
        match part:
            case Text():
                if not part.text:
                    return None
                out = {"type": "text", "text": history.clean(part.text)}
            case Refusal():
                out = {"type": "refusal", "refusal": part.text} if self.own else {"type": "text", "text": part.text}
            case Image():
                out = write_image(part)
            case Audio():
                out = {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}
            case File():
                return own_file(part) if self.own else write_file(part)
            case Opaque():
                if part.dialect == "openai" and self.own:
                    return part.value
                if part.whole and part.type != "web_search_call":  # an item beside the messages, nobody's words
                    self.lost[part.type] = None
                    return None
                return as_text(part)
            case Thinking():
                return None
            case _:
                raise Unsupported(f"{_called(part)} cannot stand here", hint="send it as a message of its own")
        return {**out, **part.meta} if self.own and part.meta else out

    def _meta(self, part: Part) -> None:
        """Report hints that no engine of this dialect takes."""
        if self.own or isinstance(part, Opaque) or not part.meta:
            return
        for name in part.meta:
            if name not in _QUIET and not name.startswith("_"):
                self.lost[name] = None

    def _put(self, role: str, content: Any, message: Message) -> None:
        out = self._named({"role": role, "content": content}, message)
        before = self._out[-1] if self._out else {}
        if role == "user" and not self.own and before.get("role") == "user" and not {"name"} & (out.keys() | before):
            # Codex and Claude Code begin with two of them; templates such as Gemma's want turns that alternate
            both = (before["content"], content)
            words = all(isinstance(one, str) for one in both)
            before["content"] = "\n\n".join(both) if words else [*_listed(both[0]), *_listed(both[1])]
            self.edits["turns of the user that follow each other: joined"] = None
            return
        self._out.append(out)

    def _named(self, out: dict[str, Any], message: Message) -> dict[str, Any]:
        if not message.meta:
            return out
        if self.own:
            return {**{name: value for name, value in message.meta.items() if name != "role"}, **out}
        if name := message.meta.get("name"):
            out["name"] = name
        return out


def _dumped(arguments: dict[str, Any]) -> str:
    try:
        return orjson.dumps(arguments).decode()
    except TypeError:  # orjson reads 1024 levels and writes 254
        raise InvalidRequest("the arguments of a tool call are nested too deeply", hint="nest them less") from None


def _listed(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return content


def _called(part: Part) -> str:
    return f"a part of type {part.type!r}" if isinstance(part, Opaque) else f"a {part.__class__.__name__.lower()}"
