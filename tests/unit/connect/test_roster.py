"""The roster of tools: one wrong file is named and takes nothing else down; the user's lies over ours."""

import json
from pathlib import Path

import pytest

from flock.connect.roster import Roster
from flock.errors import ConfigInvalid, NotFound

LEAST = {"name": "A", "protocol": "chat", "support": "print", "verified": "found", "steps": ["set {base_url}"]}


def put(directory: Path, client: str, **fields: object) -> None:
    """Write a tool; what is not given is the least that a tool needs."""
    (directory / "clients").mkdir(parents=True, exist_ok=True)
    (directory / "clients" / f"{client}.yaml").write_text(json.dumps(LEAST | fields))


def test_the_user_s_fields_lie_over_ours(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    put(ours, "a", notes=["ours"])
    put(ours, "b")
    (theirs / "clients").mkdir(parents=True)
    (theirs / "clients" / "a.yaml").write_text("notes: [theirs]\n")
    put(theirs, "c")
    listed = Roster([theirs, ours]).all()
    assert listed.problems == ()
    assert [(tool.id, tool.notes) for tool in listed.tools] == [("a", ("theirs",)), ("b", ()), ("c", ())]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "a.yaml"),
        ("- 1", "must be a mapping of fields"),
        ("formt: x", "formt is no field"),
        ("id: z", "is called a and says id: z"),
        ("environment: {a-b: x}", "environment.a-b must be a variable's name"),
        ("steps: ['set {modle}']", "{modle}"),
        ("files: [{format: ini}]", "format must be one of"),
        ("files: [{directory: ['~'], names: [x], format: json, changes: [{at: [], value: 1}]}]", "must be the way"),
        ("support: write", "says support: write and names no file"),
        ("run: {}", "can be run and names no program"),
        ("programs: ['a b']", "must be a command's name"),
    ],
)
def test_a_wrong_file_of_the_user_s_is_named_and_ours_counts(tmp_path: Path, text: str, words: str) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    put(ours, "a")
    put(ours, "b")
    (theirs / "clients").mkdir(parents=True)
    (theirs / "clients" / "a.yaml").write_text(text)
    roster = Roster([theirs, ours])
    listed = roster.all()
    assert [tool.id for tool in listed.tools] == ["a", "b"]
    [(client, problem)] = listed.problems
    assert client == "a"
    assert words in problem
    assert problem.endswith("the file is left out")
    tool, problems = roster.find("a")
    assert (tool.name, problems) == ("A", (problem,))


def test_a_tool_of_the_user_s_alone_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "clients").mkdir()
    (tmp_path / "clients" / "mine.yaml").write_text("name: Mine\n")
    assert Roster([tmp_path]).all().tools == ()
    with pytest.raises(ConfigInvalid, match="lacks protocol, support, verified"):
        Roster([tmp_path]).find("mine")


def test_an_unknown_one_is_answered_with_the_nearest(tmp_path: Path) -> None:
    for client in ("claude-code", "codex-cli", "cline"):
        put(tmp_path, client)
    for words, near in (("codex", ["codex-cli"]), ("claude", ["claude-code"]), ("clien", ["cline"]), ("zzz", [])):
        with pytest.raises(NotFound) as caught:
            Roster([tmp_path]).find(words)
        assert caught.value.details["nearest"][:1] == near
        assert repr(words) in caught.value.sentence


def test_nothing_is_read_where_there_is_nothing(tmp_path: Path) -> None:
    assert Roster([tmp_path / "none"]).ids() == []
    put(tmp_path, "a")
    (tmp_path / "clients" / ".a.yaml.swp").write_text("x")
    (tmp_path / "clients" / "README.md").write_text("x")
    assert Roster([tmp_path]).ids() == ["a"]
