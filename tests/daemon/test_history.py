"""Acts and taking them back, at a running daemon: keys, settings, the default model, prices; and what is refused."""

import json
import sqlite3
import threading
from typing import Any

import pytest

from tests.daemon.conftest import Door, bearer
from tests.running import Flock


def newest(flock: Flock, action: str) -> dict[str, Any]:
    """Return the last act of a kind."""
    return next(act for act in flock.json("history") if act["action"] == action)


def refused(flock: Flock, *words: str) -> tuple[int, str, str]:
    """Return exit code, sentence and hint of a command that fails."""
    done = flock.run(*words, "--json")
    assert done.stdout == ""
    error = json.loads(done.stderr)["error"]
    return done.returncode, error["message"], error["hint"]


def undone(flock: Flock, id: int) -> int:
    """Undo an act and return the number of the act that did."""
    act = flock.json("undo", str(id))
    assert act["id"] == id
    assert act["undone_by"] > id
    return act["undone_by"]


def token(flock: Flock, id: str) -> dict[str, Any]:
    return flock.json("token", "show", id)["token"]


def test_an_edit_is_undone_and_that_is_undone(flock: Flock) -> None:
    id = flock.json("token", "create", "ada", "--rpm", "30", "--tag", "team=web")["id"]
    was = token(flock, id)
    edits = ("--rpm", "60", "--budget", "5/day", "--note", "for the build", "--models", "a,b*", "--tag", "team=")
    flock.ok("token", "edit", id, *edits)
    now = token(flock, id)
    act = newest(flock, "token.edit")
    assert act["undo"] == f"set {id} back: note '', models all, rpm 30, budgets none, tags team=web"
    by = undone(flock, act["id"])
    assert token(flock, id) == was
    assert newest(flock, "token.edit")["undone_by"] == by
    again = undone(flock, by)
    assert token(flock, id) == now
    assert newest(flock, "token.edit")["undone_by"] is None
    undone(flock, act["id"])
    assert token(flock, id) == was
    assert newest(flock, "history.undo")["target"] == str(act["id"])
    assert again > by


def test_what_was_changed_since_is_not_undone_and_is_named(flock: Flock) -> None:
    id = flock.json("token", "create", "bob")["id"]
    flock.ok("token", "edit", id, "--rpm", "10", "--quota", "100", "--share", "2")
    first = newest(flock, "token.edit")["id"]
    flock.ok("token", "edit", id, "--rpm", "20", "--quota", "200")
    second = newest(flock, "token.edit")["id"]
    flock.ok("token", "edit", id, "--note", "another field")
    code, sentence, hint = refused(flock, "undo", str(first))
    assert code == 1
    assert sentence.startswith(f"rpm and quota of {id} were changed since")
    assert hint.endswith(f"token show {id}")
    assert token(flock, id)["rpm"] == 20
    undone(flock, second)
    undone(flock, first)
    assert (token(flock, id)["rpm"], token(flock, id)["share"], token(flock, id)["note"]) == (None, 1, "another field")


def test_a_creation_is_undone_by_revoking_and_a_revocation_by_letting_in(flock: Flock, public: Door) -> None:
    made = flock.json("token", "create", "eve")

    def enters() -> bool:
        return public.ask("GET", "/v1/models", None, bearer(made["token"]))[0] == 200

    assert enters()
    by = undone(flock, newest(flock, "token.create")["id"])
    assert not enters()
    assert token(flock, made["id"])["state"] == "revoked"
    undone(flock, by)
    assert enters()
    flock.ok("token", "revoke", made["id"])
    assert not enters()
    code, sentence, _ = refused(flock, "undo", str(newest(flock, "token.create")["id"]))
    assert (code, sentence) == (1, f"{made['id']} was revoked since")
    act = newest(flock, "token.revoke")
    assert act["undo"] == f"let {made['id']} in again, with the secret it had"
    undone(flock, act["id"])
    assert enters()


def test_the_end_of_a_key_is_set_back(flock: Flock) -> None:
    id = flock.json("token", "create", "guest", "--ttl", "7d")["id"]
    was = token(flock, id)["expires_at"]
    for words in (("renew", "--ttl", "never"), ("expire",), ("renew", "--ttl", "1h")):
        flock.ok("token", words[0], id, *words[1:])
    for action in ("token.renew", "token.expire", "token.renew"):
        act = next(a for a in flock.json("history") if a["action"] == action and a["undone_by"] is None)
        undone(flock, act["id"])
    assert token(flock, id)["expires_at"] == was


