"""Make flock's built-in smoke model, byte for byte the same on every machine.

Owns how flock/smoke/facts.py becomes a GGUF file. Called by hatch_build.py when a wheel or an editable installation is
made, by its test, and by hand: python tools/smoke_model.py [FILE].
"""

import re
import runpy
import sys
from collections import Counter
from collections.abc import Collection
from itertools import pairwise
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))

from chain_model import CALL, Shape, write_chain_model  # noqa: E402

ROOT = HERE.parent
FACTS = ROOT / "flock" / "smoke" / "facts.py"
# Long prompts cost time with the square of their tokens, and 400 common pieces of words leave 100 of 160 letters of
# prose. They are learnt from the only English text in the tree that never changes.
TEXT = ROOT / "LICENSE"
PIECES = 400
INDENTS = [(" ", " "), ("  ", "  "), ("    ", "    ")]  # JSON and programs are full of them

Merge = tuple[str, str]


def joined(word: tuple[str, ...], merge: Merge) -> tuple[str, ...]:
    """Return word with each occurrence of the pair made one piece, from the left."""
    pieces: list[str] = []
    for piece in word:
        if pieces and (pieces[-1], piece) == merge:
            pieces[-1] += piece
        else:
            pieces.append(piece)
    return tuple(pieces)


def learn_merges(text: str, count: int, without: Collection[str]) -> list[Merge]:
    """Return the merges of byte-pair encoding; of equally frequent pairs the first in the alphabet goes first.

    Never makes a token of `without`: the words of the answer must not occur in a prompt, or it would go on from there.
    """
    words = Counter(tuple(word) for word in re.findall(r" ?[A-Za-z]+", text))
    merges: list[Merge] = []
    while len(merges) < count:
        pairs: Counter[Merge] = Counter()
        for word, times in words.items():
            for pair in pairwise(word):
                pairs[pair] += times
        best = min((pair for pair in pairs if "".join(pair) not in without), key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        changed: Counter[tuple[str, ...]] = Counter()
        for word, times in words.items():
            changed[joined(word, best)] += times
        words = changed
    return merges


def make(path: Path) -> None:
    """Write the smoke model to path."""
    facts: dict[str, Any] = runpy.run_path(str(FACTS))  # by path: at build time flock is not importable
    call = [CALL, f'\n{{"name": "{facts["TOOL"]}", "arguments": ', facts["TOOL_ARGUMENTS"], "}\n</tool_call>"]
    merges = learn_merges(TEXT.read_text(encoding="ascii"), PIECES, facts["WORDS"]) + INDENTS
    shape = Shape(context=facts["CONTEXT"])
    write_chain_model(path, facts["NAME"], facts["WORDS"], call, facts["TOOL"], shape, merges)


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else FACTS.with_name("flock-smoke.gguf"))
