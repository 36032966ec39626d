"""How much a model is to think: the words for it, how each dialect says them, what a word is to Gemini and Ollama.

A model's name may end in one (`<model>-none`, `<model>-high`), for tools that cannot say it. Pure. Owns the words and
the one table between efforts, Gemini's budgets and levels and Ollama's `think` (pitfall 48). Called by core/names.py's
caller, by the Gemini and by the Ollama dialect.
"""

import re
from typing import Any

from flock.plain import is_object

# the words every dialect's effort knows, and "none"
EFFORTS = ("none", "minimal", "low", "medium", "high", "max")
# Thinking tokens by effort: those of Google's own OpenAI-compatible endpoint (its guide "OpenAI compatibility",
# "Thinking"), where "none" turns thinking off; 24,576 is the most that every Gemini 2.5 takes.
GEMINI_BUDGETS = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24_576}
_MOST = GEMINI_BUDGETS["high"]
# google-genai's ThinkingLevel. "xhigh" only the newest models know; thinking cannot be turned off where levels are.
_LEVELS = {"none": "MINIMAL", "minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH"}
# Ollama's `think` (api/types.go): the levels that every version with levels takes; "max" is newer, and refused before.
_THINK: dict[str, bool | str] = {
    "none": False,
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}
# Models before Gemini 3 have budgets and refuse levels.
_BUDGETED = re.compile(r"gemini-(?:1|2)[.\-]|gemini-robotics-er-1|learnlm")


def split(name: str) -> tuple[str, str]:
    """Return (model, effort) of a name that ends in an effort, (name, "") of any other."""
    model, _, effort = name.rpartition("-")
    return (model, effort) if model and effort in EFFORTS else (name, "")


def fields(dialect: str, body: dict[str, Any], effort: str) -> dict[str, Any]:
    """Return the top-level fields that ask for an effort, in the words of a dialect."""
    if dialect == "openai":
        return {"reasoning_effort": effort}
    if dialect == "ollama":
        return {"think": ollama_think(effort)}
    if dialect == "responses":
        return {"reasoning": {**_object(body.get("reasoning")), "effort": effort}}
    if dialect.startswith("gemini"):
        config = _object(body.get("generationConfig"))
        thinking = _object(config.get("thinkingConfig"))
        kept = {name: value for name, value in thinking.items() if name != "thinkingLevel"}
        # a budget, which models with levels take too: the model's name is not known here
        asked = {**kept, "thinkingBudget": GEMINI_BUDGETS.get(effort, _MOST)}
        return {"generationConfig": {**config, "thinkingConfig": asked}}
    if effort == "none":
        return {"thinking": {"type": "disabled"}}
    return {"output_config": {**_object(body.get("output_config")), "effort": effort}}


def ollama_think(effort: str) -> bool | str:
    """Return what Ollama's `think` says for an effort: the nearest level, "medium" (as true is) for an unknown one."""
    return _THINK.get(effort, "medium")


def effort_of_level(level: str) -> str:
    """Return the effort of a Gemini thinking level in any case, "" for none or THINKING_LEVEL_UNSPECIFIED."""
    effort = level.lower()
    return effort if effort in ("minimal", "low", "medium", "high", "xhigh") else ""


def gemini_thinking(effort: str, model: str) -> tuple[dict[str, Any], str]:
    """Return what asks a Gemini model for an effort, and what was changed ("" if nothing): the nearest it has."""
    if is_budgeted(model):
        budget = GEMINI_BUDGETS.get(effort, _MOST)
        if effort == "none" and "pro" in model:  # it cannot be turned off; 128 is the least it takes
            return {"thinkingBudget": 128}, "reasoning effort: none → 128 tokens, the least"
        return {"thinkingBudget": budget}, "" if effort in GEMINI_BUDGETS else f"reasoning effort: {effort} → high"
    level = _LEVELS.get(effort, "HIGH")
    if level == "MINIMAL" and "flash" not in model:  # the larger models begin at LOW
        return {"thinkingLevel": "LOW"}, f"reasoning effort: {effort} → low"
    changed = effort == "none" or effort not in _LEVELS
    return {"thinkingLevel": level}, f"reasoning effort: {effort} → {level.lower()}" if changed else ""


def is_budgeted(model: str) -> bool:
    """Return whether a Gemini model takes thinking budgets and refuses levels."""
    return _BUDGETED.match(model.rpartition("/")[2].lower()) is not None


def _object(value: Any) -> dict[str, Any]:
    return value if is_object(value) else {}
