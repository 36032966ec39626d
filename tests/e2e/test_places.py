"""Whose place it is and where the socket lies: other users, directories that take nothing, long paths, and every way
into a machine finding the same flock.
"""

import contextlib
import json
import os
import pwd
import re
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.machine import CHECKOUT, NOBODY, as_user, fresh, give, hint, refused, temporary
from tests.e2e.parts import serves
from tests.running import PATIENCE, Flock, free_port, wait_for


def may_be_another_user() -> bool:
    """Say whether this run may act as another user."""
    if os.getuid() == 0:
        return True
    sudo = shutil.which("sudo")
    return sudo is not None and subprocess.run([sudo, "-n", "true"], capture_output=True).returncode == 0


@pytest.fixture
def users() -> None:
    """Need two users: never left out where CI runs."""
    if not may_be_another_user():
        cause = "acting as another user needs root, or sudo without a password"
        pytest.fail(cause) if os.environ.get("CI") else pytest.skip(cause)


@pytest.mark.usefixtures("users")
def test_root_in_another_users_place_is_refused() -> None:
    """What `sudo flock up` is, where HOME stays the user's."""
    with fresh() as flock:
        flock.home.mkdir()
        give(flock.home.parent, NOBODY)
        before = sorted(flock.home.parent.rglob("*"))
        for words in (("up",), ("up", "--foreground")):
            said = refused(flock, *words, code=4)
            name = pwd.getpwuid(NOBODY).pw_name
            assert f"belongs to user {name}, and this is {pwd.getpwuid(os.getuid()).pw_name}" in said
            assert hint(said).startswith(f"run flock as {name}, without sudo")
        assert sorted(flock.home.parent.rglob("*")) == before
        assert any(c["name"] == "user" and c["state"] == "serious" for c in doctor(flock))
        give(flock.home.parent, os.getuid())


@pytest.mark.usefixtures("users")
def test_another_user_in_this_users_place_is_refused() -> None:
    with temporary() as top:
        flock = Flock(top / "home", free_port(), **CHECKOUT)
        flock.ok("up")
        try:
            for words in (("up",), ("up", "--foreground"), ("status",), ("token", "ls"), ("doctor",), ("logs",)):
                done = as_user(NOBODY, flock, *words)
                assert done.returncode in (1, 4), (words, done.stdout, done.stderr)
                assert "Traceback" not in done.stdout + done.stderr
                if words == ("doctor",):
                    assert "serious  user: " in done.stdout, done.stdout
                    assert "chmod" not in done.stdout
                else:
                    assert done.returncode == 4 or words == ("logs",), (words, done.stderr)
                    me = pwd.getpwuid(os.getuid()).pw_name
                    said = f"belongs to user {me}" if "up" in words else "may not|Permission denied"
                    assert re.search(said, done.stderr), done.stderr
            assert serves(flock)
        finally:
            flock.ok("down")


@pytest.mark.usefixtures("users")
def test_another_users_home_directory_is_refused() -> None:
    """HOME names a directory that may not even be looked into."""
    with temporary() as top:
        (top / "private").mkdir(mode=0o700)
        flock = Flock(top / "home", free_port(), HOME=str(top / "private"), **CHECKOUT)
        del flock.environment["FLOCK_HOME"]
        for words in (("up",), ("up", "--foreground")):
            done = as_user(NOBODY, flock, *words)
            assert done.returncode == 4, done.stderr
            assert f"{top}/private belongs to user {pwd.getpwuid(os.getuid()).pw_name}" in done.stderr
        assert not list((top / "private").iterdir())


