"""`flock doctor`: each trouble is found, named in one sentence, and comes with one command."""

import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from flock.client.presence import Presence, look
from flock.contract.engines import Engine
from flock.contract.lifecycle import Check, RunDoctor
from flock.errors import NotFound, StartFailed
from flock.local import doctor, doctor_daemon, doctor_engines, doctor_names, doctor_places, last_start, ports
from flock.local.operations import Here, run
from flock.local.scene import Scene
from flock.local.start import start
from flock.paths import Home, private_dir
from tests.unit.local.stand_in import status
from tests.unit.local.standing import stand_in, starts
from tests.unit.local.test_card import own

ABSENT = Presence("absent", None, "", "flock is not running", "flock up")


@pytest.fixture
def scene(here: Here) -> Scene:
    """Return a place where nothing runs yet."""
    return Scene(here.home, here.environ, ABSENT, None, None, "flock")


def states(checks: Iterable[Check]) -> dict[str, str]:
    """Return the state of each check by its sentence."""
    return {check.sentence: check.state for check in checks}


def only(checks: Iterable[Check]) -> Check:
    """Return the one check there is."""
    (check,) = checks
    return check


def broken(scene: Scene) -> Iterable[Check]:
    """Break as a check must not."""
    yield Check("broken", "ok", "so far so good")
    raise ZeroDivisionError("oh")


def unknown(scene: Scene) -> Iterable[Check]:
    """Fail as flock fails."""
    raise NotFound("there is no such thing", hint="flock model ls")


def test_a_broken_check_is_a_finding_and_hides_nothing(scene: Scene) -> None:
    found = doctor.diagnose(replace(scene, command="/a/flock"), (("a", broken), ("b", unknown), ("c", broken)))
    assert [check.state for check in found.checks] == ["ok", "warning", "warning", "ok", "warning"]
    assert "ZeroDivisionError" in found.checks[1].sentence
    assert found.checks[2] == Check("b", "warning", "there is no such thing", "/a/flock model ls")
    assert found.serious == 0


def test_a_new_place_has_nothing_serious_but_what_it_lacks(here: Here) -> None:
    found = run(RunDoctor(), here)
    assert found.serious == sum(check.state == "serious" for check in found.checks)
    assert {check.name for check in found.checks} >= {"daemon", "user", "disk", "command"}
    assert not here.home.config.exists(), "doctor made something"
    for check in found.checks:
        assert check.state in ("ok", "note", "warning", "serious")
        assert "\n" not in check.sentence


def test_a_running_daemon(here: Here) -> None:
    start(here, stand_in("first"))
    found = doctor.diagnose(doctor.scene_of(here), doctor.CHECKS[:10])
    assert {c.sentence: c for c in found.checks if c.state not in ("ok", "note")} == {}
    assert any(c.name == "limits" and c.sentence.endswith("counters are what usage adds up to") for c in found.checks)


def test_each_presence_has_a_state_and_a_command(scene: Scene) -> None:
    for state, wanted in (
        ("stale", "warning"),
        ("other_version", "warning"),
        ("foreign", "serious"),
        ("absent", "note"),
    ):
        found = Presence(state, None, "", "words", "flock up")  # type: ignore[arg-type]
        assert only(doctor_daemon.daemon(replace(scene, presence=found))) == Check(
            "daemon", wanted, "words", "flock up"
        )


def test_a_stale_socket_is_seen(here: Here) -> None:
    start(here, stand_in("ready"))
    os.kill(starts(here)[0], signal.SIGKILL)
    os.waitpid(starts(here)[0], 0)
    assert only(doctor_daemon.daemon(doctor.scene_of(here))).state == "warning"
    assert look(here.home).state == "stale"


def test_a_failed_start_is_remembered(scene: Scene) -> None:
    private_dir(scene.home.run)
    last_start.note(scene.home, StartFailed("it died\n  badly", hint="flock logs", details={"log": ["a", "no space"]}))
    check = only(doctor_daemon.failed_start(scene))
    assert check.state == "serious"
    assert check.sentence.endswith("it died: no space")
    assert list(doctor_daemon.failed_start(replace(scene, status=status("1")))) == []


def test_a_store_that_fails(scene: Scene) -> None:
    check = only(doctor_daemon.store(replace(scene, status=replace(status("1"), warning="the disk is full"))))
    assert check.state == "serious"
    assert "the disk is full" in check.sentence


def loosen(path: Path, mode: int) -> None:
    """Make a file with a mode."""
    path.write_text("x")
    path.chmod(mode)


def test_modes_that_let_others_in(scene: Scene) -> None:
    home = scene.home
    for place in (home.config, home.data, home.logs, home.run):
        private_dir(place)
    assert only(doctor_places.directories(scene)).state == "ok"
    home.config.chmod(0o755)
    loosen(home.admin_key, 0o644)
    loosen(home.secrets, 0o640)
    found = [*doctor_places.directories(scene), *doctor_places.files(scene)]
    fixes = [check.fix for check in found if check.state == "warning"]
    assert len(fixes) == 3
    for fix in fixes:
        assert os.system(fix) == 0
    assert "warning" not in states([*doctor_places.directories(scene), *doctor_places.files(scene)]).values()


def test_a_database_that_is_none(scene: Scene) -> None:
    private_dir(scene.home.data)
    loosen(scene.home.database, 0o600)
    loosen(scene.home.admin_key, 0o600)
    assert "serious" in states(doctor_places.files(scene)).values()
    scene.home.database.write_bytes(b"SQLite format 3\0 and more")
    assert only(doctor_places.files(scene)).state == "ok"
    scene.home.admin_key.unlink()
    assert "token create admin --admin" in only(doctor_places.files(scene)).fix


