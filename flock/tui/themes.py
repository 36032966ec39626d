"""The colours: dark, light, and none.

Owns them as Textual themes. Refuses to choose: `app.py` does, by the option, NO_COLOR and FLOCK_NO_COLOR.
"""

from textual.theme import Theme

DARK = Theme(
    name="dark",
    primary="#5fb3b3",
    secondary="#8fa1b3",
    accent="#e6b450",
    foreground="#d8dee4",
    background="#0f1419",
    surface="#151b22",
    panel="#1b232c",
    success="#7fb86a",
    warning="#e6b450",
    error="#e5726c",
    dark=True,
    variables={
        "footer-key-foreground": "#e6b450",
        "primary-background": "#1d2a33",
        "block-cursor-text-style": "bold",
        "text-muted": "#8795a1",
    },
)
LIGHT = Theme(
    name="light",
    primary="#1f7a7a",
    secondary="#5a6b7b",
    accent="#8a5a00",
    foreground="#1f2428",
    background="#fbfaf7",
    surface="#f4f2ec",
    panel="#eae7de",
    success="#2f7d32",
    warning="#8a5a00",
    error="#b3261e",
    dark=False,
    variables={
        "footer-key-foreground": "#8a5a00",
        "primary-background": "#dfe8e6",
        "block-cursor-text-style": "bold",
        "text-muted": "#667380",
    },
)
THEMES = {"dark": DARK, "light": LIGHT}
