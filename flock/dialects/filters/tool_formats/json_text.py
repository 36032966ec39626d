"""JSON inside text: where it ends while it still comes in, and how arguments are written.

Owns the counting of brackets, the strictness (no NaN) and the repair of arguments that were
written several times. Pure. Used by the cursor and the formats.
"""

import html
import json
import re
from typing import Any, NoReturn

from flock.dialects.filters.tool_formats.outcome import NoCall
from flock.plain import is_object

# What HTML escaping writes; other entities are somebody's text
_ENTITY = re.compile(r"&(?:lt|gt|quot|apos|#39|#x27|#34|amp);")

_STOPS = {quotes: re.compile(rf"[{quotes}(){{}}\[\]]") for quotes in ('"', "\"'")}


class Balance:
    """Follows a bracketed text until its brackets are even. `feed` pieces from the opening bracket on."""

    __slots__ = ("_depth", "_escaped", "_fed", "_inside", "_outside", "_quote", "end")

    def __init__(self, quotes: str = '"') -> None:
        self._outside = _STOPS[quotes]
        self._inside = {quote: re.compile(rf"[{quote}\\]") for quote in quotes}
        self._depth = self._fed = 0
        self._quote = ""
        self._escaped = False
        self.end = 0

    def feed(self, piece: str) -> bool:
        """Return whether the brackets are even now; `end` is then the offset behind the last one."""
        at = 0
        if self._escaped and piece:
            self._escaped, at = False, 1
        while found := (self._inside[self._quote] if self._quote else self._outside).search(piece, at):
            char, at = found[0], found.end()
            if self._quote:
                if char == self._quote:
                    self._quote = ""
                elif at < len(piece):
                    at += 1
                else:
                    self._escaped = True
            elif char in "{[(":
                self._depth += 1
            elif char in ")]}":
                self._depth -= 1
                if self._depth <= 0:
                    self.end = self._fed + at
                    return True
            else:
                self._quote = char
        self._fed += len(piece)
        return False


def unescaped(text: str) -> str:
    """Return the text with HTML's escapes of markup decoded, once."""
    return _ENTITY.sub(lambda found: html.unescape(found[0]), text) if "&" in text else text


def _refused(constant: str) -> NoReturn:
    raise ValueError(constant)


def parsed(text: str) -> Any:
    """Return the value of a JSON text, also of one that was HTML-escaped as a whole. Raises NoCall."""
    for candidate in (text, unescaped(text) if "&quot;" in text else ""):
        if candidate:
            try:
                # not strict: models leave line breaks in strings as they are
                return json.loads(candidate, strict=False, parse_constant=_refused)
            except (ValueError, RecursionError):
                continue
    raise NoCall


def written(value: Any) -> str:
    """Return a value as JSON text. Raises NoCall when it has none."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which no UTF-8 can carry
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        raise NoCall from None
    return text


def arguments(value: Any) -> str:
    """Return arguments as the text of a JSON object: none are {}, those written as a string are taken out of it.

    Raises NoCall when they are something else.
    """
    if value is None or value == "":
        return "{}"
    if isinstance(value, str):
        value = last_object(value)
    if not is_object(value):
        raise NoCall
    return written(value)


def last_object(text: str) -> dict[str, Any]:
    """Return the last of the objects that stand one after the other in a text, commonly the only one.

    Some engines write the arguments of a call twice, the first time empty: {}{"a": 1}. Raises NoCall for anything else.
    """
    rest, found = text.strip(), None
    while rest:
        balance = Balance()
        if rest[0] != "{" or not balance.feed(rest):
            raise NoCall
        found = parsed(rest[: balance.end])
        rest = rest[balance.end :].lstrip()
    if not is_object(found):
        raise NoCall
    return found
