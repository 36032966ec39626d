"""A download, in the fetching's own process: the rest of a file into its part, with Range, until it is whole.

huggingface_hub's own downloads begin anew in every process since 2.4 (each writes a file of a name of its own and
deletes it when it fails), so it is asked only where a file is and with which token. Owns what is asked of a host and
what its answers mean. Refuses to go on with a part that could be of another file: of the hub a commit or a checksum
says that, of others an ETag. Called by fetch_child.py; nothing of it is loaded in the daemon.
"""

import hashlib
import importlib
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import httpx2

from flock.models.records import Plain, part_record_path, read_record, write_record

# What the hub asks to wait is waited for up to this: its windows are five minutes, and a command that is silent for
# longer looks broken.
LIMIT_SECONDS = 120.0
_HASHED_AT_ONCE = 4 * 2**20


class Trouble(Exception):
    """Why a file cannot be had: a word that fetch.py has a sentence for, and the facts of that sentence."""

    def __init__(self, kind: str, **facts: Any) -> None:
        super().__init__(kind)
        self.facts: Plain = {"kind": kind, **facts}


class Broken(Exception):
    """A download that broke off and may go on; `seconds` is how long the host wants to be left alone."""

    def __init__(self, why: str, seconds: float = 0.0) -> None:
        super().__init__(why)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted: a file of a repository at a revision, or what lies at a URL. `source` is how that is written
    down, without secrets; `sha256` is "" and `size` None when nobody has said.
    """

    target: Path
    source: str
    url: str
    repo: str
    path: str
    revision: str
    sha256: str
    size: int | None


class Download:
    """One file on its way into its part, an open file that this process alone writes. `done` are the bytes that are
    there, `total` all of them, None when nobody has said. `tell` hears a word for what is going on, whenever it does.
    """

    def __init__(self, wish: Wish, part: int, tell: "Callable[[str, Download], None]") -> None:
        self.wish = wish
        self.done = 0
        self.total = wish.size
        self._part = part
        self._tell = tell
        self._digest: Any = hashlib.sha256()
        self._host = ""

    def run(self, client: httpx2.Client, tries: int, pause: float) -> str:
        """Bring the rest and return the whole file's checksum.

        What breaks off is gone on with after `pause` seconds, then after twice as many; `tries` in a row without a
        byte are the end. Raises Trouble, OSError.
        """
        known = read_record(part_record_path(self.wish.target))
        if not self._may_go_on(known):
            os.ftruncate(self._part, 0)
        self.done = os.fstat(self._part).st_size
        self._digest = hashed(self._part, lambda: self._tell("checking", self))
        if self.done and self.wish.size is None and self.done == known.get("total"):
            return self._digest.hexdigest()  # it only lacked its name
        failed = 0
        while self.wish.size is None or self.done != self.wish.size:
            before = self.done
            try:
                self._stream(client)
                break
            except (httpx2.TransportError, Broken) as broken:
                failed = 1 if self.done > before else failed + 1
                if failed >= tries:
                    facts = {"host": self._host, "why": why(broken), "done": self.done, "total": self.total}
                    raise Trouble("unreachable", **facts) from None
                asked = broken.seconds if isinstance(broken, Broken) else 0.0
                time.sleep(max(pause * 2 ** (failed - 1), asked))
        return self._digest.hexdigest()

    def _may_go_on(self, known: Plain) -> bool:
        """Say whether the part is of the file that is wanted now, as far as can be told before asking for it."""
        if known.get("source") != self.wish.source:
            return False
        if self.wish.sha256 or known.get("wanted"):
            return self.wish.sha256 == known.get("wanted")
        return self.wish.revision == known.get("revision") if self.wish.repo else bool(known.get("etag"))

    def _begin_anew(self) -> None:
        os.ftruncate(self._part, 0)
        os.lseek(self._part, 0, os.SEEK_SET)
        self.done, self._digest = 0, hashlib.sha256()

    def _stream(self, client: httpx2.Client) -> None:
        """Ask for what is missing and append it."""
        url, headers = self._where()
        self._host = httpx2.URL(url).host
        headers["Accept-Encoding"] = "identity"
        if self.done:
            headers["Range"] = f"bytes={self.done}-"
            if etag := read_record(part_record_path(self.wish.target)).get("etag"):
                headers["If-Range"] = etag
        with client.stream("GET", url, headers=headers) as answer:
            self._host = answer.url.host
            if answer.status_code == 416 and self.done:
                self._begin_anew()
                raise Broken("it has no bytes beyond those that are here")
            if answer.status_code not in (200, 206):
                self._refused(answer)
            first, total = _extent(answer)
            if first not in (0, self.done):
                raise Broken("it sends another part than was asked for")
            if first != self.done:
                self._begin_anew()
            self._begin(answer, total)
            for piece in answer.iter_raw():
                view = memoryview(piece)
                while view:
                    view = view[os.write(self._part, view) :]
                self._digest.update(piece)
                self.done += len(piece)
                self._tell("fetching", self)
        if self.total is not None and self.done < self.total:
            raise Broken("the connection ended early")

    def _where(self) -> tuple[str, dict[str, str]]:
        """Return the URL to ask, and the headers: those of the hub carry the user's token, which goes to it alone."""
        if not self.wish.repo:
            return self.wish.url, {"User-Agent": "flock"}
        hub: Any = importlib.import_module("huggingface_hub")
        utils: Any = importlib.import_module("huggingface_hub.utils")
        constants: Any = importlib.import_module("huggingface_hub.constants")
        if constants.is_offline_mode():
            host = httpx2.URL(constants.ENDPOINT).host
            raise Trouble("unreachable", host=host, why="HF_HUB_OFFLINE is set in the daemon's environment")
        headers: dict[str, str] = utils.build_hf_headers(library_name="flock")
        return hub.hf_hub_url(self.wish.repo, self.wish.path, revision=self.wish.revision), headers

    def _begin(self, answer: httpx2.Response, total: int | None) -> None:
        """Write down what is known of the part before its first byte. Raises Trouble for what cannot end well."""
        wish = self.wish
        if wish.size is not None and total is not None and total != wish.size:
            raise Trouble("size", expected=wish.size, got=total, host=self._host)
        self.total = total if wish.size is None else wish.size
        free = shutil.disk_usage(wish.target.parent).free
        if self.total is not None and self.total - self.done > free:
            raise Trouble("no_room", needed=self.total - self.done, free=free, path=str(wish.target.parent))
        # a part of the hub's is one commit's, or known by its checksum; its CDN's ETags are not the hub's
        etag = "" if wish.repo or wish.sha256 else answer.headers.get("ETag", "")
        if etag.startswith("W/") or not (etag or wish.repo or wish.sha256):
            etag = answer.headers.get("Last-Modified", "")  # RFC 9110 13.1.5: a weak ETag is none for If-Range
        facts = {"source": wish.source, "revision": wish.revision, "wanted": wish.sha256, "etag": etag}
        write_record(part_record_path(wish.target), {**facts, "total": self.total, "at": time.time()})
        self._tell("fetching", self)

    def _refused(self, answer: httpx2.Response) -> NoReturn:
        """Raise what an answer other than the file means."""
        status, code = answer.status_code, answer.headers.get("X-Error-Code", "")
        if code == "GatedRepo":
            hub: Any = importlib.import_module("huggingface_hub")
            raise Trouble("gated", repo=self.wish.repo, token=bool(hub.get_token()))
        if code in ("RepoNotFound", "EntryNotFound", "RevisionNotFound") or status in (404, 410):
            raise Trouble("not_found", code=code, host=self._host, status=status)
        if status == 429:
            seconds = resting(answer)
            if seconds is None or seconds > LIMIT_SECONDS:
                raise Trouble("limited", host=self._host, seconds=seconds)
            raise Broken("it wants fewer requests", float(seconds))
        if status >= 500 or status == 408:
            raise Broken(f"HTTP {status}")
        raise Trouble("refused", host=self._host, status=status)


