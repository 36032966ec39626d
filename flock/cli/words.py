"""Typing slips: which known word was probably meant.

Owns the measure. Pure. Called by `tree.py` for verbs and options.
"""


def nearest(word: str, known: list[str]) -> list[str]:
    """Return the known words that are nearest to `word`, at most two slips from it (one from a word of three letters);
    several only where they are equally near.
    """
    ranked = sorted((distance(word, other), other) for other in known)
    most = min(2 if len(word) > 3 else 1, ranked[0][0]) if ranked else 0
    return [other for slips, other in ranked if slips <= most][:3]


def distance(a: str, b: str) -> int:
    """Return the Damerau-Levenshtein distance in its optimal string alignment form: insertions, deletions,
    substitutions and swaps of neighbours that turn `a` into `b`.
    """
    rows = [list(range(len(b) + 1))]
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            row.append(min(row[-1] + 1, rows[-1][j] + 1, rows[-1][j - 1] + (x != y)))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                row[j] = min(row[j], rows[-2][j - 2] + 1)
        rows.append(row)
    return rows[-1][-1]


def either(words: list[str]) -> str:
    """Return words as an enumeration: "a", "a or b", "a, b or c"."""
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
