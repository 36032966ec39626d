"""`flock dial-stdio`, which prints nothing: standard output is the daemon's from its first byte.

Called by `deliver.py`; `__main__.py` takes the plain call before anything else is loaded.
"""

from flock.cli.call import Perform
from flock.cli.tree import Given
from flock.contract.contexts import DialStdio


def run(op: DialStdio, given: Given, perform: Perform) -> int:
    """Join the two and return 0 once one has ended. Raises DaemonUnreachable."""
    perform(op, given.yes)
    return 0
