"""The record of what was written: connected once and again, changed meanwhile, damaged, written by two at once."""

import json
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from flock.connect.edit import Change, Match, apply, plan_write
from flock.connect.formats import Format
from flock.connect.manifest import Manifest
from flock.errors import Conflict, StorageFailed

ENV = [Change(("env", "URL"), "u"), Change(("env", "TOKEN"), "t"), Change(("model",), "qwen")]


class Place:
    """A tool's file and the flock that writes into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "tool" / "settings.json"
        self.state = folder / "state" / "connect.json"

    @property
    def manifest(self) -> Manifest:
        return Manifest(self.state, self.folder / "state" / "backups")

    def file(self, text: str) -> None:
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_bytes(text.encode())

    def connect(self, changes: list[Change], format: Format = "json") -> None:
        manifest = self.manifest
        planned = plan_write(self.path, format, changes, ours=manifest.traces("tool", self.path))
        assert planned.problem == ""
        manifest.write("tool", planned)

    def disconnect(self) -> tuple[str, ...]:
        kept: tuple[str, ...] = ()
        manifest = self.manifest
        for planned in manifest.undo("tool"):
            assert planned.problem == ""
            manifest.take_back("tool", planned)
            kept += planned.kept
        assert self.manifest.clients() == ()
        return kept

    def text(self) -> str:
        return self.path.read_bytes().decode()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place with nothing in it."""
    return Place(tmp_path)


def test_the_record_is_private_and_says_what_was_done(place: Place) -> None:
    place.file('{"model": "opus"}')
    place.connect(ENV)
    assert stat.S_IMODE(place.state.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.state.parent.stat().st_mode) == 0o700
    manifest = place.manifest
    assert manifest.clients() == ("tool",)
    assert manifest.files("tool") == (place.path,)
    assert manifest.untouched("tool", place.path)
    assert [(t.pointer, t.old, t.made) for t in manifest.traces("tool", place.path)] == [
        (("env", "URL"), None, 1),
        (("env", "TOKEN"), None, 0),
        (("model",), '"opus"', 0),
    ]
    backup = manifest.backup("tool", place.path)
    assert backup is not None
    assert backup.read_text() == '{"model": "opus"}'
    place.file(place.text() + " ")
    assert not place.manifest.untouched("tool", place.path)


def test_a_second_time_keeps_what_was_there_before_the_first(place: Place) -> None:
    before = '{\n  "model": "opus"\n}'
    place.file(before)
    place.connect(ENV)
    place.connect([Change(("model",), "llama"), Change(("env", "OTHER"), "o")])
    assert json.loads(place.text()) == {"model": "llama", "env": {"OTHER": "o"}}
    backup = place.manifest.backup("tool", place.path)
    assert backup is not None
    assert backup.read_text() == before
    assert place.disconnect() == ()
    assert place.text() == before


def test_a_file_we_made_goes_also_after_a_second_time(place: Place) -> None:
    place.connect(ENV)
    place.connect([Change(("model",), "llama")])
    assert place.disconnect() == ()
    assert not place.path.parent.exists()


def test_what_the_tool_wrote_stays_and_what_it_changed_is_named(place: Place) -> None:
    place.file('{\n  "theme": "dark"\n}\n')
    place.connect([*ENV, Change(("deny", Match("", "Web")), "Web")])
    written = json.loads(place.text())
    written["env"]["TOKEN"] = "theirs"
    written["env"]["NEW"] = "1"
    written["deny"].append("Bash")
    written["startups"] = 7
    place.path.write_text(json.dumps(written, indent=4))  # as a tool does: the whole file anew
    assert place.disconnect() == ("env.TOKEN",)
    left = {"theme": "dark", "env": {"TOKEN": "theirs", "NEW": "1"}, "deny": ["Bash"], "startups": 7}
    assert place.text() == json.dumps(left, indent=4)


def test_what_the_tool_took_out_is_no_trouble(place: Place) -> None:
    place.file("{}")
    place.connect(ENV)
    written = json.loads(place.text())
    del written["env"]["URL"], written["env"]["TOKEN"]
    place.path.write_text(json.dumps(written))
    assert place.disconnect() == ()
    assert json.loads(place.text()) == {}


