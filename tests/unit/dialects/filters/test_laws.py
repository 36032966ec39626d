"""Laws over texts that nobody wrote: what comes out does not depend on the cuts, and no text is lost or made up."""

from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from flock.catalog import load_families
from flock.dialects.filters.call_finder import CallFinder, Openers
from flock.dialects.filters.filter import Filter
from flock.dialects.filters.think_tags import ThinkTags
from flock.dialects.filters.tool_formats.table import FORMATS
from flock.dialects.filters.tool_rescue import ToolRescue
from flock.dialects.ir import Text, Thinking, Tool, ToolCall
from flock.profile import Family
from tests.unit.dialects.filters.replaying import CORPUS, reply, samples

FAMILIES, _ = load_families([Path(__file__).parents[4] / "catalog"])
TOOLS = [Tool(name, schema=schema) for name, schema in samples(CORPUS / "tool_calls" / "tools.yaml").items()]

# Pieces of which texts are made: openers whole and broken, what may stand inside, what makes code of it
MARKS = sorted({opener for each in FORMATS.values() for opener in (*each.openers, *each.trailers)})
TAGS = sorted({tag for family in FAMILIES for tag in (family.think_open, family.think_close) if tag})
INSIDE = [
    '{"name": "now", "arguments": {}}',
    '{"name": "now"',
    '{"city": "x"}',
    "now",
    "get_weather",
    "nobody",
    "[",
    "]",
    "{",
    "}",
    '"',
    "<parameter=city>",
    "</parameter>",
    "</function>",
    ">",
    "functions.now:0",
    "<|message|>",
    "<|end|>",
    "<|channel|>final<|message|>",
    "[ARGS]",
    "&lt;tool_call&gt;",
    "&quot;",
    "&lt;/tool_call&gt;",
    "<arg_key>",
    "</arg_key>",
]
AROUND = ["`", "```", "\n```\n", "\n", "\n\n", " ", "> ", "~~~", "<<EOF\n", "\nEOF\n", "words", "é🙂", "<", "</", "|"]
TEXTS = st.lists(st.sampled_from([*MARKS, *TAGS, *INSIDE, *AROUND]), max_size=14).map("".join)

# Calls of the corpus with something cut out or put in, under every family that writes the format
CALLS = [
    (family, sample["text"])
    for family in FAMILIES
    for name in family.tool_formats
    for sample in samples(CORPUS / "tool_calls" / name / "calls.yaml").values()
]


@st.composite
def damaged(draw: st.DrawFn) -> tuple[Family, str]:
    family, text = draw(st.sampled_from(CALLS))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(text)))
        end = at + draw(st.integers(0, 12))
        text = text[:at] + draw(st.sampled_from(["", *INSIDE, *AROUND])) + text[end:]
    return family, text


def cut(text: str, places: list[int]) -> list[str]:
    marks = sorted({place % (len(text) + 1) for place in places} | {0, len(text)})
    return [text[a:b] for a, b in pairwise(marks)]


@given(st.sampled_from(FAMILIES), TEXTS, st.lists(st.integers(0, 400), max_size=8), st.booleans())
def test_what_comes_out_does_not_depend_on_the_cuts(
    family: Family, text: str, places: list[int], implicit: bool
) -> None:
    def filters() -> list[Filter]:
        tags = [ThinkTags(family, implicit=implicit)] if family.think_close else []
        return [*tags, ToolRescue(TOOLS, family)]

    whole = reply(filters, [text] if text else [])
    assert reply(filters, cut(text, places)) == whole
    assert reply(filters, list(text)) == whole


@given(damaged(), st.lists(st.integers(0, 400), max_size=8))
def test_a_damaged_call_comes_out_the_same_however_it_is_cut(given: tuple[Family, str], places: list[int]) -> None:
    family, text = given

    def filters() -> list[Filter]:
        return [ToolRescue(TOOLS, family)]

    whole = reply(filters, [text] if text else [])
    assert reply(filters, cut(text, places)) == whole
    assert reply(filters, list(text)) == whole
    if not any(isinstance(part, ToolCall) for part in whole.parts):
        assert whole.parts == [Text(text)]


@given(st.sampled_from(FAMILIES), TEXTS)
def test_a_text_without_calls_comes_out_as_it_was(family: Family, text: str) -> None:
    found = reply(lambda: [ToolRescue(TOOLS, family)], [text] if text else [])
    if not any(isinstance(part, ToolCall) for part in found.parts):
        assert found.parts == [Text(text)]
        assert found.stop == "stop"
    names = {tool.name for tool in TOOLS}
    assert all(part.name in names for part in found.parts if isinstance(part, ToolCall))


@given(st.sampled_from([family for family in FAMILIES if family.think_close]), TEXTS)
def test_thinking_and_text_are_pieces_of_what_was_said(family: Family, text: str) -> None:
    found = reply(lambda: [ThinkTags(family)], [text] if text else [], "length")
    at = 0
    for part in found.parts:
        assert isinstance(part, Text | Thinking)
        for line in part.text.split("\n"):
            at = text.index(line, at) + len(line)


@given(st.sampled_from(sorted(FORMATS)), st.lists(st.sampled_from([*MARKS, *AROUND]), max_size=8).map("".join))
def test_no_more_than_an_opener_is_held_back_until_one_is_complete(name: str, text: str) -> None:
    openers = Openers([FORMATS[name]])
    finder = CallFinder(openers, {})
    longest = max((len(mark) for mark in openers.marks), default=0)
    held = ""
    for char in text:
        held += char
        said = "".join(str(piece) for piece in ([char] if finder.passes(char) else finder.feed(char)))
        assert held.startswith(said)
        held = held[len(said) :]
        whole = any(mark in held for mark in openers.marks) or FORMATS[name].alone
        assert whole or len(held.strip()) <= longest
