"""`flock connect` and `flock disconnect`: the difference first, then a question, then the file.

Owns the question, where a key is read from, and the exit code: 1 where a file was left as it was, the tool's own with
--run. Called by `deliver.py`.
"""

import dataclasses
from shlex import join
from typing import Any

from flock.cli import ask, out
from flock.cli.call import Answer, Perform
from flock.cli.deliver import present
from flock.cli.engine import words_from
from flock.cli.tree import Given
from flock.contract.connect import ConnectClient, Connection, DisconnectClient
from flock.contract.op import to_argv
from flock.errors import UsageError
from flock.show import connect as show

# a key has 41 characters; a file handed in by mistake is not read to its end
_KEY_BYTES = 4096
# What writes the key may ask for a password first; bounds a pipe whose other end never writes.
_KEY_SECONDS = 60.0


def run(op: ConnectClient | DisconnectClient, given: Given, perform: Perform) -> int:
    """Connect a tool or take it off flock. Raises FlockError, among them WouldAsk where nobody can answer."""
    if isinstance(op, ConnectClient):
        op = _with_key(op)
        if op.run:
            return _start(op, given, perform)
    if not op.write:
        present(op, given, perform(op, given.yes))
        return 0
    before: Connection = perform(dataclasses.replace(op, write=False), given.yes).value
    if not any(edit.diff for edit in before.edits) or any(edit.problem and not edit.diff for edit in before.edits):
        return _end(op, given, perform(op, given.yes))
    if not given.json and not given.quiet:
        for line in show.differences(before).blocks:
            out.say(getattr(line, "words", ""), getattr(line, "tone", ""))
    files = " and ".join(edit.path for edit in before.edits if edit.diff)
    question = "Write this into" if isinstance(op, ConnectClient) else "Take this out of"
    ask.confirm(f"{question} {files}?", given.yes, _command(op))
    return _end(op, given, perform(op, given.yes))


def _end(op: ConnectClient | DisconnectClient, given: Given, answer: Answer) -> int:
    """Show what came of it; a file that was left as it was is exit code 1."""
    present(op, given, answer)
    done: Connection = answer.value
    return 1 if any(edit.state == "left" for edit in done.edits) else 0


def _start(op: ConnectClient, given: Given, perform: Perform) -> int:
    """Say what does not fit, then let the tool have the terminal. Returns the tool's exit code."""
    before: Connection = perform(dataclasses.replace(op, run=False, words=(), starting=True), given.yes).value
    for line in show.warnings(before):
        out.say(line.words, line.tone)
    out.flush()
    done: Connection = perform(op, given.yes).value
    return done.exit_code or 0


def _with_key(op: ConnectClient) -> ConnectClient:
    """Return the operation with its key: `-` is read from standard input, one in sight is warned of."""
    if op.token == "-":
        key = words_from(0, _KEY_SECONDS, _KEY_BYTES).decode("ascii", "replace").strip()
        if not key:
            raise UsageError("--token - found no key on standard input", hint="flock connect TOOL --token - < key.txt")
        return dataclasses.replace(op, token=key)
    if op.token:
        out.say(
            "warning: the key stood on a command line, where others on this machine can read it and the shell keeps "
            "it; FLOCK_TOKEN or --token - does not show it",
            "warn",
        )
    return op


def _command(op: Any) -> str:
    """Return the command that asks nothing; a key is read from standard input there."""
    shown = dataclasses.replace(op, token="-") if getattr(op, "token", "") else op
    argv = to_argv(shown)
    size = len(op.spec.verb)
    return join(["flock", *argv[:size], "--yes", *argv[size:]])
