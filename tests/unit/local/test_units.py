"""The files that systems start flock by: golden texts, what the system's own reader says of them, and the mark."""

import plistlib
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.local import units
from flock.local.units import Started

ARGV = ("/opt/flock 100%/bin/python", "-P", "-m", "flock", "up", "--foreground")
PLAIN = Started(("/usr/bin/python3", "-P", "-m", "flock"), {"FLOCK_HOME": "/srv/flock"})
ODD = Started(ARGV, {"FLOCK_HOME": '/a place/50%/$HOME "q" \\', "PATH": "/usr/local/bin:/usr/bin"})

USER_UNIT = """\
[Unit]
Description=flock, one URL in front of language models

[Service]
Type=notify
NotifyAccess=main
ExecStart="/opt/flock 100%%/bin/python" -P -m flock up --foreground
Environment="FLOCK_HOME=/a place/50%%/$HOME \\"q\\" \\\\"
Environment=PATH=/usr/local/bin:/usr/bin
UMask=0077
# the daemon alone is told to stop, and stops its engines; what is left in the end is killed
KillMode=mixed
TimeoutStartSec=90
TimeoutStopSec=60
WatchdogSec=60
Restart=on-failure
RestartSec=5

[Install]
WantedBy=default.target
"""

MACHINE_PART = """\
User=flock
Group=flock
SupplementaryGroups=video render
# /var/lib/flock and /run/flock; the socket in the latter is for the group
StateDirectory=flock
StateDirectoryMode=0700
RuntimeDirectory=flock
RuntimeDirectoryMode=0755
NoNewPrivileges=yes
ProtectSystem=full
PrivateTmp=yes

[Install]
WantedBy=multi-user.target
"""


def test_the_unit_of_a_user() -> None:
    mark, _, text = units.systemd_unit(ODD).partition("\n")
    assert mark.startswith("# made by `flock service install`")
    assert text == USER_UNIT


def test_the_unit_of_the_machine() -> None:
    text = units.systemd_unit(PLAIN, user="flock", groups=("video", "render"))
    assert text.endswith(MACHINE_PART)
    assert "After=network-online.target" in text
    assert "SupplementaryGroups" not in units.systemd_unit(PLAIN, user="flock")


@pytest.mark.parametrize("started", [PLAIN, ODD], ids=["plain", "odd"])
@pytest.mark.parametrize("user", ["", "daemon"])
def test_systemd_reads_the_unit_without_a_word(started: Started, user: str, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed: apt-get install systemd")
    # it looks whether the program can be run
    program = tmp_path / "a place 100%" / "python"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    file = tmp_path / "flock.service"
    file.write_text(units.systemd_unit(Started((str(program), *started.argv[1:]), started.environment), user=user))
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(file)], capture_output=True, text=True, timeout=60, check=False
    )
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "flock.service" in line]
    assert ours == [], done.stderr


def test_the_agent_of_launchd() -> None:
    text = units.launchd_agent("flock", ODD, "/Users/a b/Library/Logs/flock/flock.log")
    agent = plistlib.loads(text.encode())
    assert agent["ProgramArguments"] == list(ARGV)
    assert agent["EnvironmentVariables"] == ODD.environment
    assert agent["KeepAlive"] == {"SuccessfulExit": False}
    assert agent["RunAtLoad"]
    assert units.is_ours(text)


@pytest.mark.parametrize("text", [units.systemd_unit(ODD), units.launchd_agent("flock", ODD, "/log")])
def test_an_edit_is_seen(text: str) -> None:
    assert units.is_ours(text)
    assert not units.is_ours(text.replace("flock", "flick", 2))
    assert not units.is_ours(text + "\n")
    assert not units.is_ours("[Service]\n")
    # an older version's text, with its own mark
    assert units.is_ours(units.marked("[Unit]\nDescription=flock of long ago\n", "# {}\n"))


@given(st.text(st.characters(exclude_characters="\x00\r\v\f\x1c\x1d\x1e\x85\u2028\u2029", exclude_categories=["Cs"])))
def test_places_are_read_back(value: str) -> None:
    started = Started(ARGV, {"OTHER": "x", "FLOCK_HOME": value})
    assert units.places(units.systemd_unit(started), ("FLOCK_HOME",)) == {"FLOCK_HOME": value}


def test_places_of_an_agent_are_read_back() -> None:
    text = units.launchd_agent("flock", ODD, "/log")
    assert units.places(text, ("FLOCK_HOME",)) == {"FLOCK_HOME": ODD.environment["FLOCK_HOME"]}
    assert units.places("<plist", ("FLOCK_HOME",)) == {}
