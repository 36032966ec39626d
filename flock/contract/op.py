"""What an operation is, and the table of all of them.

An operation is a frozen dataclass of its fields with one declaration on top: name, CLI verb, HTTP route, scope, risk
and where it runs. From it follow the admin route, the typed client call, `--json`, the exact command line
(`to_argv`) and the documentation. Refuses to know how an operation is carried out or drawn.
"""

import dataclasses
import functools
import importlib
import re
import shlex
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar, dataclass_transform, get_args, get_origin, get_type_hints

Out = TypeVar("Out")

# what the paths of operations begin with
ADMIN_ROOT = "/admin/"


class Scope(StrEnum):
    """Which keys may call an operation on the public door."""

    USER = "user"
    ADMIN = "admin"
    NODE = "node"


class Risk(StrEnum):
    """READ changes nothing; CHANGE is audited; REMOVE is audited and asks first."""

    READ = "read"
    CHANGE = "change"
    REMOVE = "remove"


class Where(StrEnum):
    """DAEMON operations need the daemon; LOCAL ones never do; EITHER prefers the daemon and works without it."""

    DAEMON = "daemon"
    LOCAL = "local"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class Spec:
    """The declaration of one operation.

    `verb` is the command without "flock" (("token", "create")); `method` and `path` are empty for LOCAL operations;
    `{name}` in the path stands for the field of that name; `examples` are command lines without "flock"; `watch`: the
    answer is a list or a state that is worth looking at again and again (`--watch`).
    """

    name: str
    verb: tuple[str, ...]
    method: str
    path: str
    scope: Scope
    risk: Risk
    where: Where
    aliases: tuple[tuple[str, ...], ...]
    examples: tuple[str, ...]
    watch: bool = False


class Op(Generic[Out]):
    """The base of every operation; `Out` is the type of its answer."""

    __slots__ = ()
    spec: ClassVar[Spec]

    @classmethod
    def out(cls) -> Any:
        """Return the type of the answer, read from the class's base `Op[...]`."""
        return get_args(cls.__orig_bases__[0])[0]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]


OPERATIONS: dict[str, type[Op[Any]]] = {}


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def operation(
    name: str,
    verb: str,
    route: str = "",
    *,
    scope: Scope = Scope.ADMIN,
    risk: Risk = Risk.READ,
    where: Where = Where.DAEMON,
    aliases: tuple[str, ...] = (),
    examples: tuple[str, ...] = (),
    watch: bool = True,
) -> Callable[[type[Out]], type[Out]]:
    """Declare an operation: make the class a frozen dataclass, give it its Spec and enter it in the table.

    `route` is "METHOD /path", empty for LOCAL. `watch=False` says of a READ that it goes on by itself, is
    always the same, or asks the internet. Raises ValueError for a name or verb declared twice.
    """
    method, _, path = route.partition(" ")
    spec = Spec(
        name=name,
        verb=tuple(verb.split()),
        method=method,
        path=path,
        scope=scope,
        risk=risk,
        where=where,
        aliases=tuple(tuple(a.split()) for a in aliases),
        examples=examples,
        watch=watch and risk is Risk.READ,
    )

    def declare(cls: type[Out]) -> type[Out]:
        if name in OPERATIONS or any(o.spec.verb == spec.verb for o in OPERATIONS.values()):
            raise ValueError(f"operation declared twice: {name} ({verb})")
        made: Any = dataclass(frozen=True, slots=True, kw_only=True)(cls)
        made.spec = spec
        OPERATIONS[name] = made
        return made

    return declare


def arg(help: str, *, default: Any = dataclasses.MISSING, many: bool = False, choices: tuple[str, ...] = ()) -> Any:
    """Declare a positional argument; `many` takes the rest of the line into a tuple. `choices` are all words that it
    may be, which shells and pickers offer; whoever carries it out refuses others.
    """
    return _declared("arg", help, default, many=many, choices=choices)


def flag(help: str, *, default: Any = dataclasses.MISSING, name: str = "", choices: tuple[str, ...] = ()) -> Any:
    """Declare an option; its name is `--field-name` unless `name` says otherwise. A bool becomes a switch; `choices` as
    for `arg`, of which some take several between commas.
    """
    return _declared("flag", help, default, name=name, choices=choices)


