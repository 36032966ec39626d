"""The fetching's own process: bring files from the hub or from URLs, one after the other, until standard input ends.

It is a process of its own since huggingface_hub takes 40 MB, since checksums and disks block, and since it can be ended
at any byte. Owns what it writes into the models' directory: a file has its final name only when it is whole and its
checksum is right; until then it is a part. Refuses to write through links and to believe a file that it has no record
of. Started by fetch.py as `python -P -m flock.models.fetch_child`, told what to do by one line of JSON on standard
input, tells by lines of JSON on standard output. Imports nothing of flock but its own two modules.
"""

import contextlib
import errno
import fcntl
import importlib
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, NoReturn

import httpx2

from flock.models.download import Download, Trouble, Wish, hashed, why
from flock.models.records import Plain, part_path, part_record_path, read_record, record_path, write_record

# A person sees five changes a second; jobs publish no more (core/jobs.py).
TELL_SECONDS = 0.2
# Bounds a host that accepts no connection; the hub's own tools wait as long for their first answer.
CONNECT_SECONDS = 10.0
# EFBIG: a limit of the process (ulimit -f), which to the user is the same
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SHUT = (errno.EACCES, errno.EPERM, errno.EROFS)


def main() -> int:
    """Fetch what the task names; the exit code is 1 when a file could not be had, which the last message tells."""
    task = _read_task()
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    limit = httpx2.Timeout(CONNECT_SECONDS, read=float(task["silence"]))
    with httpx2.Client(follow_redirects=True, timeout=limit) as client:
        for number, plain in enumerate(task["files"]):
            words: Any = {**plain, "target": Path(plain["target"])}
            wish = Wish(**words)
            try:
                File(number, wish, task).deliver(client)
            except Trouble as trouble:
                tell(failed={**trouble.facts, "file": number})
                return 1
            except OSError as error:
                tell(failed={**_of_disk(error, wish.target), "file": number})
                return 1
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:  # too many redirects, one that leads nowhere
                tell(
                    failed={"kind": "unreachable", "host": httpx2.URL(wish.url).host, "why": why(error), "file": number}
                )
                return 1
    return 0


def _read_task() -> Plain:
    """Return the line of JSON on standard input; what follows it is left to `_exit_with_parent`."""
    words = b""
    while not words.endswith(b"\n"):
        more = os.read(0, 65536)
        if not more:
            os._exit(1)
        words += more
    return json.loads(words)


def _exit_with_parent() -> None:
    # the daemon holds the other end of this pipe; when it is killed, the kernel closes that end
    while os.read(0, 4096):
        pass
    os._exit(1)


def tell(**message: Any) -> None:
    """Write one message."""
    os.write(1, json.dumps(message).encode() + b"\n")  # less than a pipe takes at once


