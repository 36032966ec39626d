"""A fake hub for the length of a block: starts tests/fakes/hub.py as a process of its own and ends it."""

import contextlib
import json
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.running import ROOT


@dataclass(frozen=True, slots=True)
class FakeHub:
    """A running fake hub: its URL, and the directory its repositories lie in."""

    url: str
    root: Path

    def put(self, repo: str, files: dict[str, bytes], **card: Any) -> None:
        """Put a repository there: its files, and what its card says (license, gated, downloads, tags)."""
        for path, data in files.items():
            file = self.root / repo / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        (self.root / repo / ".hub.json").write_text(json.dumps(card))

    def arm(self, fault: str, after: int = 0, times: int = 1) -> None:
        """Order a fault for the next requests of files."""
        self._ask(f"/arm?fault={fault}&after={after}&times={times}")

    def release(self) -> None:
        """Let go what is held."""
        self._ask("/release", b"")

    def seen(self, path: str = "") -> list[dict[str, Any]]:
        """Return the requests so far whose path has these words in it."""
        return [row for row in self._ask("/seen") if path in row["path"]]

    def contents(self) -> list[tuple[str, int, int]]:
        """Return (Range, status, bytes sent) of every GET of a file's bytes."""
        rows = [row for row in self._ask("/seen") if row["method"] == "GET" and row["status"] != 302]
        return [(r["range"], r["status"], r["sent"]) for r in rows if not r["path"].startswith("/api/")]

    def reset(self) -> None:
        """Let it be as it was at its start, without repositories."""
        self._ask("/reset", b"")
        for place in self.root.iterdir():
            shutil.rmtree(place)

    def _ask(self, path: str, body: bytes | None = None) -> Any:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(self.url + path, data=body, timeout=30) as answer:
            return json.load(answer)


@contextlib.contextmanager
def fake_hub(root: Path) -> Iterator[FakeHub]:
    """Run a fake hub over a directory and yield it."""
    root.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.hub", "--root", str(root)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert process.stdout is not None
        found = re.match(r"PORT (\d+)", process.stdout.readline())
        assert found is not None, "the fake hub did not start"
        yield FakeHub(f"http://127.0.0.1:{found[1]}", root)
    finally:
        process.terminate()
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()
