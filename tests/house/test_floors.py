"""The floors hold: pyproject.toml's import contracts, each of which has its reason above it."""

import re
import subprocess
import sys

from tests.house.tree import ROOT


def test_every_import_contract_is_kept() -> None:
    argv = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_every_import_contract_has_its_reason() -> None:
    lines = (ROOT / "pyproject.toml").read_text("utf-8").splitlines()
    starts = [i for i, line in enumerate(lines) if line == "[[tool.importlinter.contracts]]"]
    assert len(starts) >= 10
    for start in starts:
        assert re.match(r"# \w", lines[start + 1]), f"no reason above {lines[start + 2]}"
