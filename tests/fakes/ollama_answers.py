"""What the fake Ollama says, and how it reads and spells: a pure function of a request and a window.

Owns the parsing, as strict as the Go server's where a gateway may err; the tokens of a prompt; the cut that Ollama
makes in silence; and the lines of an answer. The words are the script's (scripted_answers.py), but for two orders a
user may give: "call TOOL with {…}" and "count to N". Called by ollama.py.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.scripted_answers import THOUGHT, Answer, Asked, Call, Tool, Turn, answer
from tests.fakes.scripted_faces import pieces, text_of

Body = dict[str, Any]
_CALL = re.compile(r"call (\w+)(?: with (\{.*?\}))?(?=$|[.,;] | and call )")
_COUNT = re.compile(r"count to (\d+)")
_LEVELS = ("high", "medium", "low", "max")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A request as the model is to see it. `turns` hold roles and words, `tokens` what they and the tools are."""

    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    images: int = 0
    tokens: int = 0


@dataclass(slots=True)
class Said:
    """An answer on its way: what is said, why it ended, and the counters of its last line."""

    answer: Answer
    reason: str = "stop"
    metrics: Body = field(default_factory=dict)


class Refused(Exception):
    """A request the server refuses: its status and words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


def tokens_of(turns: tuple[Turn, ...] | list[Turn], tools: tuple[Tool, ...] = (), images: int = 0) -> int:
    """Return the tokens of a prompt by one rule: bytes by four, four a message more, 768 a picture."""
    said = sum(len(turn.text.encode()) // 4 + 4 for turn in turns)
    return said + sum(len(json.dumps([tool.name, tool.parameters])) // 4 for tool in tools) + 768 * images


# -- reading


def read_chat(body: Body) -> Prompt:
    """Return the prompt of a chat. Raises Refused for what Go's parser refuses."""
    turns: list[Turn] = []
    images = 0
    for message in _typed(body, "messages", list, "[]api.Message") or []:
        role, content = message.get("role"), message.get("content")
        if not isinstance(content, str | None) or not isinstance(role, str):
            raise Refused(400, _go(content, "ChatRequest.messages.content", "string"))
        images += len(_images(message.get("images")))
        for call in message.get("tool_calls") or []:
            arguments = call["function"].get("arguments")
            if not isinstance(arguments, dict):
                raise Refused(400, _go(arguments, "ChatRequest.messages.tool_calls.function.arguments", "object"))
        calls = [json.dumps(call["function"], ensure_ascii=False) for call in message.get("tool_calls") or []]
        turns.append(Turn(role.lower(), "\n".join(filter(None, (message.get("thinking"), content, *calls)))))
    tools = tuple(_tool(tool) for tool in body.get("tools") or [])
    return Prompt(tuple(turns), tools, images, tokens_of(turns, tools, images))


def read_generate(body: Body) -> Prompt:
    """Return the prompt of a generate request."""
    system = [Turn("system", body["system"])] if body.get("system") else []
    turns = [*system, Turn("user", _typed(body, "prompt", str, "string") or "")]
    images = len(_images(body.get("images")))
    return Prompt(tuple(turns), (), images, tokens_of(turns, (), images) + len(body.get("context") or []))


def read_openai(body: Body) -> Prompt:
    """Return the prompt of a chat in OpenAI's dialect."""
    turns = tuple(Turn(message["role"], text_of(message.get("content"))) for message in body["messages"])
    tools = tuple(_tool(tool) for tool in body.get("tools") or [])
    return Prompt(turns, tools, 0, tokens_of(turns, tools))


def _tool(tool: Body) -> Tool:
    function = tool["function"]
    parameters = function.get("parameters") or {}
    if not isinstance(parameters.get("type", "object"), str):
        raise Refused(400, _go(parameters["type"], "ChatRequest.tools.function.parameters.type", "string"))
    for name, one in (parameters.get("properties") or {}).items():
        if not isinstance(one, dict):
            raise Refused(400, _go(one, f"ChatRequest.tools.function.parameters.properties.{name}", "api.ToolProperty"))
    return Tool(function["name"], parameters)


def _images(given: Any) -> list[bytes]:
    try:
        return [base64.b64decode(image, validate=True) for image in given or []]
    except (binascii.Error, TypeError):
        raise Refused(400, "illegal base64 data at input byte 4") from None


def _typed(body: Body, name: str, kind: type, words: str) -> Any:
    value = body.get(name)
    if value is not None and not isinstance(value, kind):
        raise Refused(400, _go(value, f"ChatRequest.{name}", words))
    return value


def _go(value: Any, where: str, wanted: str) -> str:
    kinds = {dict: "object", list: "array", str: "string", bool: "bool", type(None): "null"}
    return f"json: cannot unmarshal {kinds.get(type(value), 'number')} into Go struct field {where} of type {wanted}"


def read_think(body: Body, capabilities: tuple[str, ...], model: str) -> bool:
    """Return whether the model is to think. Raises Refused as the server does."""
    think = body.get("think")
    if isinstance(think, str) and think not in _LEVELS:
        choices = '"high", "medium", "low", "max", true, or false'
        raise Refused(400, f'invalid think value: "{think}" (must be {choices})')
    able = "thinking" in capabilities
    if think and not able:
        raise Refused(400, f'"{model}" does not support thinking')
    return able and think is not False


