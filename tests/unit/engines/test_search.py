"""Where engines are looked for, and what is said of one that is there and cannot be used."""

from pathlib import Path

import pytest

from flock.engines.llamacpp import LlamaCpp
from flock.engines.mlx import Mlx
from flock.engines.piper import Piper
from flock.engines.search import CURRENT, Search, is_older, python_of
from flock.engines.vllm import Vllm
from flock.engines.whisper import Whisper
from tests.unit.engines.test_drivers import venv


def program(path: Path, words: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(words)
    path.chmod(0o755)
    return path


def test_what_the_user_names_comes_before_the_search_path_and_that_before_what_flock_brought(tmp_path: Path) -> None:
    named = program(tmp_path / "named/whisper-server")
    on_path = program(tmp_path / "path/whisper-server")
    brought = program(tmp_path / "engines/whisper/1/bin/whisper-server")
    (tmp_path / "engines/whisper" / CURRENT).symlink_to("1")
    search = Search({"whisper": str(named)}, tmp_path / "engines", str(on_path.parent))
    for look, where in (
        (search, named),
        (Search({}, tmp_path / "engines", str(on_path.parent)), on_path),
        (Search({}, tmp_path / "engines", str(tmp_path)), brought),
    ):
        found = Whisper(look).find()
        assert found is not None
        assert (found.where, found.problem) == (str(where), "")
    assert Whisper(Search({}, None, str(tmp_path))).find() is None


def test_a_directory_may_be_named(tmp_path: Path) -> None:
    inside = program(tmp_path / "build/bin/whisper-server")
    found = Whisper(Search({"whisper": str(tmp_path / "build")})).find()
    assert found is not None
    assert found.where == str(inside)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "is not there"),
        (lambda path: path.mkdir(), "there is no llama-server in the directory"),
        (lambda path: path.write_text("x"), "is no program that may be run"),
    ],
)
def test_what_is_named_and_is_no_engine_is_told_and_nothing_else_is_taken(make, says: str, tmp_path: Path) -> None:  # pyright: ignore
    other = program(tmp_path / "path/llama-server")
    make(tmp_path / "named")
    found = LlamaCpp(search=Search({"llamacpp": str(tmp_path / "named")}, None, str(other.parent))).find()
    assert found is not None
    assert says in found.problem
    assert found.hint == "flock config unset engine.llamacpp_path"


def test_half_an_installation_is_none(tmp_path: Path) -> None:
    venv(tmp_path / "piper/1.8.0-half", "piper", "piper_tts-1.8.0")
    assert Piper(Search({}, tmp_path, str(tmp_path))).find() is None
    (tmp_path / "piper" / CURRENT).symlink_to("1.8.0-half")
    found = Piper(Search({}, tmp_path, str(tmp_path))).find()
    assert found is not None
    assert found.version == "1.8.0"


def test_versions_of_packages_are_read_and_old_ones_refused(tmp_path: Path) -> None:
    good = venv(tmp_path / "good", "mlx_lm.server", "mlx_lm-0.32.2", "mlx-0.32.4")
    found = Mlx(Search({"mlx": str(good)})).find()
    assert found is not None
    assert (found.version, found.problem) == ("0.32.2", "")
    old = venv(tmp_path / "old", "mlx_lm.server", "mlx_lm-0.9.1")
    found = Mlx(Search({"mlx": str(old)})).find()
    assert found is not None
    assert "mlx-lm 0.9.1 is too old, 0.32 or newer is needed" in found.problem
    assert found.hint == "flock engine install mlx"
    none = venv(tmp_path / "none", "vllm")
    found = Vllm(Search({"vllm": str(none)})).find()
    assert found is not None
    assert found.problem == "the Python it is of has no vllm"
    shell = program(tmp_path / "mlx_lm.server")
    found = Mlx(Search({"mlx": str(shell)})).find()
    assert found is not None
    assert "belongs to no Python" in found.problem


def test_python_of_a_script(tmp_path: Path) -> None:
    python = program(tmp_path / "python3.11")
    assert python_of(str(python)) == str(python)
    assert python_of(str(program(tmp_path / "a", f"#!{python}\nimport sys\n"))) == str(python)
    # what pip writes where the path is too long for a first line
    long = f"#!/bin/sh\n'''exec' {python} \"$0\" \"$@\"\n' '''\n"
    assert python_of(str(program(tmp_path / "b", long))) == str(python)
    assert python_of(str(program(tmp_path / "c", "#!/gone/python3\n"))) == ""
    assert python_of(str(program(tmp_path / "d", "\x7fELF"))) == ""
    assert python_of(str(tmp_path / "gone")) == ""


def test_order_of_versions() -> None:
    assert is_older("0.9.1", "0.32")
    assert not is_older("0.32.0+cpu", "0.32")
    assert not is_older("1.0", "0.32.5")
    assert not is_older("", "1")
