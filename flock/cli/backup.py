"""`flock backup create --to DIRECTORY`: the directory is meant from where the user stands; the daemon stands elsewhere.

Called by `deliver.py`.
"""

import dataclasses
import os

from flock.cli.call import Perform
from flock.cli.deliver import present
from flock.cli.tree import Given
from flock.contract.exposing import CreateBackup


def run(op: CreateBackup, given: Given, perform: Perform) -> int:
    """Make a copy where the user said. Raises FlockError."""
    to = os.path.abspath(os.path.expanduser(op.to)) if op.to else ""
    present(op, given, perform(dataclasses.replace(op, to=to), given.yes))
    return 0
