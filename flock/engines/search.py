"""Where the programs of engines are on this machine.

Owns the order of looking: where the user says, the search path, what `flock engine install` brought. A place the user
names is the only one that counts. Refuses to run anything: versions of Python packages are read from their metadata,
those of other programs are versions.py's. Called by the drivers; made once for all of them by drivers.py.
"""

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flock.engines.engine import Found
from flock.engines.versions import Versions
from flock.paths import short

# what `flock engine install` has finished: a link beside the environments it made, set when all is there
CURRENT = "current"
# the first lines of a script that pip or uv wrote say which Python it is of; the second form is that of long paths
_SHEBANG = re.compile(rb"^#!\s*(/[^\s]+)|^'''exec' \"?(/[^\"\n]+?)\"? \"\$0\"", re.MULTILINE)
_SHEBANG_BYTES = 512


@dataclass(frozen=True, slots=True)
class Place:
    """Where a program is, or `problem`: why what the user named is none."""

    where: str
    problem: str = ""

    def unusable(self, kind: str) -> Found:
        """Return this as an engine that is there and cannot be used."""
        return Found(self.where, problem=self.problem, hint=f"flock config unset engine.{kind}_path")


@dataclass(frozen=True, slots=True)
class Search:
    """Where to look. `paths` maps a kind of engine to what the user named: a program, or a directory it is in;
    `installed` is paths.Home.engines; `path` the search path, PATH of the environment when None.
    """

    paths: Mapping[str, str] = field(default_factory=dict[str, str])
    installed: Path | None = None
    path: str | None = None
    versions: Versions = field(default_factory=Versions)

    def program(self, kind: str, *names: str) -> Place | None:
        """Return where the first of these programs is, None when none of them is anywhere."""
        if named := self.paths.get(kind, ""):
            return _named(named, names)
        for name in names:
            # "python" on the search path says nothing of an engine
            if not name.startswith("python") and (found := shutil.which(name, path=self.path)):
                return Place(found)
        if self.installed is not None:
            # where the link leads: what runs there must be seen to run there when it is to be replaced
            inside = (self.installed / kind / CURRENT).resolve() / "bin"
            return next((Place(str(inside / name)) for name in names if _runs(inside / name)), None)
        return None


def _named(named: str, names: Sequence[str]) -> Place:
    path = Path(named).expanduser()
    if path.is_dir():
        inside = [folder / name for folder in (path / "bin", path) for name in names]
        found = next((program for program in inside if _runs(program)), None)
        missing = f"there is no {names[0]} in the directory {short(path)}"
        return Place(str(found)) if found is not None else Place(str(path), missing)
    if not path.exists():
        return Place(str(path), f"{short(path)} is not there")
    return Place(str(path)) if _runs(path) else Place(str(path), f"{short(path)} is no program that may be run")


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def python_of(program: str) -> str:
    """Return the Python that a program is a script of, the program itself when it is one, "" for anything else."""
    if re.fullmatch(r"python[\d.]*", os.path.basename(program)):
        return program
    try:
        with open(os.path.realpath(program), "rb") as file:
            head = file.read(_SHEBANG_BYTES)
    except OSError:
        return ""
    for found in _SHEBANG.finditer(head):
        python = os.fsdecode(found[1] or found[2])
        if "python" in os.path.basename(python) and _runs(Path(python)):
            return python
    return ""


def package_version(python: str, *names: str) -> str | None:
    """Return the version of the first of these packages that a Python environment has; "" where that cannot be seen
    (the Python of the system may find packages in many places), None when the environment has none of them.
    """
    # not resolved: bin/python of an environment is a link to the system's
    prefix = Path(python).parent.parent
    for name in names:
        # names in metadata are spelled with "_" (packaging.python.org, binary distribution format)
        pattern = f"lib/python3*/site-packages/{name.replace('-', '_')}-*.dist-info/METADATA"
        for metadata in sorted(prefix.glob(pattern), reverse=True):
            return metadata.parent.name.removesuffix(".dist-info").partition("-")[2]
    return None if (prefix / "pyvenv.cfg").exists() else ""


def python_engine(search: Search, kind: str, package: str, least: str, *names: str) -> tuple[str, Found | None]:
    """Find an engine that is a Python package: return its Python, "" when there is none to run, and what was found.

    `package` is its first name; a later one after "|" is the same program under another. `least` is the oldest version
    that will do.
    """
    place = search.program(kind, *names, "python")
    if place is None:
        return "", None
    if place.problem:
        return "", place.unusable(kind)
    packages = package.split("|")
    hint = f"flock engine install {kind}"
    if not (python := python_of(place.where)):
        return "", Found(place.where, problem=f"{short(place.where)} belongs to no Python that is there", hint=hint)
    version = package_version(python, *packages)
    if version is None:
        return "", Found(place.where, problem=f"the Python it is of has no {packages[0]}", hint=hint)
    if is_older(version, least):
        old = f"{packages[0]} {version} is too old, {least} or newer is needed"
        return python, Found(place.where, version, old, hint)
    return python, Found(place.where, version)


def is_older(version: str, least: str) -> bool:
    """Return whether a version is before another one; one that says nothing is not."""
    numbers = [int(part) for part in re.findall(r"\d+", version.partition("+")[0])]
    return bool(numbers) and numbers < [int(part) for part in least.split(".")]
