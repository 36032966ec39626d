"""Where a text is code: fences, inline code, here-documents, quoted lines."""

import pytest

from flock.dialects.filters.code_spans import CodeSpans


def spans(*pieces: str) -> CodeSpans:
    found = CodeSpans()
    for piece in pieces:
        found.note(piece)
    return found


@pytest.mark.parametrize(
    "text",
    [
        "a `b",
        "a ``b ` c",
        "```\nx",
        "```python\nx\n",
        "  ```\nx",
        "1. ```\n   x",
        "- ~~~~\n~~~\nx",
        "> > ",
        "````\n```\n",
        "```\n``` x\n",
        "```",
        "```js ",
        "cat <<EOF\nx\n",
        "cat <<-'eof' > f\nx\n",
        'he says "',
        "(“",
        "'",
    ],
)
def test_here_is_code(text: str) -> None:
    assert spans(text).is_code()
    assert spans(*text).is_code()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a `b` ",
        "a ``b`c`` ",
        "a `b\n",
        "```\nx\n```\n",
        "```\nx\n```",
        "```\nx\n````\n",
        "~~~\n```\n~~~\n",
        "a ``` b ``` c",
        "cat <<EOF\nx\nEOF\n",
        "x << n\n",
        "1 << BITS\n",
        "a <<< 'x'\n",
        'he says "yes"',
        "it's",
        "> a\nb",
        "a > b",
        "\n\n",
    ],
)
def test_here_is_none(text: str) -> None:
    assert not spans(text).is_code()
    assert not spans(*text).is_code()


def test_whether_a_line_has_just_begun() -> None:
    assert spans().begins_line()
    assert spans("a\n", "  ").begins_line()
    assert not spans("a\n", "b ").begins_line()


def test_it_goes_on_after_it_was_asked() -> None:
    found = spans("a `b")
    assert found.is_code()
    found.note("` c")
    assert not found.is_code()
    found.note("\n```\n")
    assert found.is_code()
    found.note("x" * 500 + "\n```")
    assert not found.is_code()
