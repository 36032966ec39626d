"""Lists of ids for shell completion: small 0600 files the shell reads without starting Python.

Owns keeping them current: models and engines when the table changes, keys and jobs after operations, requests with the
watch. A list that cannot be written is skipped; completion is a comfort. The shells' side is completions/.
"""

import contextlib
import logging
import os
from collections.abc import Iterable
from pathlib import Path

from flock.errors import FlockError
from flock.paths import private_dir

log = logging.getLogger(__name__)

REQUESTS_KEPT = 50


class IdLists:
    """The files of one home, rewritten only when their content changes."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._written: dict[str, str] = {}

    def keep(self, noun: str, ids: Iterable[str]) -> None:
        """Write the ids of a noun ("models"), one a line, by atomic replacement."""
        text = "".join(f"{i}\n" for i in ids)
        if self._written.get(noun) == text:
            return
        new = self._directory / f".{noun}.new"
        try:
            private_dir(self._directory)
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(new, self._directory / noun)
        except (OSError, FlockError) as error:
            log.debug("completion list %s: %s", noun, error)
            with contextlib.suppress(OSError):
                new.unlink()
            return
        self._written[noun] = text
