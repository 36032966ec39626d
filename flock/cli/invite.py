"""`flock invite`: the card goes to standard output, so that it can be piped into a clipboard or a chat.

Owns what --format json means: the answer itself. Called by `deliver.py`.
"""

import dataclasses

from flock.cli import out
from flock.cli.call import Perform
from flock.cli.deliver import present
from flock.cli.tree import Given
from flock.contract.connect import Invite


def run(op: Invite, given: Given, perform: Perform) -> int:
    """Create the key and show its card."""
    out.ensure_writable()
    answer = perform(op, given.yes)
    as_json = given.json or (op.format == "json" and not given.quiet)
    present(op, dataclasses.replace(given, json=as_json), answer)
    return 0
