"""The admin key of a new installation: made here, or brought along by whoever installs flock.

Owns FLOCK_ADMIN_TOKEN and FLOCK_ADMIN_TOKEN_FILE: taken out of the environment before anything else reads it, so that
no child inherits the key. Refuses to say a key anywhere but in its file. Called by serve.py at every start; with an
admin key in the store nothing happens.
"""

import asyncio
import contextlib
import logging
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path

from flock.configfile import write_minimal
from flock.contract.op import Scope
from flock.core.context import Context
from flock.core.key_file import write_key
from flock.errors import FlockError, StartFailed
from flock.policy.keys import PREFIX, SEEDED, new_entry, new_secret

log = logging.getLogger(__name__)

VARIABLE, FILE_VARIABLE = "FLOCK_ADMIN_TOKEN", "FLOCK_ADMIN_TOKEN_FILE"
# the key of whoever typed `flock up`, for `flock me`: the daemon and its children have no use for it
CALLERS = "FLOCK_TOKEN"
# what a key looks like; the command makes one of 48 hexadecimal digits
_RIGHT = f"{VARIABLE}={PREFIX}$(openssl rand -hex 24) flock up"


@dataclass(frozen=True, slots=True)
class Seed:
    """A key that was brought along; `source` is the variable that says it, "" for none."""

    source: str = ""
    words: str = ""

    def secret(self) -> str:
        """Return the key, "" for none. Raises StartFailed, without the key in it, for what cannot be one."""
        words, what = self.words, self.source
        if self.source == FILE_VARIABLE:
            what = f"the file {words} of {FILE_VARIABLE}"
            try:
                words = Path(words).read_text("utf-8").strip()
            except (OSError, ValueError) as error:
                why = error.strerror if isinstance(error, OSError) else "it is not text"
                raise StartFailed(f"cannot read {what}: {why}", hint=f"unset {FILE_VARIABLE}") from None
        if self.source and not SEEDED.fullmatch(words):
            raise StartFailed(
                f"{what} has no API key of flock's: that begins with {PREFIX} and goes on with 24 to 200 letters, "
                "digits, - or _",
                hint=_RIGHT,
            )
        return words


def take_seed(environ: MutableMapping[str, str]) -> Seed:
    """Take a key that was brought along out of the environment; the variable itself counts before that of a file."""
    environ.pop(CALLERS, None)
    found = [(name, environ.pop(name, "").strip()) for name in (VARIABLE, FILE_VARIABLE)]
    return next((Seed(name, words) for name, words in found if words), Seed())


async def first_key(context: Context, seed: Seed) -> bool:
    """Let there be an admin key and a configuration in a new installation; return whether a key was made.

    A key that was made lies in a 0600 file, which is written before the row: a crash in between leaves a file that the
    next start replaces, and a failure none, since a key that lets nobody in would only be tried. One that was brought
    along is kept as its hash alone. Raises StartFailed, StorageFailed.
    """
    if context.keys.has_admin():
        return False
    secret = seed.secret()
    await asyncio.to_thread(write_minimal, context.home.config_file)
    made, path = not secret, context.home.admin_key
    secret = secret or new_secret()
    entry = new_entry("admin", Scope.ADMIN, secret, context.clock.now())
    try:
        if made:
            write_key(path, secret)
        await context.store.keys.insert(entry)
    except FlockError:
        if made:
            with contextlib.suppress(OSError):
                path.unlink()
        raise
    context.keys.add(entry)
    if not made:
        log.info("the admin key %s is the one of %s", entry.id, seed.source)
    return made
