"""A hint that names one option alone, made the command line that was meant.

Whoever refuses an option knows what it should have been ("--ttl 7d") and not what else stood in the line; the command
line does. Refuses to repeat a line with a key in it. Called by `app.py`.
"""

import shlex

# what a line may hold that must not be shown again
_SECRET = ("--token", "sk-")


def mended(hint: str, words: list[str]) -> str:
    """Return the command line with the option as the hint has it, in place of all that were given; else the hint."""
    if not hint.startswith("--") or any(word.startswith(_SECRET) for word in words):
        return hint
    try:
        option, *values = shlex.split(hint)
    except ValueError:
        return hint
    if len(values) > 1:
        return hint
    end = words.index("--") if "--" in words else len(words)
    kept: list[str] = []
    place = None
    given = iter(words[:end])
    for word in given:
        if word.partition("=")[0] != option:
            kept.append(word)
            continue
        place = len(kept) if place is None else place
        if word == option and values:
            next(given, None)
    place = len(kept) if place is None else place
    return shlex.join(["flock", *kept[:place], option, *values, *kept[place:], *words[end:]])
