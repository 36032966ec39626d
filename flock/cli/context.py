"""`flock context add`, the verb with an admin key to hand in, which never stands on a command line.

Owns where the key is looked for. Called by `deliver.py`.
"""

import dataclasses

from flock.cli.call import Perform
from flock.cli.deliver import present
from flock.cli.engine import key_from
from flock.cli.tree import Given
from flock.contract.contexts import AddContext


def run(op: AddContext, given: Given, perform: Perform) -> int:
    """Add a context with the key that standard input holds, if any, and show it.

    FLOCK_ADMIN_TOKEN is read where the context is made (`local/contexts.py`). Raises UsageError for what is no key.
    """
    present(op, given, perform(dataclasses.replace(op, key=op.key or key_from(0)), given.yes))
    return 0
