"""Gemma: `<|tool_call>call:NAME{key:<|"|>text<|"|>,count:42}<tool_call|>`, texts between tokens of their own.

Sources: the chat templates of Gemma 4; FunctionGemma writes the same between `<start_function_call>` and
`<end_function_call>`, with `<escape>` around texts.
"""

import json
import re

from flock.dialects.filters.tool_formats.cursor import Cursor
from flock.dialects.filters.tool_formats.format import Format
from flock.dialects.filters.tool_formats.json_text import written
from flock.dialects.filters.tool_formats.outcome import Call, NoCall

_MARKS = {"<|tool_call>": ("<tool_call|>", '<|"|>'), "<start_function_call>": ("<end_function_call>", "<escape>")}
_BARE = re.compile(r"[^,\[\]{}<]+")
_KEY = re.compile(r"[^\s:,<{}\[\]]{1,256}")
# deeper than any tool's schema, and shallow enough for the interpreter's stack
_DEEPEST = 64


def _read(cursor: Cursor) -> list[Call]:
    closer, quote = _MARKS[cursor.literal(*_MARKS)]
    cursor.literal("call:")
    name = cursor.name("{")
    found = Call(name, written(_object(cursor, quote, 0)))
    cursor.close(closer)
    return [found]


def _object(cursor: Cursor, quote: str, depth: int) -> dict[str, object]:
    if depth > _DEEPEST:
        raise NoCall
    cursor.literal("{")
    values: dict[str, object] = {}
    while True:
        cursor.space()
        if cursor.maybe("}"):
            return values
        if values:
            cursor.literal(",")
            cursor.space()
        key = _quoted(cursor, quote) if cursor.ahead(quote) else cursor.word(":", shape=_KEY)
        cursor.space()
        cursor.literal(":")
        values[key] = _value(cursor, quote, depth)


def _array(cursor: Cursor, quote: str, depth: int) -> list[object]:
    if depth > _DEEPEST:
        raise NoCall
    cursor.literal("[")
    values: list[object] = []
    while True:
        cursor.space()
        if cursor.maybe("]"):
            return values
        if values:
            cursor.literal(",")
        values.append(_value(cursor, quote, depth))


def _quoted(cursor: Cursor, quote: str) -> str:
    cursor.literal(quote)
    text = cursor.until(quote)
    cursor.literal(quote)
    return text


def _value(cursor: Cursor, quote: str, depth: int) -> object:
    cursor.space()
    first = cursor.peek()
    if first == "{":
        return _object(cursor, quote, depth + 1)
    if first == "[":
        return _array(cursor, quote, depth + 1)
    if first == "<":
        return _quoted(cursor, quote)
    found = _BARE.match(cursor.text, cursor.at)
    if found is None:
        raise NoCall
    if found.end() == len(cursor.text):
        raise cursor.lack()
    cursor.at = found.end()
    try:
        return json.loads(found[0], parse_constant=lambda _: None)
    except ValueError:
        return found[0].strip()


GEMMA = Format("gemma", tuple(_MARKS), _read, tokens=True)
