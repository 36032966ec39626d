"""Letters for terminals and files that do not have all of them: what stands for flock's own signs there.

Owns the table, and how a stream writes what its encoding lacks. Refuses to touch other people's words: a letter of a
name that cannot be written is a question mark, and what goes to programs is UTF-8 whatever the locale says. Called by
`out.py`, which loads it only where it is needed.
"""

import codecs
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flock.show.view import View

# How the error handler below is called in `errors=` of a stream
HANDLER = "flock.letters"

_SIGNS = {
    "…": "...",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
    "–": "-",
    "—": "-",
    "·": "-",
    "→": "->",
    "←": "<-",
    "×": "x",
    "≥": ">=",
    "≤": "<=",
    "µ": "u",
    "█": "#",
    "░": ".",
    "▁": "_",
    **dict.fromkeys("▂▃", "."),
    **dict.fromkeys("▄▅", "o"),
    **dict.fromkeys("▆▇", "O"),
    **dict.fromkeys("─━═", "-"),
    **dict.fromkeys("│┃║", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯", "+"),
    **dict.fromkeys("●✓✔", "*"),
    **dict.fromkeys("✗✘", "x"),
    "\xa0": " ",
    "»": ">",
}
_TABLE = str.maketrans(_SIGNS)


def plain(words: str) -> str:
    """Return words with ASCII in place of flock's own signs."""
    return words if words.isascii() else words.translate(_TABLE)


def plain_view(view: "View") -> "View":
    """Return a view with ASCII in place of flock's own signs, before it is drawn: columns stay in line."""
    from flock.show.view import Line, Pairs

    def one(words: str) -> str:
        return plain(words)

    blocks = tuple(
        replace(block, words=one(block.words))
        if isinstance(block, Line)
        else replace(block, rows=tuple((one(label), one(value)) for label, value in block.rows))
        if isinstance(block, Pairs)
        else replace(block, rows=tuple(tuple(map(one, row)) for row in block.rows), empty=one(block.empty))
        for block in view.blocks
    )
    return replace(view, blocks=blocks, aside=tuple(replace(line, words=one(line.words)) for line in view.aside))


def _instead(error: UnicodeError) -> tuple[str, int]:
    """Return what is written where an encoding lacks a letter (codecs.register_error)."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_SIGNS.get(letter, "?") for letter in lacking), error.end


codecs.register_error(HANDLER, _instead)
