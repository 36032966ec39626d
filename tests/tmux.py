"""A real terminal for the full screen: tmux, which is told keys and asked what stands there."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.running import PATIENCE, ROOT, wait_for


class Tmux:
    """One window of a tmux of its own; `keys` are tmux's words (`Enter`, `C-s`), `type` sends words as they are."""

    def __init__(self, name: str, directory: str) -> None:
        self._base = ["tmux", "-L", name, "-f", os.devnull]
        self._environ = {**os.environ, "TMUX_TMPDIR": directory}
        # COLUMNS and LINES, which a worker of the tests is given, would go before the terminal's own size
        for name in ("TMUX", "COLUMNS", "LINES"):
            self._environ.pop(name, None)

    def start(self, width: int, height: int, words: list[str], environment: Mapping[str, str]) -> None:
        """Run a program on a terminal of that size."""
        given = [f"{name}={value}" for name, value in environment.items()]
        size = ["-x", str(width), "-y", str(height)]
        # what is set by tmux itself would not reach the program: PATH above all
        # the shell says how the program ended: tmux (3.3a) does not always know
        said = ["sh", "-c", '"$@"; echo "ended with $?"; read -r _', "sh", "env", *given, *words]
        self._tmux("new-session", "-d", *size, "-c", str(ROOT), *said)

    def keys(self, *keys: str) -> None:
        """Press keys."""
        self._tmux("send-keys", *keys)

    def type(self, words: str) -> None:
        """Type words."""
        self._tmux("send-keys", "-l", words)

    def shown(self) -> str:
        """Return what stands on the terminal."""
        return self._tmux("capture-pane", "-p")

    def coloured(self) -> str:
        """Return what stands on the terminal with its escape sequences."""
        return self._tmux("capture-pane", "-p", "-e")

    def until(self, *words: str) -> str:
        """Wait until all the words stand there and return the whole."""

        def there() -> str | None:
            shown = self.shown()
            return shown if all(word in shown for word in words) else None

        try:
            return wait_for(there, f"{words} on the terminal", PATIENCE)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.shown()}") from None

    def gone(self, words: str) -> None:
        """Wait until words stand there no more."""
        wait_for(lambda: words not in self.shown(), f"{words!r} to go", PATIENCE)

    def ended(self) -> int:
        """Wait until the program has ended and return its exit code."""
        return int(self.until("ended with ").rsplit("ended with ", 1)[1].split()[0])

    def close(self) -> None:
        """End it all."""
        subprocess.run([*self._base, "kill-server"], env=self._environ, capture_output=True, check=False)

    def _tmux(self, *words: str) -> str:
        done = subprocess.run([*self._base, *words], env=self._environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"tmux {words}: {done.stderr}"
        return done.stdout


@contextlib.contextmanager
def terminal(*words: str, width: int = 80, height: int = 24, **environment: str) -> Iterator[Tmux]:
    """Yield a terminal on which a program runs."""
    if shutil.which("tmux") is None:
        if os.environ.get("CI"):
            raise AssertionError("tmux is missing")
        pytest.skip("tmux is missing")
    # a socket's path is short, and a test's directory is not
    with tempfile.TemporaryDirectory(prefix="t-") as directory:
        tmux = Tmux(uuid.uuid4().hex[:8], str(Path(directory)))
        try:
            tmux.start(width, height, list(words), environment)
            yield tmux
        finally:
            tmux.close()
