"""Which family a model is of, how its text begins, and what an engine must be told to read it.

Owns the matching of model ids against the globs of catalog/families.yaml. Pure. Called by the plan and when a model is
loaded; the rows are loaded by catalog.py.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache

from flock.dialects.ir import Reasoning
from flock.profile import NO_FAMILY, Family


def family_of(families: Iterable[Family], model_id: str) -> Family:
    """Return the first family one of whose globs fits the id, NO_FAMILY where none does.

    A glob may fit the whole id, its last part behind a slash, or either without an Ollama tag (":8b"); case is of no
    account. "hf.co/unsloth/Qwen3-8B-GGUF:Q4_K_M" is fitted by "qwen3-*".
    """
    return next((family for family in families if _fits(family.models, model_id)), NO_FAMILY)


# A catalog has some 50 rows and a team some 50 models; matching one id against all rows takes half a millisecond.
@lru_cache(8192)
def _fits(globs: tuple[str, ...], model_id: str) -> bool:
    whole = model_id.lower().replace("\\", "/").rstrip("/")
    last = whole.rpartition("/")[2]
    names = {whole, last, _untagged(whole), _untagged(last)}
    return any(fnmatchcase(name, glob.lower()) for glob in globs for name in names)


def _untagged(name: str) -> str:
    """Return a name without its tag; a colon before a slash belongs to a host."""
    head, colon, tag = name.rpartition(":")
    return head if colon and "/" not in tag else name


# Kinds of engines that must be told how a family writes; llama.cpp and MLX-LM see it in the template
_TOLD = frozenset({"vllm"})


def parsers(family: Family, kind: str, tool: str = "", reasoning: str = "") -> tuple[str, str]:
    """Return what an engine of that kind is to be told to take calls and thinking out of a family's text, "" for
    nothing; `tool` and `reasoning` are what was set for the model, and win.
    """
    told = kind in _TOLD
    return tool or (family.tool_parser if told else ""), reasoning or (family.reasoning_parser if told else "")


def begins_as_thinking(family: Family, reasoning: Reasoning | None) -> bool:
    """Return whether the text of an answer begins as thinking, because the prompt holds the opening tag.

    It does not when the request turned thinking off and the family can be told so.
    """
    if not family.think_implicit:
        return False
    if reasoning is None or not (reasoning.mode or reasoning.effort):
        return not family.think_asked
    if reasoning.mode == "off" or reasoning.effort == "none":
        return not (family.think_asked or family.thinking_off)
    return True
