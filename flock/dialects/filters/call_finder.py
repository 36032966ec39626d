"""Finds the calls in one text as it streams by.

Owns what is held back: the beginning of an opener, a call until it is complete, white space until something follows.
What is no call leaves as the text it was, byte for byte. Three things are no calls although they look like some: code
and quoted lines (`code_spans.py`), what stands in the middle of a sentence, and tools that were not offered. Pure.
Used by tool_rescue.py.

Invariant (tests/unit/dialects/filters/test_tool_corpus.py): what comes out does not depend on how the text was cut.
"""

import html
import re
from collections.abc import Callable, Iterable

from flock.dialects.filters.code_spans import CodeSpans
from flock.dialects.filters.tool_formats.cursor import Cursor, Schemas, always, until_one_of
from flock.dialects.filters.tool_formats.format import Format
from flock.dialects.filters.tool_formats.json_text import unescaped
from flock.dialects.filters.tool_formats.outcome import Call, Incomplete, NoCall

# how often a call is read before readings become rare: common ones are read ten times
_READINGS = 32
_FREE = 100_000
# openers of one text that wait for its end in vain; the next ones are taken for text at once
_VAIN = 100

# with what the pieces of an escaped call end
_ESCAPED = ("gt;", "}", "\n")
# an HTML entity that has not ended yet
_STUB = re.compile(r"&[a-z#0-9]{0,5}$")
_ENTITY_OR_CHAR = re.compile(r"&[a-z#0-9]{1,5};|.", re.DOTALL)


class Openers:
    """What a text is searched for, of one family's formats; made once for an answer, or for many."""

    __slots__ = ("_longest", "alone", "by_text", "first", "marks", "pattern", "trailers")

    def __init__(self, formats: Iterable[Format]) -> None:
        every = tuple(formats)
        self.alone = tuple(each for each in every if each.alone)
        self.by_text: dict[str, tuple[list[Format], bool]] = {}
        for each in every:
            for opener in () if each.alone else each.openers:
                for spelled in {opener, html.escape(opener, quote=False)}:
                    self.by_text.setdefault(spelled, ([], spelled != opener))[0].append(each)
        self.marks = tuple(sorted(self.by_text, key=len, reverse=True))
        self.pattern = re.compile("|".join(map(re.escape, self.marks)) or r"(?!)")
        self._longest = max(map(len, self.marks), default=1) - 1
        firsts = {mark[0] for mark in self.marks}
        self.first = re.compile("[" + "".join(map(re.escape, sorted(firsts))) + "]" if firsts else r"(?!)")
        self.trailers = tuple({trailer: None for each in every for trailer in each.trailers})

    def stub(self, text: str) -> int:
        """Return how many characters at the end of the text may be the beginning of an opener."""
        for found in self.first.finditer(text, max(0, len(text) - self._longest)):
            rest = text[found.start() :]
            if any(mark.startswith(rest) for mark in self.marks):
                return len(rest)
        return 0


class _Attempt:
    """A place that may be a call: the formats that are left, and the piece that is worth another look."""

    __slots__ = ("_read", "_size", "_wanted", "_work", "escaped", "formats", "opener", "pieces", "ready", "sentence")

    def __init__(self, opener: str, formats: Iterable[Format], *, escaped: bool, sentence: bool) -> None:
        self.opener = opener
        self.formats = list(formats)
        self.escaped = escaped
        self.sentence = sentence
        self.pieces: list[str] = []
        self.ready: Callable[[str], bool] = always
        self._size = self._read = self._work = 0
        self._wanted = False

    def take(self, piece: str) -> bool:
        """Take more text; return whether to read again.

        A call of thousands of parts would be read thousands of times: what has been read too often waits until there is
        a quarter more of it, or until the end.
        """
        self.pieces.append(piece)
        self._size += len(piece)
        self._wanted = self.ready(piece) or self._wanted
        if not self._wanted or (self._work > _READINGS * self._size + _FREE and self._size < self._read * 1.25):
            return False
        self._wanted = False
        return True

    def waits(self, held: str, ready: Callable[[str], bool]) -> None:
        """The text that is held has been read and lacks something."""
        self.pieces = [held]
        self.ready = ready
        self._size = self._read = len(held)
        self._work += len(held)


