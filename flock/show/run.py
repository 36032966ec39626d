"""How an answer of a model looks."""

from typing import Any

from flock.contract.op import Op
from flock.contract.prompts import PromptAnswer
from flock.show.view import Line, View


def human(op: Op[Any], value: PromptAnswer, now: float) -> View:
    """Show what the model said, and beside it by whom and how much it was."""
    tokens = f"{value.input_tokens:,} in, {value.output_tokens:,} out"
    aside = (Line(f"{value.model} · {tokens} · flock explain {value.request_id}", "dim"),)
    return View(tuple(Line(line) for line in value.text.splitlines()), aside)


def ids(op: Op[Any], value: PromptAnswer) -> list[str]:
    """Return what the model said."""
    return [value.text]