class File:
    """One file that is to lie at its place, whole."""

    def __init__(self, number: int, wish: Wish, task: Plain) -> None:
        self.number = number
        self.wish = wish
        self.target = wish.target
        self.part = part_path(wish.target)
        self.root = Path(task["root"])
        self.cache = str(task["cache"])
        self.tries, self.pause = int(task["tries"]), float(task["pause"])
        self._told = 0.0

    def deliver(self, client: httpx2.Client) -> None:
        """Have it there: because it is, from the hub's own cache, or by fetching it. Raises Trouble, OSError."""
        if self.is_here():
            return self.end("present")
        self.make_place()
        if (cached := self.in_cache()) is not None:
            spare = self.target.with_name(f".{self.target.name}.{os.getpid()}")
            spare.unlink(missing_ok=True)
            spare.symlink_to(cached)
            os.replace(spare, self.target)
            return self.end("cache")
        with self.locked_part() as part:
            if part is None:
                return self.end("present")
            digest = Download(self.wish, part, self.progress).run(client, self.tries, self.pause)
            os.fsync(part)
            if self.wish.sha256 and digest != self.wish.sha256:
                self.quarantine(digest)
            self.keep(digest, os.fstat(part))
        return self.end("fetched", digest)

    def end(self, how: str, sha256: str = "") -> None:
        """Tell that the file is there: `how` is present, cache or fetched."""
        sha256 = sha256 or self.wish.sha256 or str(read_record(record_path(self.target)).get("sha256", ""))
        tell(file=self.number, path=str(self.target), how=how, size=self.target.stat().st_size, sha256=sha256)

    def progress(self, state: str, download: Download) -> None:
        """Tell how far it is, a few times a second, and at its beginning and end."""
        at = time.monotonic()
        if at - self._told >= TELL_SECONDS or download.done == download.total:
            self._told = at
            tell(file=self.number, state=state, done=download.done, total=download.total)

    def is_here(self) -> bool:
        """Say whether the file lies at its place whole, by its record, or where that says nothing, by its checksum."""
        wish = self.wish
        try:
            found = self.target.stat()
        except OSError:
            return False
        if not self.target.is_file() or (wish.size is not None and found.st_size != wish.size):
            return False
        if self.target.is_symlink():  # to the hub's own cache, whose files are named by their checksums
            return self.target.resolve().name == wish.sha256 if wish.sha256 else wish.size is not None
        record = read_record(record_path(self.target))
        if not wish.sha256 and (record.get("source"), record.get("revision")) != (wish.source, wish.revision):
            return False
        wanted = wish.sha256 or str(record.get("sha256", ""))
        if record.get("sha256") != wanted or record.get("mtime_ns") != found.st_mtime_ns:
            with self.target.open("rb") as file:
                if hashed(file.fileno(), lambda: None).hexdigest() != wanted:
                    return False
            self.write_record(wanted, found)
        return True

    def in_cache(self) -> Path | None:
        """Return the file in the cache of Hugging Face's own tools, None when it is not there whole."""
        wish = self.wish
        if not wish.repo or not self.cache:
            return None
        hub: Any = importlib.import_module("huggingface_hub")
        found = hub.try_to_load_from_cache(wish.repo, wish.path, cache_dir=self.cache, revision=wish.revision)
        # another commit's file of the same checksum is the same file
        by_sum = Path(self.cache) / f"models--{wish.repo.replace('/', '--')}" / "blobs" / wish.sha256
        for path in [Path(found)] if isinstance(found, str) else [by_sum] if wish.sha256 else []:
            blob = path.resolve()
            is_it = not wish.sha256 or blob.name == wish.sha256
            if is_it and blob.is_file() and wish.size in (None, blob.stat().st_size):
                return blob
        return None

    def make_place(self) -> None:
        """Make the directory. Raises Trouble when a link within the models' directory leads elsewhere."""
        place = self.target.parent
        place.mkdir(parents=True, exist_ok=True)
        within = place.relative_to(self.root).parts
        # what lies directly in the models' directory may be a link to another disk; nothing deeper may
        top = self.root.joinpath(*within[:1]).resolve()
        if place.resolve() != top.joinpath(*within[1:]):
            raise Trouble("link", path=str(place), leads=str(place.resolve()))

    @contextlib.contextmanager
    def locked_part(self) -> Generator[int | None]:
        """Open the part for this process alone; None when whoever had it has made the file whole meanwhile.

        A lock belongs to a file and not to its name: a part that was renamed while it was waited for is no part.
        """
        while True:
            part = os.open(self.part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
            try:
                try:
                    fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    tell(file=self.number, state="waiting", done=0, total=self.wish.size)
                    fcntl.flock(part, fcntl.LOCK_EX)
                if _is_at(part, self.part):
                    if not self.is_here():
                        yield part
                        return
                    self.part.unlink()
                    yield None
                    return
            finally:
                os.close(part)

    def keep(self, sha256: str, found: os.stat_result) -> None:
        """Give the whole part its name. The record comes first: it names the very file by its time."""
        self.write_record(sha256, found)
        os.replace(self.part, self.target)
        part_record_path(self.target).unlink(missing_ok=True)
        place = os.open(self.target.parent, os.O_RDONLY)
        try:
            os.fsync(place)
        finally:
            os.close(place)

    def write_record(self, sha256: str, found: os.stat_result) -> None:
        """Write down where a whole file came from, and what it is."""
        wish = self.wish
        facts = {"source": wish.source, "repo": wish.repo, "path": wish.path, "revision": wish.revision}
        facts |= {"sha256": sha256, "size": found.st_size, "mtime_ns": found.st_mtime_ns, "at": time.time()}
        write_record(record_path(self.target), facts)

    def quarantine(self, got: str) -> NoReturn:
        """Put a part of the wrong checksum where nothing looks for models. Raises Trouble."""
        place = self.root / "quarantine"
        place.mkdir(exist_ok=True)
        moved = place / f"{self.target.name}.{got[:12]}"
        shutil.move(self.part, moved)
        facts = {"source": self.wish.source, "wanted": self.wish.sha256, "sha256": got, "at": time.time()}
        write_record(record_path(moved), facts)
        part_record_path(self.target).unlink(missing_ok=True)
        raise Trouble("mismatch", expected=self.wish.sha256, got=got, path=str(moved))


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), os.lstat(path))
    except FileNotFoundError:
        return False


def _of_disk(error: OSError, target: Path) -> Plain:
    kind = "disk_full" if error.errno in _FULL else "shut" if error.errno in _SHUT else "disk"
    kind = "link" if error.errno == errno.ELOOP else kind
    path = str(error.filename or target)
    return {"kind": kind, "path": path, "why": (error.strerror or str(error)).lower(), "leads": ""}


if __name__ == "__main__":
    sys.exit(main())
