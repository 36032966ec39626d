"""The corpus of thinking in text: what is thinking becomes thinking, what speaks of tags stays text, however cut."""

from typing import Any

import pytest

from flock.catalog import load_families
from flock.dialects.filters.think_tags import ThinkTags
from flock.dialects.ir import Part, Text, Thinking
from flock.profile import Family
from tests.house.tree import ROOT
from tests.unit.dialects.filters.replaying import CORPUS, replayed, samples

TAGS = CORPUS / "think_tags"
FAMILIES = {family.name: family for family in load_families([ROOT / "catalog"])[0]}


def of(file: str) -> list[Any]:
    return [pytest.param(sample, id=title) for title, sample in samples(TAGS / file).items()]


def parts(sample: dict[str, Any]) -> list[Part]:
    return [Text(part["text"]) if "text" in part else Thinking(part["thinking"]) for part in sample["parts"]]


def check(family: Family, sample: dict[str, Any]) -> None:
    found = replayed(lambda: [ThinkTags(family)], sample["text"], stop := sample.get("stop", "stop"))
    assert found.parts == parts(sample)
    assert found.stop == stop


@pytest.mark.pitfall(50)
@pytest.mark.parametrize("sample", of("think.yaml"))
def test_thinking_between_tags(sample: dict[str, Any]) -> None:
    check(FAMILIES["qwen3"], sample)


@pytest.mark.pitfall(50)
@pytest.mark.parametrize("text", of("prose.yaml"))
def test_prose_comes_out_as_it_is(text: str) -> None:
    check(FAMILIES["qwen3"], {"text": text, "parts": [{"text": text}]})


@pytest.mark.pitfall(50)
@pytest.mark.parametrize("sample", of("implicit.yaml"))
def test_thinking_whose_opener_stands_in_the_prompt(sample: dict[str, Any]) -> None:
    check(FAMILIES["deepseek-r1"], sample)


@pytest.mark.pitfall(50)
@pytest.mark.parametrize("sample", of("other.yaml"))
def test_other_tags(sample: dict[str, Any]) -> None:
    check(FAMILIES[sample["family"]], sample)


@pytest.mark.pitfall(50)
@pytest.mark.parametrize("sample", of("harmony.yaml"))
def test_channels(sample: dict[str, Any]) -> None:
    check(FAMILIES["gpt-oss"], sample)
