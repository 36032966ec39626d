"""The command line as a grammar: from the operations' declarations to Typer commands, and from words to an operation.

Owns, with `grammar.py`, everything that knows Typer; what lies below its public names is used here and nowhere else.
Refuses to carry out anything: `parse` only says which operation was meant. Called by `app.py`, the completion scripts'
generator and tests.

Only the nouns that a command line needs are imported and built, since each costs milliseconds at every call; a test
holds that each part equals the same part of the whole.
"""

import dataclasses
import importlib
import inspect
import typing
from collections.abc import Callable
from typing import Any

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from flock.cli import out
from flock.cli.grammar import CHOICES, ITSELF, WATCH, Both, Group, Itself, Verb, names_of, usage_error
from flock.cli.nouns import EPILOG, GROUPS, PARTS, SHORT, TITLE, WORDS
from flock.contract.op import OPERATIONS, Op, Risk, ensure_declared, hints, option_name
from flock.errors import EXIT_CODES

# What asks, beside all that removes: another program's file is changed, once its difference was shown (cli/connect.py)
ASKING = ("connect.client", "connect.undo")
# Those that show a secret once, which a terminal can put on its clipboard
COPIED = ("token.create", "token.rotate")
# Those whose rows a spreadsheet can read
ROWS = ("usage.recent", "usage.breakdown")
# The switches that are more than on or off
_SWITCH_KINDS = {"watch": float | None}
# The words of a command without "flock"
Path = tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Given:
    """What a command line says beside its operation.

    `json`: print the answer's JSON; `quiet`: print ids only; `yes`: ask nothing; `copy`: the new key to the clipboard;
    `csv`: print the rows as CSV; `watch`: look again every so many seconds, None: once.
    """

    json: bool = False
    quiet: bool = False
    yes: bool = False
    copy: bool = False
    csv: bool = False
    watch: float | None = None


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
    _declare(*words[:2])
    words = _respelled(words)
    app = get_command(build(words[0] if words else "", found.append, words[1] if len(words) > 1 else ""))
    try:
        app.main(args=words, prog_name=program, standalone_mode=False, complete_var="_FLOCK_NO_TYPER_COMPLETION")
    except TyperException as error:
        raise usage_error(error) from None
    except SystemExit:  # what Click makes of a reader that has left
        raise BrokenPipeError from None
    except OSError as error:  # help that could not be written
        raise out.unwritten(error) from None
    return found[0] if found else None


def build(word: str, meant: Callable[[Line], None], second: str = "") -> typer.Typer:
    """Return the Typer application with the commands that start with `word`, all of them when there is no such word;
    of those only the ones that go on with `second`, where there are any.

    The command that is called hands its Line to `meant`.
    """
    words = (word,) if word in WORDS else tuple(WORDS)
    _declare(word, second)
    app = _typer(help=TITLE, epilog=f"{examples(EPILOG)}\n\n\b\n{_exit_codes()}")
    app.callback()(_root)
    verbs = {verb: op for op in OPERATIONS.values() for verb in _verbs(op)}
    only = {verb: op for verb, op in verbs.items() if verb[:2] == (word, second)}
    if only and (word,) not in verbs:
        verbs = only
    for first in words:
        mine = {verb: op for verb, op in verbs.items() if verb[0] == first}
        _grow(app, (first,), dict(sorted(mine.items(), key=lambda pair: _place(first, pair[1]))), meant)
    return app


def _place(word: str, op: type[Op[Any]]) -> int:
    """Return where an operation's noun stands among those of a word. The table is in the order in which nouns were
    imported, which is another one where others were needed before; within a noun it is that of the declarations.
    """
    nouns, noun = WORDS[word].split(), op.__module__.rpartition(".")[2]
    return nouns.index(noun) if noun in nouns else len(nouns)


def _declare(word: str = "", second: str = "") -> None:
    """Import the nouns of the commands that start with `word` and go on with `second`; all when there are none."""
    if word not in WORDS:
        ensure_declared()
        return
    for noun in PARTS.get(word, {}).get(second, WORDS[word]).split():
        importlib.import_module(f"flock.contract.{noun}")


def _respelled(words: list[str]) -> list[str]:
    """Return the words with a flag that stands for a command (`usage --summary`) turned into that command.

    The flag may stand anywhere behind the first word; it stays where it is an option of that command too (`usage --by
    user`). Words that name a command, and what stands behind `--`, are left alone.
    """
    head, end = words[:1], words.index("--") if "--" in words else len(words)
    if any(words[:2] == list(verb[:2]) for op in OPERATIONS.values() for verb in _verbs(op) if len(verb) > 1):
        return list(words)
    for flag, op in _flags(*head).items():
        for at, word in enumerate(words[1:end], start=1):
            if word not in (flag, f"{flag}=true") and not (_takes(op, flag) and word.startswith(f"{flag}=")):
                continue
            kept = words[1:] if _takes(op, flag) else [*words[1:at], *words[at + 1 :]]
            return [*op.spec.verb, *kept]
    return list(words)


def _flags(word: str = "") -> dict[str, type[Op[Any]]]:
    """Return the flags that stand for another command behind `word`, and its operation."""
    return {a[1]: op for op in OPERATIONS.values() for a in op.spec.aliases if a[0] == word and a[1:2] and _is_flag(a)}


