"""Another machine's flock over a real sshd: `flock --host ssh://…`, from a home without a flock of its own."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from flock.client.reach import Reach, find
from flock.contract.events import FollowEvents
from flock.contract.status import ShowStatus
from flock.errors import DaemonUnreachable
from tests.e2e.parts import call
from tests.near import Near
from tests.running import PATIENCE, Flock, flock_home, running_flock, wait_for
from tests.sshd import Box, flock_script, running_box, script

HOST = "ssh://box"


@pytest.fixture(scope="module")
def top(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ssh")


@pytest.fixture(scope="module")
def box(top: Path) -> Iterator[Box]:
    with running_box(top) as box:
        yield box


@pytest.fixture(scope="module")
def far(box: Box) -> Iterator[Flock]:
    """The flock on the box, which serves."""
    with running_flock() as far:
        flock_script(box.bin / "flockctl", far.environment)
        happen(far)
        yield far


def happen(far: Flock) -> None:
    """Let there be an event: a request that is refused needs no engine."""
    assert call(far.port, "POST", "/v1/chat/completions", far.key, {"messages": 5}).status == 400


@pytest.fixture(scope="module")
def near(top: Path, box: Box) -> Near:
    return Near(top / "near", box.client)


@pytest.fixture
def unbegun(box: Box, tmp_path: Path) -> Iterator[Flock]:
    """A flock on the box that does not run: a second program over there."""
    with flock_home() as other:
        flock_script(tmp_path / "flock", other.environment)
        yield other


@pytest.fixture(autouse=True)
def nothing_stays(near: Near) -> Iterator[None]:
    """No ssh process outlives the command that started it."""
    yield
    assert near.ssh_processes() == []


LINES = [("vendor", "ls"), ("token", "ls"), ("config", "path"), ("model", "preset", "ls"), ("config", "show")]


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_the_same_bytes_as_over_there(near: Near, far: Flock, line: tuple[str, ...]) -> None:
    there = far.run(*line, "--json")
    here = near.run("--host", HOST, *line, "--json")
    assert (here.returncode, here.stdout, here.stderr) == (there.returncode, there.stdout, "")


def test_a_status_says_whose_it_is(near: Near, far: Flock, box: Box) -> None:
    done = near.run("--host", f"ssh://127.0.0.1:{box.port}", "status", "--json")
    assert json.loads(done.stdout)["pid"] == far.pid
    assert done.stderr == ""
    for words in (("status",), ()):
        seen = near.run("--host", HOST, *words)
        assert seen.returncode == 0
        assert seen.stderr.startswith("on box:\n")
        assert far.url in seen.stdout
    assert "flock --host ssh://box token create NAME" in near.run("--host", HOST).stdout.replace("flockctl", "flock")


def test_what_is_about_the_box_is_done_there(near: Near, far: Flock) -> None:
    there, here = (one.run(*line, "doctor", "--json") for one, line in ((far, ()), (near, ("--host", HOST))))
    assert [c["name"] for c in json.loads(here.stdout)["checks"]] == [
        c["name"] for c in json.loads(there.stdout)["checks"]
    ]
    assert here.returncode == there.returncode
    assert near.run("--host", HOST, "logs").stdout == far.run("logs").stdout != ""
    up = near.run("--host", HOST, "up", "--json")
    assert json.loads(up.stdout)["status"]["pid"] == far.pid, up
    done = near.run("--host", HOST, "config", "set", "log_level", "info")
    assert (done.returncode, done.stderr.splitlines()[0]) == (0, "on box:")


def test_a_change_in_the_daemon(near: Near, far: Flock) -> None:
    made = near.run("--host", HOST, "token", "create", "from-afar", "--json")
    assert made.returncode == 0, made.stderr
    [row] = [t for t in far.json("token", "ls") if t["name"] == "from-afar"]
    # a command that removes names itself, with the way there
    sentence, hint = near.refused("--host", HOST, "model", "remove", "flock-smoke", code=6)
    assert "there is no terminal" in sentence
    assert hint == "flock --host ssh://box model remove --yes flock-smoke"
    assert near.run("--host", HOST, "token", "revoke", row["id"]).returncode == 0
    # the error is the daemon's own, and its exit code
    near.refused("--host", HOST, "token", "revoke", "nobody-has-this", code=5)


def test_words_come_through_as_they_are(near: Near, far: Flock) -> None:
    """What the shell over there could take for more than a word."""
    word = 'it\'s a \\ "$HOME" `id`; !! * \n~'
    there = far.run("config", "get", "--json", "--", word)
    here = near.run("--host", HOST, "config", "get", "--json", "--", word)
    assert there.returncode != 0
    assert json.loads(here.stderr)["error"]["message"] == json.loads(there.stderr)["error"]["message"]


def test_events_from_afar(near: Near, far: Flock) -> None:
    with near.follow(HOST) as following:
        assert following.stdout is not None
        assert following.stderr is not None
        happen(far)
        while json.loads(following.stdout.readline())["data"].get("status") != 400:
            pass
        # Ctrl-C, as a terminal sends it to all that it started
        os.killpg(following.pid, signal.SIGINT)
        assert following.wait(PATIENCE) == 130
        assert following.stderr.read() == b""


def dialling(far: Flock) -> list[psutil.Process]:
    """Return the processes on the box that join ssh to its daemon."""
    found: list[psutil.Process] = []
    for process in far.processes():
        with contextlib.suppress(psutil.Error):
            if process.cmdline()[-1:] == ["dial-stdio"] and "python" in process.name():
                found.append(process)
    return found


def test_a_box_that_dies_in_the_middle(near: Near, far: Flock, box: Box) -> None:
    with near.follow(HOST) as following:
        assert following.stderr is not None
        [dial] = dialling(far)
        for process in box.connections():
            with contextlib.suppress(psutil.Error):
                process.kill()
        assert following.wait(PATIENCE) == 3
        said = json.loads(following.stderr.read())["error"]
        assert said["code"] == "daemon_unreachable"
        assert said["message"].startswith("the connection to box broke off")
        # nor does anything stay over there
        wait_for(lambda: not dial.is_running() or dial.status() == psutil.STATUS_ZOMBIE, "dial-stdio ends")


@pytest.mark.parametrize(
    ("host", "words", "hint"),
    [
        ("stranger", "cannot reach stranger: .*Permission denied (publickey)", "ssh stranger true"),
        ("nowhere", "cannot reach nowhere: ssh: Could not resolve hostname nowhere.invalid", "ssh nowhere true"),
        ("shut", "Connection refused", "ssh shut true"),
        ("unknown", "cannot reach unknown: .*Host key verification failed", "ssh unknown true"),
    ],
)
def test_ssh_does_not_come_through(near: Near, far: Flock, host: str, words: str, hint: str) -> None:
    sentence, said = near.refused("--host", f"ssh://{host}", "model", "ls")
    assert re.search(words.replace("(", r"\(").replace(")", r"\)"), sentence), sentence
    assert said == hint
    # what is run over there says the same; ssh's own words stand above
    done = near.run("--host", f"ssh://{host}", "doctor")
    assert done.returncode == 3
    assert f"ssh could not reach {host}" in done.stderr


def test_a_machine_without_ssh(near: Near, tmp_path: Path) -> None:
    sentence, hint = near.refused("--host", HOST, "status", PATH=str(tmp_path))
    assert sentence == "box is reached by ssh, and this machine has none on its PATH"
    assert "openssh-client" in hint


def test_no_flock_over_there(near: Near, far: Flock, box: Box) -> None:
    ours = box.bin / "flockctl"
    hidden = ours.rename(box.home / "flockctl")
    try:
        sentence, hint = near.refused("--host", HOST, "model", "ls")
        assert sentence == "flock is not found on box: neither on the PATH nor in ~/.local/bin"
        assert "flock context add NAME ssh://box --remote-bin /PATH/TO/flock" in hint
        near.refused("--host", HOST, "doctor")
        # util-linux has a flock too, and it comes first on most PATHs: ours is told apart by what it says it is
        script(box.bin / "flock", 'echo "flock from util-linux 2.41"')
        flock_script(box.home / ".local/bin/flock", far.environment)
        assert near.run("--host", HOST, "model", "ls").returncode == 0
        assert near.run("--host", HOST, "doctor", "--json").stdout
    finally:
        hidden.rename(ours)
        (box.bin / "flock").unlink(missing_ok=True)


def test_a_shell_over_there_that_talks(near: Near, far: Flock, box: Box) -> None:
    (box.home / ".bashrc").write_text("echo welcome; echo again >&2\n")
    try:
        assert near.run("--host", HOST, "model", "ls", "--json").stdout == far.run("model", "ls", "--json").stdout
    finally:
        (box.home / ".bashrc").unlink()


def test_contexts(near: Near, far: Flock, unbegun: Flock, tmp_path: Path) -> None:
    def context(*words: str) -> Any:
        done = near.run("context", *words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    context("add", "studio", "ssh://box")
    context("add", "idle", "ssh://box", "--remote-bin", str(tmp_path / "flock"))
    context("add", "gone", "ssh://box", "--remote-bin", "~/no/flock")
    assert near.run("--context", "studio", "status", "--json").returncode == 0
    assert near.run("status", "--json", FLOCK_HOST="studio").returncode == 0
    # nobody runs there, though the box answers
    sentence, hint = near.refused("--context", "idle", "model", "ls")
    assert (sentence, hint) == ("flock is not running on box", "flock --host idle up")
    assert near.run("--context", "idle").stdout.startswith("flock is not running on box")
    assert near.run("--context", "idle", "down", "--json").stdout.startswith('{"running": false')
    assert near.refused("--context", "gone", "model", "ls")[0].startswith("there is no ~/no/flock on box")
    # it can be started from afar, and outlives the connection
    up = near.run("--context", "idle", "up", "--json")
    assert json.loads(up.stdout)["status"]["pid"] == unbegun.pid, up.stderr
    assert near.run("--context", "idle", "model", "ls").returncode == 0
    assert near.refused("--host", "stduio", "status", code=5) == (
        "no context is called 'stduio'; there is studio",
        "flock context ls",
    )
    # the one in use
    context("use", "idle")
    assert json.loads(near.run("status", "--json").stdout)["pid"] == unbegun.pid
    assert near.run("down").stderr.startswith("on box:")
    near.refused("--host", "local", "model", "ls")
    context("use", "local")
    assert near.refused("model", "ls") == ("flock is not running", "flock up")
    for name in ("studio", "idle", "gone"):
        context("remove", name, "--yes")


def test_a_box_that_uses_another_context_itself_goes_nowhere_else(near: Near, far: Flock) -> None:
    """What is run over there is meant for that box, whatever is current over there."""
    far.ok("context", "add", "third", "ssh://nowhere.invalid", "--use")
    try:
        assert json.loads(near.run("--host", HOST, "doctor", "--json").stdout)["checks"]
        assert near.run("--host", HOST, "model", "ls").returncode == 0
    finally:
        far.ok("context", "use", "local")


def test_a_jump_and_a_shared_connection(near: Near, far: Flock, top: Path) -> None:
    for host in ("inner", "shared", "shared"):
        done = near.run("--host", f"ssh://{host}", "status", "--json")
        assert json.loads(done.stdout)["pid"] == far.pid, done.stderr
    [socket] = top.glob("c-*")
    assert near.run("--host", "ssh://shared", "doctor", "--json").stdout
    stopped = subprocess.run(["ssh", "-O", "exit", "shared"], env=near.environment, capture_output=True, text=True)
    assert stopped.returncode == 0, stopped.stderr
    wait_for(lambda: not socket.exists() and not near.ssh_processes(), "the shared connection ends")


def test_nothing_in_a_host_becomes_an_option_or_a_command(near: Near, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    for host in (
        f"ssh://-oProxyCommand=touch%20{trap}",
        f"ssh://$(touch {trap})@box",
        f"ssh://box;touch {trap}",
        "ssh://-oProxyCommand=touch@box",
        "ssh://box:99999",
        "ssh://box:-p",
        "ssh://ada:secret@box",
        "ssh://box/model",
        "ftp://box",
        "ssh://",
        "ssh://fe80::1:22",
        "ssh://[fe80::1",
        "http://ada@box",
    ):
        for words in (("--host", host, "status"), ("context", "add", "odd", host)):
            sentence, hint = near.refused(*words, code=2)
            assert "is no address of a flock" in sentence
            assert "secret" not in sentence + hint
    assert not trap.exists()


@pytest.fixture
def reach(near: Near, far: Flock) -> Iterator[Reach]:
    reach = find(HOST, near.environment, asks=False)
    yield reach
    reach.close()
    with pytest.raises(DaemonUnreachable):
        reach.call(ShowStatus())


def test_three_processes_carry_everything(near: Near, far: Flock, reach: Reach) -> None:
    """A feed, a stream and calls from many threads: as many connections as were agreed, each used again."""
    feeds = [reach.follow(FollowEvents(since=0)) for _ in range(2)]
    assert all(next(feed) for feed in feeds)
    with ThreadPoolExecutor(8) as threads:
        found = [threads.submit(reach.call, ShowStatus()) for _ in range(24)]
        waiting = threads.submit(reach.send, "GET", "/healthz")  # both places for streams are taken
        assert {one.result()[0].pid for one in found} == {far.pid}
        assert len(near.ssh_processes()) == 3
        assert not waiting.done()
        threads.submit(feeds[0].close)
        assert json.loads(waiting.result().read())["pid"] == far.pid
    assert len(near.ssh_processes()) <= 3
    # what is run on the box takes a place too
    assert reach.run(["config", "path"], shown=False)[0] == 0
    assert list(feeds[0]) == []


def test_a_feed_ends_when_it_is_closed_by_another_thread(near: Near, far: Flock, reach: Reach) -> None:
    feed = reach.follow(FollowEvents())
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(list, feed)
        wait_for(lambda: dialling(far), "the feed is open")
        feed.close()
        assert reading.result(PATIENCE) == []


def test_a_large_body_and_a_stream(near: Near, far: Flock, reach: Reach) -> None:
    body = json.dumps({"model": "flock-smoke", "messages": [{"role": "user", "content": "x" * 3_000_000}]}).encode()
    refused = reach.send("POST", "/admin/v1/tokens", body)
    assert refused.status >= 400
    assert b"error" in refused.read()


def test_the_screens_acts_on_a_box(near: Near, far: Flock) -> None:
    """`perform` of the full screen: what is about the box is asked over there too."""
    code = (
        "from flock.cli import call; from flock.contract.lifecycle import RunDoctor\n"
        "from flock.errors import FlockError\n"
        "from flock.contract.settings import GetConfig\n"
        "call.go('ssh://box'); print(len(call.perform(RunDoctor(), True).value.checks))\n"
        "try: call.perform(GetConfig(key='no.such'), True)\n"
        "except FlockError as error: print(error.code)\n"
        "call.leave()"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], env=near.environment, capture_output=True, text=True, start_new_session=True
    )
    count, name = done.stdout.split()
    assert (int(count) > 5, name) == (True, "config_invalid"), done.stderr
