"""What the page of usage asks for: a period, a table, and whose or which model's.

Owns the operations that follow from these. Refuses to ask anybody. Called by `usage.py`.
"""

from dataclasses import dataclass, replace
from typing import Any

from flock.contract.op import Op
from flock.contract.prices import ShowSavings
from flock.contract.usage import BreakDownUsage, RecentUsage, SummarizeUsage

# As `--since` takes them
PERIODS = (("today", "today"), ("24h", "24 h"), ("7d", "7 d"), ("30d", "30 d"), ("month", "month"))
# name, key, title; the first four are what `flock usage breakdown --by` takes
VIEWS = (
    ("user", "p", "People"),
    ("model", "m", "Models"),
    ("vendor", "v", "Vendors"),
    ("key", "k", "Keys"),
    ("recent", "l", "Latest requests"),
    ("savings", "s", "Savings"),
)
# A tall terminal shows about half as many
_ROWS = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """One state of the page; every question follows from it."""

    since: str = "24h"
    view: str = "user"
    user: str = ""
    model: str = ""

    def of(self, **changed: str) -> "Asked":
        """Return it with fields changed."""
        return replace(self, **changed)

    def only_of(self, name: str) -> "Asked":
        """Return it for one user or model only, and what is worth a look then: the models of a user and vice versa."""
        if self.view == "user":
            return replace(self, user=name, view="model")
        return replace(self, model=name, view="user")

    def only(self) -> str:
        """Return the filter in words, "" without."""
        words = " with ".join(filter(None, (self.user, self.model)))
        return f"esc: all · only {words}" if words else ""

    def summary(self) -> SummarizeUsage:
        """Return the question about the figures on top."""
        return SummarizeUsage(since=self.since, user=self.user, model=self.model)

    def over_time(self) -> BreakDownUsage:
        """Return the question behind the chart; groups are added up there, since hours alone cannot be asked for."""
        bucket = "hour" if self.since in ("today", "24h") else "day"
        return BreakDownUsage(by="user", bucket=bucket, since=self.since, user=self.user, model=self.model)

    def table(self) -> Op[Any]:
        """Return the question behind the table; of the latest requests, which are no table, that of the users."""
        if self.view == "savings":
            return ShowSavings(since=self.since)
        by = self.view if self.view != "recent" else "user"
        return BreakDownUsage(by=by, since=self.since, user=self.user, model=self.model)

    def recent(self) -> RecentUsage:
        """Return the question about the latest requests."""
        return RecentUsage(limit=_ROWS, since=self.since, user=self.user, model=self.model)