@pytest.mark.usefixtures("users")
def test_a_place_of_its_own_serves_another_user() -> None:
    with temporary() as top:
        (top / "theirs").mkdir()
        give(top / "theirs", NOBODY)
        flock = Flock(top / "theirs/home", free_port(), HOME=str(top / "theirs"), **CHECKOUT)
        try:
            done = as_user(NOBODY, flock, "up")
            assert done.returncode == 0, done.stderr + done.stdout
            assert serves(flock)
            made = [path for path in flock.home.rglob("*") if path.exists()]
            assert {path.stat().st_uid for path in made} == {NOBODY}
            assert not [path for path in made if stat.S_IMODE(path.stat().st_mode) & 0o077 and not path.is_symlink()]
            # root reads everything anyway; the daemon lets root in, as every system service does
            assert flock.json("status")["home"] == str(flock.home)
        finally:
            as_user(NOBODY, flock, "down")


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize("where", ["home", "above"])
def test_a_home_that_takes_nothing(where: str) -> None:
    with temporary() as top:
        home = top / "theirs/home"
        home.mkdir(parents=True)
        give(top / "theirs", NOBODY)
        shut = home if where == "home" else home.parent
        if where == "above":
            home.rmdir()
        shut.chmod(0o555)
        flock = Flock(home, free_port(), HOME=str(top / "theirs"), **CHECKOUT)
        for words in (("up",), ("up", "--foreground"), ("config", "set", "log_level", "debug")):
            done = as_user(NOBODY, flock, *words)
            assert done.returncode == 1, (words, done.stdout, done.stderr)
            assert done.stderr.startswith("flock: cannot "), done.stderr
            assert "Permission denied" in done.stderr
            assert str(shut) in done.stderr.replace("~", str(top / "theirs")), done.stderr
        assert list(shut.iterdir()) == []
        found = as_user(NOBODY, flock, "doctor")
        assert (found.returncode, "not writable" in found.stdout) == (1, True), found.stdout
        if where == "home":
            (line,) = [x for x in found.stdout.splitlines() if "fix: chmod " in x]
            subprocess.run(["bash", "-c", line.partition("fix: ")[2]], check=True)
        else:
            shut.chmod(0o755)
        done = as_user(NOBODY, flock, "up")
        assert done.returncode == 0, done.stderr
        as_user(NOBODY, flock, "down")


def test_a_path_too_long_for_a_socket() -> None:
    with fresh() as flock:
        flock.home = flock.home.parent / ("x" * 75) / ("y" * 75)
        flock.home.parent.mkdir()
        assert len(str(flock.home)) > 150
        flock.environment["FLOCK_HOME"] = str(flock.home)
        flock.ok("up")
        place = Path(flock.json("status")["socket"])
        assert place.parent.parent == Path("/tmp")
        assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(place.stat().st_mode) & 0o077 == 0
        assert flock.json("config", "path")["socket"] == str(place)
        assert flock.json("up")["action"] == "running"
        assert any(str(place) in check["sentence"] for check in doctor(flock))
        flock.ok("down")
        assert not place.exists()
        place.parent.rmdir()


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize("trap", ["directory", "link"])
def test_somebody_else_stands_where_the_short_socket_would_be(trap: str) -> None:
    with fresh() as flock, socket.socket(socket.AF_UNIX) as spy:
        flock.home = flock.home.parent / ("x" * 75) / ("y" * 75)
        flock.home.parent.mkdir()
        flock.environment["FLOCK_HOME"] = str(flock.home)
        place = Path(flock.json("config", "path")["socket"]).parent
        ours = flock.home.parent.parent / "ours"
        ours.mkdir(mode=0o755)
        try:
            if trap == "directory":
                place.mkdir()
            else:
                place.symlink_to(ours)
            # a socket that answers would get whatever the command line sends, engine keys too
            spy.bind(str(place / "flock.sock"))
            spy.listen()
            spy.settimeout(0.0)
            give(place, NOBODY)
            assert str(place) in refused(flock, "up")
            refused(flock, "status")
            with pytest.raises(BlockingIOError):
                spy.accept()
            assert stat.S_IMODE(ours.stat().st_mode) == 0o755
        finally:
            give(place, os.getuid())
            if place.is_symlink():
                place.unlink()
            shutil.rmtree(place, ignore_errors=True)


# -- every way in


@pytest.fixture
def usual(tmp_path: Path) -> Iterator[Flock]:
    """A flock in the platform's own places under a home directory, started from a desktop's shell."""
    flock = Flock(tmp_path / "unused", free_port(), **CHECKOUT)
    flock.home = tmp_path / ".local/share/flock"  # of which only `run` is looked at
    flock.home.parent.mkdir(parents=True)
    del flock.environment["FLOCK_HOME"]
    flock.environment |= {
        "HOME": str(tmp_path),
        "XDG_RUNTIME_DIR": str(tmp_path / "runtime"),
        "XDG_DATA_HOME": str(tmp_path / "elsewhere"),
        "TMPDIR": str(tmp_path),
    }
    flock.ok("up")
    try:
        yield flock
    finally:
        flock.ok("down", "--grace", "0")


FLOCK = f"{sys.executable} -P -m flock"
# sshd hands nothing on
OVER_SSH = "".join(f"{name}={value} " for name, value in CHECKOUT.items()) + FLOCK


