"""A daemon's secrets with keyrings that are good, that lose, lie, raise, ask or hang, and with none at all.

The keyring is tests/fakes/rings.py, which the daemon loads as it would load the system's own.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.rings import Ring
from tests.running import ROOT, Flock, fake_upstream, flock_home, wait_for

KEY = "fk-hunter2-hunter2"
PHRASE = "correct horse battery"


@pytest.fixture
def fake() -> Iterator[int]:
    """The port of an engine that wants the key."""
    with fake_upstream("--good", "--key", KEY) as port:
        yield port


@pytest.fixture
def ring(tmp_path: Path) -> Ring:
    return Ring(tmp_path)


@pytest.fixture
def flock(ring: Ring) -> Iterator[Flock]:
    """A flock, not yet started, whose keyring has moods."""
    with flock_home(
        PYTHONPATH=str(ROOT), PYTHON_KEYRING_BACKEND="tests.fakes.rings.Ring", RING_DIRECTORY=str(ring.directory)
    ) as flock:
        yield flock


def attach(flock: Flock, fake: int, name: str = "fake") -> None:
    flock.ok("engine", "attach", f"http://127.0.0.1:{fake}", "--name", name, stdin=f"{KEY}\n")


def state(flock: Flock, name: str = "fake") -> str:
    return {engine["name"]: engine["state"] for engine in flock.json("engine", "ls")}[name]


def kept(flock: Flock) -> str:
    file = flock.home / "secrets.json"
    return file.read_text() if file.exists() else ""


def check(flock: Flock) -> dict[str, str]:
    """Return doctor's line about secrets."""
    (found,) = [c for c in json.loads(flock.run("doctor", "--json").stdout)["checks"] if c["name"] == "secrets"]
    return found


def test_a_good_keyring_has_the_key_and_the_file_its_name(flock: Flock, ring: Ring, fake: int) -> None:
    flock.ok("up")
    assert ring.calls() == [], "nothing is touched at the start"
    attach(flock, fake)
    assert ring.kept() == {f"flock {flock.home}/fake": KEY}
    assert KEY not in kept(flock)
    assert [(s["name"], s["kind"]) for s in flock.json("secret", "ls")] == [("fake", "keyring")]
    assert check(flock)["state"] == "ok"
    assert "in the keyring (rings), 1 secret" in check(flock)["sentence"]
    flock.ok("down")
    flock.ok("up")
    wait_for(lambda: state(flock) == "ready", "its key is read again")

    done = flock.run("secret", "lock", stdin=f"{PHRASE}\n")
    assert done.returncode == 1
    assert "protects the secrets already" in done.stderr
    flock.ok("engine", "detach", "fake")
    assert ring.kept() == {}
    assert flock.json("secret", "ls") == []


@pytest.mark.parametrize("mood", ["loses", "lies", "sticks", "raises", "asks", "exits"])
def test_a_keyring_that_does_not_prove_itself_is_not_used(mood: str, flock: Flock, ring: Ring, fake: int) -> None:
    ring.be(mood)
    flock.ok("up")
    attach(flock, fake)
    store = flock.json("secret", "status")
    assert (store["kind"], store["mode"], store["backend"]) == ("file", "0600", "")
    assert store["why_no_keyring"]
    assert KEY in kept(flock)
    assert KEY not in json.dumps(ring.kept())
    found = check(flock)
    assert found["state"] == "note"
    assert store["why_no_keyring"] in found["sentence"]
    assert "unencrypted" in found["sentence"]
    assert found["fix"].endswith("flock secret lock")
    flock.ok("down")
    flock.ok("up")
    wait_for(lambda: state(flock) == "ready", "its key is read again")


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        ("keyring.backends.fail.Keyring", "there is none"),
        ("keyring.backends.null.Keyring", "null protects nothing"),
        ("keyrings.alt.file.PlaintextKeyring", "PlaintextKeyring protects nothing"),
        ("nowhere.Keyring", "nowhere"),
    ],
)
def test_what_only_looks_like_a_keyring(backend: str, words: str, flock: Flock, fake: int) -> None:
    flock.environment["PYTHON_KEYRING_BACKEND"] = backend
    flock.ok("up")
    attach(flock, fake)
    assert words in flock.json("secret", "status")["why_no_keyring"]
    assert KEY in kept(flock)
    assert not list(flock.home.parent.rglob("keyring_pass.cfg"))


