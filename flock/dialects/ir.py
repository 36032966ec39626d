"""The middle: a conversation and its answer, richer than any dialect on either side.

Owns the values every dialect reads into and writes from: a Request of Messages of parts, and the Events of an answer.
Refuses to know how any of it is spelled. A server half makes Requests and takes Events, an upstream half the reverse;
`fold.py` joins Events into a Reply and takes a Reply apart again.

What no other dialect has is kept, never guessed at: top-level fields in `Request.extras`, content in `Opaque` parts,
hints on a part in its `meta`. A half that writes the same dialect puts them back; one that writes another reports what
it leaves out.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]

# -- what messages are made of


@dataclass(slots=True)
class Text:
    """Words. `meta` holds hints such as `cache_control`, `citations` or `name`, as they came."""

    text: str
    meta: Json = field(default_factory=dict[str, Any])


@dataclass(slots=True)
class Image:
    """A picture: base64 `data` without a data: prefix and its `media_type`, or a `url`, or the `id` of a kept file."""

    data: str = ""
    media_type: str = ""
    url: str = ""
    id: str = ""
    detail: str = ""
    meta: Json = field(default_factory=dict[str, Any])


@dataclass(slots=True)
class File:
    """A document: base64 `data` of `media_type`, plain `text`, a `url`, or the `id` of a kept file."""

    data: str = ""
    media_type: str = ""
    text: str = ""
    url: str = ""
    id: str = ""
    name: str = ""
    meta: Json = field(default_factory=dict[str, Any])


@dataclass(slots=True)
class Audio:
    """Sound: base64 `data` in `format` ("wav", "mp3")."""

    data: str
    format: str
    meta: Json = field(default_factory=dict[str, Any])


@dataclass(slots=True)
class Thinking:
    """Reasoning. `signature` and `redacted` are opaque and valid only towards the dialect named in `origin`.

    `signature`: Anthropic's signature, or the encrypted content of a Responses item. `redacted`: the data of a
    redacted block, whose `text` is empty. `origin` is "" when nothing vouches for the text.
    """

    text: str = ""
    signature: str = ""
    redacted: str = ""
    origin: str = ""
    meta: Json = field(default_factory=dict[str, Any])


@dataclass(slots=True)
class Refusal:
    """The model's own words for why it does not answer."""

    text: str
    meta: Json = field(default_factory=dict[str, Any])


@dataclass(slots=True)
class ToolCall:
    """A call of a tool: `name` is the flat name of a `Tool` of the request, `arguments` its JSON text as it came.

    For a tool of kind "custom" `arguments` is the raw input, no JSON.
    """

    id: str
    name: str
    arguments: str = ""
    meta: Json = field(default_factory=dict[str, Any])


@dataclass(slots=True)
class ToolResult:
    """What a call gave: the parts of its content, in a message of role "tool"."""

    id: str
    parts: "list[Part]" = field(default_factory=list["Part"])
    is_error: bool = False
    name: str = ""
    meta: Json = field(default_factory=dict[str, Any])


@dataclass(slots=True)
class Opaque:
    """A part only its own dialect understands: its type and the whole JSON value.

    `whole`: an item of its own beside the messages (a record of the vendor's, a client's snapshot) and no content of a
    message. A half that writes another dialect leaves such a one out and reports it; content it may refuse.
    """

    dialect: str
    type: str
    value: Json
    whole: bool = False


Part = Text | Image | File | Audio | Thinking | Refusal | ToolCall | ToolResult | Opaque

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(slots=True)
class Message:
    """One turn. Results of tools stand in messages of role "tool", also where a dialect puts them into the user's.

    A dialect's list of system blocks is one "system" message with one Text each; `meta` holds its `name` or `id`.
    """

    role: Role
    parts: list[Part]
    meta: Json = field(default_factory=dict[str, Any])


# -- what a request asks for


@dataclass(slots=True)
class Tool:
    """A tool the model may call.

    `kind`: "function" has a JSON schema; "custom" takes one text, `grammar` is its format as it came; "hosted" is run
    by the vendor and only `raw` describes it. `name` is unique in the request: a tool inside a `namespace` is called
    `<namespace>__<own_name>`. `deferred`: the client lists it to be found, not to be offered yet. `raw` is the
    definition as it came.
    """

    name: str
    description: str = ""
    schema: Json | None = None
    strict: bool | None = None
    kind: Literal["function", "custom", "hosted"] = "function"
    namespace: str = ""
    own_name: str = ""
    grammar: Json | None = None
    deferred: bool = False
    raw: Json = field(default_factory=dict[str, Any])
    meta: Json = field(default_factory=dict[str, Any])


