"""A tool's settings with everything filled in: variables, files, commands, steps.

Owns the placeholders of catalog/clients/ (sheet.py names them). Pure: no file is read or written, whatever stands in a
value comes out as that value, and a word in a command is quoted for a shell. Called by local/connect.py, card.py and
tests.
"""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from flock.connect.changes import Change, Match, Part
from flock.connect.edit import Format
from flock.connect.formats import open_text
from flock.connect.leaves import put
from flock.connect.sheet import PLACEHOLDERS
from flock.connect.tool import File, Run, Tool
from flock.contract.models import Model
from flock.plain import is_array, is_object

_PLACE = re.compile("{(" + "|".join(sorted(PLACEHOLDERS)) + ")}")
# what a container reaches the machine it runs on by (Docker's documentation, "host.docker.internal")
_DOCKER_HOST = "host.docker.internal"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
# What tools are told of a model whose window nobody knows, and the most they may ask it to write. The window is what
# most of today's models are made for; flock refuses a prompt that is longer than the real one, naming both numbers.
CONTEXT, OUTPUT = 131_072, 16_384


@dataclass(frozen=True, slots=True)
class Values:
    """What is filled in: flock's URL without a path, the key, the model's id, its window and output in tokens."""

    base_url: str
    token: str
    model: str = "auto"
    context: int = CONTEXT

    @property
    def output(self) -> int:
        """The most that a tool may ask the model to write: never more than a quarter of its window."""
        return min(OUTPUT, max(1, self.context // 4))

    @property
    def docker_url(self) -> str:
        """The URL from inside a container on the same machine."""
        parts = urlsplit(self.base_url)
        if parts.hostname not in _LOOPBACK:
            return self.base_url
        port = f":{parts.port}" if parts.port else ""
        return parts._replace(netloc=f"{_DOCKER_HOST}{port}").geturl()

    @property
    def question(self) -> str:
        """The body of one short chat request."""
        body = {"model": self.model, "messages": [{"role": "user", "content": "Hello"}]}
        return json.dumps(body, separators=(",", ":"), ensure_ascii=False)

    @property
    def model_quoted(self) -> str:
        """The model's id as a string of JSON, which TOML reads as well."""
        return json.dumps(self.model, ensure_ascii=False)

    @property
    def v1_quoted(self) -> str:
        """The URL with /v1 as a string of JSON."""
        return json.dumps(f"{self.base_url}/v1", ensure_ascii=False)

    def of(self, name: str) -> str | int:
        """Return what a placeholder stands for; `document` and `dir` belong to a run and are filled in there."""
        found: str | int = getattr(self, name)
        return found


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a file must hold: changes and defaults, filled in, and the text of a file with nothing else in it."""

    file: File
    changes: tuple[Change, ...]
    defaults: tuple[Change, ...]
    text: str


def window(model: str, models: Sequence[Model]) -> int:
    """Return the window in tokens that tools are told: the model's own where it is known, the default's for auto."""
    found = next((one for one in models if (one.default if model == "auto" else one.id == model)), None)
    return (found.largest_context or found.context or CONTEXT) if found else CONTEXT


def environment(tool: Tool, values: Values) -> dict[str, str]:
    """Return the variables of the way without a file; those beside its file where there is no other way."""
    return variables(tool.environment or tool.also, tool, values)


def variables(wanted: Mapping[str, str], tool: Tool, values: Values, directory: str = "") -> dict[str, str]:
    """Return variables filled in; {document} is the tool's first file as one line of JSON."""
    more = {"dir": directory}
    if any("{document}" in value for value in wanted.values()):
        found = json.loads(text_of("json", filled_changes(tool.files[0].whole, values)))
        more["document"] = json.dumps(found, separators=(",", ":"), ensure_ascii=False)
    return {name: str(filled(value, values, more)) for name, value in wanted.items()}


def fragments(tool: Tool, values: Values) -> tuple[Fragment, ...]:
    """Return what each of the tool's files must hold."""
    return tuple(_fragment(file, values) for file in tool.files)


def pasted(tool: Tool, values: Values) -> dict[str, str]:
    """Return what is to be put somewhere by hand, by the words that say where."""
    return {one.name: text_of(one.format, filled_changes(one.changes, values)) for one in tool.paste}


def run_files(run: Run, values: Values) -> dict[str, str]:
    """Return the files of one run by name. The key stands in them only where the tool has no other way to it."""
    named = replace(values, token=run.key) if run.key else values
    return {file.name: text_of(file.format, filled_changes(file.changes, named)) for file in run.files}


def commands(tool: Tool, values: Values) -> tuple[str, ...]:
    """Return commands for a POSIX shell, every filled-in word quoted."""
    return tuple(_PLACE.sub(lambda found: shlex.quote(str(values.of(found[1]))), line) for line in tool.commands)


def words(lines: Sequence[str], values: Values) -> tuple[str, ...]:
    """Return lines for people, filled in."""
    return tuple(str(filled(line, values)) for line in lines)


def exports(found: Mapping[str, str]) -> str:
    """Return variables as lines for a POSIX shell."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in found.items())


def filled_changes(changes: Sequence[Change], values: Values) -> tuple[Change, ...]:
    """Return changes with their pointers and values filled in."""
    return tuple(
        replace(
            change, pointer=tuple(_part(part, values) for part in change.pointer), value=filled(change.value, values)
        )
        for change in changes
    )


def filled(value: Any, values: Values, more: Mapping[str, str] | None = None) -> Any:
    """Return a JSON value with the placeholders in its texts filled in; a text that is one placeholder becomes what it
    stands for, a number where that is one. Nothing that was filled in is looked at again.
    """
    if isinstance(value, str):
        return _text(value, values, more or {})
    if is_object(value):
        return {str(_text(key, values, more or {})): filled(inner, values, more) for key, inner in value.items()}
    if is_array(value):
        return [filled(inner, values, more) for inner in value]
    return value


def _text(text: str, values: Values, more: Mapping[str, str]) -> str | int:
    def of(name: str) -> str | int:
        return more[name] if name in more else values.of(name)

    whole = _PLACE.fullmatch(text)
    return of(whole[1]) if whole else _PLACE.sub(lambda found: str(of(found[1])), text)


def _part(part: Part, values: Values) -> Part:
    if isinstance(part, Match):
        return Match(part.key, filled(part.value, values))
    return str(filled(part, values)) if isinstance(part, str) else part


def _fragment(file: File, values: Values) -> Fragment:
    changes, defaults = filled_changes(file.changes, values), filled_changes(file.defaults, values)
    return Fragment(file, changes, defaults, text_of(file.format, (*defaults, *changes)))


def text_of(format: Format, changes: Sequence[Change]) -> str:
    """Return the text of a file that holds these changes and nothing else."""
    return put("", changes, lambda text: open_text(text, format))[0]
