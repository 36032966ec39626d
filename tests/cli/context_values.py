"""The fixed answers about other machines' flocks; values.py has those of all others."""

from typing import Any

from flock.contract.contexts import AddContext, DialStdio, FlockContext, ListContexts, RemoveContext, UseContext
from flock.contract.op import Op

LOCAL = FlockContext("local", "", False)
STUDIO = FlockContext("studio", "ssh://ada@studio.lan", True)
BOX = FlockContext("box", "ssh://ada@box:2222", False, "/opt/flock/bin/flock")
TEAM = FlockContext("team", "https://flock.example.com", False, key="~/.config/flock/contexts.json")

CONTEXT_CASES: dict[str, tuple[Op[Any], Any]] = {
    "context.add": (AddContext(name="box", host="ssh://ada@box:2222", remote_bin="/opt/flock/bin/flock"), BOX),
    "context.add-use": (AddContext(name="studio", host="ssh://ada@studio.lan", use=True), STUDIO),
    "context.ls": (ListContexts(), [LOCAL, BOX, STUDIO, TEAM]),
    "context.ls-none": (ListContexts(), [FlockContext("local", "", True)]),
    "context.remove": (RemoveContext(name="studio"), STUDIO),
    "context.remove-other": (RemoveContext(name="team"), TEAM),
    "context.use": (UseContext(name="studio"), STUDIO),
    "context.use-local": (UseContext(name="local"), FlockContext("local", "", True)),
    "dial.stdio": (DialStdio(), None),
}
