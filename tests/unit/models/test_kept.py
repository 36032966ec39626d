"""What lies in the models' directory: listed by its records, deleted only when nobody needs it."""

import fcntl
import os
from pathlib import Path

import pytest

from flock.core.files import uses
from flock.errors import StorageFailed
from flock.models import kept
from flock.models.kept import Use
from flock.models.records import part_path, part_record_path, record_path, write_record
from flock.store.entries import ModelEntry


def put(root: Path, name: str, size: int = 10, source: str = "hf:ada/x:f") -> Path:
    """Put a whole file there, as fetching does."""
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"x" * size)
    write_record(record_path(file), {"source": source})
    return file


def put_part(root: Path, name: str, size: int = 5) -> Path:
    """Put an interrupted download there."""
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    part_path(file).write_bytes(b"x" * size)
    write_record(part_record_path(file), {"source": "hf:ada/x:f"})
    return part_path(file)


def nobody(_path: Path) -> bool:
    return False


def test_files_are_listed_with_state_and_use(tmp_path: Path) -> None:
    small, large = put(tmp_path, "hub/ada--x/a.gguf"), put(tmp_path, "urls/h/1/b.gguf", 99, "https://h/b.gguf")
    part, wrong = put_part(tmp_path, "hub/ada--x/c.gguf"), put(tmp_path, "quarantine/d.gguf.0123", 7)
    found = kept.listed(tmp_path, {small: Use(("tiny",), 1_795_262_400.0)})
    assert [(file.path, file.size_bytes, file.state) for file in found] == [
        (str(large), 99, "whole"),
        (str(small), 10, "whole"),
        (str(wrong), 7, "quarantined"),
        (str(part), 5, "partial"),
    ]
    assert found[0].source == "https://h/b.gguf"
    assert (found[1].models, found[1].used_at) == (("tiny",), "2026-11-21T12:00:00.000Z")
    assert (found[0].models, found[0].used_at) == ((), None)


def test_a_directory_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert kept.listed(tmp_path / "nowhere", {}) == []


def test_what_is_not_flocks_is_neither_listed_nor_deleted(tmp_path: Path) -> None:
    mine = put(tmp_path, "hub/ada--x/a.gguf")
    others = [tmp_path / "hub/ada--x/own.gguf", tmp_path / "own/b.gguf", tmp_path / "c.gguf"]
    for other in others:
        other.parent.mkdir(exist_ok=True)
        other.write_bytes(b"own")
    outside = tmp_path / "outside.gguf"
    outside.write_bytes(b"x")
    link = tmp_path / "hub/ada--x/link.gguf"
    link.symlink_to(outside)
    write_record(record_path(link), {"source": "hf:ada/x:f"})
    found = kept.unneeded(tmp_path, {}, partial=True, held=nobody)
    assert [file.path for file in found] == [str(mine)]
    assert all(kept.delete(tmp_path, file) for file in found)
    assert all(other.exists() for other in (*others, outside, link))


def test_what_a_model_needs_stays(tmp_path: Path) -> None:
    names = ("hub/ada--x/m-00001-of-00002.gguf", "hub/ada--x/m-00002-of-00002.gguf", "hub/ada--x/mmproj-F16.gguf")
    first, second, half = (put(tmp_path, name) for name in names)
    mlx = [put(tmp_path, f"hub/mlx--y/{name}") for name in ("config.json", "model.safetensors")]
    draft, free = put(tmp_path, "hub/ada--d/draft.gguf"), put(tmp_path, "hub/ada--f/free.gguf")
    entries = [
        ModelEntry("m", str(first), 1.0, config={"draft": str(draft)}, facts={"projector": str(half)}),
        ModelEntry("y", str(mlx[0].parent), 1.0, last_used_at=5.0),
        ModelEntry("o", "", 1.0, source="ollama:x"),
    ]
    found = kept.unneeded(tmp_path, uses(entries), partial=False, held=nobody)
    assert [file.path for file in found] == [str(free)]
    models = {file.path: file.models for file in kept.listed(tmp_path, uses(entries))}
    assert models[str(second)] == models[str(draft)] == ("m",)
    assert models[str(mlx[1])] == ("y",)


def test_interrupted_ones_only_when_asked_for_and_never_while_they_are_written(tmp_path: Path) -> None:
    idle, busy = put_part(tmp_path, "hub/ada--x/a.gguf"), put_part(tmp_path, "hub/ada--x/b.gguf")
    assert kept.unneeded(tmp_path, {}, partial=False, held=nobody) == []
    found = kept.unneeded(tmp_path, {}, partial=True, held=nobody)
    assert {file.path for file in found} == {str(idle), str(busy)}
    lock = os.open(busy, os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert {file.path: kept.delete(tmp_path, file) for file in found} == {str(idle): True, str(busy): False}
    finally:
        os.close(lock)
    assert not idle.exists()
    assert busy.exists()
    # a job of this daemon that is about to write it
    assert kept.unneeded(tmp_path, {}, partial=True, held=lambda path: path.name == "b.gguf") == []


def test_directories_that_are_empty_then_go_too(tmp_path: Path) -> None:
    file, beside = put(tmp_path, "hub/ada--x/deep/a.gguf"), put(tmp_path, "hub/ada--x/b.gguf")
    for found in kept.listed(tmp_path, {beside: Use(("m",))}):
        if not found.models:
            kept.delete(tmp_path, found)
    assert not file.parent.exists()
    assert beside.exists()
    for found in kept.listed(tmp_path, {}):
        kept.delete(tmp_path, found)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hub"]
    assert list((tmp_path / "hub").iterdir()) == []


@pytest.mark.skipif(os.getuid() == 0, reason="nothing is shut to root")
def test_what_cannot_be_deleted_is_named(tmp_path: Path) -> None:
    file = put(tmp_path, "hub/ada--x/a.gguf")
    (found,) = kept.listed(tmp_path, {})
    file.parent.chmod(0o500)
    with pytest.raises(StorageFailed) as raised:
        kept.delete(tmp_path, found)
    assert str(file) in raised.value.sentence
