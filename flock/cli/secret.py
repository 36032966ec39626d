"""`flock secret lock` and `unlock`: the verbs with a passphrase, which never stands on a command line.

Owns where the passphrase is looked for: in the file FLOCK_PASSPHRASE_FILE names, on standard input, on the terminal.
Refuses to wait for ever for a standard input that stays open and silent. Called by `deliver.py`.
"""

import dataclasses
import os
import select
import stat
import sys
import time
from typing import Any

from flock.cli import out
from flock.cli.call import Perform
from flock.cli.deliver import present
from flock.cli.tree import Given
from flock.contract.op import to_argv
from flock.contract.secrets import LockSecrets, SecretStore, ShowSecretStore, UnlockSecrets
from flock.errors import UsageError

# `pass show flock | flock secret unlock` may ask for a PIN first
PIPE_SECONDS = 60.0
# beyond the longest passphrase (flock/secrets/seal.py), also where each character takes four bytes
PASSPHRASE_BYTES = 4096


def run(op: LockSecrets | UnlockSecrets, given: Given, perform: Perform) -> int:
    """Carry out the operation with the passphrase it needs, and show where the secrets are then."""
    store: SecretStore = perform(ShowSecretStore(), given.yes).value
    # an encrypted store is locked at once, and one that is not encrypted has nothing to unlock: neither is asked for
    needed = store.encrypted if isinstance(op, UnlockSecrets) else not store.encrypted
    if needed and not op.passphrase:
        op = dataclasses.replace(op, passphrase=passphrase(op))
    present(op, given, perform(op, given.yes))
    return 0


def passphrase(op: LockSecrets | UnlockSecrets, descriptor: int = 0, patience: float = PIPE_SECONDS) -> str:
    """Return the passphrase. Raises UsageError for a file or input that holds none, WouldAsk where nobody can be asked,
    which is also how a pipe ends that stays silent for `patience` seconds.
    """
    command = " ".join(["flock", *to_argv(op)])
    if path := os.environ.get("FLOCK_PASSPHRASE_FILE", ""):
        return _from_file(path)
    if not out.is_terminal(sys.stdin) and (words := _from_input(descriptor, patience)):
        return _one_line(words, "standard input")
    from flock.cli import ask

    again = "The passphrase again:" if isinstance(op, LockSecrets) else ""
    return ask.hidden("Passphrase of the secrets:", f"{command} < FILE", again=again)


def _from_file(path: str) -> str:
    try:
        with open(os.path.expanduser(path), "rb") as file:
            words = file.read(PASSPHRASE_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"cannot read {path}, which FLOCK_PASSPHRASE_FILE names: {error.strerror}", hint=f"ls -l '{path}'"
        ) from None
    return _one_line(words, path)


def _from_input(descriptor: int, patience: float) -> bytes:
    """Return what a file, pipe or socket holds up to its first line's end; devices are not read."""
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return b""
    waits = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
    if not (waits or stat.S_ISREG(mode)):
        return b""
    words, end = b"", time.monotonic() + patience
    while len(words) <= PASSPHRASE_BYTES:
        ready: list[Any] = select.select([descriptor], [], [], max(0.0, end - time.monotonic()))[0]
        part = os.read(descriptor, PASSPHRASE_BYTES) if ready else b""
        if not part:
            break
        words += part
        if waits and b"\n" in part:
            break  # somebody types it through ssh, and their end stays open
    return words


def _one_line(words: bytes, where: str) -> str:
    try:
        line = words.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        line = ""
    if not line or "\n" in line or "\0" in line or len(words) > PASSPHRASE_BYTES:
        raise UsageError(f"what {where} holds is no passphrase: one line of text is", hint="flock secret --help")
    return line
