"""How a batch looks: in one line while it runs, and what it came to."""

from typing import Any, Protocol

from flock import text
from flock.contract.batches import Batch
from flock.contract.op import Op
from flock.show.view import Pairs, View


class Progress(Protocol):
    """How far a batch is; local.batches.Progress is the real one."""

    @property
    def total(self) -> int:
        """All lines."""
        ...

    @property
    def done(self) -> int:
        """Those that were answered."""
        ...

    @property
    def failed(self) -> int:
        """Those that failed."""
        ...

    @property
    def unknown(self) -> int:
        """Those of which nobody knows."""
        ...

    @property
    def output_tokens(self) -> int:
        """The tokens of this run's answers."""
        ...

    @property
    def seconds(self) -> float:
        """How long it runs."""
        ...

    @property
    def nano(self) -> int | None:
        """What was spent, in billionths of a dollar; None where nothing has a price."""
        ...

    @property
    def words(self) -> str:
        """What it waits for."""
        ...


def under_way(progress: Progress) -> str:
    """Return how far a batch is in one line: "120/1,000 · 2 failed · 410 tokens/s · $0.0123 · …"."""
    ended = progress.done + progress.failed + progress.unknown
    parts = [f"{ended:,}/{progress.total:,}"]
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    if progress.unknown:
        parts.append(f"{progress.unknown:,} unknown")
    if progress.output_tokens and progress.seconds > 0:
        parts.append(f"{progress.output_tokens / progress.seconds:.0f} tokens/s")
    if progress.nano is not None:
        parts.append(f"${progress.nano / 10**9:.4f}")
    return " · ".join([*parts, progress.words] if progress.words else parts)


def human(op: Op[Any], value: Batch, now: float) -> View:
    """Show what a batch came to."""
    rows = [
        ("answers", value.output),
        ("state", value.state),
        ("answered", f"{value.done:,} of {value.total:,}"),
        ("failed", f"{value.failed:,}"),
        ("unknown", f"{value.unknown:,} (begun, and nobody knows what became of them)"),
        ("left", f"{value.left:,}"),
        ("tokens", f"{value.input_tokens:,} in, {value.output_tokens:,} out"),
        ("cost", f"${value.cost_usd}"),
        ("took", text.duration(value.seconds)),
    ]
    empty = {
        name
        for name, count in (("failed", value.failed), ("unknown", value.unknown), ("left", value.left))
        if not count
    }
    if value.cost_usd is None:
        empty.add("cost")
    return View((Pairs(tuple(row for row in rows if row[0] not in empty)),))


def ids(op: Op[Any], value: Batch) -> list[str]:
    """Return where the answers are."""
    return [value.output]
