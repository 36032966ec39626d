"""The answers of a batch and the journal beside them: what was begun, so that nothing is ever sent twice.

Owns both files, and the lock that keeps a second run out. A request is in the journal, and the journal on the disk,
before it is sent; its answer is one whole line of the output. After a kill, what was begun and has no answer may have
been carried out or not: nobody knows, so it is answered with an error and never sent again. Called by `batches.py`.

The journal, beside the output with ".journal" behind its name, has one line for each event:

    flock-batch 1 SHA256 TOTAL     the input it belongs to
    b NUMBER NANO                  begun, with so many billionths of a dollar held for it
    f NUMBER                       it was not sent after all
    d NUMBER IN OUT NANO           answered: tokens, and what it cost, "-" where nobody knows

A last line that is not whole was written when the power went, or the process; it and a torn line of the output are
taken away on the next run.
"""

import errno
import fcntl
import json
import os
import threading
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flock.errors import Conflict, NotAllowed, StorageFailed, UsageError
from flock.plain import is_object
from flock.text import size

if TYPE_CHECKING:
    from flock.local.batches_lines import Lines

SUFFIX = ".journal"
_HEAD = "flock-batch 1"
# An answer with pictures or many embeddings in it; a file that is something else ends here.
LINE_BYTES = 512 * 2**20
# What `id` of an answer begins with; the number of its line in the input follows.
ID = "batch_req_"
_ANOTHER = "start with another output"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a request ended: tokens, and its cost in billionths of a dollar, None where nobody knows."""

    input_tokens: int = 0
    output_tokens: int = 0
    nano: int | None = None


# What is known of a line: nothing, that it was begun, or which kind of answer it has.
NEW, BEGUN, OK, FAILED, UNKNOWN = range(5)
# The code of the error that answers a line which was begun and of which nobody knows what became.
UNKNOWN_CODE = "unknown_outcome"


class Before:
    """What earlier runs left, by the number of the line: `states`, and what was held for those of which no cost is
    known. The sums are of all that were answered; `spent` holds what may have been spent for the others.
    """

    def __init__(self, last: int) -> None:
        self.states = bytearray(last + 1)
        self.held = array("q", [0]) * (last + 1)
        self.input_tokens = self.output_tokens = self.spent = 0
        self.paid = False

    def heed(self, words: list[str]) -> None:
        """Take a line of the journal. Raises ValueError and IndexError for one that is none."""
        number = int(words[1])
        match words[0]:
            case "b":
                self.states[number], self.held[number] = BEGUN, int(words[2])
            case "f":
                self.states[number], self.held[number] = NEW, 0
            case "d":
                self.input_tokens += int(words[2])
                self.output_tokens += int(words[3])
                if words[4] != "-":
                    self.spent += int(words[4])
                    self.paid = self.paid or words[4] != "0"
                    self.held[number] = 0
            case _:
                raise ValueError(words[0])

    def close(self) -> None:
        """Count what was held for whom nobody knows the cost of: it may have been spent."""
        self.spent += sum(self.held)

    def unknown(self) -> Iterator[int]:
        """Yield the lines that were begun and have no answer."""
        return (number for number, state in enumerate(self.states) if state == BEGUN)

    def count(self, state: int) -> int:
        """Return how many lines are in a state."""
        return self.states.count(state)


class Written:
    """A file that is appended to, and brought to the disk for several writers at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = _opened(path)
        self._lock, self._syncing = threading.Lock(), threading.Lock()
        self._written = self._synced = 0

    @property
    def descriptor(self) -> int:
        """The file's descriptor."""
        return self._descriptor

    def put(self, line: bytes, *, sure: bool) -> None:
        """Append a line; `sure`: return once it is on the disk. Raises StorageFailed; then the file is as before."""
        with self._lock:
            self._append(line)
            self._written += 1
            mine = self._written
        if not sure:
            return
        with self._syncing:
            if self._synced >= mine:
                return
            reached = self._written
            self._try(lambda: os.fsync(self._descriptor))
            self._synced = reached

    def _append(self, line: bytes) -> None:
        at = os.lseek(self._descriptor, 0, os.SEEK_END)
        left = memoryview(line)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError as error:
            try:
                os.ftruncate(self._descriptor, at)
            except OSError:
                pass  # the next run takes the torn line away
            raise self._failed(error) from None

    def cut(self, at: int) -> None:
        """Take away what is behind a place."""
        self._try(lambda: os.ftruncate(self._descriptor, at))

    def _try(self, act: Callable[[], object]) -> None:
        try:
            act()
        except OSError as error:
            raise self._failed(error) from None

    def _failed(self, error: OSError) -> StorageFailed:
        return StorageFailed(f"cannot write {self.path}: {error.strerror}", hint=f"df -h {self.path.parent}")

    def close(self) -> None:
        """Close it."""
        os.close(self._descriptor)


