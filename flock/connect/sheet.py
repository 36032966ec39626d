"""The fields of a file of catalog/clients/: what each means, its check, and its JSON Schema.

Owns the declarations; catalog/clients.schema.json is made from them (tools/docs.py), and a file is checked by them.
Refuses fields and placeholders it does not know. Pure. Called by tool.py.
"""

import re
from collections.abc import Mapping
from typing import Any

from flock.connect.changes import Match, Pointer
from flock.errors import ConfigInvalid
from flock.fields import Declared, Fields, inside, many, prose, schema_of, switch, text, word
from flock.plain import is_array, is_object

# what stands in braces in a value, a command or a step, and becomes what it says when a tool is connected
PLACEHOLDERS = frozenset(
    {
        *("base_url", "context", "dir", "docker_url", "document", "model", "model_quoted", "output", "question"),
        *("token", "v1_quoted"),
    }
)
FORMATS = frozenset({"dotenv", "json", "json5", "jsonc", "toml", "yaml"})
DIALECTS = frozenset({"", "anthropic", "gemini", "openai", "responses"})
SUPPORT = frozenset({"none", "print", "write"})
VERIFIED = frozenset({"found", "run", "unsure"})
BASES = frozenset({"", "endpoint", "root", "v1"})

_BRACES = re.compile(r"\{([a-z_]+)\}")
_VARIABLE = r"[A-Z][A-Z0-9_]*"
_ID = r"[a-z0-9][a-z0-9-]*"


def _known(name: str, value: Any) -> None:
    """Refuse a placeholder that would stay as it is, wherever in a value it stands."""
    if isinstance(value, str):
        for found in _BRACES.findall(value):
            if found not in PLACEHOLDERS:
                raise ConfigInvalid(
                    f"{name} holds {{{found}}}; what may stand in braces is {', '.join(sorted(PLACEHOLDERS))}"
                )
    elif is_object(value):
        for key, inner in value.items():
            _known(name, key)
            _known(name, inner)
    elif is_array(value):
        for inner in value:
            _known(name, inner)


def _line(words: str) -> Declared:
    """Declare one line of text with placeholders."""
    plain = text(words)

    def check(name: str, value: Any) -> str:
        found = plain.check(name, value)
        _known(name, found)
        return str(found)

    return Declared(check, plain.schema)


def _value(words: str) -> Declared:
    """Declare any JSON value with placeholders in its texts."""

    def check(name: str, value: Any) -> Any:
        _known(name, value)
        return value

    return Declared(check, {"description": words}, required=True)


def _pointer(words: str) -> Declared:
    """Declare the way to a value: keys, places in a list, and `{key: value}` for the item of a list that has it."""

    def part(name: str, value: Any) -> str | int | Match:
        if is_object(value) and len(value) == 1:
            [(key, wanted)] = value.items()
            if isinstance(key, str) and isinstance(wanted, str | int):
                return Match(key, wanted)
        if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            raise ConfigInvalid(f"{name} must be a key, a place or {{key: value}} of a list's item, not {value!r}")
        _known(name, value)
        return value

    def check(name: str, value: Any) -> Pointer:
        if not is_array(value) or not value:
            raise ConfigInvalid(f"{name} must be the way to a value, such as [env, OPENAI_API_KEY], not {value!r}")
        return tuple(part(f"{name}[{place}]", found) for place, found in enumerate(value))

    item = {
        "type": ["string", "integer", "object"],
        "patternProperties": {"^.+$": {"type": ["string", "integer", "boolean"]}},
    }
    return Declared(check, {"type": "array", "items": item, "minItems": 1, "description": words}, required=True)


def _variables(words: str) -> Declared:
    """Declare a mapping from variables to text with placeholders."""

    def check(name: str, value: Any) -> Mapping[str, str]:
        if not is_object(value):
            raise ConfigInvalid(f"{name} must map variables to their values")
        for key, said in value.items():
            if not isinstance(key, str) or not re.fullmatch(_VARIABLE, key) or not isinstance(said, str):
                raise ConfigInvalid(f"{name}.{key} must be a variable's name with text as its value")
            _known(f"{name}.{key}", said)
        return value

    schema = {
        "type": "object",
        "patternProperties": {f"^{_VARIABLE}$": {"type": "string"}},
        "additionalProperties": False,
        "description": words,
    }
    return Declared(check, schema)


