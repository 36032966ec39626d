"""`flock usage` of a real daemon against SQL over its database: sums, edges, a kill, old databases, retention."""

import contextlib
import csv
import io
import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.conftest import Door, bearer
from tests.running import ROOT, Flock, flock_home, wait_for

DUMPS = ROOT / "tests" / "compat" / "databases"
EVER = ("--since", "2020-01-01", "--until", "2099-01-01")


@contextlib.contextmanager
def database(flock: Flock) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(flock.home / "data" / "flock.db", timeout=30)
    try:
        yield connection
        connection.commit()
    finally:
        connection.close()


def sql(flock: Flock, words: str, *values: Any) -> list[tuple[Any, ...]]:
    with database(flock) as connection:
        return connection.execute(words, values).fetchall()


def chat(flock: Flock, key: str, model: str = "flock-smoke", stream: bool = False) -> int:
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}], "stream": stream, "max_tokens": 4}
    return Door(flock, private=False).ask("POST", "/v1/chat/completions", body, bearer(key))[0]


@pytest.fixture(scope="module")
def used(flock: Flock, user_key: str) -> Flock:
    """A flock that two people asked for something, once for a model that is not there."""
    for stream in (False, True, True):
        assert chat(flock, user_key, stream=stream) == 200
    assert chat(flock, flock.key) == 200
    assert chat(flock, flock.key, model="no-such-model") == 404
    return flock


def test_a_breakdown_is_what_sql_says(used: Flock) -> None:
    found = used.json("usage", "--by", "user,model", *EVER)
    rows = sql(
        used,
        "SELECT user, model, count(*), sum(outcome NOT IN ('ok', 'cancelled')), sum(input_tokens), sum(output_tokens)"
        " FROM usage GROUP BY user, model",
    )
    names = ("user", "model", "requests", "errors", "input_tokens", "output_tokens")
    assert sorted(tuple(part[name] for name in names) for part in found) == sorted(rows)
    assert {part["cost_usd"] for part in found} == {None}, "what has no price is not free"


def test_a_summary_is_what_its_parts_are(used: Flock) -> None:
    summary = used.json("usage", "--summary", *EVER)
    parts = used.json("usage", "--by", "model", *EVER)
    for name in ("requests", "errors", "input_tokens", "output_tokens"):
        assert summary[name] == sum(part[name] for part in parts)
    assert sum(summary["sparkline"]) == summary["requests"] == 5
    assert summary["error_rate"] == 0.2
    latencies = sorted(row[0] for row in sql(used, "SELECT latency_ms FROM usage WHERE outcome = 'ok'"))
    assert summary["latency_ms"]["p50"] == pytest.approx(latencies[1], rel=0.0201, abs=0.01)
    assert summary["latency_ms"]["p99"] == pytest.approx(latencies[-1], rel=0.0201, abs=0.01)
    firsts = [row[0] for row in sql(used, "SELECT ttft_ms FROM usage WHERE ttft_ms IS NOT NULL")]
    assert summary["ttft_ms"]["p99"] == pytest.approx(max(firsts), rel=0.0201, abs=0.01)
    assert summary["top_users"][0]["name"] == "alice"


def test_any_moment_may_be_the_end(used: Flock) -> None:
    rows = used.json("usage", *EVER)
    moments = sorted(row["at"] for row in rows)
    for number, moment in enumerate(moments):
        until = used.json("usage", "--summary", "--since", "2020-01-01", "--until", moment)
        # `at` is told to a millisecond, the row has more digits
        assert until["requests"] in (number, number + 1)
        since = used.json("usage", "--summary", "--since", moment, "--until", "2099-01-01")
        assert until["requests"] + since["requests"] == len(rows)
        assert len(used.json("usage", "--since", moment, "--until", "2099-01-01")) == since["requests"]


def test_filters(used: Flock) -> None:
    assert {row["user"] for row in used.json("usage", "--user", "alice")} == {"alice"}
    assert [row["outcome"] for row in used.json("usage", "--model", "no-such-model")] == ["error"]
    assert used.json("usage", "--model", "no-such-model", "--summary")["requests"] == 1
    assert used.json("usage", "--user", "nobody", "--summary")["requests"] == 0
    assert [part["user"] for part in used.json("usage", "--by", "user", "--user", "alice")] == ["alice"]


