"""flock as a service: what is written, which commands of the system are called, what is refused.

The system's commands are scripts of the test's own on PATH (tests/fakes/system_commands.py); nothing of this machine is
asked.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from flock.errors import Conflict, NotAllowed, NotFound, StartFailed
from flock.local import card, services, units
from flock.local.ground import Ground
from flock.local.operations import Here
from flock.local.start import start
from flock.paths import user_name
from tests.fakes.system_commands import lay_out
from tests.unit.local.standing import stand_in, starts

Grounds = Callable[..., Ground]


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The state of a machine whose commands are in `bin`."""
    return lay_out(tmp_path / "bin")


@pytest.fixture
def ground(here: Here, machine: Path, tmp_path: Path) -> Grounds:
    """Return grounds on that machine, run by systemd unless told otherwise."""
    (tmp_path / "booted").mkdir()

    def made(**more: object) -> Ground:
        environ = {
            "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin:relative",
            "HOME": str(tmp_path / "user's home"),
            "FLOCK_HOME": here.environ["FLOCK_HOME"],
        }
        base = Ground(
            here.home, environ, platform="linux", booted=tmp_path / "booted", machine_units=tmp_path / "units"
        )
        return replace(base, **more)  # type: ignore[arg-type]

    return made


def calls(machine: Path) -> list[str]:
    """Return what was called to change something."""
    lines = (machine / "calls").read_text().splitlines() if (machine / "calls").exists() else []
    return [line for line in lines if " show" not in line and " print" not in line]


def test_install_status_remove(ground: Grounds, machine: Path, tmp_path: Path) -> None:
    place = ground()
    done = services.install(place)
    file = tmp_path / "user's home" / ".config" / "systemd" / "user" / "flock.service"
    assert (done.kind, done.unit) == ("systemd-user", str(file))
    assert done.installed
    assert done.enabled
    assert done.running
    assert done.lingers
    assert done.notes == (
        f"lingering was switched on for {user_name()}: flock starts at boot and goes on after logout",
    )
    assert calls(machine) == [
        "systemctl --user daemon-reload",
        "systemctl --user enable flock.service",
        "loginctl enable-linger",
        "systemctl --user start flock.service",
    ]
    text = file.read_text()
    assert units.places(text, ("FLOCK_HOME", "PATH")) == {
        "FLOCK_HOME": place.environ["FLOCK_HOME"],
        "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin",
    }
    assert file.stat().st_mode & 0o777 == 0o644
    gone = services.remove(place)
    assert not gone.installed
    assert not gone.running
    assert not file.exists()
    assert gone.notes == (f"lingering stays on for {user_name()}: loginctl disable-linger ends it",)
    assert "systemctl --user disable --now flock.service" in calls(machine)
    with pytest.raises(NotFound) as refused:
        services.remove(place)
    assert refused.value.hint == "flock service install"


def test_a_second_install_changes_nothing_and_a_changed_one_starts_anew(ground: Grounds, machine: Path) -> None:
    services.install(ground())
    (machine / "calls").unlink()
    services.install(ground())
    assert "systemctl --user start flock.service" not in calls(machine)
    assert "systemctl --user restart flock.service" not in calls(machine)
    moved = ground()
    services.install(replace(moved, environ={**moved.environ, "FLOCK_HOME": "/elsewhere"}))
    assert "systemctl --user restart flock.service" in calls(machine)


def test_an_edited_file_is_neither_overwritten_nor_lost(ground: Grounds) -> None:
    file = Path(services.install(ground()).unit)
    edited = file.read_text() + "# mine\n"
    file.write_text(edited)
    with pytest.raises(Conflict) as refused:
        services.install(ground())
    assert "is not as flock wrote it" in refused.value.sentence
    assert refused.value.hint.startswith("mv ")
    assert file.read_text() == edited
    gone = services.remove(ground())
    assert file.with_name("flock.service.edited").read_text() == edited
    assert "is kept as" in gone.notes[0]


def test_without_lingering(ground: Grounds, machine: Path) -> None:
    (machine / "refuse-enable-linger").write_text("Access denied")
    done = services.install(ground())
    assert done.lingers is False
    assert "sudo loginctl enable-linger" in done.notes[0]


def test_a_manager_that_refuses_is_quoted(ground: Grounds, machine: Path) -> None:
    (machine / "refuse-start").write_text("Job for flock.service failed")
    with pytest.raises(StartFailed) as refused:
        services.install(ground())
    assert "Job for flock.service failed" in refused.value.sentence
    assert refused.value.hint == "journalctl --user --unit flock.service --lines 20 --no-pager"
    (machine / "refuse-daemon-reload").write_text("Failed to connect to bus: No medium found")
    with pytest.raises(StartFailed, match="connect to bus") as refused:
        services.install(ground())
    assert refused.value.hint == "loginctl enable-linger"


def test_what_the_service_does_not_see_is_said(ground: Grounds) -> None:
    place = ground()
    done = services.install(replace(place, environ={**place.environ, "FLOCK_LISTEN": "8081"}))
    assert any("FLOCK_LISTEN" in note for note in done.notes)
    assert "8081" not in Path(done.unit).read_text()


def test_no_secret_of_the_environment_is_in_the_unit(ground: Grounds) -> None:
    place = ground()
    secret = {"FLOCK_VENDOR_KEY": "sk-very-secret", "OPENAI_API_KEY": "sk-very-secret", "HF_TOKEN": "sk-very-secret"}
    done = services.install(replace(place, environ={**place.environ, **secret}))
    assert "sk-very-secret" not in Path(done.unit).read_text()
    assert "sk-very-secret" not in "".join(done.notes)


