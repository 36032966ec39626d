"""A keyring with faults, for a daemon's environment: PYTHON_KEYRING_BACKEND=tests.fakes.rings.Ring.

It keeps what it is given in RING_DIRECTORY/kept.json. RING_DIRECTORY/mood, read at every call, says how it behaves:
good, hangs, raises (with the value in its words), loses, lies, sticks (deletes nothing), asks (on standard input),
exits. RING_DIRECTORY/calls counts what it was asked.
"""

import json
import os
import sys
import threading
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.backends import chainer


class Ring(KeyringBackend):
    """The keyring; `directory` stands for RING_DIRECTORY."""

    priority = 5  # type: ignore[assignment]

    def __init__(self, directory: Path | None = None) -> None:
        super().__init__()
        self.directory = directory or Path(os.environ["RING_DIRECTORY"])

    def get_password(self, service: str, username: str) -> str | None:
        mood = self._meet("get", username)
        found = self.kept().get(f"{service}/{username}")
        return f"not {found}" if mood == "lies" else found

    def set_password(self, service: str, username: str, password: str) -> None:
        if self._meet("set", password) != "loses":
            self._keep({**self.kept(), f"{service}/{username}": password})

    def delete_password(self, service: str, username: str) -> None:
        if self._meet("delete", username) != "sticks":
            self._keep({name: value for name, value in self.kept().items() if name != f"{service}/{username}"})

    def kept(self) -> dict[str, str]:
        """Return everything in it."""
        file = self.directory / "kept.json"
        return json.loads(file.read_text()) if file.exists() else {}

    def be(self, mood: str) -> None:
        """Behave so from now on."""
        (self.directory / "mood").write_text(mood)

    def calls(self) -> list[str]:
        """Return the verbs it was asked, in order."""
        file = self.directory / "calls"
        return file.read_text().split() if file.exists() else []

    def _keep(self, kept: dict[str, str]) -> None:
        (self.directory / "kept.json").write_text(json.dumps(kept))

    def _meet(self, verb: str, value: str) -> str:
        file = self.directory / "mood"
        mood = file.read_text() if file.exists() else "good"
        with (self.directory / "calls").open("a") as calls:
            calls.write(f"{verb}\n")
        if mood == "hangs":
            threading.Event().wait()
        if mood == "raises":
            raise RuntimeError(f"no {verb} of {value} here")
        if mood == "exits":
            sys.exit(f"no {verb}")
        if mood == "asks":
            input("passphrase of this keyring? ")
        return mood


class Weak(Ring):
    """A keyring that the library does not recommend."""

    priority = 0.5  # type: ignore[assignment]


class PlaintextRing(Ring):
    """A keyring that says what it is."""


def chain(*members: KeyringBackend) -> KeyringBackend:
    """Return what the library makes of several keyrings on one desktop."""

    class Chain(chainer.ChainerBackend):
        backends = members  # type: ignore[assignment]
        priority = 10  # type: ignore[assignment]

    return Chain()
