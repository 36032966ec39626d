"""Another machine's flock over HTTP and HTTPS with an admin key, behind a real proxy with a real certificate."""

import contextlib
import http.server
import json
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flock import __version__
from flock.client.reach import find
from flock.contract.events import FollowEvents
from flock.contract.status import ShowStatus
from tests.e2e.parts import call
from tests.fakes.certificates import Authority
from tests.near import Near
from tests.running import ROOT, Flock, free_port, running_flock


@contextlib.contextmanager
def front(port: int, certificate: str, prefix: str = "") -> Iterator[int]:
    """Run a proxy before a port and yield its own."""
    argv = [sys.executable, "-m", "tests.fakes.front", str(port), certificate, prefix]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    with process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline().split()[1])
        finally:
            process.kill()


@pytest.fixture(scope="module")
def top(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("http")


@pytest.fixture(scope="module")
def authority(top: Path) -> Authority:
    return Authority(top)


@pytest.fixture(scope="module")
def far() -> Iterator[Flock]:
    with running_flock() as far:
        yield far


@pytest.fixture(scope="module")
def https(far: Flock, authority: Authority, top: Path) -> Iterator[str]:
    """The address of a proxy with a certificate, below a prefix."""
    with front(far.port, str(authority.write(top)), "/llm") as port:
        yield f"https://localhost:{port}/llm"


@pytest.fixture(scope="module")
def near(top: Path, authority: Authority) -> Near:
    return Near(top / "near", SSL_CERT_FILE=str(authority.file))


def test_the_same_bytes_as_over_there(near: Near, far: Flock, https: str) -> None:
    for host in (far.url, https, f"{https}/", f"{https}/v1"):
        for line in (("vendor", "ls"), ("config", "get", "listen")):
            there = far.run(*line, "--json")
            here = near.run("--host", host, *line, "--json", FLOCK_ADMIN_TOKEN=far.key)
            assert (here.returncode, here.stdout, here.stderr) == (there.returncode, there.stdout, "")
    seen = near.run("--host", https, "status", FLOCK_ADMIN_TOKEN=far.key)
    assert (seen.returncode, seen.stderr.splitlines()[0]) == (0, f"on {https}:")


def test_a_context_keeps_its_key_to_itself(near: Near, far: Flock, https: str) -> None:
    made = near.run("context", "add", "team", https, "--use", "--json", stdin=f"{far.key}\n")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout) == {
        "name": "team",
        "host": https,
        "current": True,
        "remote_bin": "",
        "key": "~/flock/contexts.json",
    }
    file = near.home / "flock/contexts.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert far.key in file.read_text()
    assert json.loads(near.run("status", "--json").stdout)["pid"] == far.pid
    assert far.key not in near.run("context", "ls").stdout + near.run("context", "ls", "--json").stdout
    # the key of the context goes before that of the environment, and both are named where they fail
    assert near.run("status", "--json", FLOCK_ADMIN_TOKEN="sk-flock-wrong").returncode == 0
    assert near.run("context", "remove", "team", "--yes").returncode == 0
    assert far.key not in file.read_text()


def test_keys_that_do_not_do(near: Near, far: Flock, https: str, tmp_path: Path) -> None:
    wrong = "sk-flock-" + "0" * 48
    sentence, _ = near.refused("--host", https, "token", "ls", code=4, FLOCK_ADMIN_TOKEN=wrong)
    assert sentence.endswith("; the key is from FLOCK_ADMIN_TOKEN")
    assert wrong not in sentence
    file = tmp_path / "key"
    file.write_text(wrong)
    sentence, _ = near.refused("--host", https, "token", "ls", code=4, FLOCK_ADMIN_TOKEN_FILE=str(file))
    assert sentence.endswith(f"; the key is from {file}")
    sentence, hint = near.refused("--host", https, "token", "ls", code=4)
    assert sentence == f"{https} wants an admin key, and neither FLOCK_ADMIN_TOKEN nor a context has one"
    assert hint == f"flock context add NAME {https} < FILE_OF_THE_KEY"
    near.refused("--host", https, "token", "ls", code=2, FLOCK_ADMIN_TOKEN_FILE=str(tmp_path / "none"))
    near.refused("--host", https, "token", "ls", code=2, FLOCK_ADMIN_TOKEN="two words")
    user = far.json("token", "create", "someone")["token"]
    sentence, _ = near.refused("--host", https, "token", "ls", code=4, FLOCK_ADMIN_TOKEN=user)
    assert sentence.endswith("; the key is from FLOCK_ADMIN_TOKEN")
    # `me` is about a key of its own
    me = near.run("--host", https, "me", "--json", FLOCK_ADMIN_TOKEN=far.key, FLOCK_TOKEN=user)
    assert "someone" in me.stdout, me.stderr


