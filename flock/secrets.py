"""The keys of adopted engines: a private file, and nothing else knows them.

Owns home.secrets, a 0600 JSON object of name → key, replaced as a whole. Refuses loose modes: it tightens them and
says so. Never logs a value. Blocking: callers in the daemon use a thread. Called by engines/registry.py.
"""

import json
import logging
import os
import secrets as random
import stat
import threading
from pathlib import Path
from typing import Any, cast

from flock.errors import StorageFailed
from flock.paths import private_dir

log = logging.getLogger(__name__)


class Secrets:
    """The file of keys at `path`. One instance per process: its lock orders the writers."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def get(self, name: str) -> str:
        """Return a key, "" when there is none. Raises StorageFailed when the file cannot be read."""
        with self._lock:
            return self._read().get(name, "")

    def put(self, name: str, key: str) -> None:
        """Store a key. Raises StorageFailed; the old file then stands unchanged."""
        with self._lock:
            self._write(self._read() | {name: key})

    def delete(self, name: str) -> None:
        """Forget a key; nothing happens when there is none. Raises StorageFailed."""
        with self._lock:
            keys = self._read()
            if keys.pop(name, None) is not None:
                self._write(keys)

    def _read(self) -> dict[str, str]:
        try:
            with self._path.open("rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                if mode & 0o077:
                    os.fchmod(file.fileno(), 0o600)
                    log.warning("%s could be read by others (mode %04o); it is 0600 now", self._path, mode)
                text = file.read()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._failed("read", error) from None
        try:
            found: Any = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise StorageFailed(
                f"{self._path} is not a JSON object of names and keys",
                hint=f"mv '{self._path}' '{self._path}.broken', then attach the engines again",
            )
        keys = cast("dict[Any, Any]", found)
        return {str(name): str(key) for name, key in keys.items()}

    def _write(self, keys: dict[str, str]) -> None:
        temporary = self._path.with_name(f".{self._path.name}.{random.token_hex(8)}")
        try:
            private_dir(self._path.parent)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump(keys, file, indent=1)
                file.flush()
                os.fsync(descriptor)
            os.replace(temporary, self._path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise self._failed("write", error) from None

    def _failed(self, verb: str, error: OSError) -> StorageFailed:
        return StorageFailed(f"cannot {verb} {self._path}: {error.strerror}", hint=f"ls -ld '{self._path.parent}'")