def test_a_file_in_a_directorys_place(scene: Scene) -> None:
    scene.home.config.mkdir()
    scene.home.logs.write_text("no directory")
    assert "serious" in states(doctor_places.directories(scene)).values()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be in another user's place")
def test_another_users_place(scene: Scene) -> None:
    scene.home.config.mkdir()
    os.chown(scene.home.config, 65534, 65534)
    found = [check for check in doctor_places.user(scene) if check.state == "serious"]
    assert "belongs to user nobody" in found[0].sentence


def test_odd_homes(scene: Scene) -> None:
    def said(**environ: str) -> list[str]:
        return [check.state for check in doctor_places.user(replace(scene, environ=environ))][1:]

    assert said() == ["note"]
    assert said(HOME="relative") == ["warning"]
    assert said(HOME="/somewhere/else") == ["note"]
    assert said(HOME="/somewhere/else", FLOCK_HOME="/x") == []


def test_a_long_path_moves_the_socket(scene: Scene, tmp_path: Path) -> None:
    assert only(doctor_places.socket_path(scene)).state == "ok"
    deep = tmp_path / ("x" * 100)
    check = only(doctor_places.socket_path(replace(scene, home=Home(deep, deep, deep, deep / "run"))))
    assert check.state == "note"
    assert "too long" in check.sentence


def test_the_names_everywhere(scene: Scene, tmp_path: Path) -> None:
    place = own(tmp_path / "bin", "flock", "flockctl")
    found = list(doctor_names.commands(replace(scene, environ={"PATH": f"{place}:/usr/bin:/bin", "SHELL": "/bin/sh"})))
    assert found[0].state == "ok"
    assert f"flock is {place}/flock (this program)" in found[0].sentence
    login, cron = found[1:]
    assert "the login shell" in login.sentence
    assert "cron's PATH" in cron.sentence
    assert cron.state == "note"
    if shutil.which("flock", path="/usr/bin:/bin"):
        assert "util-linux's file lock" in cron.sentence


def test_the_login_shells_path_is_the_profiles(tmp_path: Path) -> None:
    (tmp_path / ".profile").write_text("echo noise; PATH=/from/profile:$PATH\n")
    path = doctor_names.login_path({"HOME": str(tmp_path), "SHELL": "/bin/sh", "PATH": "/not/this"})
    assert path is not None
    assert path.startswith("/from/profile:")
    assert "/not/this" not in path


def test_a_login_shell_that_hangs_or_is_none(tmp_path: Path) -> None:
    (tmp_path / ".profile").write_text("sleep 1000 &\nwait\n")
    assert doctor_names.login_path({"HOME": str(tmp_path), "SHELL": "/bin/sh"}, seconds=0.3) is None
    assert doctor_names.login_path({"SHELL": "/nowhere/sh"}) is None


def test_a_llama_server_that_does_not_run(scene: Scene, tmp_path: Path) -> None:
    server = tmp_path / "llama-server"
    server.write_text("#!/bin/sh\necho libgomp.so.1 missing >&2; exit 127\n")
    server.chmod(0o755)
    found = list(doctor_engines.programs(replace(scene, environ={"PATH": str(tmp_path)})))
    assert found[0].state in ("warning", "serious")
    assert "libgomp.so.1 missing" in found[0].sentence
    server.write_text("#!/bin/sh\necho 'version: 9999 (abc)' >&2\n")
    found = list(doctor_engines.programs(replace(scene, environ={"PATH": str(tmp_path)})))
    assert (found[0].state, found[0].sentence) == ("ok", f"llama-server at {server}, version: 9999 (abc)")


def test_models(scene: Scene) -> None:
    said = status("1")
    assert only(doctor_engines.models(replace(scene, status=said))).state == "note"
    assert only(doctor_engines.models(replace(scene, status=replace(said, models=())))).state == "serious"
    big = replace(said.models[0], id="big", source="file:/m.gguf", size_bytes=9_000_000_000)
    assert only(doctor_engines.models(replace(scene, status=replace(said, models=(big,))))).state == "ok"
    dead = replace(big, size_bytes=1, state="failed", error="no memory")
    assert only(doctor_engines.models(replace(scene, status=replace(said, models=(dead,))))).state == "serious"


def test_an_own_engine_in_trouble(scene: Scene) -> None:
    engine = Engine("a", "embedded", "own", "failed", "http://127.0.0.1:1", (), "flock", error="it died")
    check = only(doctor_engines.engines(replace(scene, status=replace(status("1"), engines=(engine,)))))
    assert (check.state, check.fix) == ("warning", "flock engine logs a")
    assert "it died" in check.sentence


@pytest.fixture
def taken() -> Iterable[int]:
    """Yield a port that this process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_port_has_an_owner_and_a_free_neighbour(taken: int) -> None:
    assert not ports.is_free("127.0.0.1", taken)
    assert f"process {os.getpid()}" in ports.owner(taken)
    free = ports.next_free("127.0.0.1", taken)
    assert free > taken
    assert ports.is_free("127.0.0.1", free)
    assert not ports.is_free("127.0.0.1", 70000)


def test_every_check_is_documented() -> None:
    examine: Callable[..., object]
    for _, examine in doctor.CHECKS:
        assert examine.__doc__
