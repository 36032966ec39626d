"""The admin API as its document describes it, tried by schemathesis with what its schemas allow or do not: no
answer is a failure of flock's own, and each has the shape it promises.

schemathesis has an environment of its own (tests/engines/install/schemathesis.sh); what it sends never varies.
"""

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from flock.contract.op import ensure_declared
from tests.running import ROOT, Flock, flock_home

TOOL = ROOT / ".engines/schemathesis/bin/st"
# what ends the daemon, never ends by itself, or goes to other machines
ELSEWHERE = (
    *("daemon.stop", "events.follow", "engine.install", "engine.attach", "files.fetch", "hub.search", "hub.show"),
    *("model.add", "price.update", "vendor.add", "vendor.models", "vendor.test"),
)
# what can take the very key away that is asked with: by themselves, last
KEYS = ("history.undo", "token.edit", "token.expire", "token.renew", "token.revoke", "token.rotate")


@pytest.fixture(scope="module")
def flock() -> Iterator[Flock]:
    if not TOOL.exists():
        cause = "needs tests/engines/install/schemathesis.sh"
        pytest.fail(cause) if os.environ.get("FLOCK_TEST_ENGINES") == "all" else pytest.skip(cause)
    with flock_home() as found:
        found.home.mkdir()
        (found.home / "config.yaml").write_text("auth:\n  bad_keys_per_minute: 0\n")
        found.ok("up")
        yield found


def asked(flock: Flock, *words: str) -> str:
    """Run schemathesis over the document and return what it said; it must have found nothing."""
    done = subprocess.run(
        [
            *(str(TOOL), "run", f"{flock.url}/openapi.json", "--header", f"Authorization: Bearer {flock.key}", *words),
            *("--checks", "not_a_server_error,response_schema_conformance,content_type_conformance"),
            *("--phases", "coverage,fuzzing", "--max-examples", "15", "--generation-deterministic", "--no-shrink"),
            *("--continue-on-failure", "--request-timeout", "60", "--no-color", "--warnings", "off"),
        ],
        cwd=flock.home.parent,
        env={"PATH": os.environ["PATH"], "HOME": str(flock.home.parent), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=600,  # bounds a server that hangs on a request; all of them take a minute
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return done.stdout


def test_the_daemon_serves_the_document_without_a_key(flock: Flock) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"{flock.url}/openapi.json", timeout=30) as answer:
        served: dict[str, Any] = json.load(answer)
    assert served == json.loads((ROOT / "docs/openapi.json").read_text())
    described = {of["operationId"] for methods in served["paths"].values() for of in methods.values()}
    assert described == {name for name, op in ensure_declared().items() if op.spec.path}


def test_nothing_fails_of_its_own(flock: Flock) -> None:
    known = {name for name, op in ensure_declared().items() if op.spec.path}
    assert {*ELSEWHERE, *KEYS} <= known
    said = asked(flock, *(f"--exclude-operation-id={name}" for name in (*ELSEWHERE, *KEYS)))
    assert "passed" in said
    assert flock.run("status").returncode == 0
    said = asked(flock, *(f"--include-operation-id={name}" for name in KEYS))
    assert "passed" in said
    assert flock.run("status").returncode == 0
    assert "Traceback" not in (flock.home / "logs/flock.log").read_text()
