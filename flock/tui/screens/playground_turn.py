"""How a turn looks: the question, what was thought, the answer, the tools it calls, and what it took.

Owns its words. Refuses to know a widget: blocks go to the transcript. Called by `playground.py`.
"""

from textual.content import Content

from flock import text
from flock.text import clean
from flock.tui import look
from flock.tui.screens.playground_talk import Turn
from flock.tui.widgets.marked import Block

# Lines of a question that are shown while it is folded: more was pasted
_ASKED_LINES = 12
_ASKED_BAR = "$primary"
_NOTHING = Block(Content(""))
_FINISHES = {
    "length": "cut off at the most tokens it may have",
    "content_filter": "cut off by the engine's filter",
}


def blocks(turn: Turn, now: float, doing: str, tokens: int = 0) -> list[Block]:
    """Return a turn's blocks; `doing` is what is known of the request before anything came, `tokens` how many have."""
    return [
        *_asked(turn),
        _NOTHING,
        *_thought(turn),
        *turn.marked.blocks,
        *(block for number in range(len(turn.calls)) for block in _call(turn, number)),
        *_end(turn, now, doing, tokens),
        _NOTHING,
    ]


def _asked(turn: Turn) -> list[Block]:
    lines = turn.asked.expandtabs(4).split("\n")
    shown = lines if "asked" in turn.opened else lines[:_ASKED_LINES]
    head = [Block(look.dim("what the tools gave back:"), bar=_ASKED_BAR)] if turn.as_result else []
    words = Content.styled("\n".join(clean(line) for line in shown), "bold")
    found = [*head, Block(words, bar=_ASKED_BAR)]
    if len(lines) > _ASKED_LINES:
        more = "▾ fewer" if shown is lines else f"▸ {text.count(len(lines) - _ASKED_LINES, 'more line')}"
        found.append(Block(look.dim(more), tag="asked", bar=_ASKED_BAR))
    return found


def _thought(turn: Turn) -> list[Block]:
    if not turn.thinking:
        return []
    words = text.count(len(turn.thinking.split()), "word")
    took = "thinks" if turn.thought is None else f"thought for {look.seconds(turn.thought)}"
    mark = "▾" if "thinking" in turn.opened else "▸"
    head = Block(look.dim(f"{mark} {took}, {words}"), tag="thinking")
    if mark == "▸":
        return [head]
    lines = turn.thinking.strip("\n").split("\n")
    return [head, *(Block(look.styled(line, "$text-muted italic"), lead="│ ") for line in lines)]


def _call(turn: Turn, number: int) -> list[Block]:
    name, arguments = turn.calls[number]
    tag = f"call-{number}"
    mark = "▾" if tag in turn.opened else "▸"
    flat = " ".join(arguments.split()).replace("{ ", "{").replace(" }", "}")
    folded = "" if mark == "▾" else f" {flat[:60]}{'…' if len(flat) > 60 else ''}"
    head = Block(
        Content.assemble((f"{mark} calls ", "$text-muted"), (clean(name), "bold $text-accent"), clean(folded)), tag=tag
    )
    if mark == "▸":
        return [head]
    return [head, *(Block(look.plain(line), "code", " ") for line in arguments.split("\n"))]


def _end(turn: Turn, now: float, doing: str, tokens: int) -> list[Block]:
    if turn.running:
        whole = float(int(now - turn.sent))
        passed = f" · {look.seconds(whole).replace('.0 s', ' s')}" if whole > 0 else ""
        words = {"waiting": doing, "thinking": "thinking", "answering": "answering"}[turn.stage]
        count = f" · {text.count(tokens, 'token')}" if tokens else ""
        return [Block(Content.assemble((f"◐ {clean(words)}", "$text-warning"), (f"{count}{passed}", "$text-muted")))]
    found: list[Block] = []
    if turn.error is not None:
        found.append(Block(look.styled(f"✗ {turn.error.sentence}", "$text-error")))
        if turn.error.hint:
            found.append(Block(look.styled(turn.error.hint, "$text-accent"), lead="→ "))
    elif turn.stage == "stopped":
        found.append(Block(look.styled("■ stopped", "$text-warning")))
    elif not turn.text and not turn.calls:
        found.append(Block(look.dim("(it said nothing)")))
    if turn.finish in _FINISHES:
        found.append(Block(look.styled(_FINISHES[turn.finish], "$text-warning")))
    return [*found, Block(look.dim(facts(turn)), tag="facts")]


def facts(turn: Turn) -> str:
    """Return the line below an answer: the model, tokens, speed, times, and the request's id."""
    parts = [turn.model or "the default model"]
    if turn.input_tokens or turn.output_tokens:
        parts.append(f"{turn.input_tokens:,} in, {turn.output_tokens:,} out")
    if turn.speed is not None:
        parts.append(look.rate(turn.speed))
    if turn.first is not None:
        parts.append(f"first {look.seconds(turn.first)}")
    parts.append(look.seconds(turn.took))
    if turn.request_id:
        parts.append(turn.request_id)
    return " · ".join(parts)
