"""Formats of a mark and JSON behind it: Granite 3, Phi-4-mini, Nemotron, Mistral, Llama 3.

Sources: the chat templates of granite-3.x, Phi-4-mini-instruct, NVIDIA-Nemotron-Nano-v2, Mistral's tokenizers (v3: a
list; from v11 on a name and `[ARGS]`), the prompt format of Llama 3.1 and 3.2.
"""

from collections.abc import Callable

from flock.dialects.filters.tool_formats.cursor import Cursor
from flock.dialects.filters.tool_formats.format import Format
from flock.dialects.filters.tool_formats.outcome import Call, NoCall


def _marked(opener: str, closer: str) -> Callable[[Cursor], list[Call]]:
    """Return the reader of a list of calls, or one call, between two marks."""

    def read(cursor: Cursor) -> list[Call]:
        cursor.literal(opener)
        found = cursor.calls()
        cursor.close(closer)
        return found

    return read


def _granite(cursor: Cursor) -> list[Call]:
    cursor.literal(*_GRANITE)
    cursor.space()
    if cursor.peek() != "[":
        raise NoCall
    return cursor.calls()


def _functools(cursor: Cursor) -> list[Call]:
    cursor.literal("functools[")
    cursor.at -= 1
    return cursor.calls()


def _mistral(cursor: Cursor) -> list[Call]:
    cursor.literal("[TOOL_CALLS]")
    cursor.space()
    if cursor.peek() in "[{":
        return cursor.calls()
    name = cursor.name("[ARGS]", "[CALL_ID]", "{")
    if cursor.maybe("[CALL_ID]"):
        cursor.word("[ARGS]")
    cursor.maybe("[ARGS]")
    return [cursor.object_of(name)]


def _separated(cursor: Cursor, *, told: bool = False) -> list[Call]:
    """Return calls as objects, several of them with a semicolon between."""
    found = [cursor.call(told=told)]
    while True:
        cursor.space()
        if cursor.at_end() or not cursor.maybe(";"):
            return found
        found.append(cursor.call(told=told))


def _python_tag(cursor: Cursor) -> list[Call]:
    cursor.literal("<|python_tag|>")
    return _separated(cursor)


def _whole(cursor: Cursor) -> list[Call]:
    cursor.space()
    if cursor.peek() != "{":
        raise NoCall
    found = _separated(cursor, told=True)
    if not cursor.at_end():
        raise NoCall
    return found


def _function_tag(cursor: Cursor) -> list[Call]:
    cursor.literal("<function=")
    name = cursor.name(">")
    cursor.literal(">")
    found = cursor.object_of(name)
    cursor.close("</function>")
    return [found]


_GRANITE = ("<|tool_call|>", "<tool_call>")
_LLAMA_ENDS = ("<|eom_id|>", "<|eot_id|>")

GRANITE = Format("granite", _GRANITE, _granite, trailers=("</tool_call>",))
PHI4 = Format("phi4", ("<|tool_call|>",), _marked("<|tool_call|>", "<|/tool_call|>"), tokens=True)
NEMOTRON = Format("nemotron", ("<TOOLCALL>",), _marked("<TOOLCALL>", "</TOOLCALL>"))
FUNCTOOLS = Format("functools", ("functools[",), _functools)
MISTRAL = Format("mistral", ("[TOOL_CALLS]",), _mistral, tokens=True)
PYTHON_TAG = Format("python_tag", ("<|python_tag|>",), _python_tag, trailers=_LLAMA_ENDS, tokens=True)
FUNCTION_TAG = Format("function_tag", ("<function=",), _function_tag, trailers=_LLAMA_ENDS)
JSON = Format("json", ("{",), _whole, alone=True)
