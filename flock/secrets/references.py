"""Secrets that somebody else keeps: an environment variable, a file that a variable names, a credential of systemd.

Owns the order and the spelling. Refuses to remember a value: a file that is rotated counts from the next reading on.
Called by vault.py, in a thread where a file is due.

The secret "vendor:groq:2" is FLOCK_SECRET_VENDOR_GROQ_2, the file FLOCK_SECRET_VENDOR_GROQ_2_FILE names, or the
credential `vendor.groq.2` (a colon ends a credential's name in a unit file).
"""

import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flock.errors import StorageFailed
from flock.paths import short

# No key is longer, service accounts' JSON included; a file given by mistake is refused
_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a secret is to be read: `source` names it to people; `value` is "" where `path` must be read."""

    source: str
    value: str
    path: str


def variable(name: str) -> str:
    """Return the environment variable that stands for a secret."""
    return "FLOCK_SECRET_" + re.sub(r"[^A-Za-z0-9]", "_", name).upper()


def find(environ: Mapping[str, str], name: str, others: Sequence[str] = ()) -> Reference | None:
    """Return the reference to a secret, None where there is none; `others` are further variables, asked afterwards.

    An empty variable counts as none, so that one can be taken back in a unit file.
    """
    directory = environ.get("CREDENTIALS_DIRECTORY", "")
    for spelled in (variable(name), *others):
        if value := environ.get(spelled, "").strip():
            return Reference(f"the variable {spelled}", value, "")
        if path := environ.get(f"{spelled}_FILE", ""):
            return Reference(f"the file of {spelled}_FILE", "", path)
    if directory:
        for credential in (name.replace(":", "."), variable(name), *others):
            path = os.path.join(directory, credential)
            if "/" not in credential and os.path.isfile(path):
                return Reference(f"the credential {credential}", "", path)
    return None


def read(reference: Reference) -> str:
    """Return a reference's secret without white space around it. Blocking.

    Raises StorageFailed for a file that cannot be read, is none, is empty or too large: who named it wanted no other.
    """
    if reference.value:
        return reference.value
    path = Path(reference.path).expanduser()
    try:
        # a pipe that nobody writes to would hold the reader
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise _unusable(reference, "it is no file")
        with os.fdopen(descriptor, "rb") as file:
            raw = file.read(_BYTES + 1)
        text = raw.decode().strip() if len(raw) <= _BYTES else ""
    except OSError as error:
        raise _unusable(reference, error.strerror or "it cannot be read") from None
    except UnicodeDecodeError:
        raise _unusable(reference, "it is no text") from None
    if not text:
        raise _unusable(reference, "it holds no key")
    return text


def _unusable(reference: Reference, why: str) -> StorageFailed:
    return StorageFailed(
        f"cannot read a secret from {short(reference.path)} ({reference.source}): {why}",
        hint=f"ls -l '{reference.path}'",
    )
