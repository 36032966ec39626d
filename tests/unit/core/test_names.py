"""By which names models are found."""

import pytest

from flock.core.names import Names
from flock.errors import ModelNotFound
from flock.upstream import Placement


def table(*ids: str) -> dict[str, tuple[Placement, ...]]:
    return {id: (Placement(id, f"e:{id}", f"e:{id}", True, "ready", None),) for id in ids}


ALIASES = [("claude-*haiku*", "small"), ("claude-*", "default"), ("gpt-*", "gone")]


@pytest.mark.parametrize(
    ("wanted", "found", "alias", "effort"),
    [
        ("big", "big", "", ""),
        ("", "big", "", ""),
        ("claude-flock-small", "small", "claude-flock-*", ""),
        ("claude-haiku-4-5", "small", "claude-*haiku*", ""),
        ("Claude-Haiku-4-5", "small", "claude-*haiku*", ""),
        ("claude-opus-5", "big", "claude-*", ""),
        ("claude-own", "claude-own", "", ""),
        ("small-none", "small", "*-none", "none"),
        ("claude-flock-small-max", "small", "claude-flock-*", "max"),
        ("big-high", "big-high", "", ""),
    ],
)
def test_a_name_finds_its_model(wanted: str, found: str, alias: str, effort: str) -> None:
    named = Names("big", ALIASES).resolve(wanted, table("small", "big", "claude-own", "big-high"))
    assert (named.model, named.placements[0].model, named.alias, named.effort) == (found, found, alias, effort)


@pytest.mark.parametrize("wanted", ["smal", "gpt-5", "claude-flock-nothing-like-it-and-no-pattern"])
def test_an_unknown_name_is_told_the_nearest(wanted: str) -> None:
    aliases = [pair for pair in ALIASES if pair[0] != "claude-*"]
    with pytest.raises(ModelNotFound) as caught:
        Names("big", aliases).resolve(wanted, table("small", "big"))
    assert wanted in caught.value.sentence
    assert caught.value.details["nearest"]


def test_without_a_default_the_first_model_answers() -> None:
    assert Names().resolve("", table("one", "two")).model == "one"
    with pytest.raises(ModelNotFound, match="no model is installed"):
        Names().resolve("", {})