def test_a_rotation_is_not_undone_and_says_why(flock: Flock) -> None:
    id = flock.json("token", "create", "rot")["id"]
    flock.ok("token", "rotate", id)
    act = newest(flock, "token.rotate")
    assert (act["undo"], act["undone_by"]) == ("", None)
    code, sentence, hint = refused(flock, "undo", str(act["id"]))
    assert (code, hint.endswith("history")) == (1, True)
    assert sentence.endswith(f"cannot be undone: {act['reason']}")


def test_what_can_be_undone_is_listed_by_itself(flock: Flock) -> None:
    id = flock.json("token", "create", "eve")["id"]
    flock.ok("token", "edit", id, "--rpm", "7")
    edit = newest(flock, "token.edit")["id"]
    flock.ok("token", "rotate", id)
    listed = flock.json("history", "--undoable")
    assert edit in {act["id"] for act in listed}
    assert all(act["undo"] and act["undone_by"] is None for act in listed)
    assert "token.rotate" not in {act["action"] for act in listed}
    undone(flock, edit)
    assert edit not in {act["id"] for act in flock.json("history", "--undoable")}


def test_the_last_admin_key_stays(flock: Flock) -> None:
    made = flock.json("token", "create", "second", "--admin")
    created = newest(flock, "token.create")["id"]
    first = next(k for k in flock.json("token", "ls") if k["scope"] == "admin" and k["id"] != made["id"])
    flock.ok("token", "revoke", first["id"])
    code, sentence, _ = refused(flock, "undo", str(created))
    assert (code, "last admin key" in sentence) == (1, True)
    undone(flock, newest(flock, "token.revoke")["id"])
    undone(flock, created)


def test_settings_are_set_back_with_their_comments(flock: Flock) -> None:
    file = flock.home / "config.yaml"
    before = file.read_text()
    flock.ok("config", "set", "log_level", "debug")
    flock.ok("config", "set", "records.usage_days", "90")
    changed = file.read_text()
    act = newest(flock, "config.set")
    assert act["undo"] == "take records.usage_days out of the configuration file, for the next start"
    undone(flock, act["id"])
    flock.ok("config", "unset", "log_level")
    act = newest(flock, "config.unset")
    assert act["undo"] == "set log_level back to debug, for the next start"
    by = undone(flock, act["id"])
    assert "log_level: debug" in file.read_text()
    undone(flock, by)
    assert "log_level: debug" not in file.read_text()
    assert before.splitlines()[0] in changed
    assert before.splitlines()[0] in file.read_text()
    flock.ok("config", "set", "log_level", "info")
    file.write_text(file.read_text().replace("log_level: info", "log_level: error"))
    code, sentence, hint = refused(flock, "undo", str(newest(flock, "config.set")["id"]))
    assert (code, hint.endswith("config get log_level")) == (1, True)
    assert sentence.startswith("the value of log_level was changed since")


def test_the_default_model_is_set_back(flock: Flock) -> None:
    was = flock.json("status")["default_model"]
    flock.ok("model", "default", "flock-smoke")
    flock.ok("model", "default", "flock-smoke")
    act = newest(flock, "model.default")
    assert act["reason"] == "it changed nothing"
    first = next(a for a in flock.json("history") if a["action"] == "model.default" and a["undo"])
    undone(flock, first["id"])
    assert flock.json("status")["default_model"] == was
    assert "router.default_model" not in (flock.home / "config.yaml").read_text()


def test_prices_are_set_back(flock: Flock) -> None:
    def shown() -> list[tuple[str, str, str]]:
        return [(p["model"], p["input"], p["output"]) for p in flock.json("price", "ls")["prices"]]

    flock.ok("price", "set", "groq/one", "--input", "1", "--output", "2")
    first = newest(flock, "price.set")
    assert first["undo"] == "forget the price of groq/one"
    flock.ok("price", "set", "groq/one", "--input", "3", "--output", "4")
    second = newest(flock, "price.set")
    assert refused(flock, "undo", str(first["id"]))[0] == 1
    undone(flock, second["id"])
    assert shown() == [("one", "1", "2")]
    flock.ok("price", "remove", "groq/one")
    undone(flock, newest(flock, "price.remove")["id"])
    assert shown() == [("one", "1", "2")]
    undone(flock, first["id"])
    assert shown() == []
    flock.ok("price", "set", "--local", "--watts", "350", "--per-kwh", "0.3")
    undone(flock, newest(flock, "price.set")["id"])
    assert flock.json("price", "ls")["local"] == {"watts": None, "usd_per_kwh": None}


