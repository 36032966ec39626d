"""Plans and what stands in their way: files that are not in their format, or not to be written; what a diff shows."""

import json
import os
import stat
from pathlib import Path

import pytest

from flock.connect.edit import Change, Match, Planned, apply, plan_undo, plan_write
from flock.connect.formats import Format
from flock.errors import Conflict, StorageFailed

KEY = "sk-orc-0000000000000000abcd"
MODEL = [Change(("model",), "qwen3-8b")]


def planned(path: Path, text: str, format: Format, *changes: Change) -> Planned:
    """Write a file and plan changes to it."""
    path.write_bytes(text.encode())
    return plan_write(path, format, changes or MODEL)


@pytest.mark.parametrize(
    ("format", "text", "where"),
    [
        ("json", '{\n  "a": 1,\n}\n', ":2:9 is not JSON: JSON has no comma behind the last"),
        ("json", '{\n  // c\n  "a": 1\n}\n', ":2:3 is not JSON: JSON has no comments"),
        ("json", "{'a': 1}", ":1:2 is not JSON: a name in double quotes is missing"),
        ("json", '{"a": 01}', ":1:7 is not JSON: a value is missing here"),
        ("json", '{"a": "\\x"}', ":1:7 is not JSON: an escape that JSON does not have"),
        ("json", '{"a": 1} x', ":1:10 is not JSON: something stands behind the end"),
        ("jsonc", '{"a": 1 "b": 2}', ":1:9 is not JSON with comments: neither a comma nor }"),
        ("jsonc", '{"a": {\n', ":2:1 is not JSON with comments: the text ends in the middle"),
        ("jsonc", "{} /* no end", ":1:4 is not JSON with comments: a comment without an end"),
        ("json5", '{a: "x\n"}', ":1:5 is not JSON5: a text without an end, or with a line end in it"),
        ("json5", "<<<<<<< HEAD\n{}", ":1:1 is not JSON5: a value is missing here"),
        ("toml", "a = 1\nb = \n", ":2:5 is not TOML: Invalid value"),
        ("toml", "[a]\n[a]\n", ":2:3 is not TOML: Cannot declare ('a',) twice"),
        ("toml", "a = 1\na = 2\n", ":2:6 is not TOML: Cannot overwrite a value"),
        ("yaml", "a: 1\n b: 2\n", ":2:3 is not YAML: mapping values are not allowed here"),
        ("yaml", "a: 1\na: 2\n", ":2:1 is not YAML: the key a stands there twice"),
        (
            "yaml",
            "a: 1\n---\nb: 2\n",
            ":2:1 is not YAML: expected a single document in the stream, but found",
        ),
        ("yaml", "a: *nobody\n", ":1:4 is not YAML: found undefined alias 'nobody'"),
        ("dotenv", "A=1\nrm -rf x\n", ":2:3 is not a file of variables: something stands behind the value"),
        ("dotenv", "A='1\n", ":1:3 is not a file of variables: a quote that nothing closes"),
    ],
)
def test_a_file_that_is_not_in_its_format_is_named_by_line_and_left(
    format: Format, text: str, where: str, tmp_path: Path
) -> None:
    path = tmp_path / "settings"
    found = planned(path, text, format)
    assert found.problem.startswith(str(path))
    assert where in found.problem
    assert (found.text_before, found.text_after, found.diff) == (text, text, "")
    with pytest.raises(StorageFailed):
        apply(found, tmp_path / "backups")
    assert path.read_bytes() == text.encode()
    assert [p.name for p in tmp_path.iterdir()] == ["settings"]


