"""The files of this checkout as house tests see them."""

import ast
import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "flock"


@functools.cache
def files() -> tuple[Path, ...]:
    """Return every file that is, or is about to be, part of the project: not what git ignores."""
    argv = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(argv, capture_output=True, check=True).stdout.decode()
    found = (ROOT / name for name in sorted(set(listed.split("\0"))) if name)
    return tuple(path for path in found if path.is_file() and not path.is_symlink())


def modules(*places: str) -> Iterator[Path]:
    """Yield the Python files below the given places of the checkout."""
    for path in files():
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in places:
            yield path


@functools.cache
def parsed(path: Path) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse(path.read_text("utf-8"), str(path))


def name(path: Path) -> str:
    """Return a path as people write it, from the checkout's top."""
    return path.relative_to(ROOT).as_posix()
