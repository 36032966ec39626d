"""Calls written as Python: a list of `NAME(argument=value)`, nothing but literals inside.

Sources: the chat templates of LFM2 and LFM2.5 (which also write JSON), the prompt format of Llama 3.2 and 4. Python's
own parser reads the list; nothing is ever evaluated.
"""

import ast
from typing import Any

from flock.dialects.filters.tool_formats.cursor import Cursor
from flock.dialects.filters.tool_formats.format import Format
from flock.dialects.filters.tool_formats.json_text import written
from flock.dialects.filters.tool_formats.outcome import Call, NoCall

_JSON_NAMES = {"true": True, "false": False, "null": None}


def _calls(cursor: Cursor) -> list[Call]:
    source = cursor.brackets("[", quotes="\"'")
    try:
        tree = ast.parse(source.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise NoCall from None
    if not isinstance(tree, ast.List) or not tree.elts:
        raise NoCall
    return [_call(node, cursor) for node in tree.elts]


def _call(node: ast.expr, cursor: Cursor) -> Call:
    if not isinstance(node, ast.Call) or node.args:
        raise NoCall
    values: dict[str, Any] = {}
    for given in node.keywords:
        if given.arg is None:
            raise NoCall
        values[given.arg] = _value(given.value)
    return Call(cursor.offered(ast.unparse(node.func)), written(values))


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=str() | int() | float() | None):
            return node.value
        case ast.Name(id=name) if name in _JSON_NAMES:
            return _JSON_NAMES[name]
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=(int() | float()) as number)):
            return -number
        case ast.List() | ast.Tuple():
            return [_value(item) for item in node.elts]
        case ast.Dict():
            return {_key(key): _value(value) for key, value in zip(node.keys, node.values, strict=True)}
        case _:
            raise NoCall


def _key(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise NoCall


_OPEN, _CLOSE = "<|tool_call_start|>", "<|tool_call_end|>"


def _lfm2(cursor: Cursor) -> list[Call]:
    cursor.literal(_OPEN)
    cursor.space()
    at = cursor.at
    cursor.literal("[")
    cursor.space()
    as_json = cursor.peek() == "{"
    cursor.at = at
    found = cursor.calls() if as_json else _calls(cursor)
    cursor.close(_CLOSE)
    return found


def _whole(cursor: Cursor) -> list[Call]:
    """Return the calls of a message that is such a list and nothing else; without the tokens around it or with them."""
    cursor.space()
    cursor.maybe("<|python_start|>")
    cursor.space()
    at = cursor.at
    cursor.literal("[")
    cursor.space()
    if not (cursor.peek().isalpha() or cursor.peek() == "_"):
        raise NoCall
    cursor.at = at
    found = _calls(cursor)
    cursor.space()
    if not cursor.at_end():
        cursor.literal("<|python_end|>")
        cursor.space()
    if not cursor.at_end():
        raise NoCall
    return found


LFM2 = Format("lfm2", (_OPEN,), _lfm2, tokens=True)
PYTHONIC = Format("pythonic", ("[", "<|python_start|>"), _whole, alone=True)
