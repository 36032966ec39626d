"""From a command line that was printed, such as a fix, to the operation that it means.

Owns reading options and arguments by the operations' declarations. Refuses what only a shell can do (several commands,
variables, files) and what is not all understood: such a line is for copying. Called by the pages that show commands.
"""

import dataclasses
import math
import os
import re
import shlex
import typing
from dataclasses import dataclass
from typing import Any

from flock.contract.op import Op, ensure_declared, hints, is_optional, option_name

NAMES = ("flock", "flockctl")
# What asks nothing and shows nothing else: a screen asks by itself
_SWITCHES = ("--yes", "-y", "--no-input")
# What a shell does something with outside quotes: several commands, redirections, variables, patterns
_SHELL = re.compile(r"[;&|<>()$`*?\n]")


@dataclass(frozen=True, slots=True)
class Meant:
    """An operation and what is said of its fields; `whole` is whether it can be carried out as it is."""

    kind: type[Op[Any]]
    given: dict[str, Any]

    @property
    def whole(self) -> bool:
        """Whether every field that must be filled is."""
        fields: Any = dataclasses.fields(self.kind)  # pyright: ignore[reportArgumentType]
        return all(f.name in self.given for f in fields if f.default is dataclasses.MISSING)

    def op(self) -> Op[Any]:
        """Return the operation. Raises TypeError unless it is whole."""
        return self.kind(**self.given)


def meant(line: str) -> Meant | None:
    """Return what a command line means; None where it is none of flock's, or more than an operation."""
    if _SHELL.search(re.sub(r"'[^']*'", "", line)):
        return None
    try:
        words = shlex.split(line)
    except ValueError:
        return None
    words = _after_flock(words)
    if not words:
        return None
    kinds = ensure_declared().values()
    verbs = {verb: kind for kind in kinds for verb in (kind.spec.verb, *kind.spec.aliases)}
    for length in range(min(len(words), max(map(len, verbs))), 0, -1):
        kind = verbs.get(tuple(words[:length]))
        if kind is not None:
            return _filled(kind, words[length:])
    return None


def _after_flock(words: list[str]) -> list[str]:
    """Return the words behind the command's name, however flock is called; [] where it is another command."""
    if words and os.path.basename(words[0]) in NAMES:
        return words[1:]
    if len(words) > 2 and words[1:3] == ["-m", "flock"] and os.path.basename(words[0]).startswith("python"):
        return words[3:]
    return []


def _filled(kind: type[Op[Any]], words: list[str]) -> Meant | None:
    fields: Any = dataclasses.fields(kind)  # pyright: ignore[reportArgumentType]
    options = {option_name(f): f for f in fields if f.metadata["kind"] == "flag"}
    given: dict[str, Any] = {}
    rest: list[str] = []
    words = list(words)
    try:
        while words:
            word = words.pop(0)
            name, equals, value = word.partition("=")
            off = f"--{name.removeprefix('--no-')}"
            if word == "--":
                rest += words
                break
            if word in _SWITCHES:
                continue
            if name in options:
                _put(given, kind, options[name], value if equals else None, words)
            elif off in options and name.startswith("--no-") and not equals and _is_switch(kind, options[off]):
                given[options[off].name] = False
            elif word.startswith("-") and len(word) > 1:
                return None
            else:
                rest.append(word)
        return _placed(kind, fields, given, rest)
    except ValueError:
        return None


def _is_switch(kind: type[Op[Any]], item: Any) -> bool:
    return hints(kind)[item.name] is bool


def _put(given: dict[str, Any], kind: type[Op[Any]], item: Any, value: str | None, words: list[str]) -> None:
    """Take an option's value, from behind "=" or from the next word. Raises ValueError where there is none."""
    hint = hints(kind)[item.name]
    if hint is bool:
        given[item.name] = {"true": True, "false": False}[value] if value in ("true", "false") else True
        return
    if value is None:
        if not words:
            raise ValueError(item.name)
        value = words.pop(0)
    if typing.get_origin(hint) is tuple:
        given[item.name] = (*given.get(item.name, ()), typed(value, typing.get_args(hint)[0]))
    else:
        given[item.name] = typed(value, hint)


def _placed(kind: type[Op[Any]], fields: Any, given: dict[str, Any], rest: list[str]) -> Meant | None:
    """Return the operation with words as its arguments, in their order; None where there are too many."""
    for item in (f for f in fields if f.metadata["kind"] == "arg"):
        if not rest:
            break
        hint = hints(kind)[item.name]
        if item.metadata["many"]:
            given[item.name], rest = tuple(rest), []
        else:
            given[item.name] = typed(rest.pop(0), hint)
    return None if rest else Meant(kind, given)


def typed(words: str, hint: Any) -> Any:
    """Return the value of a type that words stand for: text, a whole number, or a finite number, or null beside one.

    Raises ValueError for what is none.
    """
    kind = next(k for k in typing.get_args(hint) if k is not type(None)) if is_optional(hint) else hint
    if kind is int or kind is float:
        value = kind(words)
        if not math.isfinite(value):
            raise ValueError(words)
        return value
    return words if kind is str else kind(words)
