"""A request's prompt as a chat template sees it: tools, system, messages, each part with its path in the body.

Owns the order and what counts: what a template does not print (cache markers, ids of items) is left out, so that two
turns are compared by what an engine has to read. Refuses to be exact about templates: a common order stands for all.
Pure; called by core/drift.py, and by tests that measure what the normaliser keeps.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from flock.plain import is_array, is_object

Path = tuple[str | int, ...]
Part = tuple[Path, bytes]

# what stands beside the words of a block and is never printed
_UNSEEN = frozenset(("cache_control", "id", "status"))
_TEXTS = ("text", "input_text", "output_text")


@dataclass(frozen=True, slots=True)
class Prompt:
    """The parts in order and their bytes in all; `opening` is what the user said first, `answer` the first answer.

    Those two tell one conversation from another: clients put what changes around them, never into them.
    """

    parts: list[Part]
    size: int
    opening: bytes
    answer: bytes
    tools: bool


def spelled(path: Path) -> str:
    """Return a path as people write it: "messages[3].content[1]"."""
    words = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return "".join(words).removeprefix(".")


def prompt_of(body: dict[str, Any], dialect: str) -> Prompt:
    """Return the prompt of a body in a dialect ("anthropic", "openai", "responses"); no parts where there is none."""
    parts: list[Part] = []
    tools = body.get("tools")
    if is_array(tools):
        parts += [(("tools", i), _dumped(tool)) for i, tool in enumerate(tools)]
    front, history = {
        "anthropic": ("system", "messages"),
        "responses": ("instructions", "input"),
    }.get(dialect, ("", "messages"))
    if front:
        parts += _content((front,), body.get(front))
    opening = answer = b""
    messages = body.get(history)
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    for i, message in enumerate(messages if is_array(messages) else ()):
        said = list(_message((history, i), message))
        parts += said
        role = message.get("role") if is_object(message) else ""
        if said and role == "user" and not opening:
            opening = said[-1][1]
        elif said and role == "assistant" and not answer:
            answer = said[0][1]
    return Prompt(parts, sum(len(data) for _, data in parts), opening, answer, bool(tools))


def _message(path: Path, message: Any) -> Iterator[Part]:
    if not is_object(message):
        return
    if "content" not in message and "role" not in message:  # an item of a Responses history: a call, its output
        yield path, _dumped(message)
        return
    thought = message.get("reasoning_content")
    if isinstance(thought, str) and thought:
        yield (*path, "reasoning_content"), thought.encode("utf-8", "surrogatepass")
    yield from _content((*path, "content"), message.get("content"))
    calls = message.get("tool_calls")
    if calls:
        yield (*path, "tool_calls"), _dumped(calls)


def _content(path: Path, content: Any) -> Iterator[Part]:
    """Yield a string, or each block of a list: both spell the same words, and clients change between them."""
    if isinstance(content, str):
        yield path, content.encode("utf-8", "surrogatepass")
    elif is_array(content):
        for i, block in enumerate(content):
            text = block.get("text") if is_object(block) and block.get("type") in _TEXTS else None
            data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else _dumped(block)
            yield (*path, i), data


def _dumped(value: Any) -> bytes:
    if is_object(value) and not _UNSEEN.isdisjoint(value):
        value = {name: item for name, item in value.items() if name not in _UNSEEN}
    try:
        return orjson.dumps(value)
    except TypeError:  # nested deeper than orjson writes, or half a character: compared by what Python makes of it
        return repr(value).encode("utf-8", "backslashreplace")
