"""Hermes: `<tool_call>{"name": …, "arguments": {…}}</tool_call>`, one tag for each call.

Source: the chat templates of NousResearch/Hermes-2-Pro, Qwen2.5 and Qwen3. Read by call_finder.py through table.py.
"""

from flock.dialects.filters.tool_formats.cursor import Cursor
from flock.dialects.filters.tool_formats.format import Format
from flock.dialects.filters.tool_formats.outcome import Call

OPEN, CLOSE = "<tool_call>", "</tool_call>"


def _read(cursor: Cursor) -> list[Call]:
    cursor.literal(OPEN)
    found = [cursor.call()]
    cursor.space()
    if cursor.at_end() or not cursor.ahead(OPEN):
        cursor.close(CLOSE)
    return found


HERMES = Format("hermes", (OPEN,), _read, trailers=(CLOSE,))
