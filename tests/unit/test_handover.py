"""How another `flock` is found on PATH and a copy of ours recognised; the exec itself is in tests/e2e."""

import os
from pathlib import Path

import pytest

from flock import handover

PIP_SCRIPT = "#!{python}\nimport sys\nfrom flock.__main__ import main\nsys.exit(main())\n"


def program(file: Path, text: str = "#!/bin/sh\n") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)
    return file


@pytest.mark.parametrize(
    "text",
    [
        PIP_SCRIPT.format(python="/opt/venv/bin/python"),
        "#!/usr/bin/python3\n# -*- coding: utf-8 -*-\nimport re\nimport sys\nfrom flock.__main__ import main\n",
        # what pip writes where the interpreter's path is too long for a first line, or has a space
        "#!/bin/sh\n'''exec' \"/a b" + "/c" * 2000 + '/python" "$0" "$@"\n\' \'\'\'\nfrom flock.__main__ import main\n',
    ],
)
def test_a_console_script_of_any_installation_is_ours(text: str, tmp_path: Path) -> None:
    assert handover.is_ours(str(program(tmp_path / "flock", text)))


@pytest.mark.parametrize("text", ["", '#!/bin/sh\nexec /usr/bin/flock "$@"\n', "\x7fELF flock.__main__"])
def test_another_program_is_not_ours(text: str, tmp_path: Path) -> None:
    assert not handover.is_ours(str(program(tmp_path / "flock", text)))


def test_a_program_that_cannot_be_read_is_not_ours(tmp_path: Path) -> None:
    assert not handover.is_ours(str(tmp_path))
    assert not handover.is_ours(str(tmp_path / "absent"))


def test_the_walk_takes_executables_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "flock").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "flock").touch(0o644)
    here, last = program(tmp_path / "here" / "flock"), program(tmp_path / "c" / "flock")
    monkeypatch.chdir(here.parent)
    path = f"{tmp_path}/a:{tmp_path}/b::{tmp_path}/absent:{tmp_path}/c"
    assert [os.path.realpath(file) for file in handover.programs("flock", path)] == [str(here), str(last)]
