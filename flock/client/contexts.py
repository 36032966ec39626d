"""The file of contexts: other machines' flocks under a name, and which of them is current.

Owns one JSON file of the user's, 0600 since admin keys may stand in it, replaced whole. Refuses to reach anything.
Read by `reach.py` with every command; changed by `local/contexts.py`, one at a time.
"""

import contextlib
import json
import os
import re
import stat
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from flock.errors import FlockError, NotFound, StorageFailed
from flock.lock import folder
from flock.paths import Home, private_dir, short

# This machine's own flock; no other may be called so
LOCAL = "local"

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

# Nobody knows so many boxes: a larger file is none of ours
_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept of a context: its address, where flock lies over there ("": the usual places), its admin key."""

    host: str
    remote_bin: str = ""
    key: str = field(default="", repr=False)


@dataclass(slots=True)
class Contexts:
    """What the file says: entries by name, and the current one's name, "" for this machine."""

    current: str = ""
    entries: dict[str, Entry] = field(default_factory=dict[str, Entry])

    def find(self, name: str) -> Entry:
        """Return the context of that name. Raises NotFound with the nearest names."""
        if name in self.entries:
            return self.entries[name]
        import difflib

        near = difflib.get_close_matches(name, [*self.entries, LOCAL], 3, 0.5)
        known = f"; there is {', '.join(near)}" if near else "" if self.entries else "; none is known yet"
        hint = "flock context ls"
        if "@" in name or "." in name or not self.entries:
            hint = f"flock context add NAME ssh://{name}" if NAME.fullmatch(name.replace("@", ".")) else hint
        raise NotFound(f"no context is called {name!r}{known}", hint=hint, details={"nearest": near})


def load(home: Home) -> Contexts:
    """Return what the file says, nothing where there is none.

    Raises StorageFailed when it cannot be read, is no such file, or belongs to somebody else.
    """
    path = home.contexts
    try:
        with open(path, "rb") as stream:
            owner = os.fstat(stream.fileno()).st_uid
            text = stream.read(_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return Contexts()
    except OSError as error:
        raise StorageFailed(f"cannot read {short(path)}: {error.strerror}", hint=f"ls -l {path}") from None
    if owner not in (os.getuid(), 0):  # another user's words would choose where this one's commands go
        raise StorageFailed(f"{short(path)} belongs to another user", hint=f"ls -l {path}")
    try:
        return _read(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise StorageFailed(
            f"{short(path)} is not as flock wrote it, so it is not known where commands go", hint=f"rm {path}"
        ) from None


def _read(plain: Any) -> Contexts:
    entries: dict[str, Entry] = {}
    for name, one in cast("dict[str, dict[str, Any]]", plain["contexts"]).items():
        words = [one["host"], one.get("remote_bin", ""), one.get("key", "")]
        if not all(isinstance(word, str) for word in words):
            raise TypeError
        entries[name] = Entry(*words)
    current = plain.get("current", "")
    return Contexts(current if current in entries else "", entries)


@contextlib.contextmanager
def changing(home: Home) -> Generator[Contexts]:
    """Yield what the file says, and write what the block made of it; two who do so take turns.

    Raises StorageFailed; nothing is written when the block raises.
    """
    private_dir(home.config)
    with folder(home.config):
        found = load(home)
        yield found
        _write(home.contexts, found)
        _list(home, found)


def _list(home: Home, found: Contexts) -> None:
    """Write the names for the shells beside the lists that the daemon keeps; completion is a comfort, so no error."""
    with contextlib.suppress(OSError, FlockError):
        private_dir(home.run)
        private_dir(home.completions)
        new = home.completions / ".contexts.new"
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.writelines(f"{name}\n" for name in sorted(found.entries))
        os.replace(new, home.completions / "contexts")


def _write(path: Path, found: Contexts) -> None:
    plain = {
        "current": found.current,
        "contexts": {
            name: {key: value for key in ("host", "remote_bin", "key") if (value := getattr(one, key))}
            for name, one in sorted(found.entries.items())
        },
    }
    text = json.dumps(plain, indent=2, ensure_ascii=False) + "\n"
    made = ""
    import tempfile  # 10 ms, and every command reads this file

    try:
        # 0600 from the first (mkstemp), and beside the file: a rename does not cross file systems
        descriptor, made = tempfile.mkstemp(prefix=".contexts-", dir=path.parent)
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(stream.fileno(), stat.S_IRUSR | stat.S_IWUSR)
            stream.write(text.encode())
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(made, path)
    except OSError as error:
        if made:
            with contextlib.suppress(OSError):
                os.unlink(made)
        raise StorageFailed(
            f"cannot write {short(path)}: {error.strerror}", hint=f"free some space: df -h {path.parent}"
        ) from None
