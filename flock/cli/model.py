"""Verbs of models that name files: `flock model add file:…`, `flock model scan`, `flock model config --template …`.

Owns what of a command line is meant of the directory it was typed in. Refuses to know how a job is watched
(`follow.py`). Called by `deliver.py`.
"""

import dataclasses
import os
from typing import Any

from flock.cli import follow
from flock.cli.call import Perform
from flock.cli.deliver import present
from flock.cli.tree import Given
from flock.contract.models import AddModel, ConfigureModel, ScanDirectory, Validation
from flock.contract.op import Op


def run(op: Op[Any], given: Given, perform: Perform) -> int:
    """Carry out a verb whose paths are meant from the user's directory, and follow its job. Raises FlockError."""
    if isinstance(op, AddModel):
        op = dataclasses.replace(op, source=absolute(op.source), entry=_path(op.entry))
    elif isinstance(op, ScanDirectory):
        op = dataclasses.replace(op, directory=_path(op.directory))
    elif isinstance(op, ConfigureModel):
        op = dataclasses.replace(op, template=_file(op.template), draft=_file(op.draft))
    answer = perform(op, given.yes)
    if isinstance(op, AddModel):
        return follow.run(op, given, perform, answer)
    present(op, given, answer)
    # as with `flock doctor`: a script must learn of it
    return 1 if isinstance(answer.value, Validation) and not answer.value.usable else 0


def absolute(source: str) -> str:
    """Return the source with its path made absolute: the daemon stands in another directory, and shells do not expand
    the "~" of "file:~/a.gguf".
    """
    scheme, colon, path = source.partition(":")
    if scheme != "file" or not colon or not path or path.startswith("//"):
        return source
    return "file:" + _path(path)


def _path(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path)) if path else ""


def _file(words: str) -> str:
    """Return what is written as a path made absolute; a bare word ("auto", a model's id) stays as it is."""
    return _path(words) if "/" in words or words.startswith("~") else words
