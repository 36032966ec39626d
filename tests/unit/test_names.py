"""Whose program a name leads to, and which command is printed."""

import os
import sys
from pathlib import Path

import pytest

from flock import names

PIP_SCRIPT = "#!{python}\nimport sys\nfrom flock.__main__ import main\nsys.exit(main())\n"


def program(file: Path, text: str = "#!/bin/sh\n") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)
    return file


def test_resolve_names_whose_a_program_is(tmp_path: Path) -> None:
    ours = program(tmp_path / "ours" / "flock", PIP_SCRIPT.format(python=sys.executable))
    theirs = program(tmp_path / "theirs" / "flock", "\x7fELF … util-linux 2.38.1 …")
    script = program(tmp_path / "script" / "flock", "#!/bin/sh\n# wraps util-linux\n")
    assert names.resolve("flock", f"{tmp_path}/ours:{tmp_path}/theirs") == names.Resolution("flock", str(ours), "ours")
    assert names.resolve("flock", f"{tmp_path}/theirs:{tmp_path}/ours").kind == "util-linux"
    assert names.resolve("flock", str(theirs.parent)).path == str(theirs)
    assert names.resolve("flock", str(script.parent)) == names.Resolution("flock", str(script), "other")
    assert names.resolve("flockctl", str(ours.parent)) == names.Resolution("flockctl", "", "missing")


def test_resolve_follows_a_link_to_ours(tmp_path: Path) -> None:
    ours = program(tmp_path / "venv" / "flock", PIP_SCRIPT.format(python=sys.executable))
    link = tmp_path / "bin" / "flock"
    link.parent.mkdir()
    link.symlink_to(ours)
    assert names.resolve("flock", str(link.parent)) == names.Resolution("flock", str(link), "ours")


def test_the_printed_command_is_the_first_name_that_is_ours(tmp_path: Path) -> None:
    text = PIP_SCRIPT.format(python=sys.executable)
    both, theirs = tmp_path / "both", tmp_path / "theirs"
    for name in names.NAMES:
        program(both / name, text)
    program(theirs / "flock", "\x7fELF util-linux")
    assert names.preferred_command(f"{both}:{theirs}") == "flock"
    assert names.preferred_command(f"{theirs}:{both}") == "flockctl"


def test_without_a_name_on_path_the_scripts_own_place_is_printed(tmp_path: Path) -> None:
    text = PIP_SCRIPT.format(python=sys.executable)
    script = program(tmp_path / "a place" / "flockctl", text)
    python = str(tmp_path / "a place" / "python")
    elsewhere = program(tmp_path / "x" / "flock", text)
    assert names.preferred_command("", called_as="/daemon", python=python) == f"'{script}'"
    assert names.preferred_command("", called_as=str(elsewhere), python=python) == str(elsewhere)
    assert names.preferred_command("", called_as="/daemon", python="/no/python") == "/no/python -m flock"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("flock up", "/x/flock up"),
        ("flock down; mv a b; rm -f c && flock up", "/x/flock down; mv a b; rm -f c && /x/flock up"),
        ("(umask 077; flock token create a > b)", "(umask 077; /x/flock token create a > b)"),
        ("run flock as ada", "run flock as ada"),
        ("mv /a/flock /b", "mv /a/flock /b"),
        ("flock", "flock"),
    ],
)
def test_every_call_in_a_printed_line_is_spelled_so_that_it_runs(line: str, shown: str) -> None:
    assert names.spelled(line, "/x/flock") == shown


def test_the_real_one_is_recognised() -> None:
    found = names.resolve("flock", names.CRON_PATH)
    if found.kind == "missing":
        assert not os.environ.get("CI"), "util-linux's flock(1) is missing on CI"
        pytest.skip("no flock(1) on this machine")
    assert found.kind == "util-linux"