def test_a_keyring_that_hangs_at_once_holds_up_neither_a_secret_nor_the_end(
    flock: Flock, ring: Ring, fake: int
) -> None:
    ring.be("hangs")
    flock.ok("up")
    attach(flock, fake)
    assert "did not answer within 3 s" in flock.json("secret", "status")["why_no_keyring"]
    assert KEY in kept(flock)
    assert ring.calls() == ["set"]
    flock.ok("down")
    assert not flock.processes()


def test_a_keyring_that_hangs_later(flock: Flock, ring: Ring, fake: int) -> None:
    flock.ok("up")
    attach(flock, fake)
    ring.be("hangs")
    with fake_upstream("--good", "--key", KEY) as second:
        arguments = ("engine", "attach", f"http://127.0.0.1:{second}", "--name", "second")
        done = flock.run(*arguments, stdin=f"{KEY}\n")
        assert done.returncode == 1
        assert "did not answer within 3 s" in done.stderr
        assert "unlock it or answer its question" in done.stderr
        assert KEY not in done.stderr
        assert [engine["name"] for engine in flock.json("engine", "ls") if engine["ownership"] != "own"] == ["fake"]
        flock.ok(*arguments, stdin=f"{KEY}\n")
    assert [(s["name"], s["kind"]) for s in flock.json("secret", "ls")] == [("fake", "keyring"), ("second", "file")]
    assert check(flock)["state"] == "warning"
    flock.ok("down")
    assert not flock.processes()
    ring.be("good")
    flock.ok("up")
    wait_for(lambda: state(flock) == "ready", "the keyring is asked again after a restart")


def test_a_key_from_outside_comes_first(flock: Flock, ring: Ring, fake: int, tmp_path: Path) -> None:
    flock.ok("up")
    attach(flock, fake)
    flock.ok("down")
    (ring.directory / "kept.json").unlink()
    (tmp_path / "key").write_text(f"{KEY}\n")
    flock.environment["FLOCK_SECRET_FAKE_FILE"] = str(tmp_path / "key")
    flock.ok("up")
    wait_for(lambda: state(flock) == "ready", "its key is read from the file")
    assert [(s["name"], s["kind"]) for s in flock.json("secret", "ls")] == [("fake", "environment")]


def test_the_file_of_the_first_release_goes_on_working(flock: Flock, ring: Ring, fake: int) -> None:
    flock.environment["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    flock.ok("up")
    attach(flock, fake)
    flock.ok("down")
    (flock.home / "secrets.json").write_text(json.dumps({"fake": KEY}))
    (flock.home / "secrets.json").chmod(0o644)
    flock.ok("up")
    wait_for(lambda: state(flock) == "ready", "its key is read from the old file")
    assert flock.json("secret", "ls") == [{"name": "fake", "kind": "file", "since": None}]
    assert "could be read by others (mode 0644)" in flock.ok("logs")
    assert (flock.home / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_none_is_said_and_stands(flock: Flock, fake: int) -> None:
    flock.environment["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    flock.ok("up")
    (flock.home / "secrets.json").write_text("{ broken")
    done = flock.run("engine", "attach", f"http://127.0.0.1:{fake}", "--name", "fake", stdin=f"{KEY}\n")
    assert done.returncode == 1
    assert "is not a JSON object" in done.stderr
    assert KEY not in done.stderr
    assert kept(flock) == "{ broken"
    assert check(flock)["state"] == "warning"
    flock.ok("down")
    flock.ok("up")
    (flock.home / "secrets.json").unlink()
    (flock.home / "secrets.json").symlink_to("elsewhere.json")
    assert "is a link" in check(flock)["sentence"]
