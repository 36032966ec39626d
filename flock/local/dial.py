"""`flock dial-stdio`, where it was not carried out before the command line was even read (`__main__.py`).

Called through `operations.run`.
"""

import sys

from flock.client.stdio import join, places
from flock.contract.contexts import DialStdio
from flock.local.operations import Here, handles


@handles(DialStdio)
def dial_stdio(op: DialStdio, here: Here) -> None:
    """Join standard input and output to this machine's daemon until one ends. Raises DaemonUnreachable, NotAllowed."""
    join(sys.stdin.fileno(), sys.stdout.fileno(), places())
