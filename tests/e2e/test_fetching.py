"""Fetching through a whole flock: by command, killed with its daemon, cancelled, resumed, listed, pruned."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from tests.fakes.hub_process import FakeHub, fake_hub
from tests.models.make import ensure
from tests.running import Flock, command_line, flock_home, wait_for

REPO, FILE = "ada/Tiny-GGUF", "Tiny-Q4_K_M.gguf"
SIZE = 1_000_000
DATA = bytes(range(250)) * (SIZE // 250)


@contextlib.contextmanager
def hub_and_flock(place: Path, **environment: str) -> Iterator[tuple[FakeHub, Flock]]:
    """Yield a hub with one model and a flock that runs and fetches from it."""
    with fake_hub(place / "remote") as hub:
        header = {"total": 1_000_000, "architecture": "qwen3", "context_length": 4096}
        hub.put(REPO, {FILE: DATA, "README.md": b"# Tiny"}, license="mit", downloads=7, gguf=header)
        with flock_home(HF_ENDPOINT=hub.url, HF_HOME=str(place / "hf"), **environment) as flock:
            flock.ok("up")
            yield hub, flock


def place_of(flock: Flock) -> Path:
    return flock.home / "data/models/hub/ada--Tiny-GGUF" / FILE


def begun(flock: Flock, hub: FakeHub) -> tuple[subprocess.Popen[str], Path]:
    """Begin a download that stops in the middle; return the command that follows it, and the part."""
    hub.arm("hold", after=SIZE // 2)
    argv = [sys.executable, "-P", "-m", "flock", "fetch", REPO, FILE, "--json"]
    command = subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=flock.environment, cwd=flock.home.parent
    )
    part = place_of(flock).with_name(FILE + ".part")
    wait_for(lambda: part.exists() and part.stat().st_size >= SIZE // 2, "half of it is here")
    return command, part


def fetching(flock: Flock) -> list[psutil.Process]:
    return [p for p in flock.processes() if "flock.models.fetch_child" in command_line(p)]


def ended(command: subprocess.Popen[str]) -> tuple[int, list[dict[str, Any]], str]:
    """Return the exit code of a command, its JSON lines and what it said beside them."""
    told, said = command.communicate(timeout=120)
    return command.returncode, [json.loads(line) for line in told.splitlines()], said


def test_the_hub_is_searched_and_shown(tmp_path: Path) -> None:
    with hub_and_flock(tmp_path) as (_, flock):
        (found,) = flock.json("hub", "search", "tiny", "gguf")
        assert (found["repo"], found["downloads"]) == (REPO, 7)
        assert flock.ok("hub", "search", "tiny", "--quiet") == f"{REPO}\n"
        shown = flock.json("hub", "show", REPO)
        assert (shown["repo"], shown["license"], shown["gated"]) == (REPO, "mit", False)
        assert [file["path"] for file in shown["files"]] == ["README.md", FILE]
        (variant,) = [v for v in shown["variants"] if v["chosen"]]
        assert (variant["quant"], variant["size_bytes"], variant["fits"]) == ("Q4_K_M", SIZE, True)
        done = flock.run("hub", "show", "ada/Tiny-GUF")
        assert done.returncode == 5
        assert "there is no repository ada/Tiny-GUF on the hub" in done.stderr
        assert f"hub show {REPO}" in done.stderr


def test_a_file_is_fetched_listed_and_pruned(tmp_path: Path) -> None:
    with hub_and_flock(tmp_path) as (hub, flock):
        assert flock.json("cache", "ls") == []
        flock.ok("fetch", REPO, FILE)
        assert place_of(flock).read_bytes() == DATA
        (kept,) = flock.json("cache", "ls")
        assert (kept["path"], kept["source"]) == (str(place_of(flock)), f"hf:{REPO}:{FILE}")
        assert (kept["size_bytes"], kept["state"], kept["models"]) == (SIZE, "whole", [])
        flock.ok("fetch", REPO, FILE)
        assert len(hub.contents()) == 1
        would = flock.json("cache", "prune")
        assert (would["dry_run"], would["freed_bytes"]) == (True, SIZE)
        assert place_of(flock).exists()
        assert flock.json("cache", "prune", "--delete")["dry_run"] is False
        assert not place_of(flock).exists()
        assert flock.json("cache", "ls") == []


def test_what_cannot_be_fetched_says_why(tmp_path: Path) -> None:
    with hub_and_flock(tmp_path) as (_, flock):
        for arguments, code, words in (
            ((REPO, "Tiny-Q9.gguf"), 5, "has no file Tiny-Q9.gguf; there is Tiny-Q4_K_M.gguf"),
            (("ada/none", FILE), 5, "there is no repository ada/none on the hub"),
            (("no-repository", FILE), 2, "names no repository"),
            ((REPO, FILE, "--sha256", "12"), 2, "is no SHA-256"),
            ((REPO, FILE, "--sha256", "0" * 64), 1, "has another checksum than it should"),
        ):
            done = flock.run("fetch", *arguments)
            assert done.returncode == code, done.stderr
            assert words in done.stderr
            assert "hint: " in done.stderr
            assert "Traceback" not in done.stderr
            assert not place_of(flock).exists()
        assert "Traceback" not in flock.ok("logs")


def test_wrong_bytes_lie_in_quarantine_until_they_are_pruned(tmp_path: Path) -> None:
    with hub_and_flock(tmp_path) as (hub, flock):
        hub.arm("wrong")
        done = flock.run("fetch", REPO, FILE)
        assert done.returncode == 1
        assert "lies in quarantine at" in done.stderr
        assert f"flock fetch {REPO} {FILE}" in done.stderr
        assert [file["state"] for file in flock.json("cache", "ls")] == ["quarantined"]
        flock.ok("fetch", REPO, FILE)
        assert place_of(flock).read_bytes() == DATA
        freed = flock.json("cache", "prune", "--partial", "--delete")
        assert {file["state"] for file in freed["files"]} == {"quarantined", "whole"}


def test_a_killed_daemon_takes_its_download_along_and_the_next_one_goes_on(tmp_path: Path) -> None:
    with hub_and_flock(tmp_path) as (hub, flock):
        command, part = begun(flock, hub)
        (child,) = fetching(flock)
        os.kill(flock.pid, signal.SIGKILL)
        wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "the child ends too")
        code, _, said = ended(command)
        assert code == 3, said
        hub.release()
        there = part.stat().st_size
        assert SIZE // 2 <= there < SIZE
        flock.ok("up")
        (kept,) = flock.json("cache", "ls")
        assert (kept["state"], kept["size_bytes"], kept["path"]) == ("partial", there, str(part))
        flock.ok("fetch", REPO, FILE)
        assert place_of(flock).read_bytes() == DATA
        assert hub.contents()[1:] == [(f"bytes={there}-", 206, SIZE - there)]


def test_a_job_is_cancelled_and_the_same_command_goes_on(tmp_path: Path) -> None:
    with hub_and_flock(tmp_path) as (hub, flock):
        command, part = begun(flock, hub)
        (job,) = [row for row in flock.json("job", "ls") if row["state"] == "running"]
        assert job["done_bytes"] >= 0
        assert job["total_bytes"] == SIZE
        flock.ok("job", "cancel", job["id"])
        code, told, _ = ended(command)
        assert (code, told[-1]["state"]) == (130, "cancelled")
        wait_for(lambda: not fetching(flock), "its process has ended")
        hub.release()
        there = part.stat().st_size
        flock.ok("fetch", REPO, FILE)
        assert hub.contents()[1] == (f"bytes={there}-", 206, SIZE - there)


def test_ctrl_c_leaves_the_job_alone(tmp_path: Path) -> None:
    with hub_and_flock(tmp_path) as (hub, flock):
        command, _ = begun(flock, hub)
        command.send_signal(signal.SIGINT)
        code, _, said = ended(command)
        assert code == 130
        assert "job show" in said
        hub.release()
        wait_for(place_of(flock).exists, "it goes on by itself")
        assert place_of(flock).read_bytes() == DATA


def test_two_commands_for_one_file_share_a_download(tmp_path: Path) -> None:
    with hub_and_flock(tmp_path) as (hub, flock):
        first, _ = begun(flock, hub)
        argv = [sys.executable, "-P", "-m", "flock", "fetch", REPO, FILE, "--json"]
        second = subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=flock.environment, cwd="/"
        )
        wait_for(lambda: len([j for j in flock.json("job", "ls") if j["state"] == "running"]) == 2, "both run")
        hub.release()
        assert [ended(command)[0] for command in (first, second)] == [0, 0]
        assert len(hub.contents()) == 1


def test_models_may_lie_elsewhere(tmp_path: Path) -> None:
    with hub_and_flock(tmp_path, FLOCK_MODELS_DIR=str(tmp_path / "big disk")) as (_, flock):
        flock.ok("fetch", REPO, FILE)
        assert (tmp_path / "big disk/hub/ada--Tiny-GGUF" / FILE).read_bytes() == DATA


def test_a_token_is_in_no_log_and_no_process_list(tmp_path: Path) -> None:
    with hub_and_flock(tmp_path, HF_TOKEN="hf_good") as (hub, flock):
        command, _ = begun(flock, hub)
        assert all("hf_good" not in " ".join(command_line(process)) for process in flock.processes())
        hub.release()
        assert ended(command)[0] == 0
        assert any(row["token"] for row in hub.seen("/resolve/"))
        texts = [p.read_bytes() for p in flock.home.rglob("*") if p.is_file()]
        assert not any(b"hf_good" in text for text in texts)


def test_the_query_of_a_url_is_written_down_nowhere(tmp_path: Path) -> None:
    model = ensure(tmp_path / "models")["tiny-script"]
    with hub_and_flock(tmp_path) as (hub, flock):
        hub.put("ada/Other", {"tiny.gguf": model.read_bytes()})
        flock.ok("model", "add", f"{hub.url}/files/ada/Other/tiny.gguf?sig=very-secret", "--no-load")
        (kept,) = flock.json("cache", "ls")
        assert kept["source"] == f"{hub.url}/files/ada/Other/tiny.gguf"
        assert kept["models"] == ["tiny"]
        assert flock.json("cache", "prune", "--delete")["files"] == []
        shown = json.dumps([flock.json(*words) for words in (("model", "ls"), ("audit",), ("job", "ls"))])
        assert "very-secret" not in shown
        flock.ok("down")
        assert not any(b"very-secret" in p.read_bytes() for p in flock.home.rglob("*") if p.is_file())