class Journal:
    """Both files of one batch, held by this process alone until `close`."""

    def __init__(self, output: Path) -> None:
        self.output = output
        self.path = output.with_name(output.name + SUFFIX)
        self._journal = Written(self.path)
        try:
            fcntl.flock(self._journal.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._answers = Written(output)
        except OSError:
            self._journal.close()
            raise Conflict(f"another flock batch writes {output}", hint=f"fuser -v {self.path}") from None
        except BaseException:
            self._journal.close()
            raise

    def close(self) -> None:
        """Let others at the files."""
        self._answers.close()
        self._journal.close()

    # -- what was

    def begin(self, lines: "Lines") -> Before:
        """Return what earlier runs left, with torn lines taken away; a new journal gets its head.

        Raises Conflict for a journal of another input, and for an output that is no batch's.
        """
        head = f"{_HEAD} {lines.digest} {lines.total}"
        found = Before(lines.last)
        written = self._whole(self._journal)
        first = next(written, None)
        if first is None:
            if os.fstat(self._answers.descriptor).st_size:
                raise _not_ours(self.output)
            self._journal.put(head.encode() + b"\n", sure=True)
            _sync_folder(self.path.parent)
            return found
        if first[1].decode("ascii", "replace") != head:
            of_another = first[1].startswith(_HEAD.encode())
            what = f"the input is not the one that {self.output} was begun with"
            raise Conflict(what if of_another else f"{self.path} is no journal of a batch", hint=_ANOTHER)
        for number, line in written:
            try:
                found.heed(line.decode("ascii").split())
            except (ValueError, IndexError):
                raise Conflict(f"{self.path}:{number} is no line of a journal", hint=_ANOTHER) from None
        for number, line in self._whole(self._answers):
            self._take(found, lines, number, line)
        found.close()
        return found

    def _take(self, found: Before, lines: "Lines", number: int, line: bytes) -> None:
        """Take a line of the output."""
        try:
            plain: Any = json.loads(line)
        except (ValueError, RecursionError):
            plain = None
        id, name = (plain.get("id"), plain.get("custom_id")) if is_object(plain) else (None, None)
        digits = id.removeprefix(ID) if isinstance(id, str) else ""
        if not (digits.isdecimal() and isinstance(name, str) and lines.is_of(int(digits), name)):
            raise Conflict(f"{self.output}:{number} is no answer to a line of this input", hint=_ANOTHER)
        found.states[int(digits)] = kind_of(plain)

    def _whole(self, file: Written) -> Iterator[tuple[int, bytes]]:
        """Yield the whole lines of a file with their numbers; what is behind the last line end is taken away."""
        number = at = 0
        with open(os.dup(file.descriptor), "rb") as reading:
            reading.seek(0)
            while line := reading.readline(LINE_BYTES):
                if not line.endswith(b"\n"):
                    if len(line) >= LINE_BYTES:
                        raise Conflict(f"{file.path} has a line longer than {size(LINE_BYTES)}", hint="ls -l")
                    file.cut(at)
                    return
                at += len(line)
                number += 1
                yield number, line[:-1]

    # -- what is

    def begun(self, number: int, nano: int) -> None:
        """Write that a request is about to be sent; it is on the disk on return. Raises StorageFailed."""
        self._journal.put(b"b %d %d\n" % (number, nano), sure=True)

    def freed(self, number: int) -> None:
        """Write that a request was not carried out: it was refused, or never left."""
        self._journal.put(b"f %d\n" % number, sure=False)

    def answered(self, number: int, answer: bytes, ended: Ended) -> None:
        """Write a request's answer, which is on the disk on return. Raises StorageFailed."""
        self._answers.put(answer + b"\n", sure=True)
        nano = b"-" if ended.nano is None else b"%d" % ended.nano
        self._journal.put(b"d %d %d %d %b\n" % (number, ended.input_tokens, ended.output_tokens, nano), sure=False)


def kind_of(answer: dict[str, Any]) -> int:
    """Return which kind a line of the output is: OK, FAILED or UNKNOWN."""
    response, error = answer.get("response"), answer.get("error")
    if is_object(error) and error.get("code") == UNKNOWN_CODE:
        return UNKNOWN
    status = response.get("status_code") if is_object(response) else None
    return OK if error is None and isinstance(status, int) and status < 400 else FAILED


def output_of(words: str, source: str, *, resume: bool) -> Path:
    """Return the output's place. Raises Conflict where it exists and nothing is to be resumed, UsageError for what is
    no file, or the input itself.
    """
    path = Path(os.path.realpath(words))
    if words == "-" or (path.exists() and not path.is_file()):
        raise UsageError(
            f"{words!r} is no file: answers go to one, so that a batch can go on", hint="flock batch --help"
        )
    if source != "-" and path == Path(os.path.realpath(source)):
        raise UsageError("the answers cannot go where the requests are", hint="flock batch --help")
    if not path.parent.is_dir():
        raise UsageError(f"there is no directory {path.parent}", hint=f"mkdir -p {path.parent}")
    beside = path.with_name(path.name + SUFFIX)
    if not resume and (path.exists() or beside.exists()):
        raise Conflict(f"{words} exists already", hint="--resume")
    if resume and path.exists() and path.stat().st_size and not beside.exists():
        raise _not_ours(path)
    return path


def _not_ours(path: Path) -> Conflict:
    return Conflict(
        f"{path} has no journal ({path.name}{SUFFIX}) beside it: what was sent for it cannot be told",
        hint=_ANOTHER,
    )


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except PermissionError:
        raise NotAllowed(f"{path} may not be written", hint=f"ls -ld {path.parent}") from None
    except OSError as error:
        raise StorageFailed(f"cannot open {path}: {error.strerror}", hint=f"ls -ld {path.parent}") from None


def _sync_folder(path: Path) -> None:
    """Bring new files' names to the disk: else the journal may be gone after a power cut, with all that was begun.

    Raises StorageFailed.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # fsync(2): a file system that has no such thing for directories
            raise StorageFailed(f"cannot write {path}: {error.strerror}", hint=f"df -h {path}") from None