def hashed(file: int, tell: Callable[[], None]) -> Any:
    """Return the checksum, still growing, of what an open file holds, and leave the file at its end."""
    digest = hashlib.sha256()
    os.lseek(file, 0, os.SEEK_SET)
    while piece := os.read(file, _HASHED_AT_ONCE):
        digest.update(piece)
        tell()
    return digest


def why(error: Exception) -> str:
    """Return the cause of a failed connection in few words."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror and "[" not in cause.strerror:
            return cause.strerror.lower()
        cause = cause.__cause__ or cause.__context__
    silent = {"ConnectTimeout": "it takes no connection", "ReadTimeout": "it fell silent"}
    return silent.get(type(error).__name__) or str(error) or type(error).__name__


def resting(answer: httpx2.Response) -> int | None:
    """Return for how many seconds a host wants no further request, None when it does not say."""
    hub: Any = importlib.import_module("huggingface_hub.utils")
    limit = hub.parse_ratelimit_headers(answer.headers)
    if limit is not None:
        return int(limit.reset_in_seconds)
    after = answer.headers.get("Retry-After", "").strip()
    return int(after) if after.isdigit() else None


def _extent(answer: httpx2.Response) -> tuple[int, int | None]:
    """Return the first byte of an answer's body (-1: unreadable) and the size of the whole file, None when untold."""
    if answer.status_code == 206:
        words = answer.headers.get("Content-Range", "").removeprefix("bytes ")
        first, total = words.partition("-")[0], words.rpartition("/")[2]
        return int(first) if first.isdigit() else -1, int(total) if total.isdigit() else None
    length = answer.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None
