"""A fixed answer of the full screen: none."""

from flock.contract.screens import OpenTui

SCREENS_CASES = {"tui.open": (OpenTui(), None)}
