"""A figure: what was measured beside what it may cost, whether that holds, and how a table of them looks.

Measures nothing and knows no figure in particular, the leak's tolerance excepted. Called by rows.py and run.py.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

AT_MOST, AT_LEAST = "≤", "≥"
# Bytes a streamed request may leave behind and still count as none: the smallest leak, one object in a list, is 24,
# while an allocator's pages over 180,000 requests can look like 1 MB.
LEAK_TOLERANCE = 5.0
SOAK_MIN = 100_000  # below so many streams after the warm-up a slope says more about the allocator than about leaks


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: `measured` is None where it could not be measured, and `note` then says why.

    `limit` is the target (None: shown for comparison only), `sense` its direction; `invalid` says why a number that
    was measured must not be trusted.
    """

    name: str
    measured: float | None
    unit: str
    limit: float | None = None
    sense: str = AT_MOST
    reference: str = ""
    note: str = ""
    invalid: str = ""
    target: str = ""

    def verdict(self) -> str:
        """Return "met", "missed by N", "" without a target, or why there is no verdict."""
        if self.measured is None or math.isnan(self.measured):
            return self.note or "not measured"
        if self.invalid:
            return f"invalid: {self.invalid}"
        if self.limit is None:
            return ""
        over = self.measured - self.limit if self.sense == AT_MOST else self.limit - self.measured
        return "met" if over <= 0 else f"missed by {number(over)} {self.unit}".rstrip()

    def cells(self) -> tuple[str, str, str, str, str]:
        """Return the row as texts: figure, measured, target, reference, verdict."""
        measured = "" if self.measured is None else f"{number(self.measured)} {self.unit}".rstrip()
        target = self.target
        if not target and self.limit is not None:
            target = f"{self.sense} {self.limit:g} {self.unit}".rstrip()
        remark = f"{self.verdict()}; {self.note}" if self.note and self.measured is not None else self.verdict()
        return self.name, measured, target, self.reference, remark.removeprefix("; ")

    def plain(self) -> dict[str, object]:
        """Return the row as JSON values."""
        return {
            "figure": self.name,
            "measured": self.measured,
            "unit": self.unit,
            "sense": self.sense if self.limit is not None else None,
            "target": self.limit,
            "reference": self.reference,
            "verdict": self.verdict(),
            "note": self.note,
        }


def number(value: float) -> str:
    """Return a number with three digits that matter: 13,700 · 56.1 · 0.104."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:,.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def leak(slope: float | None, streams: int, faults: int, reference: str) -> Figure:
    """Return the row of the soak; `slope` in bytes per stream, `streams` counted after the warm-up."""
    figure = "memory kept per streamed request, 10 % aborted"
    if slope is None:
        return Figure(figure, None, "B", note="the soak is too short for a slope", target="0")
    return Figure(
        figure,
        slope,
        "B",
        LEAK_TOLERANCE if streams >= SOAK_MIN else None,
        reference=reference,
        note="" if streams >= SOAK_MIN else f"no verdict below {SOAK_MIN:,} streams after the warm-up",
        invalid=f"{faults:,} faulty streams" if faults else "",
        target=f"0 (± {LEAK_TOLERANCE:.0f})",
    )


def table(rows: Sequence[Figure]) -> str:
    """Return the rows as a Markdown table whose columns line up."""
    cells = [("figure", "measured", "target", "in the same run", "verdict"), *(row.cells() for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(5)]
    lines = [" | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in cells]
    lines.insert(1, " | ".join("-" * width for width in widths))
    return "\n".join(f"| {line} |" for line in lines)
