"""How the words of a command line are read, and what is said of those that mean nothing.

Owns the parts of Typer that are bent to our manners (`--name=true`, a word that is a command and has commands, the
nearest words), and turns Typer's complaints into ours. Refuses to know any operation. Called by `tree.py`; beside these
two nobody knows Typer.
"""

import re
import sys
from typing import Any

from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from flock.cli import out
from flock.cli.nouns import WORDS
from flock.cli.words import either, nearest
from flock.contract.op import lister
from flock.errors import UsageError

# How the switch that takes a number or none is spelled
WATCH = ("--watch", "-w")
_WATCH_SECONDS = "2"


class Verb(TyperCommand):
    """A command whose switches may be written `--name=true` and `--name=false` as well, and `--watch` without a number.

    A number behind `--watch` is its own: an id that is one is told apart by `--watch=2`, or stands before it.
    """

    def get_help(self, ctx: Any) -> str:
        return out.in_letters_of(sys.stdout, super().get_help(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        args = _with_seconds(args) if any(name in WATCH for p in self.params for name in p.opts) else args
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
        try:
            return super().parse_args(ctx, spelled)
        except TyperException as error:
            if getattr(error, "ctx", None) is None:  # an option without its value does not know whose it is
                error.ctx = ctx  # type: ignore[attr-defined]
            raise


def _with_seconds(args: list[str]) -> list[str]:
    """Return the words with the usual number of seconds behind a `--watch` that has none."""
    spelled: list[str] = []
    for word, following in zip(args, [*args[1:], ""], strict=False):
        if word == "--":
            return [*spelled, *args[len(spelled) :]]
        spelled.append(f"{WATCH[0]}={_WATCH_SECONDS}" if word in WATCH and not _is_number(following) else word)
    return spelled


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


class Group(TyperGroup):
    """A group that answers an unknown word with the nearest of its own, and lists its words in our order."""

    def get_help(self, ctx: Any) -> str:
        return out.in_letters_of(sys.stdout, super().get_help(ctx))

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


def names_of(parameter: Any) -> list[str]:
    """Return all spellings of an option."""
    return [*parameter.opts, *parameter.secondary_opts]


# What a word that is a command and has commands calls itself in its own group; nobody types it
ITSELF = "-"


class Both(Group):
    """A word that is a command and has commands (`doctor`, `doctor cache`): options alone are for the word itself, and
    so is a word that is none of the commands where it takes arguments (`connect claude-code`, `connect ls`).
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        itself = self.get_command(ctx, ITSELF)
        takes = itself is not None and any(p.param_type_name == "argument" for p in itself.params)
        own = not args or args[0].startswith("-") or (takes and self.get_command(ctx, args[0]) is None)
        return super().parse_args(ctx, [ITSELF, *args] if own else args)

    def list_commands(self, ctx: Any) -> list[str]:
        return [name for name in super().list_commands(ctx) if name != ITSELF]


class Itself(Verb):
    """The command a word is: called by the word alone."""

    def make_context(self, info_name: Any, args: list[str], parent: Any = None, **extra: Any) -> Any:
        return super().make_context(parent.info_name, args, parent.parent, **extra)


class Missing(UsageError):
    """An argument or option that must be given is not. `what` says in words what it is, `option` how it is spelled, ""
    for an argument; `lister` are the words of the command that lists what there is, () where none does; `choices` are
    all words it may be, () where they are not a closed set.
    """

    what = ""
    option = ""
    lister: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()


_KINDS = {"int": " is not a whole number", "float": " is not a number"}


def usage_error(error: TyperException) -> UsageError:
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
        return _missing(parameter, path, hint, getattr(context.command.callback, CHOICES, {}))
    if more := re.match(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)$", error.format_message()):
        return UsageError(f"{path!r} takes no further word, and there is {more[1]!r}", hint=hint)
    if kind == "BadOptionUsage" and (
        named := re.match(r"Option '([^']+)' requires an argument", error.format_message())
    ):
        return UsageError(f"{named[1]} of {path!r} needs a value", hint=hint)
    words = re.sub(r" is not a valid (int|float)\b", lambda m: _KINDS[m[1]], error.format_message())
    return UsageError(words[:1].lower() + words[1:].rstrip("."), hint=hint)


# Where the function behind a command keeps what its fields may be, by name
CHOICES = "choices"


def _missing(parameter: Any, path: str, hint: str, choices: dict[str, tuple[str, ...]]) -> Missing:
    # "the key's id, from `flock token ls`" names the command that lists what is missing
    named = re.search(r"`flock ([^`]+)`", parameter.help)
    option = "" if parameter.param_type_name == "argument" else names_of(parameter)[0]
    error = Missing(
        f"{path!r} needs {option or parameter.metavar}: {parameter.help}",
        hint=f"flock {named[1]}" if named else hint,
    )
    error.what = parameter.help.partition(", from")[0]
    error.option = option
    error.lister = lister(parameter.help)
    error.choices = choices.get(parameter.name, ())
    return error


def _no_such_option(name: str, context: Any, path: str) -> UsageError:
    known = [word for p in context.command.get_params(context) for word in names_of(p)]
    close = nearest(name, [word for word in known if word.startswith("--")])
    meant = f"; did you mean {either(close)}?" if close else ""
    return UsageError(f"{path!r} has no option {name!r}{meant}", hint=f"{path} --help")