def secret(help: str) -> Any:
    """Declare a field that never stands on a command line, in a log or in an audit row; empty when not given."""
    return _declared("secret", help, "")


def inner(default: Any) -> Any:
    """Declare a field that only programs set (paging, long polls): no option carries it."""
    return _declared("inner", "", default)


def _declared(kind: str, help: str, default: Any, **more: Any) -> Any:
    metadata = {"kind": kind, "help": help, **more}
    if default is dataclasses.MISSING:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)


@functools.cache
def hints(cls: type) -> dict[str, Any]:
    """Return the resolved field types of a dataclass."""
    return get_type_hints(cls)


def is_optional(hint: Any) -> bool:
    """Return whether a type hint admits None."""
    return get_origin(hint) in (types.UnionType, typing.Union) and type(None) in get_args(hint)


def option_name(item: "dataclasses.Field[Any]") -> str:
    """Return how a field is spelled as an option ("--no-wizard")."""
    return item.metadata.get("name") or "--" + item.name.replace("_", "-")


def to_argv(op: Op[Any]) -> list[str]:
    """Return the command line of an operation without "flock": verb, options that differ from defaults, arguments.

    Secrets and inner fields are left out. `parse(to_argv(op)) == op` is pinned by tests/cli/test_argv.py.
    """
    options: list[str] = []
    positional: list[str] = []
    for item in dataclasses.fields(op):  # pyright: ignore[reportArgumentType]
        value = getattr(op, item.name)
        kind = item.metadata.get("kind")
        if kind == "arg":
            values = value if item.metadata["many"] else (() if value is None else (value,))
            positional += [str(v) for v in values]
        elif kind == "flag" and value != item.default:
            options += _option_argv(option_name(item), value)
    tail = ["--", *positional] if any(p.startswith("-") for p in positional) else positional
    return [*op.spec.verb, *options, *tail]


def _option_argv(name: str, value: Any) -> list[str]:
    if value is True:
        return [name]
    if value is False:
        return [name.replace("--", "--no-", 1)]
    if isinstance(value, tuple):
        return [f"{name}={v}" for v in typing.cast("tuple[Any, ...]", value)]
    return [f"{name}={value}"]


def command_line(op: Op[Any], yes: bool = False) -> str:
    """Return the command of an operation as a shell reads it ("flock model load qwen3-8b"), with `--yes` if wanted."""
    argv, verb = to_argv(op), len(op.spec.verb)
    return shlex.join(["flock", *argv[:verb], *(["--yes"] if yes else []), *argv[verb:]])


# Commands whose verb alone asks nothing that is understood
_ASKED: dict[tuple[str, ...], tuple[str, ...]] = {("down",): ("flock", "stop")}


def question(op: Op[Any]) -> str:
    """Return what is asked before an operation that removes: "Remove model qwen3-8b" for `model remove qwen3-8b`."""
    *noun, verb = _ASKED.get(op.spec.verb, op.spec.verb)
    return " ".join([verb.capitalize(), *noun, *(word for word in to_argv(op)[len(op.spec.verb) :] if word != "--")])


def lister(help: str) -> tuple[str, ...]:
    """Return the command that lists what a field may be, as its help names it: ("token", "ls") for "the key's id, from
    `flock token ls`". () where none does, or where a word of it stands for something else (in capitals).
    """
    named = re.search(r"`flock ([^`]+)`", help)
    words = tuple(named[1].split()) if named else ()
    return () if any(word.isupper() for word in words) else words


NOUNS = (
    *("audit", "batches", "cache", "catalog", "connect", "contexts", "engines", "events", "exposing", "files"),
    *("hardware", "hub", "jobs", "lifecycle", "limits", "models", "presets", "prices", "prompts", "queue", "requests"),
    *("screens", "secrets", "services", "settings", "status", "tokens", "usage", "vendors"),
)


def ensure_declared() -> dict[str, type[Op[Any]]]:
    """Import every noun of the contract and return the full table."""
    for noun in NOUNS:
        importlib.import_module(f"flock.contract.{noun}")
    return OPERATIONS
