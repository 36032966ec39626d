"""A conversation with a model: what was asked, what came, and the next request's body.

Owns the turns, the settings and how a piece of an answer changes a turn. Refuses any widget and any I/O: pieces come
from `playground_answer.py`, times from whoever calls. Called by `playground.py` and its tests.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from flock.client import chat
from flock.contract.prompts import RunPrompt
from flock.errors import FlockError
from flock.plain import is_array, is_object
from flock.tui.widgets.marked import Marked

Stage = Literal["waiting", "thinking", "answering", "done", "stopped", "failed"]
RUNNING = ("waiting", "thinking", "answering")
# A model without a switch for it ignores the word; `medium` is the effort that means nothing but "on"
# (dialects/families.py).
EFFORTS = {"": "", "on": "medium", "off": "none"}
# What came in less was kept somewhere and handed over at once: its speed says nothing of the model's
_TELLING_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Settings:
    """What goes with every request. None, 0 and "" leave it to the model; `tools` is a JSON list as it was typed."""

    system: str = ""
    temperature: float | None = None
    max_tokens: int = 0
    thinking: Literal["", "on", "off"] = ""
    tools: str = ""


@dataclass(slots=True)
class Turn:
    """A question and its answer. Times in seconds since the request was sent, None while unknown; tokens 0 likewise."""

    asked: str
    model: str
    sent: float
    as_result: bool = False  # that the question is what the tools of the turn before gave back
    stage: Stage = "waiting"
    text: str = ""
    thinking: str = ""
    calls: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    error: FlockError | None = None
    finish: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    first: float | None = None
    thought: float | None = None
    took: float | None = None
    request_id: str = ""
    opened: set[str] = field(default_factory=set[str])
    marked: Marked = field(default_factory=Marked)

    @property
    def running(self) -> bool:
        """Whether more is to come."""
        return self.stage in RUNNING

    @property
    def speed(self) -> float | None:
        """Tokens a second after the first, None when unknown."""
        if self.first is None or self.took is None or self.output_tokens < 2:
            return None
        if self.took - self.first < _TELLING_SECONDS:
            return None
        return (self.output_tokens - 1) / (self.took - self.first)

    def take(self, piece: chat.Piece, at: float) -> None:
        """Put a piece behind what is there; `at` is the epoch at which it came."""
        passed = max(0.0, at - self.sent)
        if piece.kind in ("text", "thinking") and self.first is None:
            self.first = passed
        if piece.kind == "thinking":
            self.stage = "thinking"
            self.thinking += piece.words
        elif piece.kind == "text":
            self._thought(passed)
            self.stage = "answering"
            words = piece.words if self.text else piece.words.lstrip("\n")
            self.text += words
            self.marked.add(words)
        elif piece.kind == "tool":
            self.calls.append((piece.name, pretty(piece.words)))
        else:
            self.finish = piece.finish
            self.input_tokens, self.output_tokens = piece.input_tokens, piece.output_tokens
            self.end("done", at)

    def end(self, stage: Stage, at: float, error: FlockError | None = None) -> None:
        """Say that nothing more comes, and why."""
        self._thought(max(0.0, at - self.sent))
        self.stage, self.error, self.took = stage, error, max(0.0, at - self.sent)

    def _thought(self, passed: float) -> None:
        if self.thinking and self.thought is None:
            self.thought = passed - (self.first or 0.0)


@dataclass(slots=True)
class Talk:
    """The turns so far."""

    turns: list[Turn] = field(default_factory=list[Turn])

    @property
    def tokens(self) -> int:
        """The tokens that its requests took in all."""
        return sum(turn.input_tokens + turn.output_tokens for turn in self.turns)

    @property
    def wants_result(self) -> bool:
        """Whether the model waits for what its tools gave back."""
        return bool(self.turns) and bool(self.turns[-1].calls) and not self.turns[-1].running

    def ask(self, words: str, model: str, now: float) -> Turn:
        """Begin a turn."""
        turn = Turn(words, model, now, as_result=self.wants_result)
        self.turns.append(turn)
        return turn

    def messages(self) -> list[chat.Message]:
        """Return the conversation as the next request tells it, the running turn's question last.

        What failed is left out with its question; what was stopped counts as far as it came.
        """
        found: list[dict[str, Any]] = []
        for number, turn in enumerate(self.turns):
            if turn.stage == "failed" and turn is not self.turns[-1]:
                continue
            before = self.turns[number - 1] if number else None
            if turn.as_result and before is not None and before.calls and before.stage != "failed":
                ids = [_id(number - 1, at) for at in range(len(before.calls))]
                found += [{"role": "tool", "tool_call_id": one, "content": turn.asked} for one in ids]
            else:
                found.append(dict(chat.user(turn.asked)))
            if turn.running or turn.stage == "failed":
                continue
            said: dict[str, Any] = {"role": "assistant", "content": turn.text}
            if turn.calls:
                said["tool_calls"] = [
                    {"id": _id(number, at), "type": "function", "function": {"name": name, "arguments": arguments}}
                    for at, (name, arguments) in enumerate(turn.calls)
                ]
            if turn.text or turn.calls:
                found.append(said)
        return list(found)

    def body(self, settings: Settings) -> bytes:
        """Return the body that asks for the running turn's answer."""
        asked = chat.request(
            self.messages(),
            model=self.turns[-1].model,
            system=settings.system,
            max_tokens=settings.max_tokens,
            temperature=settings.temperature,
            effort=EFFORTS[settings.thinking],
        )
        if not settings.tools:
            return asked
        return json.dumps({**json.loads(asked), "tools": tools_of(settings.tools)}, ensure_ascii=False).encode()


def command(words: str, model: str, settings: Settings) -> RunPrompt:
    """Return the operation that asks the same once, without what was said before."""
    return RunPrompt(
        prompt=(words,) if words else (),
        model=model,
        system=settings.system,
        max_tokens=settings.max_tokens,
        temperature="" if settings.temperature is None else f"{settings.temperature:g}",
        thinking=settings.thinking == "on",
    )


def pretty(arguments: str) -> str:
    """Return a call's arguments as JSON with lines, as they came where they are none."""
    try:
        return json.dumps(json.loads(arguments), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return arguments


def tools_of(words: str) -> Sequence[Any]:
    """Return tools in OpenAI's form from a JSON list of them, or of plain functions. Raises ValueError, a sentence."""
    try:
        found: Any = json.loads(words)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the tools are not JSON: {error}") from None
    listed: Sequence[Any] = found if is_array(found) else [found]
    return [_tool(one) for one in listed]


def _tool(one: Any) -> Any:
    inner = one.get("function", one) if is_object(one) else None
    if not is_object(inner) or not isinstance(inner.get("name"), str) or not inner["name"]:
        raise ValueError('each tool is an object with a name: [{"name": "get_weather", "parameters": {…}}]')
    return one if is_object(one) and "function" in one else {"type": "function", "function": one}


def _id(turn: int, call: int) -> str:
    return f"call_{turn + 1}_{call + 1}"
