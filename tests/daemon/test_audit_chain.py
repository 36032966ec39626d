"""The audit of a running daemon: found by globs and times, summed up, and checked, with what others did to the file."""

import json
import sqlite3
from collections.abc import Iterator

import pytest

from tests.running import Flock, running_flock


@pytest.fixture
def own() -> Iterator[Flock]:
    """A daemon whose database a test may damage."""
    with running_flock() as flock:
        for name in ("ada", "bob", "eve", "joe"):
            flock.ok("token", "create", name)
        yield flock


def sql(flock: Flock, statement: str) -> None:
    connection = sqlite3.connect(flock.home / "data" / "flock.db")
    try:
        with connection:
            connection.execute(statement)
    finally:
        connection.close()


def test_rows_are_found_by_globs_and_times(flock: Flock) -> None:
    flock.ok("token", "create", "glob")
    flock.ok("config", "set", "log_level", "info")
    flock.run("token", "revoke", "k_nobody")

    def actions(*words: str) -> set[str]:
        return {row["action"] for row in flock.json("audit", *words)}

    assert actions("--action", "token.*") == {"token.create", "token.revoke"}
    assert actions("--action", "*.set", "--since", "today") == {"config.set"}
    assert actions("--since", "1h") >= {"token.create", "config.set"}
    assert actions("--until", "2026-01-01") == actions("--actor", "nobody*") == set()
    assert len(flock.json("audit", "--limit", "2")) == 2
    whole = flock.json("audit", "summary")
    assert (whole["acts"], whole["refused"]) == (3, 1)
    assert {c["name"]: c["count"] for c in whole["outcomes"]} == {"ok": 2, "not_found": 1}
    assert whole["top_actions"][0]["count"] == 1
    assert flock.json("audit", "--summary", "--since", "1h")["acts"] == 3
    assert flock.json("audit", "summary", "--actor", "nobody")["acts"] == 0


@pytest.mark.parametrize(
    "words",
    [("--since", "soon"), ("--since", "today", "--until", "2020-01-01"), ("--limit", "0"), ("--limit", "10001")],
    ids=" ".join,
)
def test_what_is_wrongly_asked_is_refused(flock: Flock, words: tuple[str, ...]) -> None:
    done = flock.run("audit", *words, "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert json.loads(done.stderr)["error"]["hint"]


def test_a_whole_chain_and_its_head(own: Flock) -> None:
    found = own.json("audit", "verify")
    rows = own.json("audit")
    assert (found["state"], found["rows"], found["unchained"], found["pruned"]) == ("whole", len(rows), 0, 0)
    assert found["head"] == rows[0]["hash"]
    assert own.ok("audit", "verify", "--quiet").strip() == found["head"]
    assert "whole: " in own.ok("audit", "verify")
    own.ok("token", "create", "later")
    own.ok("down")
    own.ok("up")
    own.ok("token", "create", "after-a-start")
    assert own.json("audit", "verify", "--head", found["head"])["state"] == "whole"
    assert own.json("audit", "verify", "--head", found["head"].upper())["rows"] == len(rows) + 3  # `down` too
    done = own.run("audit", "verify", "--head", "abc")
    assert (done.returncode, "is no hash that flock printed" in done.stderr) == (2, True)
    done = own.run("audit", "verify", "--head", "0" * 64)
    assert (done.returncode, "no row has the hash" in done.stdout) == (1, True)


def test_a_changed_row_is_exit_code_1(own: Flock) -> None:
    sql(own, "UPDATE audit SET actor = 'mallory' WHERE id = 2")
    done = own.run("audit", "verify", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["state"], found["broken_at"], found["head"]) == (1, "broken", 2, "")
    assert own.run("audit", "verify").stdout.startswith("broken: row 2 does not fit the one before")
    own.ok("down")
    own.ok("up")
    assert own.run("audit", "verify").returncode == 1


def test_a_cut_tail_is_found_while_it_runs_and_later_with_the_noted_head(own: Flock) -> None:
    noted = own.json("audit", "verify")["head"]
    sql(own, "DELETE FROM audit WHERE id > 2")
    done = own.run("audit", "verify")
    assert (done.returncode, "the newest rows were cut off" in done.stdout) == (1, True)
    own.run("down")
    sql(own, "DELETE FROM audit WHERE id > 2")
    own.ok("up")
    assert own.run("audit", "verify").returncode == 0
    assert own.run("audit", "verify", "--head", noted).returncode == 1


def test_retention_says_so_and_the_rest_is_whole(own: Flock) -> None:
    own.ok("config", "set", "records.audit_days", "30")
    noted = own.json("audit", "verify")["head"]
    own.ok("down")
    assert own.run("audit", "verify").returncode == 3
    # the rows grow old: their chain is made again as it would stand by then
    connection = sqlite3.connect(own.home / "data" / "flock.db")
    connection.execute("UPDATE audit SET at = at - 40 * 86400.0, hash = ''")
    connection.commit()
    connection.close()
    own.ok("up")
    own.ok("token", "create", "after")
    own.ok("token", "create", "again")
    found = own.json("audit", "verify")
    assert (found["state"], found["pruned"] > 0) == ("whole", True)
    marker = own.json("audit", "--action", "audit.pruned")[0]
    assert (marker["actor"], marker["details"]["days"], marker["details"]["rows"]) == ("flock", 30, found["pruned"])
    assert marker["id"] not in [act["id"] for act in own.json("history")]
    done = own.run("audit", "verify", "--head", noted)
    assert (done.returncode, "retention has forgotten it" in done.stdout) == (1, True)
