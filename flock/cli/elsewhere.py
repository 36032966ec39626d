"""Commands about the box itself, when the flock that is meant is on another one: they are run over there.

Owns which commands those are: what starts, examines, edits and keeps works on files and processes of its machine, so
`flock --host ssh://… doctor` is that box's own doctor. Over HTTP, which reaches a daemon only, those that the daemon
does too (`config set`) are the daemon's, and the others are refused. Called by `app.py` before a command line is
carried out, and by `call.py` for who wants the answer (the full screen).
"""

from typing import TYPE_CHECKING, Any, NoReturn

from flock.cli import out, preface
from flock.cli.call import Answer, reach
from flock.contract import codec
from flock.contract.op import Op, Risk, Where, command_line, to_argv
from flock.errors import FlockError, InternalError, InvalidRequest, Unsupported, from_plain

if TYPE_CHECKING:
    from flock.cli.tree import Given
    from flock.client.reach import Reach

# Of the operations that need no daemon, those about this machine wherever the flock is: names of other machines, this
# command itself, tools of this machine that are to use that flock, and what asks models from here
HERE = frozenset(
    {
        *("context.add", "context.use", "context.ls", "context.remove", "dial.stdio", "daemon.completion"),
        *("daemon.version", "tui.open", "run.prompt", "batch.run", "connect.ls", "connect.client", "connect.undo"),
    }
)
# An operation of the daemon that is more than its answer: the command waits for the process to end
_ALSO = frozenset({"daemon.stop"})


def is_about_the_box(op: Op[Any]) -> bool:
    """Say whether an operation belongs on the machine that its flock runs on."""
    return op.spec.name in _ALSO or (op.spec.where is not Where.DAEMON and op.spec.name not in HERE)


def carried(op: Op[Any], given: "Given", words: list[str]) -> int | None:
    """Run a command line over there when that is where it belongs and return its exit code; else None.

    Raises Unsupported for a flock that is reached by HTTP, DaemonUnreachable where ssh does not come through.
    """
    if not is_about_the_box(op):
        return None
    way = reach()
    if way.kind == "here" or (way.kind == "http" and op.spec.where is Where.EITHER):
        return None
    if way.kind == "http":
        _refuse(op, way)
    if op.spec.risk is not Risk.READ and not (given.json or given.quiet):
        out.say(f"on {way.name}:", "dim")
    out.flush()
    code, _, _ = way.run([*_manners(), *words], shown=True)
    return code


def asked(op: Op[Any], way: "Reach") -> Answer:
    """Carry out an operation over there, asking nothing, and return its answer. Raises its FlockErrors."""
    if way.kind == "http":
        _refuse(op, way)
    verb = len(op.spec.verb)
    argv = to_argv(op)
    yes = ["--yes"] if op.spec.risk is Risk.REMOVE else []
    words = ["--no-input", *argv[:verb], "--json", *yes, *argv[verb:]]
    code, printed, said = way.run(words, shown=False)
    body = printed.removesuffix(b"\n")
    # doctor's findings are an answer whatever the exit code; an error is one JSON object on standard error
    if body:
        try:
            return Answer(codec.loads(type(op).out(), body, "answer"), body)
        except InvalidRequest as error:
            raise InternalError(
                f"the answer of {way.name} to {command_line(op)} cannot be read: {error.sentence}", hint=""
            ) from None
    raise _error(op, way, code, said)


def _error(op: Op[Any], way: "Reach", code: int, said: bytes) -> FlockError:
    import json

    for line in reversed(said.decode("utf-8", "replace").splitlines()):
        try:
            return from_plain(json.loads(line)["error"])
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return InternalError(f"{command_line(op)} ended on {way.name} with exit code {code} and said nothing", hint="")


def say_where() -> None:
    """Tell people which machine the answer is from, where it is not this one."""
    if reach().kind != "here":
        out.say(f"on {reach().name}:", "dim")


def _manners() -> list[str]:
    return ["--no-input"] if preface.asks_nothing() else []


def _refuse(op: Op[Any], way: "Reach") -> NoReturn:
    from flock.client.web import WebDoor

    door: Any = way.door
    assert isinstance(door, WebDoor)
    host = f"[{door.address.host}]" if ":" in door.address.host else door.address.host
    verb = " ".join(op.spec.verb)
    raise Unsupported(
        f"`flock {verb}` is about the box itself, which {way.name} does not lead to; ssh does",
        hint=f"flock --host ssh://{host} {verb}",
    )
