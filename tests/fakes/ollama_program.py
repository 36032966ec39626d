"""A program called `ollama`, which serves as the fake Ollama does, at OLLAMA_HOST and with the store OLLAMA_MODELS.

What it was started with is in files beside it, one a start; while a file called `broken` is there, it
ends with an error.
"""

import json
import sys
from pathlib import Path
from typing import Any

import psutil

from tests.running import ROOT, command_line

_PROGRAM = """#!{python}
import json, os, sys
here = os.path.dirname(os.path.abspath(__file__))
if sys.argv[1:] == ["--version"]:
    print("Warning: client version is 0.14.0")
    sys.exit()
assert sys.argv[1:] == ["serve"], sys.argv
said = {{name: value for name, value in os.environ.items() if name.startswith("OLLAMA_")}}
with open(os.path.join(here, f"start-{{os.getpid()}}.json"), "w") as file:
    json.dump(said, file)
if os.path.exists(os.path.join(here, "broken")):
    sys.exit("Error: the disk of models is made of cheese")
os.chdir({root!r})
store = os.environ.get("OLLAMA_MODELS") or os.path.join(here, "models")
port = os.environ["OLLAMA_HOST"].rpartition(":")[2]
os.execv(sys.executable, [sys.executable, "-m", "tests.fakes.ollama", "--port", port, "--store", store])
"""


class OllamaProgram:
    """The program in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / "ollama"
        directory.mkdir(parents=True, exist_ok=True)
        self.path.write_text(_PROGRAM.format(python=sys.executable, root=str(ROOT)))
        self.path.chmod(0o755)

    @property
    def starts(self) -> list[dict[str, Any]]:
        """The variables of Ollama's that each start was given."""
        return [json.loads(path.read_text()) for path in self.directory.glob("start-*.json")]

    def running(self) -> list[psutil.Process]:
        """Return those of its processes that run."""
        found: list[psutil.Process] = []
        for path in self.directory.glob("start-*.json"):
            try:
                process = psutil.Process(int(path.stem.partition("-")[2]))
                if process.status() != psutil.STATUS_ZOMBIE and "tests.fakes.ollama" in command_line(process):
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def break_(self, *, broken: bool) -> None:
        """Let every start fail, or none any more."""
        mark = self.directory / "broken"
        mark.touch() if broken else mark.unlink(missing_ok=True)
