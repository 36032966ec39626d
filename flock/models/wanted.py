"""A file that is to be fetched: where from, where to, how large, with which checksum.

Owns the names files get in the models' directory: hub/OWNER--NAME/PATH for the hub's, urls/HOST/MARK/NAME for others',
the mark being of the whole URL, since two of one host may end in one name. Refuses paths that lead out of it, and names
that flock's own records and parts have. Pure. Called by fetch.py and by what adds models.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit, urlunsplit

from flock.contract.hub import HubFile
from flock.errors import InvalidRequest
from flock.models.records import PART, WHOLE
from flock.models.repository import Repository

# NAME_MAX of every file system in use is 255 bytes; a record's name is 19 longer than its file's, a spare one's more
_NAME_BYTES = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file of a repository at a commit, or what lies at a URL; `size` None and `sha256` "" when nobody has said."""

    target: Path
    url: str = ""
    repo: str = ""
    path: str = ""
    revision: str = ""
    size: int | None = None
    sha256: str = ""

    @property
    def source(self) -> str:
        """Where it comes from, as `flock cache ls` says it: without the query of a URL, which may be a secret."""
        return f"hf:{self.repo}:{self.path}" if self.repo else without_query(self.url)

    @property
    def name(self) -> str:
        """What it is called."""
        return self.target.name


def hub_place(root: Path, repo: str) -> Path:
    """Return the directory of a repository's files in the models' directory."""
    return root / "hub" / repo.replace("/", "--")


def of_hub(root: Path, found: Repository, files: Iterable[HubFile], sha256: str = "") -> list[Wanted]:
    """Return files of a repository as they are to lie in the models' directory; `sha256` is what a user says it is.

    Raises InvalidRequest for a path that would lead out of it.
    """
    place = hub_place(root, found.repo)
    return [
        Wanted(
            place / _within(file.path),
            repo=found.repo,
            path=file.path,
            revision=found.revision,
            size=file.size_bytes,
            sha256=sha256 or file.sha256,
        )
        for file in files
    ]


def of_url(root: Path, url: str, sha256: str = "") -> Wanted:
    """Return the file behind a URL as it is to lie in the models' directory. Raises InvalidRequest."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise InvalidRequest(f"{without_query(url)} is no URL of a file", hint="flock model add https://HOST/FILE.gguf")
    name = _within(unquote(parts.path).rpartition("/")[2])
    mark = hashlib.sha256(without_query(url).encode()).hexdigest()[:8]
    return Wanted(root / "urls" / parts.netloc.replace(":", "-") / mark / name, url=url, sha256=sha256)


def _within(path: str) -> str:
    """Return a path that stays below its directory. Raises InvalidRequest."""
    place = PurePosixPath(path)
    parts = place.parts
    odd = not parts or place.is_absolute() or ".." in parts or "\0" in path or "\\" in path
    ours = bool(parts) and (parts[-1].endswith((".part", WHOLE, PART)) or len(parts[-1].encode()) > _NAME_BYTES)
    if odd or ours:
        raise InvalidRequest(f"{path!r} cannot be the name of a file in the models' directory", hint="flock cache ls")
    return place.as_posix()


def without_query(url: str) -> str:
    """Return a URL as it may be written down: without password, query and fragment, any of which may be a secret."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