class CallFinder:
    """Follows one text part. `feed` and `close` return texts and calls in their order."""

    __slots__ = (
        "_attempt",
        "_blank",
        "_code",
        "_fresh",
        "_held",
        "_lead",
        "_note",
        "_openers",
        "_tools",
        "_vain",
        "found",
    )

    def __init__(self, openers: Openers, tools: Schemas) -> None:
        self._openers = openers
        self._tools = tools
        self._code = CodeSpans()
        self._note = self._code.note
        self._held: str = ""
        self._lead: str = ""
        self._attempt: _Attempt | None = None
        self._fresh = self._blank = True  # nothing was said yet at all; or since the last call
        self._vain = 0
        self.found = False

    def passes(self, text: str) -> bool:
        """Say whether the text may go by as it is, which it commonly may."""
        if self._held or self._blank or self._openers.first.search(text):
            return False
        self._note(text)
        return True

    def feed(self, text: str) -> "list[str | Call]":
        """Return what is certain now, of a text that may not go by."""
        out: list[str | Call] = []
        if self._attempt is not None:
            if not self._attempt.take(text):
                return out
            self._held = "".join(self._attempt.pieces)
        else:
            self._held += text
        self._run(out, ended=False)
        return out

    def close(self) -> "list[str | Call]":
        """Return what the end of the text makes certain."""
        out: list[str | Call] = []
        if self._attempt is not None:
            self._held = "".join(self._attempt.pieces)
        self._run(out, ended=True)
        if self._lead and not self.found:
            out.append(self._lead)
            self._lead = ""
        return out

    def _run(self, out: "list[str | Call]", *, ended: bool) -> None:
        more = True
        while more:
            more = self._tried(out, ended=ended) if self._attempt is not None else self._searched(out, ended=ended)

    def _say(self, out: "list[str | Call]", text: str) -> None:
        """Let text out; white space around calls goes with them, unless something is said behind it."""
        if not text:
            return
        self._note(text)
        if self._blank:
            text = text.lstrip() if self.found else self._lead + text
            if not text or text.isspace():
                self._lead = text
                return
            self._lead, self._blank, self._fresh = "", False, False
        out.append(text)

    def _searched(self, out: "list[str | Call]", *, ended: bool) -> bool:
        """Look for an opener in what is held; return whether there is more to do."""
        for look in (self._behind_call, self._alone):
            if (more := look(ended=ended)) is not None:
                return more
        text = self._held
        found = self._openers.pattern.search(text)
        if found is None:
            keep = 0 if ended else self._openers.stub(text)
            self._held = text[len(text) - keep :]
            self._say(out, text[: len(text) - keep])
            return False
        self._say(out, text[: found.start()])
        self._held = text[found.start() :]
        if self._code.is_code() or self._vain > _VAIN:
            self._give_up(out, found[0])
            return True
        formats, escaped = self._openers.by_text[found[0]]
        self._begin(_Attempt(found[0], formats, escaped=escaped, sentence=not self._code.begins_line()))
        return True

    def _behind_call(self, *, ended: bool) -> bool | None:
        """Drop white space and marks that are left over behind a call; return None when something else follows."""
        if not (self.found and self._blank):
            return None
        self._held = self._held.lstrip()
        for trailer in self._openers.trailers:
            if self._held.startswith(trailer):
                self._held = self._held[len(trailer) :]
                return True
        if not self._held or (not ended and _begins(self._openers.trailers, self._held)):
            return False
        return None

    def _alone(self, *, ended: bool) -> bool | None:
        """Begin an attempt at a whole message when the text begins like one; return None when it does not."""
        rest = self._held.lstrip()
        if not (self._fresh and rest and self._openers.alone):
            return None
        formats = [each for each in self._openers.alone if rest.startswith(each.openers)]
        if formats:
            self._fresh = False
            self._begin(_Attempt("", formats, escaped=False, sentence=False))
            return True
        return False if not ended and any(_begins(each.openers, rest) for each in self._openers.alone) else None

    def _begin(self, attempt: _Attempt) -> None:
        attempt.pieces = [self._held]
        self._attempt = attempt

    def _give_up(self, out: "list[str | Call]", opener: str) -> None:
        """The opener was none: it is text, and what follows is searched anew."""
        self._attempt = None
        self._held = self._held[len(opener) :]
        self._say(out, opener)

    def _tried(self, out: "list[str | Call]", *, ended: bool) -> bool:
        """Read the attempt again; return whether it is decided."""
        attempt = self._attempt
        if attempt is None:
            return True
        text, offsets = _decoded(self._held, ended=ended) if attempt.escaped else (self._held, None)
        while attempt.formats:
            cursor = Cursor(text, self._tools, ended=ended)
            try:
                calls = attempt.formats[0].read(cursor)
                end = cursor.at if offsets is None else offsets[cursor.at]
                if attempt.sentence and not attempt.formats[0].tokens and self._goes_on(self._held[end:], ended=ended):
                    raise NoCall
            except NoCall:
                attempt.formats.pop(0)
            except Incomplete as incomplete:
                attempt.waits(self._held, until_one_of(_ESCAPED, self._held) if attempt.escaped else incomplete.ready)
                return False
            else:
                self._take(out, calls, end)
                return True
        self._vain += ended
        self._give_up(out, attempt.opener)
        return True

    def _take(self, out: "list[str | Call]", calls: list[Call], end: int) -> None:
        self._attempt = None
        self._note("\n")  # what the call says, fences and all, is no part of the text
        self._held = self._held[end:]
        self._lead, self._blank, self._fresh, self.found = "", True, False, True
        out += calls

    def _goes_on(self, rest: str, *, ended: bool) -> bool:
        """Say whether the line goes on with words: then the call stood in a sentence. Raises Incomplete."""
        line = rest.lstrip(" \t")
        if not line:
            if ended:
                return False
            raise Incomplete(always)
        if line[0] in "\r\n":
            return False
        marks = (*self._openers.marks, *self._openers.trailers)
        if line.startswith(marks):
            return False
        if not ended and _begins(marks, line):
            raise Incomplete(always)
        return True


def _begins(marks: Iterable[str], text: str) -> bool:
    return any(mark.startswith(text) for mark in marks)


def _decoded(raw: str, *, ended: bool) -> tuple[str, list[int]]:
    """Return a text with its entities decoded once, and for each offset in it the one in the raw text."""
    stub = None if ended else _STUB.search(raw)
    text: list[str] = []
    offsets = [0]
    for found in _ENTITY_OR_CHAR.finditer(raw, 0, stub.start() if stub else len(raw)):
        piece = unescaped(found[0])
        text.append(piece)
        offsets += [found.end()] * len(piece)
    return "".join(text), offsets