def test_a_file_we_made_stays_when_the_tool_wrote_into_it(place: Place) -> None:
    place.connect([Change(("model",), "q"), Change(("t", "k"), 1)], "toml")
    place.file(place.text() + "# by the user\n[tui]\nx = 1\n")
    assert place.disconnect() == ()
    assert place.text() == "# by the user\n[tui]\nx = 1\n"


def test_a_file_that_is_gone_is_no_trouble(place: Place) -> None:
    place.file("{}")
    place.connect(ENV)
    place.path.unlink()
    assert place.disconnect() == ()
    assert not place.path.exists()


def test_a_list_item_is_found_where_it_went(place: Place) -> None:
    place.file('[{"name": "a"}, {"name": "b"}]')
    place.connect([Change((Match("name", "flock"),), {"url": "u", "n": [1]})])
    written: list[Any] = json.loads(place.text())
    place.path.write_text(json.dumps([written[2], {"name": "new"}, *written[:2]]))
    assert place.disconnect() == ()
    assert json.loads(place.text()) == [{"name": "new"}, {"name": "a"}, {"name": "b"}]


def test_what_cannot_be_taken_back_stays_on_record(place: Place) -> None:
    place.file("{}")
    place.connect(ENV)
    place.path.write_text("{ broken")
    (planned,) = place.manifest.undo("tool")
    assert "is not JSON" in planned.problem
    with pytest.raises(StorageFailed):
        place.manifest.take_back("tool", planned)
    assert place.manifest.clients() == ("tool",)
    assert place.text() == "{ broken"


def test_a_write_that_fails_leaves_no_record(place: Place) -> None:
    place.file("{}")
    planned = plan_write(place.path, "json", ENV)
    place.file("{ }")
    with pytest.raises(Conflict):
        place.manifest.write("tool", planned)
    assert place.manifest.clients() == ()
    assert place.text() == "{ }"


def test_a_crash_before_the_file_was_written_harms_nothing(place: Place) -> None:
    place.file('{"model": "opus"}')
    place.connect(ENV)
    place.file('{"model": "opus"}')
    assert place.disconnect() == ("model",)
    assert place.text() == '{"model": "opus"}'


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "{",
        "[]",
        "null",
        '{"version": 1}',
        '{"version": 1, "clients": {"a": [{"path": 3}]}}',
        "\x00\xff",
        "[" * 9999,
    ],
)
def test_a_damaged_record_is_put_aside_with_a_word(damage: str, place: Place) -> None:
    place.file("{}")
    place.state.parent.mkdir(mode=0o700)
    for number in range(2):
        place.state.write_text(damage, encoding="latin-1")
        manifest = place.manifest
        assert "was damaged and lies in" in manifest.warning
        assert manifest.clients() == ()
        aside = place.state.with_name("connect.json.damaged" + ("-2" if number else ""))
        assert aside.read_text(encoding="latin-1") == damage
    place.connect(ENV)
    assert place.manifest.warning == ""
    assert place.disconnect() == ()


def test_a_record_of_a_newer_flock_is_left_alone(place: Place) -> None:
    place.state.parent.mkdir()
    place.state.write_text('{"version": 2, "clients": []}')
    with pytest.raises(StorageFailed, match="newer flock"):
        _ = place.manifest
    assert place.state.read_text() == '{"version": 2, "clients": []}'


def test_two_who_connect_at_once_are_both_recorded(place: Place) -> None:
    together = threading.Barrier(2)

    def connect(name: str) -> None:
        path, manifest = place.folder / name, place.manifest
        together.wait()
        manifest.write(name, plan_write(path, "json", ENV))

    threads = [threading.Thread(target=connect, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert place.manifest.clients() == ("one", "two")


def test_copies_do_not_pile_up(tmp_path: Path) -> None:
    path, backups = tmp_path / "s[1].json", tmp_path / "backups"
    (tmp_path / "other.json").write_text("{}")
    apply(plan_write(tmp_path / "other.json", "json", ENV), backups)
    for number in range(30):
        path.write_text(json.dumps({"n": number}))
        apply(plan_write(path, "json", ENV), backups)
    copies = sorted(p.read_text() for p in backups.iterdir())
    assert len(copies) == 21
    assert '{"n": 29}' in copies
    assert "{}" in copies
    assert {stat.S_IMODE(os.stat(p).st_mode) for p in backups.iterdir()} == {0o600}