def test_no_system_that_starts_services(ground: Grounds, tmp_path: Path) -> None:
    place = ground(booted=tmp_path / "none")
    with pytest.raises(Conflict) as refused:
        services.install(place)
    assert "systemd does not run this machine" in refused.value.sentence
    assert refused.value.hint.endswith("| crontab -")
    assert "@reboot FLOCK_HOME=" in refused.value.hint
    assert services.installed(place) is None


def test_the_machines_service_takes_root(ground: Grounds, machine: Path) -> None:
    with pytest.raises(NotAllowed) as refused:
        services.install(ground(machine=True, uid=1000))
    assert refused.value.hint.startswith("sudo ")
    assert refused.value.hint.endswith("service install --system")
    assert calls(machine) == []


def test_the_machines_service(ground: Grounds, machine: Path, tmp_path: Path) -> None:
    place = ground(machine=True, uid=0)
    place = replace(place, environ={**place.environ, "SUDO_USER": "alice"})
    if not services.is_open_to_all():
        # this checkout is in somebody's home: the refusal is what can be seen
        with pytest.raises(NotAllowed, match="closed to others"):
            services.install(place)
        return
    done = services.install(place)
    assert done.kind == "systemd-system"
    assert done.unit == str(tmp_path / "units" / "flock.service")
    assert done.lingers is None
    assert any("sudo usermod --append --groups flock alice" in note for note in done.notes)
    made = calls(machine)
    assert made[0].startswith("useradd --system --user-group --home-dir /var/lib/flock")
    assert made[1:] == ["systemctl daemon-reload", "systemctl enable flock.service", "systemctl start flock.service"]
    text = Path(done.unit).read_text()
    assert "User=flock" in text
    assert "Environment=FLOCK_SYSTEM_SOCKET=/run/flock/flock.sock" in text
    assert place.environ["FLOCK_HOME"] not in text
    with pytest.raises(NotAllowed):
        services.remove(replace(place, uid=1000))
    assert "/var/lib/flock" in services.remove(place).notes[0]


def test_launchd(ground: Grounds, machine: Path, tmp_path: Path) -> None:
    place = ground(platform="darwin", uid=501)
    done = services.install(place)
    file = tmp_path / "user's home" / "Library" / "LaunchAgents" / "flock.plist"
    assert (done.kind, done.unit, done.running, done.lingers) == ("launchd", str(file), True, None)
    assert calls(machine) == ["launchctl enable gui/501/flock", f"launchctl bootstrap gui/501 {file}"]
    system = services.installed(place)
    assert system is not None
    (machine / "ended").touch()
    assert not system.running()
    system.start(again=False)
    assert system.running()
    assert calls(machine)[-1] == "launchctl kickstart gui/501/flock"
    gone = services.remove(place)
    assert not gone.running
    assert calls(machine)[-1] == "launchctl bootout gui/501/flock"
    with pytest.raises(Conflict, match="--system is for Linux"):
        services.install(ground(platform="darwin", machine=True, uid=0))


def test_a_failed_service_is_said(ground: Grounds, machine: Path) -> None:
    services.install(ground())
    (machine / "failed").touch()
    system = services.installed(ground())
    assert system is not None
    assert "it failed" in system.state().notes[0]
    assert not system.running()


def test_a_flock_outside_of_the_service_is_left_alone(ground: Grounds, here: Here, machine: Path) -> None:
    start(here, stand_in("ready"))
    done = services.install(ground())
    assert "flock down && flock up" in done.notes[-1]
    assert not done.running
    assert "systemctl --user start flock.service" not in calls(machine)


def test_up_lets_the_system_start_it(ground: Grounds, here: Here, machine: Path, tmp_path: Path) -> None:
    place = ground()
    services.install(place)
    (machine / "active").unlink()
    # what the manager would do: start the daemon of the unit's home
    script = tmp_path / "bin" / "systemctl"
    command = " ".join(f"'{word}'" for word in stand_in("first"))
    lines = script.read_text().splitlines()
    lines.insert(
        1,
        f'case "$2" in start) {command} </dev/null >/dev/null 2>&1 &\n'
        'until [ -S "$FLOCK_HOME/run/flock.sock" ]; do sleep 0.05; done ;; esac',
    )
    script.write_text("\n".join(lines) + "\n")
    there = Here(here.home, {**os.environ, **place.environ})
    ready = start(there, stand_in("die"), ground=place)
    assert ready.action == "started"
    assert ready.admin_key == "sk-orc-test-key"
    assert len(starts(there)) == 1
    assert "systemctl --user start flock.service" in calls(machine)


def test_the_card_names_the_service(ground: Grounds, here: Here, machine: Path, tmp_path: Path) -> None:
    place = ground()
    assert card.at_reboot(here, place).endswith("service install")
    services.install(place)
    assert card.at_reboot(here, place) == "systemd starts flock at boot (flock service status)"
    (machine / "lingers").unlink()
    assert card.at_reboot(here, place) == "systemd starts flock when you log in (flock service status)"
    # a service of another home is another flock's
    elsewhere = replace(place, environ={**place.environ, "FLOCK_HOME": "/elsewhere"})
    assert card.at_reboot(here, elsewhere).endswith("service install")


def test_a_logout_that_would_end_flock_is_said_over_ssh(
    ground: Grounds, here: Here, machine: Path, tmp_path: Path
) -> None:
    place = ground()
    ssh = Here(here.home, {**here.environ, "SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22"})
    assert card.at_logout(ssh, place) == ""
    (machine / "kills").touch()
    assert card.at_logout(here, place) == ""
    assert card.at_logout(ssh, place).endswith("service install")
    assert card.at_logout(ssh, replace(place, booted=tmp_path / "none")) == ""
    services.install(place)
    assert card.at_logout(ssh, place) == ""
    (machine / "lingers").unlink()
    assert "loginctl enable-linger" in card.at_logout(ssh, place)