# -- the cut


def cut(prompt: Prompt, window: int) -> Prompt:
    """Return what is left of a prompt in a window: system words and the newest messages; the last one always stays.

    What is then still too long loses its middle when it is evaluated: half of the window is left.
    """
    if prompt.tokens <= window:
        return prompt
    turns = list(prompt.turns)
    while len(turns) > 1 and tokens_of(turns, prompt.tools, prompt.images) > window:
        first = next((i for i, turn in enumerate(turns[:-1]) if turn.role != "system"), None)
        if first is None:
            break
        del turns[first]
    left = tokens_of(turns, prompt.tools, prompt.images)
    if left > window:
        turns = [Turn(turn.role, turn.text[: window // 2] + turn.text[-window // 2 :]) for turn in turns]
        left = window // 2
    return Prompt(tuple(turns), prompt.tools, prompt.images, left)


# -- saying


def say(prompt: Prompt, body: Body, *, thinks: bool) -> Said:
    """Return the answer to what is left of a prompt."""
    last = prompt.turns[-1] if prompt.turns else Turn("user", "")
    offered = {tool.name: tool for tool in prompt.tools}
    orders = [found for found in _CALL.finditer(last.text) if found[1] in offered] if last.role == "user" else []
    if orders:
        said = Answer(calls=tuple(_called(offered[order[1]], order[2], n) for n, order in enumerate(orders)))
    elif (count := _COUNT.search(last.text)) is not None:
        said = Answer(" ".join(str(number) for number in range(1, int(count[1]) + 1)))
    else:
        said = answer(Asked("scripted", prompt.turns, prompt.tools, stream=True))
    form = body.get("format")
    if form and not said.calls:
        said = Answer(json.dumps(_of_schema(form) if isinstance(form, dict) else {"answer": said.text}))
    if thinks:
        said = Answer(said.text, said.calls, THOUGHT)
    limit = (body.get("options") or {}).get("num_predict", -1)
    if isinstance(limit, int) and 0 < limit * 4 < len(said.text):
        return Said(Answer(said.text[: limit * 4], (), said.thought), "length")
    return Said(said)


def _called(tool: Tool, arguments: str | None, number: int) -> Call:
    return Call(tool, arguments or "{}", f"call_{number:08}")


def _of_schema(schema: Body) -> Any:
    kinds: Body = {"integer": 1, "number": 1.5, "boolean": True, "string": "text", "array": [], "null": None}
    if schema.get("type", "object") != "object":
        return kinds.get(schema["type"])
    return {name: _of_schema(one) for name, one in (schema.get("properties") or {}).items()}


def counted(said: Said) -> int:
    """Return the tokens of an answer."""
    words = said.answer.thought + said.answer.text + "".join(call.arguments for call in said.answer.calls)
    return max(1, len(words) // 4)


# -- spelling


@dataclass(slots=True)
class Spelling:
    """How an answer is spelled: whose it is, for which endpoint, and whether calls have ids (versions from 0.12 on)."""

    model: str
    generate: bool = False
    ids: bool = True
    logprobs: bool = False
    _made: int = 0

    def line(self, content: str = "", *, done: bool = False, **more: Any) -> Body:
        """Return one object of an answer."""
        self._made += 1
        head: Body = {"model": self.model, "created_at": f"2026-08-21T18:48:22.{self._made:09}Z"}
        said = {"thinking": more.pop("thinking", None), "tool_calls": more.pop("tool_calls", None)}
        inside = {name: value for name, value in said.items() if value}
        if self.generate:
            head |= {"response": content, **inside}
        else:
            head["message"] = {"role": "assistant", "content": content, **inside}
        if self.logprobs and content and not done:
            more["logprobs"] = [{"token": content, "logprob": -0.25, "bytes": list(content.encode())}]
        return {**head, "done": done, **more}

    def lines(self, said: Said) -> Iterator[Body]:
        """Yield the objects of a stream: calls whole, before the last one."""
        for piece in pieces(said.answer.thought):
            yield self.line(thinking=piece)
        for piece in pieces(said.answer.text):
            yield self.line(piece)
        for number, call in enumerate(said.answer.calls):
            yield self.line(tool_calls=[self.call(call, number)])
        yield self.line(done=True, done_reason=said.reason, **said.metrics)

    def whole(self, said: Said) -> Body:
        """Return an answer in one piece."""
        calls = [self.call(call, number) for number, call in enumerate(said.answer.calls)]
        more: Body = {"thinking": said.answer.thought, "tool_calls": calls, "done_reason": said.reason}
        return self.line(said.answer.text, done=True, **more, **said.metrics)

    def call(self, call: Call, number: int) -> Body:
        """Return a call: its arguments are an object."""
        function = {"index": number, "name": call.tool.name, "arguments": json.loads(call.arguments)}
        if self.ids:
            return {"id": call.id, "function": function}
        del function["index"]
        return {"function": function}
