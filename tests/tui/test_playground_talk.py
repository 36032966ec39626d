"""What the chat page is made of: the conversation as requests tell it, and an answer's text as blocks."""

import json
from typing import Any

import pytest
from textual.content import Content

from flock.tui.screens.playground_talk import Settings, Talk, Turn, command, tools_of
from flock.tui.screens.playground_turn import facts
from flock.tui.widgets.marked import Marked, inline, prose
from tests.tui.answering import ANSWER


def test_what_failed_is_left_out_and_what_was_stopped_is_not() -> None:
    talk = Talk()
    talk.ask("one", "m", 0.0).end("failed", 1.0)
    stopped = talk.ask("two", "m", 1.0)
    stopped.text = "Half"
    stopped.end("stopped", 2.0)
    talk.ask("three", "m", 2.0)
    assert [(one["role"], one["content"]) for one in talk.messages()] == [
        ("user", "two"),
        ("assistant", "Half"),
        ("user", "three"),
    ]


def test_the_facts_below_an_answer() -> None:
    turn = Turn("hi", "qwen3-8b", 100.0, input_tokens=1200, output_tokens=101, request_id="req_1")
    turn.first = 0.25
    turn.end("done", 102.25)
    assert facts(turn) == "qwen3-8b · 1,200 in, 101 out · 50.0 tok/s · first 250 ms · 2.2 s · req_1"


def test_tools_are_those_of_openai_or_plain_functions() -> None:
    whole = {"type": "function", "function": {"name": "a"}}
    assert tools_of(json.dumps([whole, {"name": "b"}])) == [whole, {"type": "function", "function": {"name": "b"}}]
    for wrong in ("{", "[1]", '[{"nam": "a"}]', '[{"function": 3}]'):
        with pytest.raises(ValueError, match=r"JSON|each tool"):
            tools_of(wrong)


def test_the_command_says_the_same() -> None:
    from flock.contract.op import command_line

    op = command("-x", "m", Settings("be terse", 0.5, 20, "on"))
    assert (
        command_line(op) == "flock run --model=m '--system=be terse' --max-tokens=20 --temperature=0.5 --thinking -- -x"
    )


def test_lines_that_are_over_are_never_made_again() -> None:
    marked = Marked()
    seen: list[Any] = []
    for at in range(0, len(ANSWER), 7):
        marked.add(ANSWER[at : at + 7])
        blocks = marked.blocks
        over = blocks[: len(seen)]
        assert all(a is b for a, b in zip(over, seen, strict=False))
        seen = blocks[:-1]
    whole = Marked()
    whole.add(ANSWER)
    assert [(b.words.plain, b.ground, b.lead) for b in marked.blocks] == [
        (b.words.plain, b.ground, b.lead) for b in whole.blocks
    ]


def test_code_is_told_from_words() -> None:
    marked = Marked()
    marked.add("a **b**\n```python\nx = '**'\n\tdef\n```\n~~~\n```\n~~~\nend")
    assert [(block.words.plain, block.ground) for block in marked.blocks] == [
        ("a b", ""),
        ("python", "code"),
        ("x = '**'", "code"),
        ("    def", "code"),
        ("```", "code"),
        ("end", ""),
    ]


@pytest.mark.parametrize(
    ("line", "lead", "words"),
    [
        ("- one", "• ", "one"),
        ("  * two", "  • ", "two"),
        ("12. three", "12. ", "three"),
        ("> said", "│ ", "said"),
        ("### Title ##", "", "Title"),
        ("---", "", "───"),
        ("a_b_c and 2 * 3 * 4", "", "a_b_c and 2 * 3 * 4"),
        ("`a*b*c` and *x*", "", "a*b*c and x"),
        ("\x1b[31mred", "", "\\x1b[31mred"),
        ("[bold]no markup[/bold]", "", "[bold]no markup[/bold]"),
    ],
)
def test_lines(line: str, lead: str, words: str) -> None:
    marked = Marked()
    marked.add(line)
    (block,) = marked.blocks
    assert (block.lead, block.words.plain) == (lead, words)


def test_inline_styles() -> None:
    found = inline("**a** `b` *c*")
    assert found.plain == "a b c"
    assert [span.style for span in found.spans] == ["bold", "$text-accent", "italic"]
    assert isinstance(prose("x").words, Content)
