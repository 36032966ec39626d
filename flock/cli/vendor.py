"""`flock vendor add` and `flock vendor test`: the verb with keys to hand in, and the one whose exit code is its answer.

Owns where keys are looked for, and the form that a terminal gets. A key never stands on a command line. The form only
builds the operation, and prints the command that does the same. Called by `deliver.py`.
"""

import dataclasses
import os
import shlex

from flock.cli import ask, out
from flock.cli.call import Perform
from flock.cli.deliver import present
from flock.cli.engine import words_from
from flock.cli.tree import Given
from flock.contract.op import to_argv
from flock.contract.vendors import AddVendor, CheckVendor, KeyCheck, ListVendors, Vendor
from flock.errors import UsageError

# What is handed in at once at most: twenty keys, each shorter than a kilobyte
KEYS_BYTES = 20 * 1024
# FLOCK_VENDOR_KEY, FLOCK_VENDOR_KEY_2 … _20
_VARIABLE, _MOST = "FLOCK_VENDOR_KEY", 20

_OTHERS = (
    ("openai-compatible-", "another one that speaks OpenAI"),
    ("anthropic-compatible-", "another one that speaks Anthropic"),
)


def run(op: AddVendor | CheckVendor, given: Given, perform: Perform) -> int:
    """Add a vendor with the keys that are handed in, or test one; a key that does not do is exit code 1."""
    if isinstance(op, CheckVendor):
        answer = perform(op, given.yes)
        present(op, given, answer)
        checks: list[KeyCheck] = answer.value
        return 0 if all(check.outcome in ("ok", "unknown") for check in checks) else 1
    asked = not op.name
    if asked:
        op = form(op, perform)
    key = op.key or from_environment() or keys_from(0)
    if not key and ask.is_anybody_there():
        key = ask.hidden(f"API key of {op.name} (empty: none is needed):", _command(op)).strip()
    if asked:
        out.say(f"the same without questions: {out.command(_command(op))}")
    present(op, given, perform(dataclasses.replace(op, key=key), given.yes))
    return 0


def form(op: AddVendor, perform: Perform) -> AddVendor:
    """Ask on the terminal which vendor is meant, and where it is if nobody knows.

    Raises UsageError where nobody can be asked.
    """
    if not ask.is_anybody_there():
        raise UsageError("'flock vendor add' needs NAME: a known vendor, or a name of your own", hint=_HINT)
    known: list[Vendor] = perform(ListVendors(all=True), False).value
    choices = [(vendor.name, f"{vendor.title}{' (has a key)' if vendor.keys else ''}") for vendor in known]
    name = ask.choose("Which vendor?", [*choices, *_OTHERS], _HINT)
    if name in dict(_OTHERS):
        name += ask.words("What to call it:", _HINT)
    url = op.url
    if not url and not any(vendor.url for vendor in known if vendor.name == name):
        url = ask.words("Its base URL:", f"flock vendor add {name} --url URL")
    return dataclasses.replace(op, name=name, url=url)


def from_environment() -> str:
    """Return the keys that FLOCK_VENDOR_KEY and its numbered companions hold, one a line."""
    names = [_VARIABLE, *(f"{_VARIABLE}_{number}" for number in range(2, _MOST + 1))]
    return "\n".join(word for name in names if (word := os.environ.get(name, "").strip()))


def keys_from(descriptor: int) -> str:
    """Return the keys that a file or pipe holds, one a line; "" when there is none.

    Raises UsageError for what cannot be keys.
    """
    given = words_from(descriptor, most=KEYS_BYTES).strip()
    lines = [line.split() for line in given.splitlines() if line.strip()]
    if len(given) > KEYS_BYTES or not given.isascii() or any(len(words) > 1 for words in lines):
        raise UsageError(
            "what came on standard input are no API keys: one word of printable characters a line is",
            hint="FLOCK_VENDOR_KEY=… flock vendor add NAME",
        )
    return "\n".join(words[0].decode() for words in lines)


_HINT = "flock vendor ls --all"


def _command(op: AddVendor) -> str:
    return f"{shlex.join(['flock', *to_argv(op)])} < key.txt"