@pytest.mark.parametrize(
    ("format", "text", "changes", "words"),
    [
        ("json", '{"env": "x"}', [Change(("env", "A"), "1")], "env is a single value, so A has no place in it"),
        ("json", "[]", MODEL, "the whole file is a list, so model has no place in it"),
        ("json", "7", MODEL, "the whole file is a single value"),
        ("json", "{}", [Change(("l", 3), 1)], "item 3 cannot be made in a list of 0"),
        ("json", "{}", [Change(("a",), float("inf"))], "inf is no number that a file can hold"),
        ("json", "{}", [Change(("a",), "\ud800")], "half a character"),
        ("json", "{}", [Change((Match("n", "x"), "n"), "y")], "[n=x] cannot have another n"),
        ("toml", "", [Change(("a",), None)], "TOML has no null"),
        ("toml", "", [Change(("a",), 2**63)], "larger than TOML's numbers"),
        ("toml", "[a]\nb = 1\n", [Change(("a",), 1)], "a is written as tables"),
        ("yaml", "base: &b\n  x: 1\nmine: *b\n", [Change(("mine", "x"), 2)], "mine is a single value"),
        ("yaml", "a: &b 1\nc: *b\n", [Change(("a",), 2)], "a cannot be changed without touching other lines"),
        ("dotenv", "", [Change(("A", "B"), "1")], "a variable is one text"),
        ("dotenv", "", [Change(("A",), 5)], "a variable is one text"),
        ("dotenv", "", [Change(("A B",), "1")], "A B is no name of a variable"),
    ],
)
def test_a_change_that_has_no_place_is_refused_in_words(
    format: Format, text: str, changes: list[Change], words: str, tmp_path: Path
) -> None:
    found = planned(tmp_path / "settings", text, format, *changes)
    assert words in found.problem
    assert found.text_after == text


def test_what_is_no_file_to_write_is_told_apart(tmp_path: Path) -> None:
    def problem(path: Path) -> str:
        return plan_write(path, "json", MODEL).problem.replace(str(tmp_path), "")

    (tmp_path / "directory").mkdir()
    assert problem(tmp_path / "directory") == "/directory is a directory, not a file"
    os.mkfifo(tmp_path / "pipe")
    assert problem(tmp_path / "pipe") == "/pipe is no ordinary file"
    (tmp_path / "latin").write_bytes(b'{\n"a": "\xe9"}')
    assert problem(tmp_path / "latin") == "/latin:2 is not UTF-8 text"
    (tmp_path / "utf16").write_bytes("{}".encode("utf-16"))
    assert problem(tmp_path / "utf16") == "/utf16:1 is not UTF-8 text"
    (tmp_path / "large").write_bytes(b" " * 5_000_001)
    assert problem(tmp_path / "large") == "/large is larger than 5,000,000 bytes"
    (tmp_path / "locked").write_text("{}")
    (tmp_path / "locked").chmod(0o444)
    assert problem(tmp_path / "locked") == "/locked is read-only"
    assert problem(tmp_path / "latin" / "below" / "it") == (
        "/latin/below/it cannot be made: what lies above it is a file and not a directory"
    )
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    assert problem(tmp_path / "nowhere") == "/nowhere is a link to /gone, where there is no file"
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    assert problem(tmp_path / "circle").startswith("cannot read /circle: ")
    assert problem(tmp_path / "n\0l") == "cannot read /n\0l: the path holds a NUL"
    shut = tmp_path / "shut"
    shut.mkdir()
    (shut / "file").write_text("{}")
    shut.chmod(0o555)
    assert problem(shut / "file") == problem(shut / "new") == "the directory /shut is read-only"
    shut.chmod(0o755)


def test_deep_nesting_is_a_sentence(tmp_path: Path) -> None:
    for format, text in (("json", "[" * 5000), ("yaml", "[" * 5000), ("toml", "a = " + "[" * 5000)):
        found = planned(tmp_path / "deep", text, format)  # type: ignore[arg-type]
        assert "deep" in found.problem.replace(str(tmp_path), "").removeprefix("/deep")
    deep = planned(tmp_path / "deep", '{"a":' * 100 + "{}" + "}" * 100, "json")
    assert deep.problem == ""


