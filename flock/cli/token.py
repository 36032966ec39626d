"""`flock token create` and `rotate`: a key is shown once, so it must reach the right place the first time.

Owns where the new key goes: to the screen in words, to a pipe alone, to the clipboard on request. Called by
`deliver.py`.
"""

import sys

from flock.cli import out, screen
from flock.cli.call import Perform
from flock.cli.deliver import present
from flock.cli.tree import Given
from flock.contract.tokens import CreateToken, RotateToken, TokenCreated
from flock.errors import UsageError
from flock.show import token as show


def run(op: CreateToken | RotateToken, given: Given, perform: Perform) -> int:
    """Create a key or a key's new secret and show it. Raises UsageError, before anything is created, when `--copy` has
    no terminal.
    """
    if given.copy and not out.can_copy():
        line = "create NAME" if isinstance(op, CreateToken) else f"rotate {op.id}"
        raise UsageError("--copy needs a terminal, and there is none here", hint=f"KEY=$(flock token {line})")
    out.ensure_writable()
    answer = perform(op, given.yes)
    created: TokenCreated = answer.value
    again = isinstance(op, RotateToken)
    if given.json or given.quiet:
        present(op, given, answer)
    elif out.is_terminal(sys.stdout):
        out.show(show.created(created, again=again))
    else:
        # KEY=$(flock token create ci) gets the key and nothing else
        out.raw(created.token)
        for line in show.beside_the_key(created, again=again):
            out.say(line)
    if given.copy and screen.copy(created.token):
        out.say("the key was sent to this terminal's clipboard (OSC 52); some terminals have that switched off")
    return 0
