"""Where a tool's files lie on this machine, and whether it is here.

Owns the reading of paths in catalog/clients/ and the question for a version. Refuses to write. Called by connect.py.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from flock.connect.tool import File, Tool

# A Python program takes a second or two to say its version on a busy machine; one that opens a window instead, or
# waits for a network, would hang the list for ever.
VERSION_SECONDS = 5.0
# How many are asked at once: each is a process that reads a few hundred files
_AT_ONCE = 8
_VERSION = re.compile(r"\d+\.\d+[\w.+-]*")
_VARIABLE = re.compile(r"\$([A-Z][A-Z0-9_]*)")


def path_of(file: File, environ: Mapping[str, str], system: str = sys.platform) -> Path:
    """Return where a tool's file lies, or would lie: the tool's own variables first, then the platform's place."""
    if file.variable and (named := environ.get(file.variable, "")):
        return Path(os.path.abspath(_home(named, environ)))
    directories = file.macos if system == "darwin" and file.macos else file.directory
    found = [place for words in directories if (place := _place(words, environ)) is not None]
    directory = found[0] if found else Path(_home("~", environ))
    return next((directory / name for name in file.names if (directory / name).exists()), directory / file.names[0])


def program_of(tool: Tool, path: str) -> str:
    """Return the first of a tool's commands on `path`, "" for none."""
    return next((found for name in tool.programs if (found := shutil.which(name, path=path))), "")


def is_here(tool: Tool, environ: Mapping[str, str], path: str) -> bool:
    """Return whether a tool is installed, as far as its commands and its places tell."""
    places = (_place(words, environ) for words in tool.places)
    return bool(program_of(tool, path)) or any(place is not None and place.exists() for place in places)


def versions(tools: tuple[Tool, ...], environ: Mapping[str, str], path: str) -> dict[str, str]:
    """Return the versions of those tools that have a command here and say one, by id."""

    def asked(tool: Tool) -> str:
        program = program_of(tool, path)
        if not program or not tool.version:
            return ""
        return _package(Path(program)) or _said([program, *tool.version], environ)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return {tool.id: said for tool, said in zip(tools, pool.map(asked, tools), strict=True) if said}


def _package(program: Path) -> str:
    """Return the version of the npm package a command belongs to, "" for another kind: starting Node takes seconds."""
    if "node_modules" not in (real := program.resolve()).parts:
        return ""
    for directory in real.parents:
        if directory.parent.name == "node_modules" or directory.parent.name.startswith("@"):
            try:
                said = json.loads((directory / "package.json").read_bytes())["version"]
            except (OSError, ValueError, KeyError, TypeError):
                return ""
            return said if isinstance(said, str) else ""
    return ""


def _said(argv: list[str], environ: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=dict(environ),
            timeout=VERSION_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = _VERSION.search((done.stdout or done.stderr).decode("utf-8", "replace"))
    return found[0] if found and done.returncode == 0 else ""


def _place(words: str, environ: Mapping[str, str]) -> Path | None:
    """Return a path of the catalog; None where a variable of it is not set, or says no absolute path."""
    missing = [name for name in _VARIABLE.findall(words) if not os.path.isabs(_home(environ.get(name, ""), environ))]
    if missing:
        return None
    filled = _VARIABLE.sub(lambda found: environ[found[1]], words)
    return Path(_home(filled, environ))


def _home(words: str, environ: Mapping[str, str]) -> str:
    """Return a path with "~" in front replaced by the caller's home directory."""
    if words != "~" and not words.startswith("~/"):
        return words
    return (environ.get("HOME") or os.path.expanduser("~")) + words[1:]
