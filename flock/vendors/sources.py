"""Where a vendor's keys come from: variables of the environment, files that they name, the store of secrets.

Owns the names: GROQ_API_KEY, GROQ_API_KEY_2 … _20, each also with _FILE; "vendor:groq", "vendor:groq:2". Refuses one of
flock's own keys, which tools are given under the very same variables: it must never be shown to a vendor. Reads nothing
before it is asked to. Called by keys.py and registry.py.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flock.errors import StorageFailed, VendorKeyMissing
from flock.vendors.vendor import Secrets

# A pool is made of keys that people have several of; nobody has more, and a loop over names needs an end.
MOST = 20
# No key is longer; a file named by mistake is not read into memory.
FILE_BYTES = 65536

OURS = "sk-orc-"


@dataclass(frozen=True, slots=True)
class Source:
    """One key, not read yet: how people call it, and the way to it. `read` raises VendorKeyMissing, SecretsLocked,
    StorageFailed. `stored`: it lies with the secrets, which may be locked now and open later.
    """

    name: str
    read: Callable[[], Awaitable[str]] = field(repr=False)
    stored: bool = False


def secret_name(vendor: str, number: int) -> str:
    """Return under which name the store of secrets has a vendor's key; keys are counted from 1."""
    return f"vendor:{vendor}" if number == 1 else f"vendor:{vendor}:{number}"


def from_environment(variables: tuple[str, ...], environment: Mapping[str, str]) -> list[Source]:
    """Return the keys that variables hold or name, in the order of their numbers."""
    found: list[Source] = []
    for variable in variables:
        for number in range(1, MOST + 1):
            name = variable if number == 1 else f"{variable}_{number}"
            value = environment.get(name, "").strip()
            if value and not value.startswith(OURS):
                found.append(Source(name, _at_hand(value)))
            elif path := environment.get(f"{name}_FILE", "").strip():
                found.append(Source(f"{name}_FILE", _in_file(f"{name}_FILE", Path(path))))
    return found


def from_store(vendor: str, count: int, secrets: Secrets) -> list[Source]:
    """Return the keys that lie with the secrets."""
    return [
        Source(f"stored key {number}", _in_store(vendor, number, secrets), stored=True)
        for number in range(1, count + 1)
    ]


def cleaned(name: str, text: str) -> str:
    """Return a key without white space around it. Raises VendorKeyMissing, without the text, for what cannot be one."""
    key = text.strip()
    if not key:
        raise VendorKeyMissing(f"{name} holds no key", hint="flock vendor ls")
    if key.startswith(OURS):
        raise VendorKeyMissing(f"{name} holds a key of flock's own, which no vendor is shown", hint="flock vendor ls")
    if not key.isascii() or not key.isprintable() or len(key.split()) > 1:
        raise VendorKeyMissing(f"{name} holds no key: one word of printable characters is", hint="flock vendor ls")
    return key


def _at_hand(value: str) -> Callable[[], Awaitable[str]]:
    async def read() -> str:
        return value

    return read


def _in_store(vendor: str, number: int, secrets: Secrets) -> Callable[[], Awaitable[str]]:
    async def read() -> str:
        return await secrets.get(secret_name(vendor, number))

    return read


def _in_file(name: str, path: Path) -> Callable[[], Awaitable[str]]:
    def blocking() -> str:
        try:
            with path.open("rb") as file:
                content = file.read(FILE_BYTES + 1)
        except OSError as error:
            raise StorageFailed(
                f"the file that {name} names, {path}, cannot be read: {error.strerror}", hint=f"ls -l '{path}'"
            ) from None
        if len(content) > FILE_BYTES:
            raise VendorKeyMissing(
                f"the file that {name} names, {path}, is too large for a key", hint=f"ls -l '{path}'"
            )
        return content.decode("utf-8", "replace")

    async def read() -> str:
        return await asyncio.to_thread(blocking)

    return read
