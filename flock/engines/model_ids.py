"""The ids models get: which words can be one, and the one that follows from a file's name.

Pure. Called by own_models.py and core/adding.py.
"""

import os
import re
from pathlib import Path
from shlex import quote

from flock.errors import InvalidRequest

_ID = re.compile(r"^[a-z0-9][a-z0-9._-]{0,99}$")


def checked(name: str, source: str) -> str:
    """Return a name a user chose as an id, "" for none. Raises InvalidRequest with one that would do."""
    if name and not _ID.match(name.lower()):
        raise InvalidRequest(
            f'"{name}" cannot be a model\'s id: letters, digits, ".", "_" and "-", a letter or digit first',
            hint=f"flock model add {quote(source)} --name {slug(name)}",
        )
    return name.lower()


def slug(stem: str) -> str:
    """Return a name as an id: lower case, anything but letters, digits, ".", "_" and "-" replaced by "-"."""
    return re.sub(r"[^a-z0-9._-]+", "-", stem.lower()).strip("-._")[:100] or "model"


def of_tag(tag: str) -> str:
    """Return an Ollama's tag as an id: "llama3.2:1b" is llama3.2-1b, and ":latest" says nothing."""
    return slug(tag.rpartition("/")[2].removesuffix(":latest"))


def absolute(path: str) -> Path:
    """Return the path of a file as it is meant: "~" expanded, links kept."""
    # a file in a download cache has its name in the link, and an updated link means the new file
    return Path(os.path.abspath(os.path.expanduser(path)))
