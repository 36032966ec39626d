"""Where things lie: the platform's directories, one socket for every caller, nobody else's place."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from platformdirs import PlatformDirs

from flock.errors import NotAllowed, StorageFailed
from flock.paths import SOCKET_PATH_MAX, Home, check_owner, find_home, private_dir, short


def places(**environment: str) -> dict[str, str]:
    """Ask a fresh interpreter, so that the environment is the only input."""
    script = (
        "from flock.paths import find_home; h = find_home();"
        "print(h.config, h.data, h.logs, h.run, h.socket, sep=chr(10))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    return dict(zip(("config", "data", "logs", "run", "socket"), done.stdout.splitlines(), strict=True))


def test_the_platforms_directories() -> None:
    usual = PlatformDirs("flock", appauthor=False)
    here = find_home() if "FLOCK_HOME" not in os.environ else None
    if here is None:
        pytest.skip("FLOCK_HOME is set for this run: the platform's directories do not apply")
    assert (here.config, here.data, here.logs) == (usual.user_config_path, usual.user_data_path, usual.user_log_path)


def test_flock_home_holds_everything(tmp_path: Path) -> None:
    found = places(HOME="/nowhere", FLOCK_HOME=str(tmp_path / "x"))
    assert all(p.startswith(str(tmp_path / "x")) for p in found.values())


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"XDG_RUNTIME_DIR": "/run/user/7", "TMPDIR": "/var/tmp"},
        {"XDG_DATA_HOME": "/elsewhere", "XDG_STATE_HOME": "/else"},
    ],
)
def test_every_caller_finds_the_same_socket(tmp_path: Path, more: dict[str, str]) -> None:
    assert places(HOME=str(tmp_path), **more)["socket"] == str(tmp_path / ".local/share/flock/run/flock.sock")


def test_without_home_the_password_database_decides() -> None:
    assert places()["socket"].startswith(os.path.expanduser(f"~{os.environ.get('USER', '') or 'root'}"))


def test_relative_xdg_paths_are_ignored(tmp_path: Path) -> None:
    assert places(HOME=str(tmp_path), XDG_CONFIG_HOME="relative")["config"] == str(tmp_path / ".config/flock")


def test_a_long_path_falls_back_to_a_short_private_one(tmp_path: Path) -> None:
    home = Home(config=tmp_path, data=tmp_path, logs=tmp_path, run=tmp_path / ("x" * 120))
    assert len(str(home.socket)) <= SOCKET_PATH_MAX
    assert home.socket.parent.name.startswith(f"flock-{os.getuid()}-")


def test_private_directories_are_0700_and_ours(tmp_path: Path) -> None:
    made = private_dir(tmp_path / "a" / "b")
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    made.chmod(0o755)
    private_dir(made)
    assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_a_file_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match=r"cannot create the directory .*/file/x"):
        private_dir(tmp_path / "file" / "x")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a directory away")
def test_another_users_place_is_refused(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, 65534, 65534)
    with pytest.raises(NotAllowed, match="belongs to user"):
        private_dir(theirs)
    home = Home(config=theirs / "c", data=theirs / "d", logs=theirs / "l", run=theirs / "r")
    with pytest.raises(NotAllowed, match=r"without sudo|this is root") as caught:
        check_owner(home)
    assert not (theirs / "r").exists()
    assert "sudo" in caught.value.hint


def test_short_paths_use_the_tilde() -> None:
    assert short(os.path.join(os.environ.get("HOME", "/root"), "x")) == "~/x"
    assert short("/etc/x") == "/etc/x"