def test_certificates_are_checked(near: Near, far: Flock, https: str, authority: Authority, tmp_path: Path) -> None:
    key = {"FLOCK_ADMIN_TOKEN": far.key}
    sentence, hint = near.refused("--host", https, "status", **key, SSL_CERT_FILE="/dev/null")
    assert sentence.startswith(f"the certificate of {https} is not to be believed: ")
    assert hint == "set SSL_CERT_FILE to the authority that issued it"
    with front(far.port, str(authority.write(tmp_path, "elsewhere.test"))) as port:
        sentence, _ = near.refused("--host", f"https://localhost:{port}", "status", **key)
        assert "Hostname mismatch" in sentence
    sentence, _ = near.refused("--host", f"https://127.0.0.1:{far.port}", "status", **key)
    assert "does not speak TLS as it should" in sentence


def test_nobody_and_others_there(near: Near, far: Flock) -> None:
    key = {"FLOCK_ADMIN_TOKEN": far.key}
    url = f"http://127.0.0.1:{free_port()}"
    assert near.refused("--host", url, "status", **key) == (f"nothing listens at {url}", f"curl -i {url}/healthz")
    sentence, _ = near.refused("--host", "http://nowhere.invalid", "status", **key)
    assert sentence.startswith("no machine called 'nowhere.invalid' is known")
    with front(0, "-") as port:
        sentence, _ = near.refused("--host", f"http://127.0.0.1:{port}", "model", "ls", **key)
        assert sentence == f"what stands before the flock at http://127.0.0.1:{port} does not reach it (502)"
    sentence, _ = near.refused("--host", f"{far.url}/nothing/here", "model", "ls", code=5, **key)
    assert sentence == "there is nothing at /nothing/here/admin/v1/models"


def test_what_is_about_the_box_is_refused(near: Near, far: Flock) -> None:
    for words in (("up",), ("doctor",), ("down",), ("config", "edit"), ("logs",), ("backup", "ls")):
        sentence, hint = near.refused("--host", far.url, *words, code=2, FLOCK_ADMIN_TOKEN=far.key)
        verb = " ".join(words)
        assert sentence == f"`flock {verb}` is about the box itself, which {far.url} does not lead to; ssh does"
        assert hint == f"flock --host ssh://127.0.0.1 {verb}"
    assert json.loads(near.run("--host", far.url, "version", "--json", FLOCK_ADMIN_TOKEN=far.key).stdout)["daemon"]


def test_a_tool_is_connected_to_that_flock(near: Near, far: Flock, https: str) -> None:
    """What a tool of this machine is told is where this machine reaches that flock, with a key that is handed on."""
    key = far.json("token", "create", "tool")["token"]
    done = near.run("--host", https, "connect", "aider", "--json", FLOCK_ADMIN_TOKEN=far.key, FLOCK_TOKEN=key)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["base_url"] == https
    _, hint = near.refused("--host", https, "connect", "aider", code=4, FLOCK_ADMIN_TOKEN=far.key)
    assert hint == f"flock --host {https} token create NAME"


def test_what_is_not_encrypted_is_told_once(near: Near, far: Flock) -> None:
    done = near.run("--host", "http://nowhere.invalid", "model", "ls", FLOCK_ADMIN_TOKEN=far.key)
    assert done.returncode == 3
    assert done.stderr.count("is not encrypted: everybody on the way can read the admin key") == 1


def test_a_feed_and_kept_connections(far: Flock, https: str, authority: Authority, monkeypatch: Any) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    reach = find(https, {"FLOCK_ADMIN_TOKEN": far.key})
    assert call(far.port, "POST", "/v1/chat/completions", far.key, {"messages": 5}).status == 400
    feed = reach.follow(FollowEvents(since=0))
    assert json.loads(next(feed))["kind"]
    for _ in range(3):
        assert reach.call(ShowStatus())[0].pid == far.pid
    feed.close()
    assert list(feed) == []
    stream = reach.send("POST", "/v1/chat/completions", b'{"messages": 5}')
    assert (stream.status, stream.headers["content-type"].partition(";")[0]) == (400, "application/json")
    assert b"error" in b"".join(stream)
    reach.close()


def test_another_version_is_told_once_and_works(near: Near) -> None:
    served: list[str] = []

    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.append(self.path)
            self.send_response(200)
            self.send_header("X-Flock-Version", "9.9.9")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"[]")

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other) as other:
        thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{other.server_port}"
        code = (
            "from flock.cli import call; from flock.contract.models import ListModels\n"
            f"call.go({url!r}); print(*[call.perform(ListModels(), True).value for _ in range(3)])\ncall.leave()"
        )
        done = subprocess.run([sys.executable, "-P", "-c", code], env=near.environment, capture_output=True, text=True)
        other.shutdown()
        thread.join()
    assert done.stdout == "[] [] []\n"
    assert done.stderr == f"note: the flock on {url} is 9.9.9 and this command is {__version__}\n"
    assert len(served) == 3
