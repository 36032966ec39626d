"""Long texts: what a reading costs is counted in readings, since times are nobody's promise."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from flock.dialects.filters.call_finder import CallFinder, Openers
from flock.dialects.filters.tool_formats.cursor import Cursor
from flock.dialects.filters.tool_formats.outcome import Call
from flock.dialects.filters.tool_formats.table import FORMATS

SCHEMAS = {"write_file": {"properties": {"path": {"type": "string"}, "content": {"type": "string"}}}}
CODE = "x = {a: [1]} <b> 'c' \"d\"\n" * 4000


class Counted:
    """A format that counts how much text it reads."""

    def __init__(self, name: str) -> None:
        self._read = FORMATS[name].read
        self.format = replace(FORMATS[name], read=self.read)
        self.characters = 0

    def read(self, cursor: Cursor) -> list[Call]:
        self.characters += len(cursor.text)
        return self._read(cursor)


def pieces(text: str) -> Iterator[str]:
    for at in range(0, len(text), 5):
        yield text[at : at + 5]


def found(counted: Counted, text: str) -> list[str | Call]:
    finder = CallFinder(Openers([counted.format]), SCHEMAS)
    out: list[str | Call] = []
    for piece in pieces(text):
        out += [piece] if finder.passes(piece) else finder.feed(piece)
    return [*out, *finder.close()]


ARGUMENTS = json.dumps({"path": "a", "content": CODE})
LONG = {
    "hermes": f'<tool_call>{{"name": "write_file", "arguments": {ARGUMENTS}}}</tool_call>',
    "mistral": f"[TOOL_CALLS]write_file[ARGS]{ARGUMENTS}",
    "kimi": f"<|tool_call_begin|>functions.write_file:0<|tool_call_argument_begin|>{ARGUMENTS}<|tool_call_end|>",
    "qwen_xml": f"<function=write_file>\n<parameter=content>\n{CODE}\n</parameter>\n</function>",
    "glm": f"<tool_call>write_file<arg_key>content</arg_key><arg_value>{CODE}</arg_value></tool_call>",
    "gemma": f'<|tool_call>call:write_file{{content:<|"|>{CODE}<|"|>}}<tool_call|>',
}


@pytest.mark.parametrize("name", LONG)
def test_a_long_argument_is_read_a_few_times(name: str) -> None:
    counted = Counted(name)
    assert [type(each) for each in found(counted, LONG[name])] == [Call]
    assert counted.characters < 12 * len(LONG[name])


def test_a_call_of_thousands_of_parts_is_not_read_thousands_of_times() -> None:
    parts = "".join(f"<parameter=p{n}>\nv\n</parameter>\n" for n in range(2000))
    text = f"<function=write_file>\n{parts}</function>"
    counted = Counted("qwen_xml")
    assert [type(each) for each in found(counted, text)] == [Call]
    assert counted.characters < 60 * len(text)


def test_thousands_of_openers_that_wait_in_vain() -> None:
    text = '<tool_call>{"name": "write_file", "arguments": {"path": [ ' * 2000
    counted = Counted("hermes")
    assert "".join(str(each) for each in found(counted, text)) == text
    assert counted.characters < 250 * len(text)
