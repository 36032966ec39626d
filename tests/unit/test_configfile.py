"""Edits of the file: comments and every other byte stay, nothing is half-written, no edit is lost."""

import contextlib
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock import configfile
from flock.errors import ConfigInvalid, StorageFailed
from flock.yamltext import entries, with_value, without

ROOT = Path(__file__).parents[2]


def fine(_before: str, _after: str) -> None:
    """Accept every result."""


RICH = """\
%YAML 1.2
---
# head

listen: "127.0.0.1:8080"   # the door

auth:            # who
    # nobody else
    require_keys: true

# which model
router: {default_model: 'a b', other: 1}   # flow

engine:
# to be filled
gateway:
  note: |
    lines of
    text
  stall_seconds: 5
  # the end of gateway
# tail
"""


@pytest.mark.parametrize(
    ("key", "value", "old", "new"),
    [
        ("listen", ":9", 'listen: "127.0.0.1:8080"   # the door', "listen: :9   # the door"),
        ("auth.require_keys", False, "    require_keys: true", "    require_keys: false"),
        ("auth.more", "x", "    require_keys: true\n", "    require_keys: true\n    more: x\n"),
        ("router.default_model", "c", "'a b'", '"c"'),
        ("router.third", 3, "other: 1}", "other: 1, third: 3}"),
        ("engine.preferred", "embedded", "engine:\n", "engine:\n  preferred: embedded\n"),
        ("gateway.note", "short", "note: |\n    lines of\n    text\n", "note: short\n"),
        ("gateway.stall_seconds", 0, "stall_seconds: 5", "stall_seconds: 0"),
        ("gateway.keepalive_seconds", 1.5, "seconds: 5\n", "seconds: 5\n  keepalive_seconds: 1.5\n"),
        ("log_level", "debug", "seconds: 5\n", "seconds: 5\nlog_level: debug\n"),
        ("new.section.key", "x", "seconds: 5\n", "seconds: 5\nnew:\n  section:\n    key: x\n"),
    ],
)
def test_a_value_is_set_and_every_other_byte_stays(key: str, value: object, old: str, new: str) -> None:
    assert RICH.count(old) == 1
    changed = with_value(RICH, key, value)  # type: ignore[arg-type]
    assert changed == RICH.replace(old, new)
    assert entries(changed, "x")[key].value == value


@pytest.mark.parametrize(
    ("key", "old", "new"),
    [
        ("listen", 'listen: "127.0.0.1:8080"   # the door\n', ""),
        ("auth.require_keys", "    require_keys: true\n", ""),
        ("router.default_model", "{default_model: 'a b', other: 1}", "{other: 1}"),
        ("router.other", "{default_model: 'a b', other: 1}", "{default_model: 'a b'}"),
        ("router", "router: {default_model: 'a b', other: 1}   # flow\n", ""),
        ("gateway.note", "  note: |\n    lines of\n    text\n", ""),
        ("gateway.stall_seconds", "  stall_seconds: 5\n", ""),
        ("engine", "engine:\n", ""),
        ("nothing.here", "", ""),
    ],
)
def test_a_value_is_removed_and_every_other_byte_stays(key: str, old: str, new: str) -> None:
    changed = without(RICH, key)
    expected = RICH.replace(old, new) if old else RICH
    if key == "auth.require_keys":  # the only one of its section: the section goes, the comment in it stays
        expected = expected.replace("auth:            # who\n", "")
    assert changed == expected


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("", "k: v\n"),
        ("# only words", "# only words\nk: v\n"),
        ("a: 1", "a: 1\nk: v\n"),
        ("a: 1\r\nb: 2\r\n", "a: 1\r\nb: 2\r\nk: v\r\n"),
        ("{}", '{k: "v"}'),
        ("{a: 1}\n", '{a: 1, k: "v"}\n'),
        ("k:\n", "k: v\n"),
        ("k: # none\nb: 1\n", "k: v # none\nb: 1\n"),
        ("k: [1,\n  2]\nb: 1\n", "k: v\nb: 1\n"),
        ("k:\n  - 1\n  - 2\n# next\nb: 1\n", "k: v\n# next\nb: 1\n"),
        ("k:\n- 1\nb: 1\n", "k: v\nb: 1\n"),
        ("---\na: 1\n...\n", "---\na: 1\nk: v\n...\n"),
        ("'k': 1\n", "'k': v\n"),
        ("k: ''\n", "k: v\n"),
        ("ü: ß\n", "ü: ß\nk: v\n"),
    ],
)
def test_strange_files(text: str, changed: str) -> None:
    assert with_value(text, "k", "v") == changed


@given(st.text(max_size=40))
def test_any_text_reads_back(tmp_path_factory: pytest.TempPathFactory, words: str) -> None:
    words = words.encode("utf-8", "replace").decode()
    for text in ("", "a: 1\nk: old # c\n", "{k: old}"):
        assert entries(with_value(text, "k", words), "x")["k"].value == words


@given(
    st.dictionaries(st.sampled_from(["a", "b", "s.a", "s.b", "t.u"]), st.sampled_from([1, True, "x y", ":9", ""])),
    st.sampled_from(["a", "s.a", "s.b", "t.u", "z"]),
)
def test_set_then_unset_leaves_the_others(start: dict[str, object], key: str) -> None:
    text = "# c\n"
    for name, value in start.items():
        text = with_value(text, name, value)  # type: ignore[arg-type]
    changed = without(with_value(text, key, "v"), key)
    left = {name: entry.value for name, entry in entries(changed, "x").items()}
    assert left == {name: value for name, value in start.items() if name != key}
    assert changed.startswith("# c\n")


