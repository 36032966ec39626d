"""What a relay looks at, by the dialect that passes through: the first event, a failure, the tap.

Owns the table and no reading: each dialect's folder does that. Called by core/commit.py.
"""

from flock.core.answer import Tap
from flock.dialects.anthropic.tap import MessagesTap
from flock.dialects.estimate import estimate
from flock.dialects.gemini.tap import GeminiTap
from flock.dialects.ollama import tap as ollama
from flock.dialects.openai import tap as openai
from flock.dialects.plan import Plan
from flock.dialects.responses import tap as responses


def first_event(dialect: str, frames: bytes) -> bytes | None:
    """Return the data of the first event in whole frames, None where they hold none."""
    return frames.lstrip().partition(b"\n")[0] or None if dialect == "ollama" else openai.first_event(frames)


def fault_of(dialect: str, event: bytes) -> str | None:
    """Return the sentence of an event that is a failure, None for every other."""
    if dialect == "responses":
        return responses.event_fault(event)
    if dialect == "ollama":
        look = ollama.LineTap()
        look.feed(event + b"\n")
        return look.fault
    return openai.event_fault(event)


def tap(made: Plan) -> Tap:
    """Return what looks at a relayed stream."""
    match made.dialect:
        case "responses":
            return responses.ResponsesTap()
        case "anthropic":
            return MessagesTap()
        case "gemini":
            return GeminiTap()
        case "ollama":
            return ollama.LineTap(estimate(made.crossing().request) if made.crossing is not None else 0)
        case _:
            return openai.StreamTap(made.withhold_usage)
