"""The command line in a process of its own, for tests that need one."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from flock.contract.op import Op
from tests.cli.values import CASES

ROOT = Path(__file__).resolve().parents[2]


def by_name(op: Op[Any]) -> Any:
    """Return the fixed answer to an operation."""
    return CASES[op.spec.name][1]


def flock(*words: str, stdin: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "flock", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
