"""`flock engine attach` and `detach`: servers that somebody else runs, among them flock's own."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from flock.smoke.facts import SENTENCE
from tests.e2e.parts import ask, body, call, slots
from tests.running import Flock, fake_upstream, flock_home, free_port, running_flock, wait_for

KEY = "engine-key-of-a-test"


@pytest.fixture(scope="module")
def flock() -> Iterator[Flock]:
    with running_flock(FLOCK_ENGINE="embedded") as flock:
        yield flock


@pytest.fixture(scope="module")
def fake() -> Iterator[int]:
    with fake_upstream("--good") as port:
        yield port


@pytest.fixture(scope="module")
def locked() -> Iterator[int]:
    """A server that wants a key."""
    with fake_upstream("--good", "--key", KEY) as port:
        yield port


@pytest.fixture(autouse=True)
def nothing_attached(flock: Flock) -> Iterator[None]:
    yield
    for name in adopted(flock):
        flock.ok("engine", "detach", name)


def adopted(flock: Flock) -> list[str]:
    return [e["name"] for e in flock.json("engine", "ls") if e["ownership"] == "adopted"]


def refused(flock: Flock, code: int, *arguments: str, stdin: str | None = None) -> str:
    """Attach something that must be refused; return what was said."""
    before = adopted(flock)
    done = flock.run("engine", "attach", *arguments, stdin=stdin)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert "Traceback" not in done.stderr
    assert re.search(r"^hint: ", done.stderr, re.M)
    assert adopted(flock) == before
    return done.stderr


def test_its_models_answer_when_the_call_returns(flock: Flock, fake: int) -> None:
    engine = flock.json("engine", "attach", f"http://127.0.0.1:{fake}/v1/", "--name", "fake")
    assert (engine["name"], engine["state"], engine["ownership"]) == ("fake", "ready", "adopted")
    assert (engine["pid"], engine["source"]) == (None, "attached")
    assert "ok" in engine["models"]
    listed = call(flock.port, "GET", "/v1/models", flock.key).json["data"]
    assert set(engine["models"]) <= {m["id"] for m in listed}
    told = ask(flock.port, flock.key, body("ok"))
    assert (told.status, told.json["choices"][0]["message"]["content"]) == (200, "Hello wörld!")
    assert flock.json("explain", told.id)["engine"] == "fake"
    # the built-in model stands in only while there is nothing else
    assert "flock-smoke" not in flock.ok("model", "ls")
    assert "it keeps running" in flock.ok("engine", "detach", "fake")
    assert ask(flock.port, flock.key, body("ok")).status == 404
    assert call(fake, "GET", "/seen").status == 200
    assert ask(flock.port, flock.key, body("flock-smoke")).status == 200


def test_it_survives_a_restart_and_so_does_its_key(fake: int, locked: int) -> None:
    with flock_home() as flock:
        flock.ok("up")
        flock.ok("engine", "attach", f"http://127.0.0.1:{locked}", "--name", "locked", stdin=f"{KEY}\n")
        flock.ok("engine", "attach", f"127.0.0.1:{fake}")
        flock.ok("down")
        flock.ok("up")
        wait_for(lambda: [e["state"] for e in flock.json("engine", "ls")] == ["ready", "ready"], "both are there again")
        assert [e["name"] for e in flock.json("engine", "ls")] == ["locked", f"127.0.0.1:{fake}"]
        assert ask(flock.port, flock.key, body("ok")).status == 200
        secrets = flock.home / "secrets.json"
        assert secrets.stat().st_mode & 0o777 == 0o600
        assert KEY in secrets.read_text()
        flock.ok("engine", "detach", "locked")
        assert KEY not in secrets.read_text()
        for file in flock.home.rglob("*"):
            assert not file.is_file() or KEY.encode() not in file.read_bytes(), file


def test_keys(flock: Flock, locked: int) -> None:
    url = f"http://127.0.0.1:{locked}"
    assert "wants an API key" in refused(flock, 4, url)
    told = refused(flock, 4, url, stdin="wrong")
    assert "refuses the key it was given" in told
    assert "wrong" not in told
    assert "is no API key" in refused(flock, 2, url, stdin="two words")
    by_variable = Flock(flock.home, flock.port, FLOCK_ENGINE_KEY=KEY)
    assert by_variable.json("engine", "attach", url, "--name", "variable")["state"] == "ready"
    assert ask(flock.port, flock.key, body("ok")).status == 200
    flock.ok("engine", "detach", "variable")
    assert flock.json("engine", "attach", url, "--name", "stdin", stdin=KEY)["state"] == "ready"
    assert ask(flock.port, flock.key, body("ok")).status == 200
    assert KEY not in flock.ok("audit", "--json") + flock.ok("logs", "--lines", "500")


def test_flock_itself_is_refused(flock: Flock) -> None:
    hosts = ["127.0.0.1", "localhost"]
    for host in hosts:
        told = refused(flock, 1, f"http://{host}:{flock.port}", stdin=flock.key)
        assert "is this flock itself" in told
    (engine,) = flock.json("engine", "ls")
    port = engine["endpoint"].rpartition(":")[2]
    for host in hosts:
        assert "is flock's own engine" in refused(flock, 1, f"http://{host}:{port}")
    # a port whose digits begin with those of an own engine's is another port
    assert "nothing answers" in refused(flock, 75, f"http://127.0.0.1:{port[:3]}")


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_flock_itself_is_refused_by_every_name_it_has() -> None:
    with flock_home() as flock:
        flock.environment["FLOCK_LISTEN"] = f"[::1]:{flock.port}"
        flock.ok("up")
        assert flock.json("status")["api_url"] == f"http://[::1]:{flock.port}/v1"
        assert "is this flock itself" in refused(flock, 1, f"http://[::1]:{flock.port}/v1")
        flock.ok("down")
        flock.environment["FLOCK_LISTEN"] = f"0.0.0.0:{flock.port}"
        flock.ok("up")
        for host in ("127.0.0.1", "127.0.0.2", "localhost"):
            assert "is this flock itself" in refused(flock, 1, f"http://{host}:{flock.port}")


def test_one_server_under_two_names_is_refused(flock: Flock, fake: int) -> None:
    flock.ok("engine", "attach", f"http://127.0.0.1:{fake}", "--name", "fake")
    for url in (f"http://127.0.0.1:{fake}/v1", f"localhost:{fake}"):
        assert "is attached already, as fake" in refused(flock, 1, url, "--name", "other")
    with fake_upstream("--good") as second:
        assert 'an engine is called "fake" already' in refused(flock, 1, f"http://127.0.0.1:{second}", "--name", "fake")
        flock.ok("engine", "attach", f"http://127.0.0.1:{second}", "--name", "second")
        assert ask(flock.port, flock.key, body("ok")).status == 200
        record = flock.json("explain")
        assert {c["engine"] for c in record["candidates"]} == {"fake", "second"}


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [
        ("http://127.0.0.1:1", 75, "nothing answers at http://127.0.0.1:1"),
        ("ftp://127.0.0.1", 2, "neither http nor https"),
        ("http://user:word@127.0.0.1:1", 2, "user name or password"),
        ("http://", 2, "names no host and port"),
        ("http://127.0.0.1:99999", 2, "is not a URL"),
        ("http://127.0.0.1:1/?a=b", 2, "more than a path"),
        ("http://127.0.0.1:1 --name=a/b", 2, "cannot be an engine's name"),
    ],
)
def test_what_cannot_be_attached(flock: Flock, url: str, code: int, words: str) -> None:
    address, *more = url.split(" ")
    told = refused(flock, code, address, *more)
    assert words in told
    assert "word@" not in told


def test_a_server_that_is_no_engine_is_refused(flock: Flock, tmp_path: Path) -> None:
    port = free_port()
    argv = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as other:

        def listens() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        try:
            wait_for(listens, "the other server listens")
            assert "is no OpenAI-compatible server" in refused(flock, 2, f"http://127.0.0.1:{port}")
        finally:
            other.kill()


def test_detaching_what_is_not_attached(flock: Flock, fake: int) -> None:
    flock.ok("engine", "attach", f"http://127.0.0.1:{fake}", "--name", "fake")
    done = flock.run("engine", "detach", "fakes")
    assert (done.returncode, done.stdout) == (5, "")
    assert "nearest: fake" in done.stderr
    done = flock.run("engine", "detach", "embedded:flock-smoke")
    assert done.returncode == 1
    assert "is flock's own engine" in done.stderr


def test_an_engine_that_was_away_at_the_start_is_found_again(flock: Flock) -> None:
    port = free_port()
    with fake_upstream("--good", "--port", str(port)):
        flock.ok("engine", "attach", f"http://127.0.0.1:{port}", "--name", "fake")
    told = ask(flock.port, flock.key, body("ok"))
    assert (told.status, told.error["code"]) == (502, "engine_unreachable")
    for words in ("fake", f"http://127.0.0.1:{port}"):
        assert words in told.error["message"]
    assert flock.json("engine", "ls")[-1]["state"] == "unreachable"
    flock.ok("down")
    flock.ok("up")
    assert flock.json("engine", "ls")[-1]["state"] == "unreachable"
    with fake_upstream("--good", "--port", str(port)):
        wait_for(lambda: flock.json("engine", "ls")[-1]["state"] == "ready", "it is found")
        assert ask(flock.port, flock.key, body("ok")).status == 200


def test_a_real_engine_of_another_flock_is_adopted_and_never_stopped(flock: Flock) -> None:
    with running_flock(FLOCK_ENGINE="embedded") as other:
        ask(other.port, other.key, body("flock-smoke"))
        real = slots(other, "flock-smoke")
        engine = flock.json("engine", "attach", f"http://127.0.0.1:{real.port}", "--name", "real", stdin=real.key)
        assert (engine["kind"], engine["models"]) == ("llamacpp", ["flock-smoke"])
        told = ask(flock.port, flock.key, body("flock-smoke"))
        assert told.json["choices"][0]["message"]["content"] == SENTENCE
        assert flock.json("explain", told.id)["engine"] == "real"
        flock.ok("down")
        assert psutil.pid_exists(real.process.pid)
        assert real.process.is_running()
        flock.ok("up")
        flock.ok("engine", "detach", "real")
        assert real.process.is_running()
        assert ask(other.port, other.key, body("flock-smoke")).status == 200


def test_another_flock_can_be_attached(flock: Flock) -> None:
    with running_flock(FLOCK_ENGINE="embedded") as other:
        key = other.json("token", "create", "upstream")["token"]
        flock.ok("engine", "attach", other.url, "--name", "other", stdin=key)
        told = ask(flock.port, flock.key, body("flock-smoke", stream=True))
        assert (told.text, told.done) == (SENTENCE, True)
        (row,) = other.json("usage", "--user", "upstream")
        mine = flock.json("usage", "--limit", "1")[0]
        for counted in ("input_tokens", "output_tokens", "outcome"):
            assert mine[counted] == row[counted]
