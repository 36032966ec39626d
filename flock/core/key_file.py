"""The file of this machine's admin key: 0600, replaced as a whole.

Owns writing it and saying whether it holds a certain key. Called by the daemon's first start and by core/tokens.py when
the key is rotated.
"""

import contextlib
import os
from pathlib import Path

from flock.errors import StorageFailed
from flock.policy.keys import digest_of


def write_key(path: Path, secret: str) -> None:
    """Put a secret into a file that nobody else may read; whoever reads sees the old one or the new one, whole.

    Raises StorageFailed, and leaves the old file as it was then.
    """
    new = path.with_name(f".{path.name}.new")
    try:
        new.unlink(missing_ok=True)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(secret + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink()
        raise StorageFailed(
            f"cannot write the admin key to {path}: {error.strerror}", hint=f"free some space: df -h {path.parent}"
        ) from None


def holds(path: Path, digest: bytes) -> bool:
    """Say whether a file holds the secret with this sha256; False where it cannot be read."""
    try:
        return digest_of(path.read_text("utf-8").strip()) == digest
    except (OSError, UnicodeDecodeError):
        return False
