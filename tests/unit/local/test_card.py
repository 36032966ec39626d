"""The ready card: its commands run as they stand, and the key never stands on a command line."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from flock.local import card
from flock.local.operations import Here
from flock.names import is_ours
from flock.paths import Home
from tests.unit.local.stand_in import status

KEY = "sk-orc-0123456789abcdef"
SHELLS = [path for name in ("sh", "bash", "dash", "zsh", "ksh") if (path := shutil.which(name))]


class Listening(BaseHTTPRequestHandler):
    """Keeps what came, and the arguments of every process that ran meanwhile."""

    seen: dict[str, Any]

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        """Answer one JSON object."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        arguments = b"".join(p.read_bytes() for p in Path("/proc").glob("[0-9]*/cmdline") if p.exists())
        type(self).seen = {
            "path": self.path,
            "key": self.headers["Authorization"],
            "body": json.loads(body),
            "leaked": KEY.encode() in arguments,
        }
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"answer": 1}')


@pytest.fixture
def server() -> Iterator[str]:
    """Yield the URL of a server that keeps what came."""
    with HTTPServer(("127.0.0.1", 0), Listening) as listening:
        threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("folder", ["flock", 'it\'s a $HOME `x` "place"'])
def test_the_curl_line_works_as_pasted(shell: str, folder: str, server: str, tmp_path: Path) -> None:
    top = tmp_path / folder
    top.mkdir()
    home = Home(top, top, top, top)
    home.admin_key.write_text(KEY + "\n")
    line = card.curl_line(home, replace(status("1"), api_url=f"{server}/v1", default_model="it's/a:model"))
    assert "\n" not in line
    assert KEY not in line
    for _ in range(2):
        done = subprocess.run([shell, "-c", line], capture_output=True, timeout=30, check=True)
        assert (done.stdout, done.stderr) == (b'{"answer": 1}', b"")
        assert Listening.seen["path"] == "/v1/chat/completions"
        assert Listening.seen["key"] == f"Bearer {KEY}"
        assert Listening.seen["body"]["model"] == "it's/a:model"
        assert not Listening.seen["leaked"]


def test_the_curl_line_asks_a_model_that_chats(tmp_path: Path) -> None:
    home = Home(tmp_path, tmp_path, tmp_path, tmp_path)
    (smoke,) = status("1").models
    embeds, talks = replace(smoke, id="embeds", kind="embedding"), replace(smoke, id="talks", kind="chat")
    none = replace(status("1"), default_model="")
    assert '"model":"talks"' in card.curl_line(home, replace(none, models=(embeds, talks)))
    assert '"model":"flock-smoke"' in card.curl_line(home, replace(none, models=(embeds,)))


def own(place: Path, *names: str) -> Path:
    """Make console scripts of ours in a directory, as pip writes them."""
    place.mkdir(parents=True, exist_ok=True)
    for name in names:
        file = place / name
        file.write_text("#!/usr/bin/python3\nfrom flock.__main__ import main\n")
        file.chmod(0o755)
        assert is_ours(str(file))
    return place


def test_no_path_line_where_a_name_is_ours(here: Here, tmp_path: Path) -> None:
    place = own(tmp_path / "bin", "flockctl")
    assert card.path_line(Here(here.home, {"PATH": f"/usr/bin:{place}"})) == ""


def test_the_path_line_names_the_local_bin(here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = own(tmp_path / "a home" / ".local" / "bin", "flock", "flockctl")
    monkeypatch.setenv("HOME", str(tmp_path / "a home"))
    environ = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/bash"}
    line = card.path_line(Here(here.home, environ))
    found = subprocess.run(["sh", "-c", f"{line}; command -v flockctl"], env=environ, capture_output=True, check=True)
    assert found.stdout.decode().strip() == str(place / "flockctl")
    assert card.path_line(Here(here.home, {**environ, "SHELL": "/usr/bin/fish"})).startswith("fish_add_path ")


def test_the_reboot_line_is_absolute_and_knows_the_place(here: Here) -> None:
    words = card.at_reboot(Here(here.home, {"PATH": "/usr/bin", "FLOCK_HOME": "/a place/50%"}))
    assert "does not start by itself" in words
    line = words[words.index("@reboot ") :]
    assert line.startswith("@reboot FLOCK_HOME='/a place/50\\%' /")
    assert line.endswith(" up")


def test_a_crontab_line_is_seen(here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crontab = tmp_path / "crontab"
    crontab.write_text("#!/bin/sh\necho '# @reboot flock up'\necho '@reboot /home/a/.local/bin/flock up'\n")
    crontab.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert "cron starts flock" in card.at_reboot(here)
    crontab.write_text("#!/bin/sh\necho '# @reboot flock up'\n")
    assert "does not start by itself" in card.at_reboot(here)


def test_a_lost_key_file_can_be_made_again(here: Here) -> None:
    steps = card.next_steps(here, status("1"))
    assert "token create admin --admin > " in steps[0]
    assert any("model search --fits" in step for step in steps)
    here.home.config.mkdir(exist_ok=True)
    here.home.admin_key.write_text(KEY)
    model = replace(status("1").models[0], source="file:/m.gguf")
    steps = card.next_steps(here, replace(status("1"), models=(model,), requests_total=3))
    assert not any("--admin" in step or "model search" in step for step in steps)
    assert steps[-1].endswith("explain last")
