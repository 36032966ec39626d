"""The lines of a batch: OpenAI's format, read twice and held once: first all are looked at, then one after the other.

Owns what a line must be, and that the file is the same both times. Refuses to send anything. Called by `batches.py`.

Of each line eight bytes stay in memory, the hash of its custom_id, so that a million lines take 8 MB.
"""

import hashlib
import itertools
import json
import os
import shutil
import sys
import tempfile
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from flock.errors import Conflict, InvalidRequest, NotAllowed, NotFound, UsageError
from flock.plain import is_object
from flock.text import one_line, size

# What may be asked for in a batch: flock's routes that answer in one piece of JSON.
URLS = (
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/messages",
    "/v1/rerank",
    "/v1/responses",
)
# The daemon's own limit of a body is smaller (max_body_bytes); a file of something else is no line at all.
LINE_BYTES = 128 * 2**20
# So many lines are told of at once: more would scroll the first one away.
TOLD = 5


@dataclass(frozen=True, slots=True)
class Request:
    """One line: `number` counts from 1 in the file, as editors do."""

    number: int
    custom_id: str
    url: str
    body: dict[str, Any]


class Lines:
    """The requests of one file. `total` and `digest` (sha256, hex) are known once `check` has been called."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._marks = array("Q", [0])  # by the line's number; 0 for a blank line
        self.total = 0
        self.digest = ""

    @property
    def last(self) -> int:
        """The number of the last line."""
        return len(self._marks) - 1

    def check(self) -> None:
        """Look at every line. Raises InvalidRequest naming those that are wrong by file and line."""
        digest, wrong = hashlib.sha256(), _Wrong(self._name)
        for number, raw in self._raw():
            digest.update(raw)
            self._marks.append(0)
            if not raw.strip():
                continue
            self.total += 1
            try:
                self._marks[number] = _mark(_read(raw, number).custom_id)
            except ValueError as error:
                wrong.note(number, str(error))
        self.digest = digest.hexdigest()
        self._check_twice(wrong)
        wrong.raise_any()
        if not self.total:
            raise InvalidRequest(f"{self._name} has no requests in it", hint="flock batch --help")

    def _check_twice(self, wrong: "_Wrong") -> None:
        """Note the lines whose custom_id another has had before: two in the answers could not be told apart."""
        found = sorted(mark for mark in self._marks if mark)
        twice = {one for one, following in itertools.pairwise(found) if one == following}
        if not twice:
            return
        first: dict[str, int] = {}
        for number, raw in self._raw():
            if number <= self.last and self._marks[number] in twice:
                name = _read(raw, number).custom_id
                if name in first:
                    wrong.note(number, f"custom_id {_shown(name)} is that of line {first[name]} too")
                first.setdefault(name, number)

    def requests(self, wanted: Callable[[int], bool]) -> Iterator[Request]:
        """Yield the requests whose number is wanted, in order. Raises Conflict where the file has changed meanwhile."""
        for number, raw in self._raw():
            if not raw.strip() or not wanted(number):
                continue
            try:
                request = _read(raw, number)
            except ValueError:
                request = None
            if request is None or not self.is_of(number, request.custom_id):
                raise Conflict(
                    f"{self._name}:{number} has changed while the batch ran", hint="start with another output"
                )
            yield request

    def is_of(self, number: int, custom_id: str) -> bool:
        """Say whether a custom_id is that of a line."""
        return 0 < number <= self.last and self._marks[number] == _mark(custom_id)

    def _raw(self) -> Iterator[tuple[int, bytes]]:
        self._file.seek(0)
        number = 0
        while raw := self._file.readline(LINE_BYTES + 1):
            number += 1
            if len(raw) > LINE_BYTES:
                raise InvalidRequest(
                    f"{self._name}:{number} is longer than {size(LINE_BYTES)}", hint="flock batch --help"
                )
            yield number, raw


class _Wrong:
    """The lines that are wrong: the first few in words, of the others the count."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._told: list[tuple[int, str]] = []
        self._count = 0

    def note(self, number: int, what: str) -> None:
        self._count += 1
        if len(self._told) < TOLD:
            self._told.append((number, what))

    def raise_any(self) -> None:
        if not self._count:
            return
        told = "; ".join(f"{self._name}:{number}: {what}" for number, what in self._told)
        more = f"; and {self._count - len(self._told):,} more lines" if self._count > len(self._told) else ""
        raise InvalidRequest(
            f"{told}{more}; nothing was sent",
            hint="flock batch --help",
            details={"lines": [number for number, _ in self._told], "wrong": self._count},
        )


def opened(path: str) -> BinaryIO:
    """Open a file of requests; standard input ("-") and what cannot be read twice are copied to a file of no name.

    Raises NotFound, NotAllowed, UsageError.
    """
    if path == "-":
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError("standard input is no file of requests here", hint="flock batch - answers.jsonl < FILE")
        return _copied(sys.stdin.buffer)
    try:
        file = open(path, "rb")  # noqa: SIM115  (its caller closes it)
        if not file.seekable():
            with file:
                return _copied(file)
    except FileNotFoundError:
        raise NotFound(f"there is no file {path!r}", hint="flock batch --help") from None
    except PermissionError:
        raise NotAllowed(f"{path} may not be read", hint="flock batch --help") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{path!r} cannot be read: {why}", hint="flock batch --help") from None
    return file


def _copied(source: BinaryIO) -> BinaryIO:
    copy = tempfile.TemporaryFile()  # noqa: SIM115  (its caller closes it)
    shutil.copyfileobj(source, copy)
    copy.seek(0, os.SEEK_SET)
    return copy


def _read(raw: bytes, number: int) -> Request:
    """Return the request in a line. Raises ValueError saying what is wrong with it."""
    try:
        line: Any = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {one_line(str(error), 80)}") from None
    if not is_object(line):
        raise ValueError('not an object: {"custom_id": …, "method": "POST", "url": …, "body": {…}}')
    name, url, body = line.get("custom_id"), line.get("url"), line.get("body")
    if not isinstance(name, str) or not name:
        raise ValueError("custom_id is missing" if name in (None, "") else "custom_id must be a string")
    if line.get("method", "POST") != "POST":
        raise ValueError(f"method must be POST, not {_shown(line['method'])}")
    if url not in URLS:
        raise ValueError(f"url must be one of {', '.join(URLS)}" + ("" if url is None else f", not {_shown(url)}"))
    if not is_object(body):
        raise ValueError("body must be an object" if "body" in line else "body is missing")
    if body.get("stream"):
        raise ValueError("body.stream: an answer of a batch comes in one piece")
    return Request(number, name, url, body)


def _mark(custom_id: str) -> int:
    data = custom_id.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big") or 1


def _shown(value: Any) -> str:
    return one_line(json.dumps(value, ensure_ascii=False), 60)
