"""A fake Ollama for the length of a block: starts tests/fakes/ollama.py as a process of its own and ends it."""

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator

from tests.running import ROOT


@contextlib.contextmanager
def fake_ollama(*arguments: str) -> Iterator[int]:
    """Run a fake Ollama with these arguments and yield its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.ollama", *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert process.stdout is not None
        found = re.match(r"PORT (\d+)", process.stdout.readline())
        assert found is not None, "the fake Ollama did not start"
        yield int(found[1])
    finally:
        process.terminate()
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()
