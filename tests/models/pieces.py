"""Common pieces of English and of JSON, so that a client's prompt of 80 kB is some 25 000 tokens and not 80 000.

Owns the merges of the models that clients talk to: byte-pair encoding learnt from the help texts that come with Python,
and from the marks and words that every tool's schema is made of. The bytes of such a model hang on the version of
Python; nobody compares them. Called by make.py.
"""

import functools
import pydoc_data.topics
import re
from collections import Counter, defaultdict
from itertools import pairwise

Merge = tuple[str, str]

# how qwen2's tokenizer cuts a text before it merges: a word with at most one sign before it, or signs
_CUT = re.compile(r"[^\r\nA-Za-z0-9]?[A-Za-z]+| ?[^\sA-Za-z0-9]+[\r\n]*|\s+")
# what prose lacks and every request is full of
SCHEMA = """
{"type": "function", "function": {"name": "a", "description": "b", "parameters": {"type": "object", "properties": {"c":
{"type": "string", "description": "d"}, "e": {"type": "array", "items": {"type": "integer"}}, "f": {"type": "boolean",
"default": false, "enum": ["g", "h"]}, "i": {"type": "number", "minimum": 0}}, "required": ["c", "e"],
"additionalProperties": false, "$schema": "j"}}}, {"role": "system", "content": "k\\n\\n- l: `m`\\n- **n**: (o)"}
"""
INDENTS = [(" ", " "), ("  ", "  "), ("    ", "    ")]


@functools.cache
def learn(count: int) -> list[Merge]:
    """Return the first merges of byte-pair encoding, and those of indents."""
    text = "\n".join(pydoc_data.topics.topics.values()) + SCHEMA * 300
    cut = Counter(_CUT.findall("".join(c for c in text if c.isascii())))
    words = [list(word) for word in cut]
    times = list(cut.values())
    pairs: Counter[Merge] = Counter()
    places: defaultdict[Merge, set[int]] = defaultdict(set)
    for place, word in enumerate(words):
        for pair in pairwise(word):
            pairs[pair] += times[place]
            places[pair].add(place)
    merges: list[Merge] = []
    while len(merges) < count:
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        for place in places.pop(best):
            _count(pairs, words[place], -times[place])
            words[place] = _joined(words[place], best)
            _count(pairs, words[place], times[place])
            for pair in pairwise(words[place]):
                places[pair].add(place)
        pairs.pop(best, None)
    return [*merges, *(merge for merge in INDENTS if merge not in merges)]


def _count(pairs: Counter[Merge], word: list[str], times: int) -> None:
    for pair in pairwise(word):
        pairs[pair] += times


def _joined(word: list[str], merge: Merge) -> list[str]:
    """Return word with each occurrence of the pair made one piece, from the left."""
    pieces: list[str] = []
    for piece in word:
        if pieces and (pieces[-1], piece) == merge:
            pieces[-1] += piece
        else:
            pieces.append(piece)
    return pieces
