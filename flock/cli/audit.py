"""`flock audit verify`: a broken chain is exit code 1, so that cron and scripts learn of it. Called by `deliver.py`."""

from typing import Any

from flock.cli.call import Perform
from flock.cli.deliver import present
from flock.cli.tree import Given
from flock.contract.audit import AuditChain, VerifyAudit
from flock.contract.op import Op


def run(op: Op[Any], given: Given, perform: Perform) -> int:
    """Check the chain and show what was found; return 1 where it is broken. Raises FlockError."""
    assert isinstance(op, VerifyAudit)
    answer = perform(op, given.yes)
    present(op, given, answer)
    found: AuditChain = answer.value
    return 1 if found.state == "broken" else 0
