"""The lists of ids that shells complete from: files of the daemon that are always current."""

from pathlib import Path

from tests.daemon.conftest import Door, bearer
from tests.models.make import ensure
from tests.running import Flock, fake_upstream, flock_home, wait_for


def ids(flock: Flock, noun: str) -> list[str]:
    file = flock.home / "run" / "ids" / noun
    return file.read_text("utf-8").splitlines() if file.exists() else []


def test_keys(flock: Flock) -> None:
    (admin,) = ids(flock, "tokens")
    made = flock.json("token", "create", "x")["id"]
    assert ids(flock, "tokens") == [admin, made]
    flock.ok("token", "revoke", made)
    assert ids(flock, "tokens") == [admin]


def test_models_engines_and_jobs(flock: Flock, tmp_path: Path) -> None:
    model = ensure(tmp_path)["tiny-script"]
    assert ids(flock, "models") == ["flock-smoke"]
    flock.ok("model", "add", f"file:{model}")
    assert ids(flock, "models") == ["tiny-script"]
    assert ids(flock, "jobs") == [flock.json("job", "ls")[0]["id"]]
    with fake_upstream() as port:
        flock.ok("engine", "attach", f"http://127.0.0.1:{port}", "--name", "fake")
        assert "qwen/qwen3:8b-q4_K_M" in ids(flock, "models")
        assert [e["name"] for e in flock.json("engine", "ls")] == ids(flock, "engines")
        flock.ok("engine", "detach", "fake")
    flock.ok("model", "remove", "tiny-script", "--yes")
    assert ids(flock, "models") == ["flock-smoke"]


def test_requests(flock: Flock, public: Door) -> None:
    chat = {"messages": [{"role": "user", "content": "Hello"}]}
    assert ids(flock, "requests") == []
    _, headers, _ = public.ask("POST", "/v1/chat/completions", chat, bearer(flock.key))
    wait_for(lambda: ids(flock, "requests")[:1] == [headers["x-flock-request-id"]], "the newest request is listed")


def test_they_are_private_and_survive_a_restart(tmp_path: Path) -> None:
    with flock_home() as flock:
        flock.ok("up")
        made = flock.json("token", "create", "x")["id"]
        flock.ok("down")
        flock.ok("up")
        assert made in ids(flock, "tokens")
        for file in (flock.home / "run" / "ids").iterdir():
            assert file.stat().st_mode & 0o777 == 0o600
