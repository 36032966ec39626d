"""The shelf of models: read when it is asked, once, anew when a file changes; wrong files named and left out."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from flock.errors import NotFound
from flock.models.shelf import Shelf, nearest

OWN = Path(__file__).parents[3] / "catalog"


def put(directory: Path, name: str, **fields: object) -> Path:
    """Write an entry; what is not given is the least that an entry needs."""
    (directory / "models").mkdir(parents=True, exist_ok=True)
    row = {"id": name, "capabilities": ["chat"], "sources": {"ollama": {"tag": name}}} | fields
    file = directory / "models" / f"{name}.yaml"
    file.write_text(json.dumps(row))
    return file


def test_our_own_entries_stand_on_it_and_nothing_is_wrong() -> None:
    shelved = Shelf([OWN]).read()
    assert shelved.problems == ()
    assert len(shelved.entries) >= 42
    assert all(entry.id == name for name, entry in shelved.entries.items())


def test_nothing_is_read_before_it_is_asked(tmp_path: Path) -> None:
    shelf = Shelf([tmp_path])
    put(tmp_path, "late")
    assert list(shelf.read().entries) == ["late"]


def test_no_directory_is_an_empty_shelf(tmp_path: Path) -> None:
    assert Shelf([tmp_path / "none"]).read().entries == {}
    assert Shelf([]).read().problems == ()


def test_the_user_s_fields_lie_over_ours(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    put(ours, "a", context=8, note="ours", sources={"ollama": {"tag": "a"}, "mlx": {"repo": "x/y"}})
    put(ours, "b")
    (theirs / "models").mkdir(parents=True)
    (theirs / "models" / "a.yaml").write_text("context: 16\nsources: {ollama: {tag: mine}}\n")
    put(theirs, "c")
    shelved = Shelf([theirs, ours]).read()
    assert shelved.problems == ()
    assert list(shelved.entries) == ["a", "b", "c"]
    a = shelved.entries["a"]
    assert (a.context, a.note, [way.source for way in a.ways]) == (16, "ours", ["hf:x/y", "ollama:mine"])
    assert a.file.endswith("theirs/models/a.yaml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("context: [\n", "bad.yaml:2:1 is not YAML"),
        ("context: many\n", "bad.yaml: bad.context must be a whole number above 0, not 'many'; the file is left out"),
        ("id: good\n", "bad.yaml is called bad and says id: good; the file is left out"),
        ("", "bad.yaml: bad must be a mapping of fields; the file is left out"),
        ("id: bad\n", "bad.yaml lacks capabilities, sources; the entry is left out"),
        ("? {a: b}\n: c\n", "bad.yaml"),
    ],
)
def test_a_wrong_file_is_named_and_the_rest_counts(tmp_path: Path, text: str, words: str) -> None:
    put(tmp_path, "good")
    (tmp_path / "models" / "bad.yaml").write_text(text)
    shelved = Shelf([tmp_path], tmp_path / "copy.json").read()
    assert list(shelved.entries) == ["good"]
    (problem,) = shelved.problems
    assert words in problem


def test_a_wrong_overlay_leaves_the_entry_below(tmp_path: Path) -> None:
    put(tmp_path / "ours", "a", context=8)
    put(tmp_path / "theirs", "a", context=-1)
    shelved = Shelf([tmp_path / "theirs", tmp_path / "ours"]).read()
    assert shelved.entries["a"].context == 8
    assert len(shelved.problems) == 1


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    put(tmp_path, "good")
    (tmp_path / "models" / "shut.yaml").mkdir()
    shelved = Shelf([tmp_path]).read()
    assert list(shelved.entries) == ["good"]
    assert "shut.yaml cannot be read: Is a directory; the file is left out" in shelved.problems[0]


def test_a_wrong_file_is_told_the_log_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(tmp_path, "a", context=-1)
    shelf = Shelf([tmp_path])
    for _ in range(3):
        put(tmp_path, "b")
        shelf.read()
    assert [record.message for record in caplog.records if "a.context" in record.message] == list(shelf.read().problems)
    assert len(caplog.records) == 1


def test_a_changed_a_new_and_a_removed_file_are_seen(tmp_path: Path) -> None:
    file = put(tmp_path, "a", context=8)
    shelf = Shelf([tmp_path])
    first = shelf.read()
    assert shelf.read() is first
    put(tmp_path, "a", context=16_000)
    put(tmp_path, "b")
    assert [(entry.id, entry.context) for entry in shelf.read().entries.values()] == [("a", 16_000), ("b", None)]
    file.unlink()
    assert list(shelf.read().entries) == ["b"]


def test_what_was_parsed_is_kept_for_the_next_start(tmp_path: Path) -> None:
    copy = tmp_path / "run.json"
    (tmp_path / "models").mkdir()
    file = tmp_path / "models" / "a.yaml"
    file.write_text("capabilities: [chat]\nreleased: 2026-04-22\nsources: {ollama: {tag: a}}\n")
    first = Shelf([tmp_path], copy).read()
    assert copy.stat().st_mode & 0o777 == 0o600
    mark = file.stat()
    # as long as before and of the same time: only the copy can tell what it said
    file.write_text("capabilities: [chat]\nreleased: 1999-01-01\nsources: {ollama: {tag: a}}\n")
    os.utime(file, ns=(mark.st_atime_ns, mark.st_mtime_ns))
    assert Shelf([tmp_path], copy).read() == first
    assert first.entries["a"].released == "2026-04-22"
    os.utime(file, ns=(mark.st_atime_ns, mark.st_mtime_ns + 1))
    assert Shelf([tmp_path], copy).read().entries["a"].released == "1999-01-01"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"version": "0"}', "\x00", '{"version": "VERSION", "files": {"x": 5}}', "[" * 100_000],
)
def test_a_damaged_or_older_copy_is_ignored(tmp_path: Path, text: str) -> None:
    from flock import __version__

    copy = tmp_path / "run.json"
    put(tmp_path, "a")
    copy.write_text(text.replace("VERSION", __version__))
    assert list(Shelf([tmp_path], copy).read().entries) == ["a"]
    assert json.loads(copy.read_text())["version"] == __version__


def test_a_copy_cannot_say_what_a_file_could_not(tmp_path: Path) -> None:
    copy = tmp_path / "run.json"
    put(tmp_path, "a")
    Shelf([tmp_path], copy).read()
    copy.write_text(copy.read_text().replace('"chat"', '"flying"'))
    shelved = Shelf([tmp_path], copy).read()
    assert shelved.entries == {}
    assert "capabilities names 'flying'" in shelved.problems[0]


def test_a_copy_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    put(tmp_path, "a")
    assert list(Shelf([tmp_path], tmp_path / "none" / "run.json").read().entries) == ["a"]


async def test_those_who_ask_at_once_get_the_same(tmp_path: Path) -> None:
    put(tmp_path, "a")
    shelf = Shelf([tmp_path])
    first, second = await asyncio.gather(shelf.look(), shelf.look())
    assert first is second
    assert (await shelf.find("a")).id == "a"


async def test_an_unknown_id_is_answered_with_near_ones(tmp_path: Path) -> None:
    put(tmp_path, "qwen3-8b")
    with pytest.raises(NotFound) as caught:
        await Shelf([tmp_path]).find("qwen-8b")
    assert caught.value.sentence == "no model 'qwen-8b' in the catalog; there is qwen3-8b"
    assert caught.value.hint == "flock model info qwen3-8b"
    with pytest.raises(NotFound) as caught:
        await Shelf([tmp_path]).find("zzz")
    assert caught.value.hint == "flock model search"


def test_near_ids() -> None:
    ids = ["gpt-oss-20b", "gpt-oss-120b", "qwen3-8b"]
    assert nearest("gpt-oss", ids) == ["gpt-oss-20b", "gpt-oss-120b"]
    assert nearest("QWEN3-8", ids) == ["qwen3-8b"]
    assert nearest("", ids) == []