@dataclass(slots=True)
class ToolChoice:
    """Which tool the model is to call: `mode` "named" goes with `name`."""

    mode: Literal["auto", "none", "required", "named"]
    name: str = ""


@dataclass(slots=True)
class Reasoning:
    """How much the model is to think.

    `mode` "off", "on" (with `budget` tokens where the client gave one), "adaptive", or "" when only an effort is given;
    `effort` is one of "none", "minimal", "low", "medium", "high", "xhigh", "max" or "".
    """

    mode: Literal["", "off", "on", "adaptive"] = ""
    effort: str = ""
    budget: int | None = None
    summary: str = ""


@dataclass(slots=True)
class Format:
    """The form of the answer: "text", "json_object", or "json_schema" with its schema."""

    kind: Literal["text", "json_object", "json_schema"]
    schema: Json | None = None
    name: str = ""
    strict: bool | None = None
    description: str = ""


@dataclass(slots=True)
class Request:
    """A conversation to be continued. None and empty mean that the client said nothing.

    `extras` holds, by dialect, the top-level fields nobody else understands; `dialect` is the one it was read from.
    `session` and `user` are the client's own ids, for stickiness, never sent to an engine.
    """

    dialect: str
    model: str
    messages: list[Message]
    tools: list[Tool] = field(default_factory=list[Tool])
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    stop: list[str] = field(default_factory=list[str])
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: Json | None = None
    reasoning: Reasoning | None = None
    format: Format | None = None
    verbosity: str = ""
    stream: bool = False
    wants_usage: bool = False
    user: str = ""
    session: str = ""
    extras: dict[str, Json] = field(default_factory=dict[str, Json])

    def tool(self, name: str) -> Tool | None:
        """Return the tool of a flat name, None when it was not offered."""
        return next((tool for tool in self.tools if tool.name == name), None)


# -- what an answer is made of


@dataclass(slots=True)
class Usage:
    """Token counts. `input` is the whole prompt: `cached` (read) and `cache_write` are inside it; `reasoning` is inside
    `output`. The times are the engine's own, in milliseconds. `cache_kept` is the part of `cache_write` that is kept
    for an hour, which Anthropic sells dearer; no dialect but its own tells it.
    """

    input: int = 0
    cached: int = 0
    output: int = 0
    prefill_ms: float | None = None
    decode_ms: float | None = None
    cache_write: int = 0
    reasoning: int = 0
    cache_kept: int = 0


NO_USAGE = Usage()

# Why an answer ended. "pause" is Anthropic's pause_turn: the client is to send the turn back; "context_window" is an
# answer cut by the window and not by max_tokens.
Stop = Literal["stop", "length", "tool_calls", "stop_sequence", "content_filter", "refusal", "pause", "context_window"]


@dataclass(slots=True)
class Began:
    """The answer begins: the upstream's id and model, and what it says of the usage so far."""

    id: str = ""
    model: str = ""
    usage: Usage | None = None


@dataclass(slots=True)
class PartBegan:
    """Part `index` (dense, from 0) begins; `part` is a Text, Thinking, Refusal, ToolCall or Opaque with nothing in it
    yet, except a tool call's id and name, a redacted block's data and an Opaque's whole value.
    """

    index: int
    part: Part


@dataclass(slots=True)
class PartDelta:
    """More of part `index`: `text` of what it says (a tool call's arguments), or its `signature`."""

    index: int
    text: str = ""
    signature: str = ""


@dataclass(slots=True)
class PartEnded:
    """Part `index` is complete. Parts may overlap: parallel tool calls of a chat stream do."""

    index: int


@dataclass(slots=True)
class Used:
    """The usage, so far or in the end: the last one counts."""

    usage: Usage


@dataclass(slots=True)
class Ended:
    """The terminal event: why, and which stop sequence was met. `Used` may still follow it."""

    stop: Stop
    sequence: str = ""


@dataclass(slots=True)
class Broke:
    """The upstream reported a failure in mid-stream, in its own words. `kind` is its error type or code, "" if none."""

    words: str
    kind: str = ""


@dataclass(slots=True)
class Idle:
    """Nothing but a sign of life."""


Event = Began | PartBegan | PartDelta | PartEnded | Used | Ended | Broke | Idle


@dataclass(slots=True)
class Reply:
    """A whole answer: what a stream of events folds into."""

    id: str
    model: str
    parts: list[Part]
    stop: Stop
    sequence: str = ""
    usage: Usage | None = None
