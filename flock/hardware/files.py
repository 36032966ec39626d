"""Small files of the kernel, as text and as numbers. Called by everything in hardware/."""

from pathlib import Path


def read(path: Path) -> str:
    """Return a file's text, "" where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def number(path: Path) -> int | None:
    """Return the whole number a file holds, None when it holds something else or is not there."""
    words = read(path).strip()
    return int(words) if words.isascii() and words.isdecimal() else None


def field(path: Path, *names: str) -> str:
    """Return the value of the first "name: value" line that has one of the names, "" where there is none."""
    for line in read(path).splitlines():
        key, colon, value = line.partition(":")
        if colon and key.strip() in names and value.strip():
            return value.strip()
    return ""
