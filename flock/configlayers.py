"""The layers of the configuration, and the sentences about settings that are wrong or unknown.

Owns which layer wins (default < file < environment < flag) and the wording: a sentence names the key, the value and
where it stands, the hint is the command that mends it. Knows no schema of its own. Called by config.py.
"""

import difflib
import json
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flock.configvalues import from_words, future
from flock.errors import ConfigInvalid
from flock.paths import short
from flock.text import one_line
from flock.yamltext import Entry


@dataclass(frozen=True, slots=True)
class Spec:
    """What a setting is: its default as JSON, the words for what is allowed, and the variable that sets it.

    `restart`: a change holds from the daemon's next start on. The daemon reads its configuration once.
    """

    key: str
    default: Any
    summary: str
    allowed: str
    variable: str
    example: str
    kind: str
    restart: bool = True


@dataclass(frozen=True, slots=True)
class Layer:
    """Where a value came from: `name` is default, file, environment or flag; `origin` is the file or the variable."""

    name: str
    origin: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Value:
    """A value as it was written, where, and whether its key is spelled as sections."""

    value: Any
    layer: Layer
    nested: bool = True


class Layers:
    """Values by key, the strongest layer's; unknown keys of the file are kept, to be refused."""

    def __init__(self, settings: Mapping[str, Spec]) -> None:
        self._settings = settings
        self._sections = {key[:at] for key in settings for at, letter in enumerate(key) if letter == "."}
        self.values: dict[str, Value] = {}

    def add_file(self, path: Path, found: Mapping[str, Entry]) -> None:
        """Take the file's values; a section without content is none."""
        for key, entry in found.items():
            if not (entry.value is None and (key in self._sections or not entry.nested)):
                self.values[key] = Value(entry.value, Layer("file", str(path), entry.line), entry.nested)

    def add_environment(self, environ: Mapping[str, str]) -> None:
        """Take the variables that are set and not empty."""
        for spec in self._settings.values():
            if spec.variable and (words := environ.get(spec.variable, "").strip()):
                if spec.key.endswith("_dir"):  # as the shell meant it: from where it stood
                    words = os.path.abspath(os.path.expanduser(words))
                self.values[spec.key] = Value(from_words(words, spec.kind), Layer("environment", spec.variable))

    def add_flags(self, flags: Mapping[str, Any]) -> None:
        """Take values of the program's own, by key."""
        for key, value in flags.items():
            kind = self._settings[key].kind
            self.values[key] = Value(
                from_words(value, kind) if isinstance(value, str) else value, Layer("flag", f"--{key}")
            )

    def origins(self) -> dict[str, Layer]:
        """Return the layer of every value that is not a default."""
        return {key: found.layer for key, found in self.values.items()}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one setting, and the command that mends it."""

    sentence: str
    hint: str


def refusal(problems: list[Problem]) -> ConfigInvalid:
    """Return the error for a list of problems: the first in words, all in `details["problems"]`."""
    first, more = problems[0], len(problems) - 1
    return ConfigInvalid(
        first.sentence + (f" (and {more} more)" if more else ""),
        hint=first.hint,
        details={"problems": [problem.sentence for problem in problems]},
    )


def _where(layer: Layer) -> str:
    return f" in {short(layer.origin)}:{layer.line}" if layer.name == "file" else f" in {layer.origin}"


def _shown(value: Any) -> str:
    words = json.dumps(value, ensure_ascii=False, default=str)
    return one_line(re.sub(r"//[^/@]*@", "//•••@", words), 60)  # a password in a URL stays where it is


def wrong(spec: Spec, found: Value) -> Problem:
    """Say what is wrong with a value and what mends it."""
    if found.layer.name == "environment":
        return Problem(
            f"{found.layer.origin} is {_shown(found.value)}, and {spec.key} must be {spec.allowed}",
            f"unset {found.layer.origin}",
        )
    where = _where(found.layer) if found.layer.name == "file" else ""
    return Problem(
        f"{spec.key} is {_shown(found.value)}{where}, and must be {spec.allowed}",
        f"flock config set {spec.key} {shlex.quote(spec.example)}",
    )


def unknown(settings: Mapping[str, Spec], key: str, found: Value | None = None) -> Problem:
    """Say that there is no such key, and which one was meant or which feature it belongs to."""
    where = _where(found.layer) if found else ""
    if key in settings:  # spelled "a.b" on one line
        section, _, name = key.partition(".")
        return Problem(f"{key}{where} must stand as {name} below {section}", _mend(key, found, key))
    if below := next((name for name in settings if name.startswith(key + ".")), ""):
        return Problem(
            f"{key}{where} is a section: settings such as {below.rpartition('.')[2]} stand below it", _mend(key, found)
        )
    if feature := future(key):
        return Problem(f"{key}{where} belongs to {feature}, which this version does not have", _mend(key, found))
    if nearest := nearest_key(settings, key):
        return Problem(f"there is no setting {key!r}{where}; the nearest is {nearest}", _mend(key, found, nearest))
    return Problem(f"there is no setting {key!r}{where}", _mend(key, found))


def _mend(key: str, found: Value | None, right: str = "") -> str:
    """Return the command that removes a key from the file and sets the right one to its value."""
    if found is None:
        return f"flock config get {right}" if right else "flock config show"
    if not re.fullmatch(r"\w[\w.-]*", key):
        return "flock config edit"
    remove = f"flock config unset {key}"
    if not right or not isinstance(found.value, str | int | float):
        return remove
    value = found.value if isinstance(found.value, str) else json.dumps(found.value)
    return f"{remove}; flock config set {right} {shlex.quote(value)}"


def nearest_key(settings: Mapping[str, Spec], key: str) -> str:
    """Return the setting whose name is nearest, by the whole of it or by its last part, "" when none is near."""
    if close := difflib.get_close_matches(key.lower(), settings, n=1, cutoff=0.75):
        return close[0]
    last = key.lower().rpartition(".")[2]
    names = {name.rpartition(".")[2]: name for name in settings}
    close = difflib.get_close_matches(last, names, n=1, cutoff=0.75)
    return names[close[0]] if close else ""
