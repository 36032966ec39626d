"""The programs that test_connect.py connects: those of the matrix, and more that need no cell of it.

Owns where each lies and which script brings it. Called by tests/conftest.py and test_connect.py.
"""

from pathlib import Path

from tests.clients.roster import PROGRAMS
from tests.running import ROOT

_MATRIX = ("claude-code", "codex", "opencode", "qwen-code", "gemini-cli", "continue", "cline", "kilo", "aider")
_NPM = ROOT / ".engines" / "tools" / "node_modules" / ".bin"
_HERMES = ROOT / ".engines" / "tools-hermes"

MORE: dict[str, tuple[Path, str]] = {
    "pi": (_NPM / "pi", "tests/engines/install/tools.sh"),
    "copilot": (_NPM / "copilot", "tests/engines/install/tools.sh"),
    "droid": (_NPM / "droid", "tests/engines/install/tools.sh"),
    "hermes": (_HERMES / "bin" / "hermes", "tests/engines/install/hermes.sh"),
}
# the mark of an installation → the program
TOOLS: dict[str, Path] = {name: PROGRAMS[name].command() for name in _MATRIX} | {
    name: path for name, (path, _) in MORE.items()
}


def is_there(name: str) -> bool:
    """Say whether one of MORE is installed, and whole."""
    path, _ = MORE[name]
    return path.exists() and (not path.is_relative_to(_HERMES) or (_HERMES / ".made").exists())
