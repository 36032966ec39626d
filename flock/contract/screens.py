"""The terminal's full screen."""

from flock.contract.op import Op, Where, arg, flag, operation

# The pages of the full screen, and its themes
PAGES = (
    *("home", "monitor", "models", "engines", "tokens", "usage", "audit", "connect", "playground", "settings"),
    "doctor",
)
THEMES = ("dark", "light", "none")


@operation(
    "tui.open",
    "tui",
    where=Where.LOCAL,
    aliases=("ui",),
    examples=("tui", "tui monitor", "tui --theme light"),
    watch=False,
)
class OpenTui(Op[None]):
    """Open the full screen: what runs, live, and every command behind a key.

    Another machine's: `flock --host ssh://USER@BOX tui`.
    """

    page: str = arg(
        "home, monitor, models, engines, tokens, usage, audit, connect, playground, settings or doctor",
        default="home",
        choices=PAGES,
    )
    theme: str = flag("dark, light or none; follows NO_COLOR otherwise", default="", choices=THEMES)
