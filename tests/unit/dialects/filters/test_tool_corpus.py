"""The corpus of tool calls as text: what is a call comes out as one, what is none as the bytes it was, however cut."""

import json
from typing import Any

import pytest

from flock.catalog import load_families
from flock.dialects.filters.tool_formats.table import FORMATS
from flock.dialects.filters.tool_rescue import ToolRescue
from flock.dialects.ir import Text, Tool, ToolCall
from flock.profile import TOOL_FORMATS, Family
from tests.house.tree import ROOT
from tests.unit.dialects.filters.replaying import CORPUS, replayed, reply, samples

CALLS = CORPUS / "tool_calls"
TOOLS = [Tool(name, schema=schema) for name, schema in samples(CALLS / "tools.yaml").items()]
FAMILIES, _ = load_families([ROOT / "catalog"])


def of_every_format(file: str) -> list[Any]:
    """Return (format, sample) of each sample in the files of this name."""
    return [
        pytest.param(name, sample, id=f"{name}: {title}")
        for name in sorted(FORMATS)
        for title, sample in samples(CALLS / name / file).items()
    ]


def rescue(family: Family) -> list[ToolRescue]:
    return [ToolRescue(TOOLS, family)]


@pytest.mark.pitfall(22)
@pytest.mark.pitfall(2)
@pytest.mark.parametrize(("name", "sample"), of_every_format("calls.yaml"))
def test_a_call_comes_out_as_a_call(name: str, sample: dict[str, Any]) -> None:
    found = replayed(lambda: rescue(Family("f", (), tool_formats=(name,))), sample["text"])
    assert found.stop == "tool_calls"
    expected = sample["parts"]
    assert [type(part) for part in found.parts] == [Text if "text" in part else ToolCall for part in expected]
    for part, wanted in zip(found.parts, expected, strict=True):
        if isinstance(part, ToolCall):
            assert (part.name, json.loads(part.arguments)) == (wanted["call"], wanted["arguments"])
        else:
            assert part == Text(wanted["text"])
    ids = [part.id for part in found.parts if isinstance(part, ToolCall)]
    assert len(set(ids)) == len(ids)


@pytest.mark.pitfall(22)
@pytest.mark.parametrize(("name", "text"), of_every_format("prose.yaml"))
def test_prose_comes_out_as_it_is(name: str, text: str) -> None:
    found = replayed(lambda: rescue(Family("f", (), tool_formats=(name,))), text)
    assert found.parts == [Text(text)]
    assert found.stop == "stop"


_HERMES = {"qwen*", "qwq", "hermes*", "granite-4", "smollm3", "mellum2"}
# Prose for one family that is another's own form
OTHERS_FORM = {
    ("hermes", "JSON without the tag"): {"llama-3", "llama-4"},
    ("glm", "Hermes' form is not this family's"): _HERMES,
    ("granite", "an object is not this family's form"): _HERMES,
    ("function_tag", "parameters are another family's form"): {"qwen*", "seed-oss", "nemotron-3", "mimo-v2"},
}


@pytest.mark.parametrize(("name", "text"), of_every_format("prose.yaml"))
def test_prose_is_prose_for_every_family(name: str, text: str, request: pytest.FixtureRequest) -> None:
    title = request.node.callspec.id.partition(": ")[2]
    exempt = OTHERS_FORM.get((name, title), set())
    for family in FAMILIES:
        if not any(family.name == each or (each[-1] == "*" and family.name.startswith(each[:-1])) for each in exempt):
            assert reply(lambda family=family: rescue(family), [text]).parts == [Text(text)], family.name


def test_the_formats_are_those_the_catalog_may_name() -> None:
    assert set(FORMATS) == TOOL_FORMATS
    assert {path.name for path in CALLS.iterdir() if path.is_dir()} == TOOL_FORMATS


def test_the_corpus_is_large_enough() -> None:
    calls, prose = of_every_format("calls.yaml"), of_every_format("prose.yaml")
    for name in FORMATS:
        positive = sum(param.values[0] == name for param in calls)
        negative = sum(param.values[0] == name for param in prose)
        assert positive + negative >= 10, name
        assert negative >= positive, name
    assert len(calls) + len(prose) >= 200