_ONE: Fields = {
    "at": _pointer("where it goes"),
    "value": _value("what stands there then"),
    "loose": switch("whether the tool keeps it current, so that it is taken out whatever it has become"),
}
_CHANGES = many(
    "what is written into it",
    inside("one value", _ONE),
)
_DIRECTORIES = many(
    "directories, the first whose variables are set; `~` is the home directory, `$NAME` a variable", text("a directory")
)
_FORMAT = word("how it is written", FORMATS)
_FILE: Fields = {
    "directory": Declared(_DIRECTORIES.check, _DIRECTORIES.schema, required=True),
    "macos": many("directories on macOS, where those are others", text("a directory")),
    "variable": text("a variable that names the file itself", _VARIABLE, "A_NAME"),
    "names": Declared(
        many("", text("a name")).check,
        many("file names, the first that is there, else the first", text("a name")).schema,
        required=True,
    ),
    "format": Declared(_FORMAT.check, _FORMAT.schema, required=True),
    "changes": Declared(_CHANGES.check, _CHANGES.schema, required=True),
    "defaults": many(
        "what is written only where nothing stands",
        inside("one value", _ONE),
    ),
}
_RUN: Fields = {
    "args": many("arguments before those of the user", _line("an argument")),
    "environment": _variables("variables, over those of `environment`; {dir} is a directory of this run alone"),
    "key": text("how the files of this run name the key, where they can name a variable in its place"),
    "files": many(
        "files in {dir}",
        inside(
            "a file; without changes it gets those of the tool's first file",
            {"name": text("its name", required=True), "format": _FORMAT, "changes": _CHANGES},
        ),
    ),
    "given": switch("whether the program is the first word behind --, not one of `programs`"),
}

FIELDS: Fields = {
    "id": text("what it is called; the file's name", _ID, "small letters, digits and hyphens", required=True),
    "name": text("what people call it", required=True),
    "protocol": text("what it speaks to flock, in words", required=True),
    "dialect": word("which of flock's dialects that is", DIALECTS),
    "base": word("what its base URL is: flock's alone, with /v1, or a whole endpoint", BASES),
    "support": Declared(
        word("", SUPPORT).check,
        word(
            "write: flock edits its file; print: something is to be set by hand; none: no way is known", SUPPORT
        ).schema,
        required=True,
    ),
    "public": switch(
        "whether its servers, not this machine, call the URL: it must be https and reachable from outside"
    ),
    "systems": many("systems it runs on, where not on all: linux, macos, windows", text("a system")),
    "programs": many("its commands, the first found counts", text("a command", r"[A-Za-z0-9._-]+", "a command's name")),
    "places": many("files and directories that say it is installed", text("a path")),
    "version": many("the arguments with which it says its version; none: it is not asked", text("an argument")),
    "windows": text("where its file is on Windows, in words"),
    "files": many("the files flock writes into", inside("a file", _FILE)),
    "paste": many(
        "what is to be put somewhere by hand",
        inside(
            "one text",
            {
                "name": text("where, in words", required=True),
                "format": Declared(_FORMAT.check, _FORMAT.schema, required=True),
                "changes": Declared(_CHANGES.check, _CHANGES.schema, required=True),
            },
        ),
    ),
    "environment": _variables("variables that are enough by themselves, without any file"),
    "also": _variables("variables that it needs beside its file"),
    "unset": many("variables that lead it elsewhere while they are set", text("a variable", _VARIABLE, "A_NAME")),
    "run": inside("how --run starts it; left out: it cannot be", _RUN),
    "commands": many("commands for a shell; what stands in braces is quoted", _line("a command")),
    "steps": many("what to do by hand, in words", _line("a step")),
    "notes": many("what to look out for", _line("a note")),
    "undo": many("how to take it back by hand", _line("words")),
    "verified": Declared(
        word("", VERIFIED).check,
        word(
            "run: tried with the real tool; found: read where `evidence` says; unsure: not confirmed", VERIFIED
        ).schema,
        required=True,
    ),
    "evidence": prose("which version was tried, or where it was read"),
}


def schema() -> dict[str, Any]:
    """Return catalog/clients.schema.json: what a file may hold, for editors and for who writes one by hand."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A tool that flock connects",
        "description": "A file of catalog/clients/, named by its id. Made from flock/connect/sheet.py by `make docs`.",
        **schema_of(FIELDS),
    }
