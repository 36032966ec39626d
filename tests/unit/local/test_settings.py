"""`flock config …` without a daemon, and the walk through an editor."""

from pathlib import Path

import pytest

from flock.contract.settings import EditConfig, GetConfig, SetConfig, ShowConfig, ShowPlaces, UnsetConfig
from flock.errors import ConfigInvalid, UsageError
from flock.local.operations import Here, run
from flock.local.settings import editor


def test_a_value_is_set_shown_and_removed(here: Here) -> None:
    assert run(GetConfig(key="log_level"), here).layer == "default"
    changed = run(SetConfig(key="log_level", value="debug"), here)
    assert changed.file == str(here.home.config_file)
    found = run(GetConfig(key="log_level"), here)
    assert (found.value, found.layer) == ("debug", "file")
    assert {setting.key for setting in run(ShowConfig(), here)} > {"listen", "log_level"}
    run(UnsetConfig(key="log_level"), here)
    assert run(GetConfig(key="log_level"), here).value == "info"
    with pytest.raises(ConfigInvalid, match="listen"):
        run(SetConfig(key="listne", value="127.0.0.1:1"), here)


def test_places(here: Here, tmp_path: Path) -> None:
    found = run(ShowPlaces(), here)
    assert found.config == str(here.home.config_file)
    assert found.data == str(here.home.data)
    run(SetConfig(key="data_dir", value=str(tmp_path / "elsewhere")), here)
    moved = run(ShowPlaces(), here)
    assert moved.database == str(tmp_path / "elsewhere" / "flock.db")
    assert moved.socket == found.socket
    here.home.config_file.write_text("listen: [\n")
    assert run(ShowPlaces(), here).data == found.data


def script(place: Path, body: str) -> Path:
    """Make an editor."""
    file = place / "my editor"
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
    return file


def using(here: Here, **environ: str) -> Here:
    """Return the place as a shell with these variables sees it."""
    bare = {name: value for name, value in here.environ.items() if name not in ("VISUAL", "EDITOR")}
    return Here(here.home, {**bare, **environ})


def test_editing(here: Here, tmp_path: Path) -> None:
    edit = script(tmp_path, 'test "$1" = --wait && echo "log_level: debug" >> "$2"')
    run(EditConfig(), using(here, EDITOR=f"'{edit}' --wait"))
    assert "# flock's configuration" in here.home.config_file.read_text(), "a new file begins with its comments"
    assert run(GetConfig(key="log_level"), here).value == "debug"


def test_a_wrong_edit_names_the_line_and_says_what_runs_on(here: Here, tmp_path: Path) -> None:
    edit = script(tmp_path, 'printf "log_level: info\\nlistne: 1\\n" > "$1"')
    with pytest.raises(ConfigInvalid, match=r"config\.yaml.*2.* keeps the values it started with"):
        run(EditConfig(), using(here, VISUAL=f"'{edit}'", EDITOR="false"))


def test_an_editor_that_fails_or_is_not_there(here: Here, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exit code 1"):
        run(EditConfig(), using(here, EDITOR="false"))
    with pytest.raises(UsageError, match="cannot run the editor /nowhere/vi"):
        run(EditConfig(), using(here, EDITOR="/nowhere/vi"))
    with pytest.raises(UsageError, match="cannot be understood"):
        editor(using(here, EDITOR="'unclosed"))
    with pytest.raises(UsageError, match="no editor"):
        editor(using(here, PATH=str(tmp_path)))
    found = script(tmp_path, "true").rename(tmp_path / "vi")
    assert editor(using(here, PATH=str(tmp_path))) == [str(found)]
