"""Contexts: other machines' flocks under a name, and the way to them."""

from dataclasses import dataclass

from flock.contract.op import Op, Risk, Where, arg, flag, operation, secret


@dataclass(frozen=True, slots=True)
class FlockContext:
    """A flock under a name. `host` is ssh://USER@BOX[:PORT], http(s)://HOST[:PORT], or "" for this machine's own;
    `remote_bin` is where flock lies over there, "" for the usual places; `key` says where the admin key of an http
    host is kept, never what it is; `current` marks the one that commands go to.
    """

    name: str
    host: str
    current: bool
    remote_bin: str = ""
    key: str = ""


@operation(
    "context.add",
    "context add",
    where=Where.LOCAL,
    risk=Risk.CHANGE,
    examples=(
        "context add studio ssh://ada@studio.lan",
        "context add box ssh://ada@box:2222 --remote-bin /opt/flock/bin/flock",
        "context add team https://flock.example.com < admin.key",
    ),
)
class AddContext(Op[FlockContext]):
    """Remember another machine's flock under a name."""

    name: str = arg("what to call it")
    host: str = arg("ssh://USER@BOX[:PORT], or http(s)://HOST[:PORT] with an admin key")
    remote_bin: str = flag("where flock lies over there, if neither on the PATH nor in ~/.local/bin", default="")
    use: bool = flag("send commands there from now on", default=False)
    key: str = secret("an admin key, from standard input or FLOCK_ADMIN_TOKEN")


@operation(
    "context.use",
    "context use",
    where=Where.LOCAL,
    risk=Risk.CHANGE,
    examples=("context use studio", "context use local"),
)
class UseContext(Op[FlockContext]):
    """Send commands to a context from now on; `local` is this machine."""

    name: str = arg("its name, from `flock context ls`")


@operation("context.ls", "context ls", where=Where.LOCAL, examples=("context ls", "context ls --json"))
class ListContexts(Op[list[FlockContext]]):
    """List the flocks that are known by a name."""


@operation(
    "context.remove",
    "context remove",
    where=Where.LOCAL,
    risk=Risk.REMOVE,
    examples=("context remove studio --yes",),
)
class RemoveContext(Op[FlockContext]):
    """Forget a context and its key; nothing changes over there."""

    name: str = arg("its name, from `flock context ls`")


@operation("dial.stdio", "dial-stdio", where=Where.LOCAL, examples=("dial-stdio",), watch=False)
class DialStdio(Op[None]):
    """Join standard input and output to this machine's daemon; what `flock --host ssh://…` starts over there."""
