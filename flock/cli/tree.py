"""The command line as a grammar: from the operations' declarations to Typer commands, and from words to an operation.

Owns everything that knows Typer; what lies below its public names is used here and nowhere else. Refuses to carry out
anything: `parse` only says which operation was meant. Called by `app.py`, the completion scripts' generator and tests.

Only the nouns that a command line needs are imported and built, since each costs milliseconds at every call; a test
holds that each part equals the same part of the whole.
"""

import dataclasses
import importlib
import inspect
import re
import typing
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException
from typer.main import get_command

from flock.cli.words import either, nearest
from flock.contract.op import OPERATIONS, Op, Risk, ensure_declared, hints, option_name
from flock.errors import UsageError

# Every first word there is, in the order of the help, and the nouns of the contract that declare it
WORDS = {
    "up": "lifecycle",
    "down": "lifecycle",
    "status": "status",
    "model": "models presets catalog",
    "engine": "engines",
    "hub": "hub",
    "vendor": "vendors",
    "token": "tokens",
    "secret": "secrets",
    "usage": "usage",
    "request": "requests",
    "explain": "requests",
    "queue": "queue",
    "top": "events",
    "events": "events",
    "job": "jobs",
    "cache": "files",
    "fetch": "files",
    "hardware": "hardware",
    "audit": "audit",
    "config": "settings",
    "service": "services",
    "logs": "lifecycle",
    "doctor": "lifecycle cache",
    "version": "lifecycle",
    "completion": "lifecycle",
}

GROUPS = {
    "model": "Models that answer.",
    "engine": "The processes that generate, flock's own or adopted.",
    "vendor": "Paid APIs, by the team's keys.",
    "token": "API keys.",
    "secret": "Stored keys of vendors and engines.",
    "request": "What runs now, and why each request went where it went.",
    "hub": "Models on Hugging Face.",
    "job": "Work that outlives the command that started it.",
    "cache": "Files that flock fetched.",
    "service": "flock at login or at boot.",
    "config": "The configuration: values, their origin, edits.",
}

SHORT = {"follow": "-f"}

TITLE = "One URL and one key in front of your own machines."
EPILOG = ("up", "status", "model ls", "token create alice", "doctor")


@dataclasses.dataclass(frozen=True, slots=True)
class Given:
    """What a command line says beside its operation.

    `json`: print the answer's JSON; `quiet`: print ids only; `yes`: ask nothing; `copy`: the new key to the clipboard.
    """

    json: bool = False
    quiet: bool = False
    yes: bool = False
    copy: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Command:
    """One command as the scripts for shells need it.

    `arguments` are its fields' names in order; `options` maps each spelling to whether a value follows.
    """

    verb: tuple[str, ...]
    operation: str
    summary: str
    arguments: tuple[str, ...]
    options: dict[str, bool]


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """A command line understood."""

    op: Op[Any]
    given: Given


def parse(words: list[str], program: str = "flock") -> Line | None:
    """Return what the words mean; None when they asked for help or the version, which is printed by then.

    Raises UsageError with the nearest words when they mean nothing.
    """
    found: list[Line] = []
    app = get_command(build(words[0] if words else "", found.append))
    try:
        app.main(args=list(words), prog_name=program, standalone_mode=False, complete_var="_FLOCK_NO_TYPER_COMPLETION")
    except TyperException as error:
        raise _usage_error(error) from None
    return found[0] if found else None


def build(word: str, meant: Callable[[Line], None]) -> typer.Typer:
    """Return the Typer application with the commands that start with `word`, all of them when there is no such word.

    The command that is called hands its Line to `meant`.
    """
    words = (word,) if word in WORDS else tuple(WORDS)
    if word in WORDS:
        for noun in WORDS[word].split():
            importlib.import_module(f"flock.contract.{noun}")
    else:
        ensure_declared()
    app = _typer(help=TITLE, epilog=examples(EPILOG))
    app.callback()(_root)
    for first in words:
        verbs = [(verb, op) for op in tuple(OPERATIONS.values()) for verb in _verbs(op) if verb[0] == first]
        verbs.sort(key=lambda verb: len(verb[0]))
        itself = len(verbs) > 1 and len(verbs[0][0]) == 1
        target = app
        if itself:
            target = _typer(cls=_Both, help=_help(verbs[0][1]))
        elif len(verbs[0][0]) == 2:
            shown = tuple(op.spec.examples[0] for _, op in verbs if op.spec.examples)
            target = _typer(help=GROUPS[first], epilog=examples(shown), no_args_is_help=True)
        if target is not app:
            app.add_typer(target, name=first)
        for verb, op in verbs:
            name, kind, shown = verb[-1], _Verb, op.spec.examples
            if itself and len(verb) == 1:  # its help names the others too
                name, kind, shown = _ITSELF, _Itself, (*shown, *(o.spec.examples[0] for v, o in verbs if len(v) == 2))
            target.command(name, cls=kind, help=_help(op), epilog=examples(shown))(_command(op, meant))
    return app


