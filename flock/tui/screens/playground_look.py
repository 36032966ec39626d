"""How the chat page's edges look: its head, the facts beside it, and what it says where nothing is.

Owns their words. Refuses to know a widget. Called by `playground.py`.
"""

from collections.abc import Sequence

from textual.content import Content

from flock import text
from flock.contract.models import Model
from flock.errors import FlockError
from flock.tui import look
from flock.tui.screens.playground_talk import Settings, Talk
from flock.tui.state import Live

_AUTO = "○ whichever suits the question"
_STAGES = {"prefilling": "reading the prompt", "generating": "answering", "sending": "answering"}
# States of a model that a request changes by itself
_COLD = ("stopped", "starting", "loading")


def head(model: str, known: Model | None, settings: Settings, talk: Talk, *, editing: bool) -> Content:
    """Return the line on top: who answers, by which settings, and how much was said."""
    parts = [Content.styled(model, "bold $text-accent")]
    if known is not None:
        parts.append(look.dot(known.state))
    words = [text.count(len(talk.turns), "turn")] if talk.turns else []
    words += [f"{talk.tokens:,} tokens"] if talk.tokens else []
    words += [f"{name} {value}" for name, value in set_ones(settings)]
    found = Content("  ").join([*parts, look.dim(" · ".join(words))])
    if editing:
        found = Content("  ").join([look.styled("editing the last message (esc: leave it)", "$text-warning"), found])
    return found


def set_ones(settings: Settings) -> list[tuple[str, str]]:
    """Return the settings that are not the model's own, by name."""
    found: list[tuple[str, str]] = []
    if settings.temperature is not None:
        found.append(("temperature", f"{settings.temperature:g}"))
    if settings.max_tokens:
        found.append(("at most", f"{settings.max_tokens:,}"))
    if settings.thinking:
        found.append(("thinking", settings.thinking))
    if settings.system:
        found.append(("system", f"“{_short(settings.system, 24)}”"))
    if settings.tools:
        found.append(("tools", "offered"))
    return found


def side(model: str, known: Model | None, settings: Settings, talk: Talk) -> Content:
    """Return the facts beside the conversation."""
    parts = [look.styled("MODEL", "bold $text-muted"), look.styled(model, "bold")]
    if known is not None:
        parts.append(
            look.pairs(
                [
                    ("state", look.dot(known.state)),
                    ("engine", known.engine or look.NONE),
                    ("window", look.number(known.context)),
                    ("memory", look.size(known.memory_bytes)),
                    ("speed", look.rate(known.tokens_per_second)),
                ]
            )
        )
        if known.note:
            parts.append(look.dim(known.note))
    parts += [Content(""), look.styled("SETTINGS", "bold $text-muted")]
    chosen = set_ones(settings)
    parts.append(look.pairs(chosen) if chosen else look.dim("the model's own"))
    parts += [Content(""), look.styled("CONVERSATION", "bold $text-muted")]
    sums = (sum(turn.input_tokens for turn in talk.turns), sum(turn.output_tokens for turn in talk.turns))
    parts.append(look.pairs([("turns", len(talk.turns)), ("in", f"{sums[0]:,}"), ("out", f"{sums[1]:,}")]))
    parts += [Content(""), look.styled("KEYS", "bold $text-muted")]
    keys = ("enter send", "ctrl+j new line", "esc stop, leave", "ctrl+g again", "ctrl+t thinking", "ctrl+l clear")
    parts.append(look.pairs([(key.partition(" ")[0], key.partition(" ")[2]) for key in keys]))
    return Content("\n").join(parts)


def empty(failure: FlockError | None, *, nobody: bool) -> Content:
    """Return what stands where nothing was said yet."""
    if failure is not None:
        return Content("\n").join(
            [look.styled(f"✗ {failure.sentence}", "$text-error"), look.styled(failure.hint, "$text-accent")]
        )
    if nobody:
        return Content.assemble("no model answers yet; add one: ", ("flock model picks", "$text-accent"))
    return look.plain("nothing was said yet: write below, enter sends it; the same from a shell: flock run 'Hello'")


def placeholder(*, wants_result: bool) -> str:
    """Return what stands where nothing is written."""
    return (
        "what its tools give back (enter sends it to the model)"
        if wants_result
        else "message (enter sends, ctrl+j new line)"
    )


def waiting(name: str, known: Model | None, live: Live | None) -> str:
    """Return what a request waits for, as far as is known."""
    if known is not None and known.state in _COLD:
        part = "" if known.progress is None else f" {look.percent(known.progress)}"
        return f"loading {known.id}{part}"
    if live is not None and live.stage == "queued" and live.position is not None:
        eta = "" if live.eta_seconds is None else f", about {look.seconds(live.eta_seconds)}"
        return f"in the queue, number {live.position}{eta}"
    if live is not None and live.stage == "loading":
        return f"loading {live.model or name}"
    return _STAGES.get(live.stage, "waiting") if live is not None else "waiting"


def choices(models: Sequence[Model]) -> list[str]:
    """Return the models to choose from, each with its state behind its id."""
    wide = max((len(model.id) for model in models), default=0)
    rows = [
        f"{model.id:<{wide}}  {look.dot(model.state).plain}{'  the default' if model.default else ''}"
        for model in models
    ]
    return [*rows, f"{'auto':<{wide}}  {_AUTO}"]


def much(words: str) -> str:
    """Return how much was copied."""
    return text.count(len(words), "character")


def _short(words: str, most: int) -> str:
    flat = " ".join(words.split())
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"
