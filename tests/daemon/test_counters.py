"""A real daemon over its ledger: limits go on after a kill, and doctor names a counter that rows do not add up to."""

import json
import os
import signal
import sqlite3
from typing import Any

from tests.daemon.conftest import Door
from tests.running import Flock

CHAT = {"model": "flock-smoke", "max_tokens": 5, "messages": [{"role": "user", "content": "hello"}]}


def ask(public: Door, token: str) -> tuple[int, Any]:
    status, headers, _ = public.ask("POST", "/v1/chat/completions", CHAT, {"Authorization": f"Bearer {token}"})
    return status, headers


def counters(flock: Flock) -> list[dict[str, str]]:
    """Return what doctor says of limits."""
    found = json.loads(flock.run("doctor", "--json").stdout)
    return [check for check in found["checks"] if check["name"] == "limits"]


def used(flock: Flock, id: str) -> dict[str, str]:
    """Return how much of its quota and its budget a key used: a minute wears off meanwhile."""
    meters = flock.json("token", "show", id)["meters"]
    return {meter["name"]: meter["used"] for meter in meters if meter["name"] != "rpm"}


def test_limits_go_on_after_a_kill_and_doctor_compares_them(flock: Flock, public: Door) -> None:
    assert counters(flock) == []
    bob = flock.json("token", "create", "bob", "--quota", "100000", "--rpm", "2", "--budget", "5/month")
    assert [ask(public, bob["token"])[0] for _ in range(3)] == [200, 200, 429]
    before = used(flock, bob["id"])
    assert int(before["quota"]) > 0
    assert [check["state"] for check in counters(flock)] == ["ok"]

    os.kill(flock.json("status")["pid"], signal.SIGKILL)
    flock.ok("up")
    assert used(flock, bob["id"]) == before
    assert [check["state"] for check in counters(flock)] == ["ok"]

    database = sqlite3.connect(flock.home / "data" / "flock.db")
    database.execute("UPDATE usage_hours SET input_tokens = input_tokens + 1 WHERE key_id = ?", (bob["id"],))
    database.commit()
    database.close()
    (found,) = counters(flock)
    rows = int(before["quota"]) + 1
    assert found["state"] == "serious"
    assert found["sentence"] == f"the key 'bob' counts {rows - 1:,} tokens today, and its usage rows {rows:,}"
    assert found["fix"].endswith("flock up")
