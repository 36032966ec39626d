"""A difference as people read it, with keys shortened: our own, and what looks like somebody else's.

The lines beside ours are shown too, and a tool's file may hold keys of any vendor; a difference ends up in terminals
that are recorded and in tickets. Pure; called by edit.py.
"""

import difflib
import json
import re

# a name that ends like one of a secret, and a long value behind it with a digit in it; a reference (`{env:X}`, `$X`,
# a name in capitals) is none
_SECRET = re.compile(
    r"""(?ix) (?P<head> (?:key|token|secret|password|authorization) s? ["']? \s* [:=] \s* ["']? (?:bearer\s+)? )
    (?P<value> (?=[^\s"']*\d) [^\s"'${},]{16,} )"""
)
_KEY = re.compile(r"\b(?:sk|pk|rk|gsk|hf|xai|ghp|AIza)[-_]?[A-Za-z0-9_-]{16,}")


def shortened(secret: str) -> str:
    """Return a key as it may be shown: "sk-orc-…abcd", or "…" for one too short to leave anything out of."""
    return f"{secret[:7]}…{secret[-4:]}" if len(secret) >= 20 else "…"


def difference(name: str, before: str, after: str, secret: str, *, made: bool, gone: bool) -> str:
    """Return a unified diff of two texts, "" for none; `made` and `gone` say that there is no file on that side."""
    lines = difflib.unified_diff(
        _lines(before),
        _lines(after),
        "/dev/null" if made else name,
        "/dev/null" if gone else name,
        lineterm="",
    )
    text = "\n".join(lines)
    return f"{_masked(text, secret)}\n" if text else ""


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    ended = lines.pop() if lines[-1] == "" else None
    lines = [line.removesuffix("\r") for line in lines]
    if ended is None:
        lines[-1] += "\n\\ No newline at end of file"
    return lines


def _masked(text: str, secret: str) -> str:
    if secret:
        for spelled in {secret, json.dumps(secret, ensure_ascii=False)[1:-1]}:
            text = text.replace(spelled, shortened(secret))
    text = _KEY.sub(lambda found: shortened(found[0]), text)
    return _SECRET.sub(lambda found: found["head"] + _other(found["value"]), text)


def _other(value: str) -> str:
    return value if "…" in value or (value.isupper() and "_" in value) else shortened(value)
