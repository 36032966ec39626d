"""Build hook: make the smoke model, and give the wheel the data that a checkout keeps beside the package.

Owns what is in a wheel and not in the package's tree: flock/smoke/flock-smoke.gguf (made here, never committed), and
catalog/, completions/ and dashboards/ as flock/data/. An editable installation gets the model only, since it reads the
rest where it lies. Called by hatchling.
"""

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MODEL = "flock/smoke/flock-smoke.gguf"
DATA = ("catalog", "completions", "dashboards")


class Hook(BuildHookInterface):
    """What hatchling calls before it makes a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the model where the package expects it; version is "standard" or "editable"."""
        root = Path(self.root)
        runpy.run_path(str(root / "tools" / "smoke_model.py"))["make"](root / MODEL)
        build_data["artifacts"].append(f"/{MODEL}")  # git ignores it, and hatchling leaves out what git ignores
        if version == "standard":
            for name in DATA:
                build_data["force_include"][str(root / name)] = f"flock/data/{name}"
