"""`flock limit simulate` at a running daemon, against sums that SQL makes of the same rows."""

import json
import random
import sqlite3
import time
from pathlib import Path

import pytest

from tests.running import Flock

DAY = 86400
# requests of one user, a day's apart from those of the others
USERS = ("ada", "bob", "eve")


def rows(now: float) -> list[tuple[object, ...]]:
    """Return requests of the last twenty days, in no order."""
    dice, made = random.Random(7), list[tuple[object, ...]]()
    for number in range(6000):
        at = now - dice.random() * 20 * DAY
        user = dice.choice(USERS)
        vendor, cost = ("groq", f"{dice.randrange(1, 40) / 1000}") if user != "eve" else ("", None)
        tokens = (dice.randrange(1, 3000), dice.randrange(0, 800))
        made.append((f"req_{number}", at, user, "k_1", "m", "chat", "", tokens[0], 0, tokens[1], vendor, cost))
    return made


@pytest.fixture(scope="module")
def asked(flock: Flock) -> Path:
    database = flock.home / "data" / "flock.db"
    connection = sqlite3.connect(database)
    with connection:
        connection.executemany(
            "INSERT INTO usage (request_id, at, user, key_id, model, endpoint, engine, input_tokens, cached_tokens, "
            "output_tokens, vendor, cost_usd, estimated, latency_ms, status, outcome, stream) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 10, 200, 'ok', 0)",
            rows(time.time()),
        )
    connection.close()
    return database


def limits(flock: Flock, text: str) -> str:
    file = flock.home / "limits.yaml"
    file.write_text(text)
    return str(file)


def simulated(flock: Flock, text: str, over: str = "30d") -> dict[str, dict[str, object]]:
    found = flock.json("limit", "simulate", "--file", limits(flock, text), "--over", over)
    assert found["requests"] == sum(user["requests"] for user in found["users"])
    assert found["refused"] == sum(sum(user["refused"].values()) for user in found["users"])
    return {user["user"]: user for user in found["users"]}


def test_sums_are_those_of_sql(flock: Flock, asked: Path) -> None:
    found = simulated(flock, "default: {rpm: 1000000}")
    connection = sqlite3.connect(asked)
    sums = connection.execute(
        "SELECT user, count(*), sum(input_tokens + output_tokens), printf('%.3f', sum(cost_usd)) "
        "FROM usage GROUP BY user"
    ).fetchall()
    connection.close()
    for user, requests, tokens, cost in sums:
        assert (found[user]["requests"], found[user]["tokens"], found[user]["refused"]) == (requests, tokens, {})
        assert float(str(found[user]["cost_usd"] or 0)) == float(cost or 0)


def test_a_quota_refuses_what_sql_says_it_would(flock: Flock, asked: Path) -> None:
    # a running total in SQL cannot leave out what was refused: a recursion over each day's rows does
    found = simulated(flock, "default: {quota: 60000}\nusers: {bob: {quota: 0}}")
    connection = sqlite3.connect(asked)
    passed = connection.execute(
        """
        WITH RECURSIVE ordered AS (
            SELECT user, CAST(at / 86400 AS INT) AS day, input_tokens + output_tokens AS tokens,
                   row_number() OVER (PARTITION BY user, CAST(at / 86400 AS INT) ORDER BY at, id) AS n
            FROM usage
        ), walked(user, day, n, used, refused) AS (
            SELECT user, day, 0, 0, 0 FROM ordered GROUP BY user, day
            UNION ALL
            SELECT o.user, o.day, o.n, used + iif(used + tokens <= 60000, tokens, 0), used + tokens > 60000
            FROM walked w JOIN ordered o ON o.user = w.user AND o.day = w.day AND o.n = w.n + 1
        )
        SELECT user, sum(refused) FROM walked GROUP BY user
        """
    ).fetchall()
    connection.close()
    wanted = dict(passed)
    assert wanted["ada"] > 100
    assert found["ada"]["refused"] == {"quota": wanted["ada"]}
    assert found["eve"]["refused"] == {"quota": wanted["eve"]}
    assert found["bob"]["refused"] == {}


def test_a_budget_and_who_first(flock: Flock, asked: Path) -> None:
    found = simulated(flock, "users: {ada: {budgets: [0.5/day]}}")
    assert set(found["ada"]["refused"]) == {"budget/day"}  # type: ignore[call-overload]
    assert found["ada"]["first_refused_at"]
    assert found["bob"]["refused"] == {}
    shown = flock.ok("limit", "simulate", "--file", str(flock.home / "limits.yaml"))
    assert "requests would have been refused" in shown
    quiet = flock.ok("limit", "simulate", "--file", str(flock.home / "limits.yaml"), "--quiet")
    assert quiet == "ada\n"


def test_nothing_is_touched(flock: Flock, asked: Path) -> None:
    connection = sqlite3.connect(asked)
    before = [connection.execute(f"SELECT count(*) FROM {table}").fetchall() for table in ("usage", "meters", "holds")]
    audit = len(flock.json("audit", "--limit", "10000"))
    simulated(flock, "default: {rpm: 1, quota: 1, budgets: [0.001/month]}")
    after = [connection.execute(f"SELECT count(*) FROM {table}").fetchall() for table in ("usage", "meters", "holds")]
    connection.close()
    assert before == after
    assert len(flock.json("audit", "--limit", "10000")) == audit


def test_what_is_told_beside_it(flock: Flock, asked: Path) -> None:
    file = limits(flock, "default: {budgets: 1/day}\nusers: {addaa: {rpm: 1}}")
    warnings = flock.json("limit", "simulate", "--file", file, "--over", "2d")["warnings"]
    assert warnings[0] == "addaa asked nothing in this time; ada did"
    assert warnings[1].startswith("quotas and budgets begin empty")


@pytest.mark.parametrize(
    ("text", "over", "words"),
    [
        ("", "30d", "is empty: it says no limits"),
        ("default: {rmp: 1}", "30d", "did you mean default.rpm?"),
        ("default: {rpm: 1}", "7x", "'7x' is no length of time"),
        ("default: {rpm: 1}", "0", "nothing was asked in no time"),
        ("default: {rpm: 1}", "1s", "nothing was asked since"),
    ],
)
def test_what_is_wrong_is_said(flock: Flock, asked: Path, text: str, over: str, words: str) -> None:
    done = flock.run("limit", "simulate", "--file", limits(flock, text), "--over", over, "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert words in json.loads(done.stderr)["error"]["message"]


def test_a_file_that_cannot_be_read(flock: Flock, tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "large").write_bytes(b"# " + b"x" * 600_000)
    for name, words in (
        ("none", "No such file"),
        (".", "Is a directory"),
        ("binary", "no UTF-8"),
        ("large", "larger than"),
    ):
        done = flock.run("limit", "simulate", "--file", str(tmp_path / name))
        assert (done.returncode, words in done.stderr) == (2, True)
