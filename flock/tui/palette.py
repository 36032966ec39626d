"""The palette: every operation and every page, found by typing.

Owns what is offered and in which order. Refuses to carry anything out: it opens the form of an operation, or the page
that shows it better. Textual's palette draws it.
"""

from functools import partial
from typing import Any, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from flock.contract.op import Op, ensure_declared
from flock.tui.app import FlockApp
from flock.tui.table import PAGES

# Operations that a page does better than a form: what they watch is live there
ON_PAGES = {
    "top.show": "monitor",
    "events.follow": "monitor",
    "run.prompt": "playground",
    "tui.open": "home",
    "daemon.doctor": "doctor",
}


class Operations(Provider):
    """Pages and operations, by name and by what they are for."""

    async def discover(self) -> Hits:
        """Offer all of them, the pages first."""
        for title, summary, do in self._all():
            yield DiscoveryHit(Content(title), do, text=title, help=summary)

    async def search(self, query: str) -> Hits:
        """Offer those whose command or summary the letters fit; the command counts more."""
        matcher = self.matcher(query)
        for title, summary, do in self._all():
            by_title, by_summary = matcher.match(title), matcher.match(summary) * 0.4
            if (score := max(by_title, by_summary)) > 0:
                shown = matcher.highlight(title) if by_title else Content(title)
                yield Hit(score, shown, do, text=title, help=summary)

    def _all(self) -> list[tuple[str, str, Any]]:
        app = cast(FlockApp, self.app)
        found: list[tuple[str, str, Any]] = [
            *((entry.title, f"page: {entry.summary}", partial(app.open, entry.name)) for entry in PAGES),
            *((" ".join(k.spec.verb), summary(k), partial(choose, app, k)) for k in ensure_declared().values()),
        ]
        found.append(("theme", "dark or light", app.action_theme))
        found.append(("keys", "what each key does", app.action_keys))
        found.append(("quit", "close the screen; flock goes on", app.exit))
        return found


def choose(app: FlockApp, kind: type[Op[Any]]) -> None:
    """Do what fits an operation: its page, its form, or the terminal for itself."""
    if kind.spec.name in ON_PAGES:
        app.open(ON_PAGES[kind.spec.name])
    else:
        app.acts.ask(kind)


def summary(kind: type[Op[Any]]) -> str:
    """Return the first line of what an operation says of itself."""
    return (kind.__doc__ or "").strip().partition("\n")[0]
