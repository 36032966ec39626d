"""What the scripted engine says: a pure function of a request, whatever dialect it came in.

Owns the script. A user's turn that orders a file ("write the file PATH with the content TEXT") is answered by a call of
the client's own tool for writing, with the arguments that the tool's schema asks for; a tool's result by one sentence;
everything else by another. Called by scripted_faces.py; tests/clients knows the sentences.
"""

import json
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

HELLO = "Hello from the scripted engine, which says nothing else."
DONE = "The scripted engine has seen the result and is done."
THOUGHT = "The scripted engine thinks before it speaks."
ORDER = "write the file {path} with the content {content}"
_ORDERED = re.compile(r"write the file (\S+) with the content (\w+)", re.IGNORECASE)
# at what each schema calls the place of a file
_PLACES = ("file_path", "filePath", "filepath", "absolute_path", "path")


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool on offer. `kind`: function, or custom for one that takes plain text; `space`: the namespace it is in."""

    name: str
    parameters: dict[str, Any] = field(default_factory=dict)
    kind: str = "function"
    space: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """One message. `role`: system, user, assistant or tool."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the script sees it."""

    model: str
    turns: Sequence[Turn]
    tools: Sequence[Tool]
    stream: bool
    usage: bool = True  # the client asks for the tokens of a stream


@dataclass(frozen=True, slots=True)
class Call:
    """A call of `tool` with `arguments`: JSON, or plain text for a custom tool."""

    tool: Tool
    arguments: str
    id: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Text, or calls; before either perhaps what the model thought."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    thought: str = ""


def ordered(turns: Sequence[Turn]) -> list[tuple[str, str]]:
    """Return (path, content) of each file that what came after the last answer orders; none after a tool's result."""
    last = max((place for place, turn in enumerate(turns) if turn.role == "assistant"), default=-1)
    fresh = turns[last + 1 :]
    if any(turn.role == "tool" for turn in fresh):
        return []
    found = [match for turn in fresh if turn.role == "user" for match in _ORDERED.finditer(turn.text)]
    return list(dict.fromkeys((match[1], match[2]) for match in found))


def _with_fields(tool: Tool, path: str, content: str) -> str:
    properties = tool.parameters.get("properties", {})
    place = next((name for name in _PLACES if name in properties), _PLACES[0])
    values = {place: path, "content": content}
    # in the schema's order, as a model under a grammar would write it
    return json.dumps({name: values[name] for name in [*properties, *values] if name in values})


def _shell(path: str, content: str) -> str:
    return f"printf %s {shlex.quote(content)} > {shlex.quote(path)}"


def _patch(tool: Tool, path: str, content: str) -> str:
    patch = f"*** Begin Patch\n*** Add File: {path}\n+{content}\n*** End Patch\n"
    if tool.kind == "custom":
        return patch
    field = next(iter(tool.parameters.get("properties", {})), "input")  # a gateway makes it a function of one text
    return json.dumps({field: patch})


# the first of these that is on offer writes the file
WRITERS: dict[str, Callable[[Tool, str, str], str]] = {
    "Write": _with_fields,
    "write": _with_fields,
    "write_file": _with_fields,
    "editor": lambda tool, path, content: json.dumps({"path": path, "new_text": content}),
    "apply_patch": _patch,
    "exec_command": lambda tool, path, content: json.dumps({"cmd": _shell(path, content)}),
    "shell_command": lambda tool, path, content: json.dumps({"command": _shell(path, content)}),
    "shell": lambda tool, path, content: json.dumps({"command": ["bash", "-c", _shell(path, content)]}),
}


def answer(asked: Asked) -> Answer:
    """Return what the script says."""
    orders = ordered(asked.turns)
    thought = THOUGHT if asked.model == "scripted-thinks" else ""
    if not orders:
        return Answer(DONE if asked.turns and asked.turns[-1].role == "tool" else HELLO, thought=thought)
    if asked.model == "scripted-edit":  # for a client without tools: the file's name, and its whole text in a fence
        return Answer("\n".join(f"{path}\n```\n{content}\n```\n" for path, content in orders))
    on_offer = {tool.name: tool for tool in asked.tools}
    for name, write in WRITERS.items():
        if name in on_offer:
            tool = on_offer[name]
            # an id is never used twice in a conversation
            first = 1000 * len(asked.turns)
            calls = [Call(tool, write(tool, *order), f"call_{first + n:08}") for n, order in enumerate(orders)]
            return Answer(calls=tuple(calls), thought=thought)
    return Answer(HELLO, thought=thought)
