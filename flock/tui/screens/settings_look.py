"""How settings look: where a value is from as a mark and a word, what waits for the next start, all of one in a few
lines.

Owns the words of the page of settings. Refuses to know a widget. Called by `settings.py` and `settings_edit.py`.
"""

from collections.abc import Sequence
from typing import Any

from textual.content import Content

from flock import text
from flock.contract.op import Op
from flock.contract.settings import Setting
from flock.show import config as config_view
from flock.show.config import waits
from flock.show.view import Line
from flock.tui import look

# How a layer stands in the list: a mark that differs without colour too, the weakest layer first
LAYERS = {
    "default": ("·", "default", "$text-muted"),
    "file": ("●", "file", "$text-success"),
    "environment": ("▲", "environ", "$text-warning"),
    "flag": ("■", "flag", "$text-accent"),
}
RESTART = "flock down && flock up"
EMPTY = "no setting is known yet: flock config show"
NONE_FITS = "no setting fits what is typed; esc shows all of them, as does: flock config show"
NONE_CHANGED = "nothing is set: every value is flock's own; enter on one sets it, as does: flock config set KEY VALUE"


def words(value: Any) -> str:
    """Return a value as it would be typed."""
    return config_view.words(value)


def section(setting: Setting) -> tuple[str, str]:
    """Return the section of a setting ("general" for one without) and its name in it."""
    first, dot, rest = setting.key.partition(".")
    return (first, rest) if dot else ("general", first)


def value(setting: Setting) -> Content:
    """Return the value in force, and behind it the one to come."""
    now = words(setting.value)
    shown = look.plain(now) if now else look.dim("empty")
    if not waits(setting):
        return shown
    return Content.assemble(shown, (f" ◐ {words(setting.next) or 'empty'}", "$text-warning"))


def layer(setting: Setting) -> Content:
    """Return where a value is from, as a mark and a word."""
    mark, name, tone = LAYERS.get(setting.layer, ("·", setting.layer, ""))
    return look.styled(f"{mark} {name}", tone)


def cells(setting: Setting) -> tuple[Content | str, ...]:
    """Return the cells of a setting's row: name, value, layer, summary."""
    name = section(setting)[1]
    strong = "bold" if setting.layer != "default" or waits(setting) else ""
    return (look.styled(name, strong), value(setting), layer(setting), look.dim(setting.summary))


def head(settings: Sequence[Setting] | None, width: int) -> Content:
    """Return how many settings there are from which layer, and what waits for the next start."""
    if settings is None:
        return look.dim("asking for the settings …")
    parts = [Content.styled(text.count(len(settings), "setting"), "bold")]
    for name, (mark, word, tone) in LAYERS.items():
        count = sum(one.layer == name for one in settings)
        if count and name != "default":
            parts.append(look.styled(f"{mark} {count} {word}", tone))
    left, right = Content("  ").join(parts), waiting(settings)
    return look.apart(left, right, width) if right.plain else look.fit(left, width)


def waiting(settings: Sequence[Setting]) -> Content:
    """Return what is to be done for changes that are not in force yet, nothing where there are none."""
    count = sum(waits(one) for one in settings)
    if not count:
        return Content("")
    return Content.assemble((f"◐ {count} wait  ", "$text-warning"), look.command(RESTART))


def detail(setting: Setting) -> Content:
    """Return all that is known of a setting, in lines that wrap."""
    return Content("\n").join([Content.styled(setting.key, "bold $text-accent"), *_lines(setting)])


def brief(setting: Setting) -> Content:
    """Return the same for a few lines of room, the most needed first: its name stands in the list and the command."""
    return Content("\n").join(_lines(setting))


def _lines(setting: Setting) -> list[Content]:
    lines = [
        look.plain(setting.summary),
        Content.assemble(("is  ", "$text-muted"), value(setting), ("  from ", "$text-muted"), origin(setting)),
    ]
    if waits(setting):
        lines.append(look.styled(f"◐ in force from the next start on: {RESTART}", "$text-warning"))
    if said := hides(setting):
        lines.append(look.styled(said, "$text-warning"))
    if setting.allowed:
        lines.append(Content.assemble(("may be  ", "$text-muted"), look.plain(setting.allowed)))
    return [*lines, look.dim(about_change(setting))]


def about_change(setting: Setting) -> str:
    """Return how a change comes into force, and by which variable it could be set too."""
    when = "a change holds from the next start on" if setting.restart else "a change holds at once"
    return f"{when}; ${setting.variable} sets it too" if setting.variable else when


def origin(setting: Setting) -> Content:
    """Return the layer of a value and which file or variable it is."""
    shown = layer(setting)
    return shown if not setting.origin else Content.assemble(shown, f" {setting.origin}")


def hides(setting: Setting) -> str:
    """Return what wins over the file, and so hides an edit of it; "" where nothing does."""
    if setting.layer == "environment":
        return f"▲ {setting.origin} is set in the environment of flock and wins over the file until it is unset"
    if setting.layer == "flag":
        return "■ an option of the command that started flock wins over the file"
    return ""


def said(op: Op[Any], answer: Any) -> str:
    """Return what a change came to, as the command line would say it."""
    shown = config_view.human(op, answer, 0.0)
    return "\n".join(line.words for line in (*shown.blocks, *shown.aside) if isinstance(line, Line))


def now(setting: Setting) -> Content:
    """Return the value in force and where it is from, for the edit of it."""
    return Content.assemble(("now  ", "$text-muted"), value(setting), ("  from ", "$text-muted"), origin(setting))


ABOUT_RESTART = "flock stops, and starts again with what waits; requests that run may end first."
RESTARTED = "flock runs again, with what has waited"


def nothing_to_undo(setting: Setting) -> str:
    """Return that no change of a setting can be taken back."""
    return f"no change of {setting.key} can be taken back\n→ flock history"
