"""Formats of special tokens: harmony, DeepSeek V3, Kimi K2, GLM.

Sources: OpenAI's guide to the harmony response format, the chat templates of DeepSeek-V3-0324, R1 and V3.1, the tool
call guidance of Kimi-K2-Instruct, the chat templates of GLM-4.5 to 4.7.
"""

import re

from flock.dialects.filters.tool_formats.cursor import Cursor
from flock.dialects.filters.tool_formats.format import Format
from flock.dialects.filters.tool_formats.json_text import last_object, written
from flock.dialects.filters.tool_formats.outcome import Call, NoCall
from flock.dialects.filters.tool_formats.typed import typed

_START = "<|start|>assistant"
_RECIPIENT = re.compile(r"(?:^|\s)to=(?:functions\.)?([\w.:/-]+)")
# a header is the channel, the recipient and the form of what follows; no more
_LONGEST_HEADER = 400


def _harmony(cursor: Cursor) -> list[Call]:
    cursor.maybe(_START)
    beginning = cursor.text[cursor.at : cursor.at + _LONGEST_HEADER]
    header, message, _ = beginning.partition("<|message|>")
    if "\n" in header or (not message and len(beginning) == _LONGEST_HEADER):
        raise NoCall
    header = cursor.until("<|message|>")
    recipient = _RECIPIENT.search(re.sub(r"<\|(?:channel|constrain)\|>", " ", header))
    if recipient is None:
        raise NoCall
    name = cursor.offered(recipient[1])
    cursor.literal("<|message|>")
    found = [cursor.object_of(name)]
    cursor.space()
    if cursor.at_end() or not cursor.ahead("<|start|>", "<|channel|>"):
        cursor.close("<|call|>", "<|end|>", "<|return|>")
    return found


_CALLS, _CALLS_END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
_CALL, _CALL_END, _SEPARATOR = "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁sep｜>"


def _deepseek(cursor: Cursor) -> list[Call]:
    section = cursor.maybe(_CALLS)
    found: list[Call] = []
    while True:
        cursor.space()
        if found and (cursor.at_end() or not cursor.ahead(_CALL)):
            break
        cursor.literal(_CALL)
        name = cursor.word(_SEPARATOR)
        cursor.literal(_SEPARATOR)
        cursor.space()
        if cursor.peek() == "{":
            found.append(cursor.object_of(cursor.offered(name)))
        else:  # "function", then the name and a fence
            name = cursor.name("```")
            cursor.literal("```json", "```")
            found.append(cursor.object_of(name))
            cursor.space()
            cursor.literal("```")
        cursor.close(_CALL_END)
    if section:
        cursor.close(_CALLS_END)
    return found


_SECTION, _SECTION_END = "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"
_KIMI, _KIMI_ARGUMENTS, _KIMI_END = "<|tool_call_begin|>", "<|tool_call_argument_begin|>", "<|tool_call_end|>"


def _kimi(cursor: Cursor) -> list[Call]:
    section = cursor.maybe(_SECTION)
    found: list[Call] = []
    while True:
        cursor.space()
        if found and (cursor.at_end() or not cursor.ahead(_KIMI)):
            break
        cursor.literal(_KIMI)
        id = cursor.word(_KIMI_ARGUMENTS)
        name = cursor.offered(re.sub(r":\d+$", "", id).removeprefix("functions."))
        cursor.literal(_KIMI_ARGUMENTS)
        found.append(Call(name, written(_objects(cursor))))
        cursor.close(_KIMI_END)
    if section:
        cursor.close(_SECTION_END)
    return found


def _objects(cursor: Cursor) -> dict[str, object]:
    """Return the last of the objects that stand here, one directly behind the other."""
    found = last_object(cursor.brackets("{"))
    while not cursor.at_end():
        cursor.space()
        if cursor.at_end() or cursor.peek() != "{":
            break
        found = last_object(cursor.brackets("{"))
    return found


_GLM, _GLM_END = "<tool_call>", "</tool_call>"
_KEY, _KEY_END, _VALUE, _VALUE_END = "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>"


def _glm(cursor: Cursor) -> list[Call]:
    cursor.literal(_GLM)
    name = cursor.name(_KEY, _GLM_END)
    values: dict[str, object] = {}
    while True:
        cursor.space()
        if cursor.literal(_KEY, _GLM_END) == _GLM_END:
            return [Call(name, written(values))]
        key = cursor.key(_KEY_END)
        cursor.literal(_KEY_END)
        cursor.space()
        cursor.literal(_VALUE)
        values[key] = typed(cursor.value(_VALUE_END, _KEY, _GLM_END), cursor.tools[name], key)


_CHANNELS = ("commentary", "analysis")

HARMONY = Format(
    "harmony",
    (f"{_START} to=", *(f"{start}<|channel|>{name} to=" for name in _CHANNELS for start in (_START, ""))),
    _harmony,
    trailers=("<|call|>", "<|end|>"),
    tokens=True,
)
DEEPSEEK = Format("deepseek", (_CALLS, _CALL), _deepseek, trailers=(_CALLS_END, "<｜end▁of▁sentence｜>"), tokens=True)
KIMI = Format("kimi", (_SECTION, _KIMI), _kimi, trailers=(_SECTION_END,), tokens=True)
GLM = Format("glm", (_GLM,), _glm, trailers=("<|observation|>",))