@pytest.mark.parametrize("id", ["0", "999999", "9223372036854775807", "99999999999999999999999999"])
def test_an_unknown_number_is_exit_code_5(flock: Flock, id: str) -> None:
    code, sentence, hint = refused(flock, "undo", id)
    assert (code, hint.endswith("history")) == (5, True)
    assert id in sentence


def test_what_is_no_number_and_what_was_refused(flock: Flock) -> None:
    assert flock.run("undo", "token.edit").returncode == 2
    assert flock.run("token", "revoke", "k_nobody").returncode == 5
    row = flock.json("audit", "--action", "token.revoke", "--limit", "1")[0]
    assert row["outcome"] != "ok"
    code, sentence, _ = refused(flock, "undo", str(row["id"]))
    assert code == 1
    assert f"was refused ({row['outcome']}) and changed nothing" in sentence
    assert row["id"] not in [act["id"] for act in flock.json("history")]


def test_what_keeps_nothing_says_so(flock: Flock) -> None:
    flock.ok("model", "unload", "flock-smoke")
    act = newest(flock, "model.unload")
    assert act["undo"] == ""
    assert refused(flock, "undo", str(act["id"]))[1].endswith(
        "flock keeps nothing that would take an act of this kind back"
    )


def test_of_two_who_undo_the_same_act_one_does(flock: Flock, private: Door) -> None:
    id = flock.json("token", "create", "twice")["id"]
    flock.ok("token", "edit", id, "--rpm", "5")
    act = newest(flock, "token.edit")["id"]
    path, answers = f"/admin/v1/history/{act}/undo", list[int]()
    asking = [threading.Thread(target=lambda: answers.append(private.ask("POST", path, {})[0])) for _ in range(6)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert sorted(answers) == [200, *[409] * 5]
    assert token(flock, id)["rpm"] is None


def test_acts_by_key_carry_its_name_and_no_secret_is_kept(flock: Flock, public: Door) -> None:
    admin = flock.json("token", "create", "boss", "--admin")
    status, _, body = public.ask("POST", "/admin/v1/tokens", {"name": "made"}, bearer(admin["token"]))
    assert status == 200
    made = json.loads(body)
    act = newest(flock, "token.create")
    assert (act["actor"], act["target"]) == ("boss", "made")
    path = f"/admin/v1/history/{act['id']}/undo"
    assert public.ask("POST", path, {}, bearer(made["token"]))[0] == 403
    status, _, body = public.ask("POST", path, {}, bearer(admin["token"]))
    assert (status, json.loads(body)["undo"]) == (200, f"revoke {made['id']}")
    assert newest(flock, "history.undo")["actor"] == "boss"
    connection = sqlite3.connect(flock.home / "data" / "flock.db")
    try:
        kept = "\n".join(str(row) for row in connection.execute("SELECT * FROM audit"))
        digests = [row[0] for row in connection.execute("SELECT digest FROM keys")]
    finally:
        connection.close()
    for secret in (admin["token"], made["token"], *(digest.hex() for digest in digests)):
        assert secret not in kept
    assert flock.json("audit", "verify")["state"] == "whole"


def test_without_a_daemon_there_is_no_row_and_afterwards_what_it_set_counts(flock: Flock) -> None:
    flock.ok("config", "set", "gateway.connect_seconds", "3")
    act = newest(flock, "config.set")["id"]
    rows = len(flock.json("audit", "--limit", "1000"))
    flock.ok("down")
    flock.ok("config", "set", "gateway.connect_seconds", "4")
    flock.ok("up")
    acts = flock.json("audit", "--limit", "1000")
    assert [a["action"] for a in acts if a["id"] > rows and a["action"].startswith("config")] == []
    assert "was changed since" in refused(flock, "undo", str(act))[1]