def test_the_lines_of_the_readme(used: Flock) -> None:
    person = used.ok("usage", "--by", "user", "--since", "month")
    assert {line.split("\t")[0] for line in person.splitlines()} == {"admin", "alice"}
    rows = list(csv.DictReader(io.StringIO(used.ok("usage", "--by", "user", "--since", "month", "--csv"), newline="")))
    assert {(row["user"], row["requests"]) for row in rows} == {("alice", "3"), ("admin", "2")}
    assert used.ok("usage", "--by", "user", "--quiet").split() == ["alice", "admin"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--since", "banana"), "--since 'banana' is no time"),
        (("--summary", "--until", "2026-02-30"), "--until '2026-02-30' is no time"),
        (("--by", "user", "--since", "today", "--until", "2020-01-01"), "--until 2020-01-01 "),
        (("--by", "colour"), "not by 'colour'"),
        (("--by", "user", "--bucket", "fortnight"), "not 'fortnight'"),
        (("--limit", "0"), "--limit is 1 to 10000"),
        (("verify", "--day", "2020-01-01"), "there is no usage"),
    ],
)
def test_what_is_wrong_is_told(used: Flock, words: tuple[str, ...], said: str) -> None:
    done = used.run("usage", *words)
    assert done.returncode not in (0, 1)
    assert said in done.stderr
    assert "hint: " in done.stderr


def test_a_kill_loses_no_sum_that_has_its_row() -> None:
    with flock_home() as flock:
        flock.ok("up")
        for _ in range(10):
            assert chat(flock, flock.key) == 200
        os.kill(flock.pid, signal.SIGKILL)
        wait_for(lambda: flock.run("status").returncode != 0, "the daemon is gone")
        flock.ok("up")
        for _ in range(3):
            assert chat(flock, flock.key) == 200
        ((rows,),) = sql(flock, "SELECT count(*) FROM usage")
        assert flock.json("usage", "--summary", *EVER)["requests"] >= rows
        found = flock.json("usage", "verify")
        assert (found["rows"], found["differing"]) == (found["summed"], [])


def test_sums_that_somebody_changed_are_found(used: Flock) -> None:
    flock = used
    assert "the hourly sums of" in flock.run("doctor").stdout
    with database(flock) as connection:
        connection.execute("UPDATE usage_hours SET output_tokens = output_tokens + 1 WHERE user = 'alice'")
    try:
        done = flock.run("usage", "verify")
        assert done.returncode == 1
        assert "user 'alice'" in done.stdout
        checks = json.loads(flock.run("doctor", "--json").stdout)["checks"]
        (check,) = [check for check in checks if check["name"] == "usage"]
        assert check["state"] == "warning"
        assert "usage verify --day" in check["fix"]
    finally:
        with database(flock) as connection:
            connection.execute("UPDATE usage_hours SET output_tokens = output_tokens - 1 WHERE user = 'alice'")
    assert flock.run("usage", "verify").returncode == 0


def fill(flock: Flock, dump: Path, more: str = "") -> None:
    folder = flock.home / "data"
    folder.mkdir(parents=True, mode=0o700)
    flock.home.chmod(0o700)
    connection = sqlite3.connect(folder / "flock.db")
    connection.executescript(dump.read_text("utf-8"))
    connection.executescript(more)
    connection.close()
    (folder / "flock.db").chmod(0o600)


COPY = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
INSERT INTO usage (request_id, at, user, key_id, model, endpoint, engine, input_tokens, cached_tokens, output_tokens,
  estimated, latency_ms, ttft_ms, status, outcome, stream)
SELECT 'req_' || i, 1763690000.0 + i * 60, 'alice', 'k_1', 'qwen3-8b', 'chat', 'llamacpp', 10, 0, 2, 0, 100.0 + i, NULL,
  200, 'ok', 0 FROM n;
"""


@pytest.mark.parametrize("revision", ["0001", "0002", "0003"])
def test_usage_of_an_older_release_counts_at_once_and_is_summed_up(revision: str) -> None:
    with flock_home() as flock:
        fill(flock, DUMPS / f"{revision}.sql", COPY)
        flock.ok("up")
        span = ("--since", "2025-01-01", "--until", "2026-01-01")
        assert flock.json("usage", "--summary", *span)["requests"] == 4000
        wait_for(lambda: sql(flock, "SELECT count(*) FROM marks") == [(0,)], "older usage is summed up")
        after = flock.json("usage", "--summary", *span)
        assert (after["requests"], after["input_tokens"]) == (4000, 40_000)
        assert sql(flock, "SELECT sum(requests) FROM usage_hours WHERE model = 'qwen3-8b'")[0][0] >= 4000
        flock.ok("down")
        flock.ok("up")
        assert flock.json("usage", "--summary", *span)["requests"] == 4000
        found = flock.json("usage", "verify", "--day", "2025-11-22")
        assert (found["rows"], found["summed"], found["differing"]) == (1440, 1440, [])


def test_old_rows_are_forgotten_and_their_sums_stay() -> None:
    with flock_home() as flock:
        fill(flock, DUMPS / "0003.sql", COPY)
        flock.ok("config", "set", "records.usage_days", "1")
        flock.ok("up")
        wait_for(lambda: sql(flock, "SELECT count(*) FROM usage WHERE at < 1800000000") == [(0,)], "they are forgotten")
        span = ("--since", "2025-01-01", "--until", "2026-01-01")
        assert flock.json("usage", "--summary", *span)["requests"] == 4000
        days = flock.json("usage", "--by", "user", "--bucket", "day", *span)
        assert [part["requests"] for part in days] == [1326, 1440, 1234]
