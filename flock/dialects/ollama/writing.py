"""The messages of a chat as Ollama takes them: one string each, pictures as bare base64 beside it, calls as objects.

Does no I/O. What Ollama cannot be told stops the request, by name; what only helps the client's own vendor is left out
and reported. Thinking of earlier turns goes along where nobody has signed it: Ollama's templates print what their model
wants of it, which is none behind the user's next turn for most. `sent.py` calls it.
"""

from dataclasses import dataclass, field

from flock.dialects import history
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
from flock.dialects.ollama.words import NAME
from flock.dialects.openai.attachments import as_text, write_file
from flock.errors import InvalidRequest, Unsupported

# what a part's or a message's meta holds for flock's own use, or as an id nobody misses
_QUIET = frozenset({"id", "index", "role", "status", "tool_reference", "type", "reasoning_details"})
ERROR_MARK = "[tool error] "


@dataclass(slots=True)
class Turns:
    """Writes the messages of one request. `own`: the client speaks this dialect too, so its hints are kept.

    `wire` maps tool names to those of the wire, `custom` holds the names of tools that take one text.
    """

    own: bool
    wire: dict[str, str]
    custom: frozenset[str]
    lost: dict[str, None] = field(default_factory=dict[str, None])
    edits: dict[str, None] = field(default_factory=dict[str, None])
    _out: list[Json] = field(default_factory=list[Json])
    _called: dict[str, str] = field(default_factory=dict[str, str])  # names of tools by the ids of their calls
    _labels: list[str] = field(default_factory=list[str])
    _shown: list[str] = field(default_factory=list[str])  # pictures that results of tools gave

    def write(self, messages: list[Message]) -> list[Json]:
        """Return the messages as the dialect spells them. Raises Unsupported naming a part that has no equivalent."""
        for message in messages:
            match message.role:
                case "tool":
                    self._results(message)
                case "user":
                    self._user(message)
                case "assistant":
                    self._flush()
                    self._assistant(message)
                case "system":
                    self._flush()
                    text, shown = self.content(message.parts)
                    self._put("system", text, shown, message)
        self._flush()
        return self._out

    def content(self, parts: list[Part]) -> tuple[str, list[str]]:
        """Return the words of parts and their pictures. Raises Unsupported."""
        texts: list[str] = []
        shown: list[str] = []
        for part in parts:
            self._meta(part)
            if isinstance(part, Image):
                if texts and not self.own:
                    self.edits["pictures behind words: shown before them"] = None
                shown.append(write_image(part))
            elif text := self._words(part):
                texts.append(text)
        return "\n\n".join(texts), shown

    def _words(self, part: Part) -> str:
        match part:
            case Text() | Refusal():
                return history.clean(part.text)
            case File():
                return str(write_file(part)["text"])
            case Opaque() if part.whole and part.type != "web_search_call":  # an item beside the messages
                self.lost[part.type] = None
                return ""
            case Opaque():
                return str(as_text(part)["text"])
            case Thinking():
                return ""
            case Audio():
                raise Unsupported("sound cannot be sent to Ollama", hint="send what is said as text")
            case _:
                called = part.__class__.__name__.lower()
                raise Unsupported(f"a {called} cannot stand here", hint="send it as a message of its own")

    # -- one role each

    def _user(self, message: Message) -> None:
        text, shown = self.content(message.parts)
        labels, self._labels = self._labels, []
        before, self._shown = self._shown, []
        self._put("user", "\n\n".join([*labels, *([text] if text else [])]), [*before, *shown], message)

    def _assistant(self, message: Message) -> None:
        calls = [self._call(part) for part in message.parts if isinstance(part, ToolCall)]
        thoughts = [part for part in message.parts if isinstance(part, Thinking)]
        text, shown = self.content([part for part in message.parts if not isinstance(part, ToolCall | Thinking)])
        more: Json = {}
        if thought := self._thought(thoughts):
            more["thinking"] = thought
        if calls:
            more["tool_calls"] = calls
        self._put("assistant", text, shown, message, **more)

    def _thought(self, thoughts: list[Thinking]) -> str:
        kept = [part for part in thoughts if part.origin in ("", NAME) and not part.redacted and not part.signature]
        if len(kept) < len(thoughts):
            self.edits["thinking that another vendor has signed: left out"] = None
        return history.clean("".join([part.text for part in kept]))

    def _call(self, call: ToolCall) -> Json:
        self._meta(call)
        told, edit = history.arguments(call, custom=call.name in self.custom)
        if edit:
            self.edits[edit] = None
        id, name = history.safe_id(call.id), self.wire.get(call.name, call.name)
        self._called[id] = name
        return {"id": id, "function": {"name": name, "arguments": told}}

    def _results(self, message: Message) -> None:
        for part in message.parts:
            if isinstance(part, ToolResult):
                self._result(part)
            else:
                self._user(Message("user", [part]))

    def _result(self, result: ToolResult) -> None:
        self._meta(result)
        text, shown = self.content(result.parts)
        id = history.safe_id(result.id)
        name = self._called.get(id) or self.wire.get(result.name, result.name)
        if result.is_error:
            text = ERROR_MARK + (text or "failed")
        out: Json = {"role": "tool", "content": text, "tool_name": name, "tool_call_id": id}
        if shown and self.own:
            out["images"] = shown
        elif shown:  # few templates show pictures of any role but the user's
            self._labels.append(f"[from the result of the tool {name or id}]")
            self._shown += shown
            out["content"] = text or "[see the next message]"
            self.edits["pictures in tool results: moved into the user's next message"] = None
        self._out.append(out)

    def _flush(self) -> None:
        """Give what results showed a message of its own, since what follows is not the user's."""
        if self._shown:
            self._user(Message("user", []))

    def _put(self, role: str, text: str, shown: list[str], message: Message, **more: object) -> None:
        if not (text or shown or more):
            return
        out: Json = {"role": role, "content": text, **more}
        if shown:
            out["images"] = shown
        if self.own:
            out = {**message.meta, **out}
        else:
            self.lost |= {f"messages[].{name}": None for name in message.meta if _is_hint(name)}
        self._out.append(out)

    def _meta(self, part: Part) -> None:
        """Report hints that Ollama does not take."""
        if self.own or isinstance(part, Opaque):
            return
        for name in part.meta:
            if _is_hint(name):
                self.lost[name] = None


def _is_hint(name: str) -> bool:
    return name not in _QUIET and not name.startswith("_")


def write_image(image: Image) -> str:
    """Return a picture's base64. Raises Unsupported for one that is not here, InvalidRequest for one without data."""
    if image.data:
        return image.data
    if image.url:
        raise Unsupported("a picture given by a URL cannot be sent to Ollama", hint="send its data in base64")
    if image.id:
        raise Unsupported(f"an image kept as file {image.id!r} cannot be sent to Ollama", hint="send its data")
    raise InvalidRequest("an image comes without data", hint="send its data")
