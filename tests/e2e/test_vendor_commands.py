"""`flock vendor` against a real daemon and a vendor that is a process: added, asked, listed, used, kept, removed."""

import hashlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.running import ROOT, Flock, flock_home, running_flock

GOOD, MORE, BAD = "gsk-good-key-of-the-team", "gsk-more-of-the-team", "gsk-bad-key-of-the-team"
MODEL = "groq/llama-3.3-70b-versatile"


class Groq:
    """The fake, by its port."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/openai/v1"
        self._root = f"http://127.0.0.1:{port}"

    def seen(self) -> list[tuple[str, str, str]]:
        """Return (method, path, digest of the key) of every request."""
        with urllib.request.urlopen(f"{self._root}/seen", timeout=30) as response:
            return [(r["method"], r["path"], r["key"]) for r in json.load(response)["requests"]]

    def fail(self, *faults: dict[str, Any]) -> None:
        """Have the next answers go wrong."""
        body = json.dumps({"faults": faults}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self._root}/control", body), timeout=30).close()


@contextmanager
def groq() -> Iterator[Groq]:
    """Run a fake Groq that knows two keys."""
    argv = [sys.executable, "-m", "tests.fakes.vendor", "--vendor", "groq", "--key", GOOD, "--key", MORE]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        yield Groq(int(process.stdout.readline().split()[1]))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def ask(flock: Flock) -> int:
    """Send one chat with the admin's key and return the status."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 8}
    headers = {"Authorization": f"Bearer {flock.key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{flock.url}/v1/chat/completions", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        return int(response.status)


def nowhere(flock: Flock, *keys: str) -> None:
    """See that no key stands in what flock wrote, but where keys are kept."""
    for file in flock.home.rglob("*"):
        if file.is_file() and file.name != "secrets.json":
            assert not [key for key in keys if key.encode() in file.read_bytes()], file


def test_from_adding_to_removing() -> None:
    with groq() as vendor, running_flock(FLOCK_SECRETS_BACKEND="file") as flock:
        assert flock.json("vendor", "ls") == []
        refused = flock.run("vendor", "add", "groq", "--url", vendor.url, stdin=BAD)
        assert refused.returncode == 2
        assert f"groq refuses the key (401 from {vendor.url}/models)" in refused.stderr
        assert flock.json("secret", "ls") == []

        added = flock.json("vendor", "add", "groq", "--url", vendor.url, stdin=f"{GOOD}\n{MORE}\n")
        assert (added["state"], [key["name"] for key in added["keys"]]) == ("on", ["stored key 1", "stored key 2"])
        assert [(check["outcome"], check["models"]) for check in flock.json("vendor", "test", "groq")] == [
            ("ok", 4)
        ] * 2
        models = flock.json("vendor", "models", "groq")
        assert MODEL in [model["id"] for model in models]
        assert {method for method, _, _ in vendor.seen()} == {"GET"}

        assert ask(flock) == 200
        method, path, key = vendor.seen()[-1]
        assert (method, path) == ("POST", "/openai/v1/chat/completions")
        assert key in (digest(GOOD), digest(MORE))

        # what was added outlives the daemon
        flock.ok("down")
        flock.ok("up")
        assert flock.json("vendor", "show", "groq")["keys"][0]["state"] == "unread"
        assert ask(flock) == 200

        nowhere(flock, GOOD, MORE, BAD)
        acts = {(row["action"], row["outcome"]) for row in flock.json("audit")}
        assert {("vendor.add", "invalid_request"), ("vendor.add", "ok")} <= acts

        assert flock.run("vendor", "remove", "groq").returncode == 6
        flock.ok("vendor", "remove", "groq", "--yes")
        assert (flock.json("vendor", "ls"), flock.json("secret", "ls")) == ([], [])
        assert flock.run("vendor", "test", "groq").returncode == 4


def test_the_pool_of_the_environment_goes_on_when_a_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{MORE}\n")
    environment = {"GROQ_API_KEY": GOOD, "GROQ_API_KEY_2_FILE": str(tmp_path / "key")}
    with groq() as vendor, running_flock(**environment) as flock:
        flock.ok("vendor", "add", "groq", "--url", vendor.url)
        before = len(vendor.seen())
        vendor.fail({"kind": "rate", "times": -1, "key": 0, "path": "chat", "retry_after": "60"})
        assert [ask(flock) for _ in range(3)] == [200] * 3
        keys = [key for _, _, key in vendor.seen()[before:]]
        assert keys.count(digest(GOOD)) == 1, "a key that has too many requests rests"
        assert keys.count(digest(MORE)) == 3
        states = {key["name"]: key["state"] for key in flock.json("vendor", "show", "groq")["keys"]}
        assert states == {"GROQ_API_KEY": "resting", "GROQ_API_KEY_2_FILE": "ready"}
        removed = flock.run("vendor", "remove", "groq", "--yes")
        assert removed.returncode == 0
        assert "the daemon's environment has GROQ_API_KEY, GROQ_API_KEY_2_FILE" in removed.stderr
        nowhere(flock, GOOD, MORE)


def test_while_vendors_are_off_none_is_reached() -> None:
    with groq() as vendor, flock_home(GROQ_API_KEY=GOOD) as flock:
        flock.ok("config", "set", "router.fallback.enabled", "false")
        flock.ok("up")
        assert flock.json("vendor", "ls") == []
        refused = flock.run("vendor", "test", "groq")
        assert refused.returncode == 1
        assert "router.fallback.enabled is false" in refused.stderr
        kept = flock.json("vendor", "add", "groq", "--url", vendor.url, "--no-test", stdin=MORE)
        assert kept["state"] == "off"
        assert vendor.seen() == []