def test_a_link_stays_and_its_file_keeps_its_mode(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "settings.json"
    real.parent.mkdir()
    real.write_text("{}\n")
    real.chmod(0o640)
    link = tmp_path / "settings.json"
    link.symlink_to("dotfiles/settings.json")
    copy = apply(plan_write(link, "json", MODEL), tmp_path / "backups")
    assert link.is_symlink()
    assert json.loads(real.read_text()) == {"model": "qwen3-8b"}
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert copy is not None
    assert (copy.read_text(), stat.S_IMODE(copy.stat().st_mode)) == ("{}\n", 0o600)
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700


def test_a_file_that_changed_meanwhile_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    found = planned(path, "{}", "json")
    path.write_text('{"theirs": 1}')
    with pytest.raises(Conflict, match="was changed meanwhile"):
        apply(found, tmp_path / "backups")
    assert path.read_text() == '{"theirs": 1}'
    path.unlink()
    with pytest.raises(Conflict):
        apply(found, tmp_path / "backups")
    fresh = plan_write(path, "json", MODEL)
    path.write_text("")
    with pytest.raises(Conflict):
        apply(fresh, tmp_path / "backups")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["settings.json"]


def test_what_is_there_already_is_not_ours(tmp_path: Path) -> None:
    found = planned(tmp_path / "s", '{"model": "qwen3-8b"}', "json")
    assert found.unchanged
    assert found.traces == ()


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("json", '\ufeff{"n": 1e400, "i": 123456789012345678901234567890, "d": 1, "d": 2}'),
        ("json5", "\ufeff{n: +.5e3, h: 0XfF, i: -Infinity, m: NaN, 'q': 'it\\'s',}\r\n"),
        ("toml", "\ufefff = 1e400\r\nd = 1979-05-27T07:32:00Z\r\n"),
        ("yaml", "\ufefff: 1e400\r\nbig: 123456789012345678901234567890\r\no: 0o14\r\n"),
        ("dotenv", "\ufeffA=1\r\n"),
    ],
)
def test_marks_line_ends_and_odd_numbers_stay_as_written(format: Format, text: str, tmp_path: Path) -> None:
    found = planned(tmp_path / "s", text, format)
    assert found.problem == ""
    left = iter(found.text_after)
    assert all(character in left for character in text)
    assert ("\n" in found.text_after.replace("\r\n", "")) == ("\n" in text.replace("\r\n", ""))
    apply(found, tmp_path / "b")
    assert plan_undo(tmp_path / "s", format, found.traces).text_after == text


def test_the_last_of_two_members_counts(tmp_path: Path) -> None:
    found = planned(tmp_path / "s", '{"model": "a", "model": "b"}', "json")
    assert found.text_after == '{"model": "a", "model": "qwen3-8b"}'
    found = planned(tmp_path / "s", "model=a\nmodel=b\n", "dotenv")
    assert found.text_after == "model=a\nmodel=qwen3-8b\n"


def test_a_diff_shows_no_key(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    others = '"API_TOKEN": "abcdefgh12345678ijkl",\n  "x": "sk-ant-api03-0123456789abcdef"'
    text = f'{{\n  {others},\n  "ref": "{{env:TOKEN}}"\n}}\n'
    path.write_text(text)
    found = plan_write(path, "json", [Change(("key",), KEY), Change(("model",), "m")], secret=KEY)
    assert found.diff == (
        f"--- {path}\n+++ {path}\n@@ -1,5 +1,7 @@\n"
        ' {\n   "API_TOKEN": "abcdefg…ijkl",\n   "x": "sk-ant-…cdef",\n-  "ref": "{env:TOKEN}"\n'
        '+  "ref": "{env:TOKEN}",\n+  "key": "sk-orc-…abcd",\n+  "model": "m"\n }\n'
    )
    path.unlink()
    new = plan_write(path, "json", MODEL)
    assert new.diff.startswith(f"--- /dev/null\n+++ {path}\n")