def commands(word: str = "") -> list[Command]:
    """Return every command there is, aliases too, in the order of the help; only those of `word` where it is given."""
    root: Any = get_command(build(word, lambda line: None))
    names: dict[tuple[str, ...], type[Op[Any]]] = {v: op for op in OPERATIONS.values() for v in _verbs(op)}
    found: list[Command] = []
    for first in (word,) if word else WORDS:
        made: dict[str, Any] = getattr(root.commands[first], "commands", {_ITSELF: root.commands[first]})
        for second, command in made.items():
            verb = (first,) if second == _ITSELF else (first, second)
            options = {
                name: not p.is_flag for p in command.params if p.param_type_name == "option" for name in _names(p)
            }
            arguments = tuple(p.name for p in command.params if p.param_type_name == "argument")
            op = names[verb]
            options |= {"--help": False, "-h": False}
            found.append(Command(verb, op.spec.name, _help(op).partition("\n")[0], arguments, options))
    return found


def _names(parameter: Any) -> list[str]:
    return [*parameter.opts, *parameter.secondary_opts]


def _typer(**more: Any) -> typer.Typer:
    return typer.Typer(
        cls=more.pop("cls", _Group),
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        **more,
    )


def _show_version(wanted: bool) -> None:
    if wanted:
        from flock import __version__

        typer.echo(f"flock {__version__}")
        raise typer.Exit


# Eager, or Typer would ask for a command first
_VERSION = typer.Option(False, "--version", "-V", is_eager=True, callback=_show_version, help="show the version")


def _root(version: bool = _VERSION) -> None:
    """Take the options that stand before any command."""


def _verbs(op: type[Op[Any]]) -> tuple[tuple[str, ...], ...]:
    return (op.spec.verb, *op.spec.aliases)


def _help(op: type[Op[Any]]) -> str:
    return inspect.cleandoc(op.__doc__ or "")


def examples(lines: tuple[str, ...]) -> str:
    """Return command lines as an epilog that Typer leaves as it is ("\\b" forbids it to join the lines)."""
    return "\b\nExamples:\n" + "\n".join(f"  flock {line}" for line in lines)


def _command(op: type[Op[Any]], meant: Callable[[Line], None]) -> Callable[..., None]:
    """Return a function with the signature Typer reads: one parameter for each field, one for each switch."""
    fields = [f for f in dataclasses.fields(op) if f.metadata["kind"] in ("arg", "flag")]  # pyright: ignore[reportArgumentType]
    known = hints(op)
    switches = _switches(op)
    many = [f.name for f in fields if typing.get_origin(known[f.name]) is tuple]

    def command(**values: Any) -> None:
        given = Given(**{name: values.pop(f"switch_{name}") for name in switches})
        for name in many:
            values[name] = tuple(values[name] or ())
        meant(Line(op(**values), given))

    parameters = [_parameter(f.name, _kind(known[f.name]), _field(f)) for f in fields]
    parameters += [_parameter(f"switch_{name}", bool, option) for name, option in switches.items()]
    # what typer reads; the attribute is not among those the type checker knows of a function
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def _parameter(name: str, kind: Any, declared: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=declared, annotation=kind)


def _kind(hint: Any) -> Any:
    if typing.get_origin(hint) is tuple:
        return list[typing.get_args(hint)[0]]
    return hint


def _field(item: "dataclasses.Field[Any]") -> Any:
    missing = item.default is dataclasses.MISSING
    default: Any = ... if missing else item.default
    help = item.metadata["help"]
    shown = not missing and default not in ("", None, ())
    if item.metadata["kind"] == "arg":
        return typer.Argument(default, help=help, metavar=item.name.upper(), show_default=shown)
    name = option_name(item)
    if isinstance(default, bool):
        # a switch that is on by default is turned off by --no-NAME; one that is off needs no opposite
        name, shown = f"{name}/--no-{name[2:]}" if default else name, False
    names = [name, *([SHORT[item.name]] if item.name in SHORT else [])]
    words = f"{help} (on by default)" if default is True else help
    return typer.Option(default, *names, help=words, show_default=shown)