def _is_flag(alias: Path) -> bool:
    return any(word.startswith("--") for word in alias[1:2])


def _takes(op: type[Op[Any]], name: str) -> bool:
    """Say whether `name` is an option of the operation."""
    return any(option_name(f) == name for f in dataclasses.fields(op) if f.metadata["kind"] == "flag")  # pyright: ignore[reportArgumentType]


def _grow(app: typer.Typer, path: Path, verbs: dict[Path, type[Op[Any]]], meant: Callable[[Line], None]) -> None:
    """Add to `app` the command `path`, or the group of that name with all `verbs` that begin with it."""
    op, below = verbs.get(path), [verb for verb in verbs if len(verb) > len(path)]
    if op is not None and not below:
        app.command(path[-1], cls=Verb, help=_help(op), epilog=examples(op.spec.examples))(_command(op, meant))
        return
    nexts: dict[Path, type[Op[Any]]] = {}
    for verb in below:
        nexts.setdefault(verb[: len(path) + 1], verbs[verb])
    shown = tuple(first.spec.examples[0] for first in nexts.values() if first.spec.examples)
    if op is None:
        group = _typer(help=GROUPS[" ".join(path)], epilog=examples(shown), no_args_is_help=True)
    else:  # its help names the others too
        group = _typer(cls=Both, help=_help(op))
        epilog = examples((*op.spec.examples, *shown))
        group.command(ITSELF, cls=Itself, help=_help(op), epilog=epilog)(_command(op, meant))
    app.add_typer(group, name=path[-1])
    for following in nexts:
        _grow(group, following, {verb: verbs[verb] for verb in below if verb[: len(following)] == following}, meant)


def commands(word: str = "") -> list[Command]:
    """Return every command there is, aliases too, in the order of the help; only those of `word` where it is given."""
    root: Any = get_command(build(word, lambda line: None))
    names: dict[Path, type[Op[Any]]] = {v: op for op in OPERATIONS.values() for v in _verbs(op)}
    found: list[Command] = []
    for first in (word,) if word else WORDS:
        found += _listed(root.commands[first], (first,), names)
    return found


def _listed(made: Any, path: Path, names: dict[Path, type[Op[Any]]]) -> list[Command]:
    inside: dict[str, Any] | None = getattr(made, "commands", None)
    if inside is not None:
        return [c for name, m in inside.items() for c in _listed(m, path if name == ITSELF else (*path, name), names)]
    options = {name: not p.is_flag for p in made.params if p.param_type_name == "option" for name in names_of(p)}
    options |= {"--help": False, "-h": False}
    if len(path) == 1:
        options |= {flag: _takes(op, flag) for flag, op in _flags(*path).items()}
    arguments = tuple(p.name for p in made.params if p.param_type_name == "argument")
    op = names[path]
    return [Command(path, op.spec.name, _help(op).partition("\n")[0], arguments, options)]


def _typer(**more: Any) -> typer.Typer:
    return typer.Typer(
        cls=more.pop("cls", Group),
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


_HOST = typer.Option(
    "", "--host", metavar="WHERE", show_default=False, help="ssh://USER@BOX, http(s)://HOST or a context"
)
_CONTEXT = typer.Option(
    "", "--context", metavar="NAME", show_default=False, help="another flock, from `flock context ls`"
)
_NO_INPUT = typer.Option(False, "--no-input", help="ask nothing: what would be asked is an error")


def _root(version: bool = _VERSION, host: str = _HOST, context: str = _CONTEXT, no_input: bool = _NO_INPUT) -> None:
    """Show the options that may stand anywhere; preface.py has taken all but the version out of the line by now."""


def _verbs(op: type[Op[Any]]) -> tuple[tuple[str, ...], ...]:
    return (op.spec.verb, *(alias for alias in op.spec.aliases if not _is_flag(alias)))


def _help(op: type[Op[Any]]) -> str:
    return inspect.cleandoc(op.__doc__ or "")


def examples(lines: tuple[str, ...]) -> str:
    """Return command lines as an epilog that Typer leaves as it is ("\\b" forbids it to join the lines)."""
    return "\b\nExamples:\n" + "\n".join(f"  flock {line}" for line in lines)


def _exit_codes() -> str:
    return "Exit codes:\n" + "\n".join(f"  {code:<4} {words}" for code, words in EXIT_CODES.items())


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
    parameters += [_parameter(f"switch_{name}", _SWITCH_KINDS.get(name, bool), o) for name, o in switches.items()]
    # by Typer's wrapper too; read when the picker must know what may be chosen
    setattr(command, CHOICES, {f.name: f.metadata["choices"] for f in fields if f.metadata["choices"]})
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
    if op.spec.risk is Risk.REMOVE or op.spec.name in ASKING:
        found["yes"] = typer.Option(False, "--yes", "-y", help="do not ask")
    if op.spec.name in COPIED:
        found["copy"] = typer.Option(False, "--copy", help="also put the key on this terminal's clipboard")
    if op.spec.watch:
        words = "look again every so many SECONDS (2 where none are given), until q or Ctrl-C"
        found["watch"] = typer.Option(None, *WATCH, metavar="[SECONDS]", help=words, show_default=False)
    if op.spec.name in ROWS:
        found["csv"] = typer.Option(False, "--csv", help="print the rows as CSV, for spreadsheets")
    return found
