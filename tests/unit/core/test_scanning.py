"""Looking through directories: what is a model, what is left out, and that links lead nowhere for ever."""

import os
import shutil
from pathlib import Path

import pytest

from flock.contract.models import FoundFile
from flock.core.scanning import scan
from flock.errors import InvalidRequest, NotFound
from flock.smoke import facts
from tests.models import hf


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in transformers' layout."""
    place = tmp_path_factory.mktemp("hf") / "tiny-script"
    hf.write_script(place)
    return place


@pytest.fixture
def place(tmp_path: Path, directory: Path) -> Path:
    (tmp_path / "deep/er").mkdir(parents=True)
    shutil.copy(facts.PATH, tmp_path / "deep/er/One-Q4_K_M.gguf")
    shutil.copytree(directory, tmp_path / "dir")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "data.bin").write_bytes(b"not ggml")
    (tmp_path / "net.onnx").write_bytes(b"no voice")
    (tmp_path / ".hidden").mkdir()
    shutil.copy(facts.PATH, tmp_path / ".hidden/two.gguf")
    shutil.copy(facts.PATH, tmp_path / "mmproj-one.gguf")
    shutil.copy(facts.PATH, tmp_path / "big-00002-of-00003.gguf")
    return tmp_path


def names(found: list[FoundFile], top: Path) -> list[str]:
    return [os.path.relpath(one.path, top) for one in found]


def test_models_of_every_kind_are_found_and_nothing_else(place: Path) -> None:
    found = scan(place, {})
    assert names(found, place) == ["deep/er/One-Q4_K_M.gguf", "dir"]
    gguf, directory = found
    assert (gguf.format, gguf.kind, gguf.id, gguf.added, gguf.error) == ("gguf", "chat", "one-q4_k_m", False, "")
    assert gguf.size_bytes == facts.PATH.stat().st_size
    assert (directory.format, directory.kind, directory.id) == ("safetensors", "chat", "dir")


def test_what_is_added_says_so_by_whichever_path(place: Path) -> None:
    (place / "link.gguf").symlink_to(place / "deep/er/One-Q4_K_M.gguf")
    found = scan(place, {str(place / "deep/er/One-Q4_K_M.gguf"): "mine"})
    assert [(one.id, one.added) for one in found if one.format == "gguf"] == [("mine", True), ("mine", True)]


def test_links_in_a_circle_end(place: Path) -> None:
    (place / "deep/er/back").symlink_to(place)
    (place / "self").symlink_to("self")
    assert len(scan(place, {})) == 2


def test_what_is_damaged_is_found_and_says_why(place: Path) -> None:
    (place / "cut.gguf").write_bytes(facts.PATH.read_bytes()[:1000])
    (place / "empty.gguf").touch()
    os.mkfifo(place / "pipe.gguf")
    wrong = {Path(one.path).name: one.error for one in scan(place, {}) if one.error}
    assert set(wrong) == {"cut.gguf", "empty.gguf"}
    assert "is cut off or damaged" in wrong["cut.gguf"]
    assert "is empty" in wrong["empty.gguf"]


def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no directory"):
        scan(tmp_path / "nothing", {})
    (tmp_path / "file").touch()
    with pytest.raises(InvalidRequest, match="is no directory"):
        scan(tmp_path / "file", {})
    assert scan(tmp_path, {}) == []