def finds(flock: Flock, done: subprocess.CompletedProcess[str]) -> bool:
    """Say whether `status --json` printed this flock's process."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["pid"] == flock.pid


def run(argv: list[str], environment: dict[str, str], cwd: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command with this environment and nothing on its standard input."""
    return subprocess.run(
        argv,
        env=CHECKOUT | environment,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_a_login_shell_finds_it(usual: Flock) -> None:
    bare = {"HOME": usual.environment["HOME"], "TERM": "dumb"}
    assert finds(usual, run(["bash", "-lc", f"{FLOCK} status --json"], bare, "/"))


def test_cron_finds_it(usual: Flock) -> None:
    """The environment crontab(5) describes."""
    home = usual.environment["HOME"]
    cron = {"HOME": home, "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "LOGNAME": pwd.getpwuid(os.getuid()).pw_name}
    assert finds(usual, run(["/bin/sh", "-c", f"{FLOCK} status --json"], cron, home))


def test_a_users_unit_of_systemd_finds_it(usual: Flock, tmp_path: Path) -> None:
    """The environment systemd gives a unit of `systemctl --user` (systemd.exec(5)); no manager runs in a container, so
    it is spelled out: XDG_RUNTIME_DIR set, no TERM, the working directory / and nothing on standard input.
    """
    unit = {
        "HOME": usual.environment["HOME"],
        "USER": pwd.getpwuid(os.getuid()).pw_name,
        "LOGNAME": pwd.getpwuid(os.getuid()).pw_name,
        "SHELL": "/bin/bash",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "XDG_RUNTIME_DIR": f"/run/user/{os.getuid()}",
        "INVOCATION_ID": "0" * 32,
        "JOURNAL_STREAM": "8:1",
        "SYSTEMD_EXEC_PID": "1",
        "RUNTIME_DIRECTORY": str(tmp_path / "rt"),
    }
    assert finds(usual, run([*FLOCK.split(), "status", "--json"], unit, "/"))


def test_a_system_unit_without_a_user_looks_in_the_password_databases_home() -> None:
    """A system unit without `User=` gets no HOME (systemd.exec(5)). Only the path is asked for: that home is real."""
    unit = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
    words = [*FLOCK.split(), "config", "path", "--json"]
    done = run(words, unit, "/")
    assert done.returncode == 0, done.stderr
    home = pwd.getpwuid(os.getuid()).pw_dir
    assert json.loads(done.stdout)["socket"] == f"{home}/.local/share/flock/run/flock.sock"
    assert done.stdout == run(words, unit | {"HOME": home}, "/").stdout


@contextlib.contextmanager
def ssh_server(top: Path, home: str) -> Iterator[list[str]]:
    """Run an sshd on 127.0.0.1 with keys and configuration of its own; yield the ssh command that logs in to it.

    It changes one thing about the session: HOME is the test's, where the password database says the user's own.
    """
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if program is None or shutil.which("ssh") is None:
        cause = "sshd is not installed (Debian: openssh-server)"
        pytest.fail(cause) if os.environ.get("CI") else pytest.skip(cause)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(top / name)], check=True)
    (top / "authorized").write_text((top / "user.pub").read_text())
    port = free_port()
    (top / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {top}/host\nPidFile none\nAuthorizedKeysFile {top}/authorized\n"
        f"StrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\nSetEnv HOME={home}\n"
    )
    if os.getuid() == 0:
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # where its unprivileged half is locked in
    with (top / "sshd.log").open("w") as log:
        server = subprocess.Popen([program, "-D", "-e", "-f", str(top / "sshd_config")], stderr=log)
    ssh = ["ssh", "-F", "none", "-i", str(top / "user"), "-p", str(port), "-o", "BatchMode=yes"]
    ssh += ["-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={top}/known", "127.0.0.1"]
    try:

        def listens() -> bool:
            assert server.poll() is None, (top / "sshd.log").read_text()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_for(listens, "sshd listens")
        yield ssh
    finally:
        server.terminate()
        server.wait()


def test_ssh_finds_it(usual: Flock, tmp_path: Path) -> None:
    with ssh_server(tmp_path, usual.environment["HOME"]) as ssh:
        done = run([*ssh, f"{OVER_SSH} status --json"], {"PATH": os.environ["PATH"]}, tmp_path)
        assert finds(usual, done), (tmp_path / "sshd.log").read_text()
        # and what is started over there outlives the connection
        usual.ok("down")
        line = f"FLOCK_LISTEN=127.0.0.1:{usual.port} {OVER_SSH} up --json"
        done = run([*ssh, line], {"PATH": os.environ["PATH"]}, tmp_path)
        assert done.returncode == 0, done.stderr
    assert finds(usual, run([*FLOCK.split(), "status", "--json"], usual.environment, "/"))


def doctor(flock: Flock) -> list[dict[str, str]]:
    """Return doctor's findings, whatever its exit code."""
    return json.loads(flock.run("doctor", "--json").stdout)["checks"]