# -- the file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def test_a_new_file_is_private_and_explained(path: Path) -> None:
    configfile.set_value(path, "log_level", "debug", fine)
    assert path.read_text() == configfile.MINIMAL.replace("8080\n\n", "8080\nlog_level: debug\n\n", 1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["config.yaml"]


def test_the_mode_stays(path: Path) -> None:
    path.write_text("a: 1\n")
    path.chmod(0o640)
    configfile.set_value(path, "a", 2, fine)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path: Path, path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    real = tmp_path / "dotfiles" / "flock.yaml"
    real.write_text("a: 1 # mine\n")
    path.symlink_to("dotfiles/flock.yaml")
    configfile.set_value(path, "a", 2, fine)
    assert path.is_symlink()
    assert real.read_text() == "a: 2 # mine\n"


def test_a_refused_result_leaves_the_file(path: Path) -> None:
    path.write_text("a: 1\n")

    def refuse(before: str, after: str) -> None:
        assert (before, after) == ("a: 1\n", "a: 2\n")
        raise ConfigInvalid("no")

    inode = path.stat().st_ino
    with pytest.raises(ConfigInvalid, match="no"):
        configfile.set_value(path, "a", 2, refuse)
    assert (path.read_text(), path.stat().st_ino) == ("a: 1\n", inode)


@pytest.mark.parametrize("text", ["a: &x 1\nk: *x\nb: *x\n", "k: &x 1\nb: *x\n", "? k\n: 1\n"])
def test_an_edit_that_would_touch_more_is_refused_or_right(path: Path, text: str) -> None:
    path.write_text(text)
    with contextlib.suppress(ConfigInvalid):
        configfile.set_value(path, "k", 2, fine)
    if path.read_text() != text:
        found = entries(path.read_text(), "x")
        assert found["k"].value == 2
        assert {k: e.value for k, e in found.items() if k != "k"} == {
            k: e.value for k, e in entries(text, "x").items() if k != "k"
        }


def test_a_broken_file_is_not_edited(path: Path) -> None:
    path.write_text("a: [\n")
    with pytest.raises(ConfigInvalid, match=r"config\.yaml:2:1 is not YAML"):
        configfile.set_value(path, "a", 1, fine)
    assert path.read_text() == "a: [\n"


def test_a_byte_order_mark_is_no_content(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    configfile.set_value(path, "a", 2, fine)
    assert path.read_text() == "a: 2\n"


def test_editors_side_by_side_lose_nothing(path: Path) -> None:
    def edit(number: int) -> None:
        for turn in range(5):
            configfile.set_value(path, f"k{number}", turn, fine)

    editors = [threading.Thread(target=edit, args=(n,)) for n in range(8)]
    for editor in editors:
        editor.start()
    for editor in editors:
        editor.join()
    found = entries(path.read_text(), "x")
    assert [found[f"k{n}"].value for n in range(8)] == [4] * 8


def test_editors_in_several_processes_lose_nothing(path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from flock import configfile\n"
        "for turn in range(10): configfile.set_value(Path(sys.argv[1]), sys.argv[2], turn, lambda a, b: None)"
    )
    editors = [subprocess.Popen([sys.executable, "-c", program, path, f"k{n}"], cwd=ROOT) for n in range(4)]
    assert [editor.wait(60) for editor in editors] == [0] * 4
    found = entries(path.read_text(), "x")
    assert [found[f"k{n}"].value for n in range(4)] == [9] * 4


FULL_DISK = """
import resource, sys
from pathlib import Path
from flock import configfile
from flock.errors import StorageFailed
path = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (64, resource.RLIM_INFINITY))
try:
    configfile.set_value(path, "log_level", "debug", lambda a, b: None)
except StorageFailed as error:
    print(error.sentence, "|", error.hint)
"""


def test_a_full_disk_leaves_the_file(path: Path) -> None:
    path.write_text(configfile.MINIMAL)
    ran = subprocess.run(
        [sys.executable, "-c", FULL_DISK, path], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert f"cannot write {path}: File too large; it is as it was | df -h {path.parent}" in ran.stdout
    assert path.read_text() == configfile.MINIMAL
    assert [p.name for p in path.parent.iterdir()] == ["config.yaml"]


READ_ONLY = """
import os, sys
from pathlib import Path
from flock import configfile
from flock.errors import StorageFailed
from flock.yamltext import with_value
# root loads every module first: the interpreter may lie where nobody can read
with_value(configfile.read(Path(sys.argv[1])), "a", "x")
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    configfile.set_value(Path(sys.argv[1]), "a", 2, lambda a, b: None)
except StorageFailed as error:
    print(error.sentence, "|", error.hint)
"""


def test_a_directory_without_write_permission(path: Path) -> None:
    path.write_text("a: 1\n")
    path.chmod(0o644)
    folder = path.parent
    while folder.stat().st_uid == os.getuid() and folder not in (folder.parent, Path("/tmp")):
        folder.chmod(0o555 if folder == path.parent else folder.stat().st_mode | 0o055)
        folder = folder.parent
    ran = subprocess.run(
        [sys.executable, "-c", READ_ONLY, path], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    path.parent.chmod(0o755)
    assert f"cannot write {path}: Permission denied; it is as it was | chmod u+rwx {path.parent}" in ran.stdout
    assert path.read_text() == "a: 1\n"


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="No such file or directory") as caught:
        configfile.write_minimal(tmp_path / "none" / "config.yaml")
    assert caught.value.hint == f"mkdir -p {tmp_path}/none"


def test_a_file_far_too_large(path: Path) -> None:
    path.write_bytes(b"#" * (configfile.LARGEST_BYTES + 1))
    with pytest.raises(ConfigInvalid, match="larger than"):
        configfile.read(path)
