"""MiniMax M3: every tag behind a token of its own, a tag for each parameter, objects and arrays as tags inside.

    ]<]minimax[>[<tool_call>
    ]<]minimax[>[<invoke name="NAME">]<]minimax[>[<key>value]<]minimax[>[</key>]<]minimax[>[</invoke>
    ]<]minimax[>[</tool_call>

The items of an array are tags named `item`. Source: the chat template of MiniMax-M3.
"""

from collections.abc import Mapping
from typing import Any

from flock.dialects.filters.tool_formats.cursor import Cursor
from flock.dialects.filters.tool_formats.format import Format
from flock.dialects.filters.tool_formats.json_text import written
from flock.dialects.filters.tool_formats.outcome import Call, NoCall
from flock.dialects.filters.tool_formats.typed import fitted, schema_of
from flock.plain import is_object

_MARK = "]<]minimax[>["
_OPEN, _CLOSE = f"{_MARK}<tool_call>", f"{_MARK}</tool_call>"
_INVOKE, _INVOKE_END = f'{_MARK}<invoke name="', f"{_MARK}</invoke>"
_DEEPEST = 64


def _read(cursor: Cursor) -> list[Call]:
    cursor.literal(_OPEN)
    found: list[Call] = []
    while True:
        cursor.space()
        if found and (cursor.at_end() or not cursor.ahead(_INVOKE)):
            break
        cursor.literal(_INVOKE)
        name = cursor.name('">')
        cursor.literal('">')
        root = cursor.tools[name]
        values = _children(cursor, root, root, _INVOKE_END, 0)
        if not is_object(values):
            raise NoCall
        found.append(Call(name, written(values)))
    cursor.close(_CLOSE)
    return found


def _children(cursor: Cursor, schema: Mapping[str, Any], root: Mapping[str, Any], end: str, depth: int) -> Any:
    """Return the elements up to the closing tag: an object, or an array when all of them are items."""
    if depth > _DEEPEST:
        raise NoCall
    keys: list[str] = []
    values: list[Any] = []
    while True:
        cursor.space()
        if cursor.maybe(end):
            break
        cursor.literal(f"{_MARK}<")
        key = cursor.key(">")
        cursor.literal(">")
        keys.append(key)
        values.append(_element(cursor, key, _inside(schema, key, root), root, depth))
    if depth and keys and set(keys) == {"item"} and "item" not in (schema.get("properties") or {}):
        return values
    return dict(zip(keys, values, strict=True))


def _element(cursor: Cursor, key: str, schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> Any:
    end = f"{_MARK}</{key}>"
    at = cursor.at
    cursor.space()
    if not cursor.ahead(end) and cursor.ahead(f"{_MARK}<"):
        return _children(cursor, schema, root, end, depth + 1)
    cursor.at = at
    text = cursor.until(end)
    cursor.literal(end)
    return fitted(text, schema)


def _inside(schema: Mapping[str, Any], key: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = schema.get("properties")
    if is_object(properties) and key in properties:
        return schema_of(properties[key], root)
    return schema_of(schema.get("items"), root) if key == "item" else {}


MINIMAX_M3 = Format("minimax_m3", (_OPEN,), _read, trailers=(_CLOSE,), tokens=True)