def _switches(op: type[Op[Any]]) -> dict[str, Any]:
    found = {
        "json": typer.Option(False, "--json", help="print the answer as JSON"),
        "quiet": typer.Option(False, "--quiet", "-q", help="print ids only"),
    }
    if op.spec.risk is Risk.REMOVE:
        found["yes"] = typer.Option(False, "--yes", "-y", help="do not ask")
    if op.spec.name == "token.create":
        found["copy"] = typer.Option(False, "--copy", help="also put the key on this terminal's clipboard")
    return found


class _Verb(TyperCommand):
    """A command whose switches may be written `--name=true` and `--name=false` as well."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        on = {name: p for p in self.params if getattr(p, "is_bool_flag", False) for name in p.opts}
        spelled: list[str] = []
        for i, word in enumerate(args):
            name, _, value = word.partition("=")
            if word == "--":
                spelled += args[i:]
                break
            if name in on and value in ("true", "false"):
                off = list(on[name].secondary_opts[:1])
                spelled += [name] if value == "true" else off
            else:
                spelled.append(word)
        return super().parse_args(ctx, spelled)


class _Group(TyperGroup):
    """A group that answers an unknown word with the nearest of its own, and lists its words in our order."""

    def list_commands(self, ctx: Any) -> list[str]:
        order = list(WORDS)
        return sorted(super().list_commands(ctx), key=lambda w: order.index(w) if ctx.parent is None else 0)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        word = args[0]
        if self.get_command(ctx, word) is None and not word.startswith("-"):
            path = str(ctx.command_path).split(maxsplit=1)[1:]
            prefix = " ".join(["flock", *path])
            close = nearest(word, self.list_commands(ctx))
            meant = f"; did you mean {either(close)}?" if close else ""
            rest = " ".join(args[1:])
            hint = f"{prefix} {close[0]} {rest}".strip() if close else f"{prefix} --help"
            raise UsageError(
                f"there is no {f'{prefix} {word}'!r}{meant}", hint=hint, details={"nearest": close} if close else {}
            )
        return super().resolve_command(ctx, args)


# What a word that is a command and has commands calls itself in its own group; nobody types it
_ITSELF = "-"


class _Both(_Group):
    """A word that is a command and has commands (`doctor`, `doctor cache`): options alone are for the word itself."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [_ITSELF, *args] if not args or args[0].startswith("-") else args)

    def list_commands(self, ctx: Any) -> list[str]:
        return [name for name in super().list_commands(ctx) if name != _ITSELF]


class _Itself(_Verb):
    """The command a word is: called by the word alone."""

    def make_context(self, info_name: Any, args: list[str], parent: Any = None, **extra: Any) -> Any:
        return super().make_context(parent.info_name, args, parent.parent, **extra)


_KINDS = {"int": " is not a whole number", "float": " is not a number"}


def _usage_error(error: TyperException) -> UsageError:
    """Turn Typer's complaint into ours: its words, and a command that helps."""
    kind = type(error).__name__
    context: Any = getattr(error, "ctx", None)
    path = " ".join(["flock", *str(context.command_path).split()[1:]]) if context else "flock"
    hint = f"{path} --help"
    if kind == "NoArgsIsHelpError":
        return UsageError(f"{path!r} needs one more word: {either(context.command.list_commands(context))}", hint=hint)
    if kind == "NoSuchOption":
        return _no_such_option(str(getattr(error, "option_name", "")), context, path)
    parameter: Any = getattr(error, "param", None)
    if kind == "MissingParameter" and parameter is not None:
        # "the key's id, from `flock token ls`" names the command that lists what is missing
        named = re.search(r"`(flock [^`]+)`", parameter.help)
        return UsageError(f"{path!r} needs {parameter.metavar}: {parameter.help}", hint=named[1] if named else hint)
    words = re.sub(r" is not a valid (int|float)\b", lambda m: _KINDS[m[1]], error.format_message())
    return UsageError(words[:1].lower() + words[1:].rstrip("."), hint=hint)


def _no_such_option(name: str, context: Any, path: str) -> UsageError:
    known = [word for p in context.command.get_params(context) for word in _names(p)]
    close = nearest(name, [word for word in known if word.startswith("--")])
    meant = f"; did you mean {either(close)}?" if close else ""
    return UsageError(f"{path!r} has no option {name!r}{meant}", hint=f"{path} --help")
