"""Records of what was fetched: a small file of JSON beside each one, hidden, which says where it came from.

Owns their names, their reading and their writing at one stroke. Standard library only, since the fetching's own process
reads and writes them too. Refuses to follow links, and to fail over a record that cannot be read: what it would tell is
then found out anew. Called by download.py, fetch_child.py and kept.py.
"""

import json
import os
from pathlib import Path
from typing import Any, cast

Plain = dict[str, Any]

WHOLE, PART = ".fetched.json", ".part.json"


def record_path(file: Path) -> Path:
    """Return where the record of a whole file lies."""
    return file.with_name(f".{file.name}{WHOLE}")


def part_path(file: Path) -> Path:
    """Return where the bytes of a file lie until it is whole."""
    return file.with_name(file.name + ".part")


def part_record_path(file: Path) -> Path:
    """Return where it is written down what a file's part is a part of."""
    return file.with_name(f".{file.name}{PART}")


def read_record(path: Path) -> Plain:
    """Return a record, {} for none and for one that cannot be read."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            found: Any = json.load(file)
    except (OSError, ValueError, RecursionError):
        return {}
    return cast("Plain", found) if isinstance(found, dict) else {}


def write_record(path: Path, facts: Plain) -> None:
    """Write a record at one stroke. Raises OSError."""
    spare = path.with_name(f"{path.name}.{os.getpid()}")
    spare.unlink(missing_ok=True)
    with open(os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666), "w") as file:
        json.dump(facts, file)
    os.replace(spare, path)
