"""Reading a call that may still be coming in.

Owns the difference between "not yet" and "never": every step raises Incomplete where more text could decide otherwise,
and NoCall where none can, so that what is found does not depend on how a text is cut into pieces. Pure.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from flock.dialects.filters.tool_formats.json_text import Balance, arguments, parsed
from flock.dialects.filters.tool_formats.outcome import Call, Incomplete, NoCall
from flock.plain import is_object

Schemas = Mapping[str, Mapping[str, Any]]

# Every engine's rules for names of tools are within this
_WORD = re.compile(r"[\w.:/-]{1,256}")
_KEY = re.compile(r"[^<>\"\n\s][^<>\"\n]{0,255}")
_BEGINNING = 256
# Enough of an object to see that it is none, or whose call it is
_NO_OBJECT = re.compile(r"\{\s*[^\s\"}&]")
_FIRST_NAME = re.compile(r"\{\s*\"name\"\s*:\s*\"([^\"\\]*)\"")
_CALL_FIELDS = frozenset({"name", "arguments", "parameters", "type", "id"})


def always(_: str) -> bool:
    """Say that any further text is worth a look."""
    return True


def until_one_of(needles: tuple[str, ...], tail: str) -> Callable[[str], bool]:
    """Return what says whether one of the needles has come since, given the end of the text so far."""
    keep = max(len(needle) for needle in needles) - 1
    seen = tail[-keep:] if keep else ""

    def ready(piece: str) -> bool:
        nonlocal seen
        seen += piece
        if any(needle in seen for needle in needles):
            return True
        seen = seen[-keep:] if keep else ""
        return False

    return ready


class Cursor:
    """A place in a text that begins with an opener. `tools` are the schemas of the tools that were offered."""

    __slots__ = ("at", "ended", "text", "tools")

    def __init__(self, text: str, tools: Schemas, *, ended: bool) -> None:
        self.text = text
        self.tools = tools
        self.ended = ended
        self.at = 0

    def lack(self, ready: Callable[[str], bool] = always) -> Exception:
        """Return what to raise where the text ends too soon."""
        return NoCall() if self.ended else Incomplete(ready)

    def at_end(self) -> bool:
        """Say whether nothing is left, now and for ever. Raises Incomplete when more may come."""
        if self.at < len(self.text):
            return False
        if not self.ended:
            raise Incomplete(always)
        return True

    def space(self) -> None:
        """Go over white space."""
        text, at = self.text, self.at
        while at < len(text) and text[at].isspace():
            at += 1
        self.at = at

    def peek(self) -> str:
        """Return the next character."""
        if self.at >= len(self.text):
            raise self.lack()
        return self.text[self.at]

    def maybe(self, *options: str) -> str:
        """Go over the first of the options that stands here and return it, "" when none does."""
        rest = self.text[self.at : self.at + _BEGINNING]
        for option in options:
            if rest.startswith(option):
                self.at += len(option)
                return option
            if not self.ended and option.startswith(rest):
                raise Incomplete(always)
        return ""

    def literal(self, *options: str) -> str:
        """Go over the one of the options that stands here and return it."""
        return self.maybe(*options) or self._never()

    def close(self, *closers: str) -> None:
        """Go over the mark that ends a call. At the end of a message it may be missing, whole or in part."""
        self.space()
        if self.maybe(*closers):
            return
        rest = self.text[self.at :]
        if not self.ended or not any(closer.startswith(rest) for closer in closers):
            self._never()
        self.at = len(self.text)

    def until(self, *needles: str) -> str:
        """Return the text before the nearest of the needles, and stop in front of that."""
        places = [place for needle in needles if (place := self.text.find(needle, self.at)) >= 0]
        if not places:
            raise self.lack(until_one_of(needles, self.text[self.at :]))
        found = self.text[self.at : min(places)]
        self.at = min(places)
        return found

    def ahead(self, *options: str) -> bool:
        """Say whether one of the options stands here, and stay."""
        at = self.at
        found = self.maybe(*options)
        self.at = at
        return bool(found)

    def word(self, *behind: str, shape: re.Pattern[str] = _WORD) -> str:
        """Return the word that stands here, which must have one of these behind it, and stop in front of that."""
        self.space()
        found = shape.match(self.text, self.at)
        if found is None and self.at < len(self.text):
            self._never()
        if found is None or found.end() == len(self.text):
            raise self.lack()
        self.at = found.end()
        self.space()
        if not self.ahead(*behind):
            self._never()
        return found[0]

    def key(self, *behind: str) -> str:
        """Return the name of a parameter, which may have odd characters, with one of these behind it."""
        return self.word(*behind, shape=_KEY)

    def name(self, *behind: str) -> str:
        """Return the name of a tool that was offered, with one of these behind it."""
        return self.offered(self.word(*behind))

    def offered(self, name: str) -> str:
        """Return the name when a tool of that name was offered."""
        if name not in self.tools:
            self._never()
        return name

    def value(self, closer: str, *followers: str) -> str:
        """Return the text before a closing tag and go over that. What counts as one has one of the followers behind.

        The text may hold the closing tag itself, since models write about markup too.
        """
        start = self.at
        while True:
            self.until(closer)
            end = self.at
            self.at += len(closer)
            after = self.at
            self.space()
            if self.at >= len(self.text):
                if self.ended:
                    self._never()
                raise Incomplete(always)
            if self.maybe(*followers):
                self.at = after
                return self.text[start:end]
            self.at = after

    def brackets(self, opening: str, quotes: str = '"') -> str:
        """Return the text from a bracket to the one that closes it, and go over it."""
        self.space()
        if self.peek() not in opening:
            self._never()
        balance = Balance(quotes)
        if not balance.feed(self.text[self.at :]):
            raise self.lack(balance.feed)
        found = self.text[self.at : self.at + balance.end]
        self.at += balance.end
        return found

    def json(self, opening: str = "{") -> Any:
        """Return the JSON object, or the array if that is what may stand here, and go over it."""
        return parsed(self.brackets(opening))

    def object_of(self, name: str) -> Call:
        """Return a call of this name whose arguments stand here as a JSON object."""
        return Call(name, arguments(self.json()))

    def call(self, *, told: bool = False) -> Call:
        """Return the call that stands here as an object with a name and arguments; `told`: those may not be missing."""
        self.space()
        rest = self.text[self.at : self.at + _BEGINNING]
        if _NO_OBJECT.match(rest):
            self._never()
        if early := _FIRST_NAME.match(rest):
            self.offered(early[1])
        value = self.json()
        if told and not ("arguments" in value or "parameters" in value):
            self._never()
        return self.call_in(value)

    def calls(self) -> list[Call]:
        """Return the calls that stand here as an array of such objects, or the one that stands here alone."""
        self.space()
        if self.peek() == "{":
            return [self.call()]
        if re.match(r"\[\s*[^\s{\]]", self.text[self.at : self.at + _BEGINNING]):
            self._never()
        if early := _FIRST_NAME.match(self.text[self.at + 1 : self.at + _BEGINNING].lstrip()):
            self.offered(early[1])
        return [self.call_in(value) for value in self.json("[")] or self._never()

    def call_in(self, value: Any) -> Call:
        """Return the call that a JSON value describes."""
        if is_object(value) and is_object(inner := value.get("function")):
            value = inner
        if not is_object(value) or not value.keys() <= _CALL_FIELDS or not isinstance(name := value.get("name"), str):
            raise NoCall
        return Call(self.offered(name), arguments(value.get("arguments", value.get("parameters"))))

    def _never(self) -> NoReturn:
        raise NoCall
