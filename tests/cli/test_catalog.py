"""What `flock model search` says when it finds nothing: the ids that are near."""

import pytest

from flock.cli import catalog
from flock.cli.call import Answer
from flock.cli.tree import Given
from flock.contract.catalog import SearchCatalog
from flock.contract.op import Op
from tests.cli.catalog_values import LARGE, SMALL, VOICE

IDS = ["gpt-oss-20b", "kimi-k2.6-sharded", "qwen3-8b", "qwen3-14b"]


@pytest.mark.parametrize(
    ("words", "near"),
    [
        ("gptoss", ["gpt-oss-20b"]),
        ("QWEN3-8", ["qwen3-8b", "qwen3-14b"]),
        ("kimmi", ["kimi-k2.6-sharded"]),
        ("", []),
        ("xxxxxxxx", []),
    ],
)
def test_near_ids(words: str, near: list[str]) -> None:
    assert catalog.nearest(words, IDS) == near


def asked(op: SearchCatalog, given: Given, found: dict[str, list[object]]) -> list[str]:
    """Run a search against fixed answers, by query; return what was asked for."""
    queries: list[str] = []

    def perform(asked: Op[object], yes: bool) -> Answer:
        assert isinstance(asked, SearchCatalog)
        queries.append(asked.query)
        return Answer(found.get(asked.query, []), b"[]")

    assert catalog.run(op, given, perform) == 0
    return queries


def test_nothing_found_is_said_with_what_is_near(capsys: pytest.CaptureFixture[str]) -> None:
    everything: dict[str, list[object]] = {"": [SMALL, LARGE, VOICE]}
    assert asked(SearchCatalog(query="gpt-os-20b"), Given(), everything) == ["gpt-os-20b", ""]
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "no model of the catalog is called 'gpt-os-20b'",
        "near it: gpt-oss-20b",
        "all of them: flock model search",
    ]
    asked(SearchCatalog(query="gpt-os-20b", fits=True), Given(), everything)
    assert "'gpt-os-20b' with these limits" in capsys.readouterr().err
    asked(SearchCatalog(since="2099"), Given(), {})
    assert capsys.readouterr().err.splitlines()[0] == "no model is there with these limits"


def test_programs_get_an_empty_list_and_no_second_question(capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(SearchCatalog(query="none"), Given(json=True), {}) == ["none"]
    assert capsys.readouterr() == ("[]\n", "")
    assert asked(SearchCatalog(query="none"), Given(quiet=True), {}) == ["none"]
    assert capsys.readouterr() == ("", "")


def test_what_is_found_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(SearchCatalog(query="oss"), Given(), {"oss": [SMALL]}) == ["oss"]
    assert "gpt-oss-20b" in capsys.readouterr().out
