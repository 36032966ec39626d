"""`flock limit simulate`: reads the file of limits, since the daemon stands elsewhere and may belong to another user.

Called by `deliver.py`.
"""

import dataclasses
import os
from typing import Any

from flock.cli.call import Perform
from flock.cli.deliver import present
from flock.cli.tree import Given
from flock.contract.limits import SimulateLimits
from flock.contract.op import Op
from flock.errors import UsageError

# a thousand users take 60 kB; what is larger is another file
LARGEST_BYTES = 500_000


def run(op: Op[Any], given: Given, perform: Perform) -> int:
    """Send the file's content along and show what came of it. Raises FlockError."""
    assert isinstance(op, SimulateLimits)
    present(op, given, perform(dataclasses.replace(op, limits=content(op.file)), given.yes))
    return 0


def content(path: str) -> str:
    """Return the text of a file. Raises UsageError for one that cannot be read or is no text."""
    wrong = f"cannot read {path}"
    try:
        with open(os.path.expanduser(path), "rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise UsageError(f"{wrong}: {getattr(error, 'strerror', None) or error}", hint="--file limits.yaml") from None
    if len(data) > LARGEST_BYTES:
        raise UsageError(f"{path} is larger than {LARGEST_BYTES:,} bytes", hint="--file limits.yaml")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is no UTF-8 text", hint="--file limits.yaml") from None
