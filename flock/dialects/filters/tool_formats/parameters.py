"""Formats with a tag for each parameter: Qwen3-Coder, Seed-OSS, MiniMax M2, DeepSeek's DSML.

The value of a parameter is text as it is; its type comes from the tool's schema, with DSML from an attribute. Sources:
the chat templates of Qwen3-Coder, Seed-OSS-36B, MiniMax-M2, DeepSeek-V3.2 (V4 names the section `tool_calls`).
"""

from collections.abc import Callable

from flock.dialects.filters.tool_formats.cursor import Cursor
from flock.dialects.filters.tool_formats.format import Format
from flock.dialects.filters.tool_formats.json_text import parsed, written
from flock.dialects.filters.tool_formats.outcome import Call, NoCall
from flock.dialects.filters.tool_formats.typed import typed

_FUNCTION, _FUNCTION_END = "<function=", "</function>"
_PARAMETER, _PARAMETER_END = "<parameter=", "</parameter>"


def _without_frame(text: str) -> str:
    """Return a value without the line break that templates put on either side of it."""
    return text.removeprefix("\n").removesuffix("\n")


def _function(cursor: Cursor) -> Call:
    """Return `<function=NAME><parameter=K>V</parameter></function>`."""
    cursor.literal(_FUNCTION)
    name = cursor.name(">")
    cursor.literal(">")
    values: dict[str, object] = {}
    while True:
        cursor.space()
        if cursor.literal(_PARAMETER, _FUNCTION_END) == _FUNCTION_END:
            return Call(name, written(values))
        key = cursor.key(">")
        cursor.literal(">")
        text = cursor.value(_PARAMETER_END, _PARAMETER, _FUNCTION_END)
        values[key] = typed(_without_frame(text), cursor.tools[name], key)


def _functions(opener: str, closer: str) -> Callable[[Cursor], list[Call]]:
    def read(cursor: Cursor) -> list[Call]:
        if not cursor.maybe(opener):
            return [_function(cursor)]  # without the frame, which some leave out
        found: list[Call] = []
        while not found or cursor.ahead(_FUNCTION):
            cursor.space()
            found.append(_function(cursor))
            cursor.space()
            if cursor.at_end():
                break
        cursor.close(closer)
        return found

    return read


def _invocations(sections: tuple[str, ...], mark: str, *, told: bool) -> Callable[[Cursor], list[Call]]:
    """Return the reader of sections of `<invoke name="…"><parameter name="…">V</parameter></invoke>`.

    `mark` stands behind each angle bracket; `told`: an attribute says whether a value is a text.
    """
    invoke, invoke_end = f'<{mark}invoke name="', f"</{mark}invoke>"
    parameter, parameter_end = f'<{mark}parameter name="', f"</{mark}parameter>"

    def one(cursor: Cursor) -> Call:
        name = cursor.name('">')
        cursor.literal('">')
        values: dict[str, object] = {}
        while True:
            cursor.space()
            if cursor.literal(parameter, invoke_end) == invoke_end:
                return Call(name, written(values))
            key = cursor.key('"')
            cursor.literal('"')
            cursor.space()
            kind = cursor.literal('string="true">', 'string="false">', ">") if told else cursor.literal(">")
            text = cursor.value(parameter_end, parameter, invoke_end)
            values[key] = _valued(text, kind, cursor, name, key)

    def read(cursor: Cursor) -> list[Call]:
        section = cursor.maybe(*(f"<{section}>" for section in sections))
        found: list[Call] = []
        while True:
            cursor.space()
            if found and (not section or cursor.at_end() or not cursor.ahead(invoke)):
                break
            cursor.literal(invoke)
            found.append(one(cursor))
            if not section:
                return found
        cursor.close(f"</{section[1:]}")
        return found

    return read


def _valued(text: str, kind: str, cursor: Cursor, name: str, key: str) -> object:
    if kind == 'string="true">':
        return text
    if kind == 'string="false">':
        try:
            return parsed(text)
        except NoCall:
            pass
    return typed(text, cursor.tools[name], key)


_DSML = "｜DSML｜"
_DSML_SECTIONS = (f"{_DSML}function_calls", f"{_DSML}tool_calls")

QWEN_XML = Format(
    "qwen_xml",
    ("<tool_call>", _FUNCTION),
    _functions("<tool_call>", "</tool_call>"),
    trailers=("</tool_call>", _FUNCTION_END),
)
SEED = Format(
    "seed",
    ("<seed:tool_call>", _FUNCTION),
    _functions("<seed:tool_call>", "</seed:tool_call>"),
    trailers=("</seed:tool_call>",),
)
MINIMAX = Format(
    "minimax",
    ("<minimax:tool_call>",),
    _invocations(("minimax:tool_call",), "", told=False),
    trailers=("</minimax:tool_call>",),
)
DSML = Format(
    "dsml",
    (*(f"<{section}>" for section in _DSML_SECTIONS), f'<{_DSML}invoke name="'),
    _invocations(_DSML_SECTIONS, _DSML, told=True),
    trailers=tuple(f"</{section}>" for section in _DSML_SECTIONS),
    tokens=True,
)
