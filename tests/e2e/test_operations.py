"""The operations as users perform them: the installed command line against a running daemon."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flock import __version__
from tests.e2e.parts import ask, body
from tests.running import Flock, flock_home, running_flock, wait_for


@pytest.fixture(scope="module")
def flock() -> Iterator[Flock]:
    with running_flock() as flock:
        yield flock


@pytest.fixture
def fresh() -> Iterator[Flock]:
    """A flock that was never started."""
    with flock_home() as flock:
        yield flock


def failing(flock: Flock, code: int, *arguments: str, stdin: str | None = None) -> str:
    """Run a command that must fail with this exit code and print nothing; return what it said on stderr."""
    done = flock.run(*arguments, stdin=stdin)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def chat(flock: Flock, key: str) -> tuple[int, str]:
    """Ask something; return the status and the request's id."""
    told = ask(flock.port, key, body("flock-smoke"))
    return told.status, told.headers.get("x-flock-request-id", "")


class TestTokens:
    """token create, ls, revoke."""

    def test_from_its_making_to_its_end(self, flock: Flock) -> None:
        made = flock.json("token", "create", "alice")
        assert list(made)[:5] == ["id", "name", "scope", "token", "created_at"]
        assert (made["name"], made["scope"]) == ("alice", "user")
        assert re.fullmatch(r"sk-orc-[\w-]{32}", made["token"])
        assert chat(flock, made["token"])[0] == 200
        row = next(k for k in flock.json("token", "ls") if k["id"] == made["id"])
        assert row["hint"] == made["token"][-4:]
        assert row["last_used_at"] >= made["created_at"]
        assert row["revoked_at"] is None
        assert flock.json("token", "revoke", made["id"])["revoked_at"]
        assert chat(flock, made["token"])[0] == 401
        assert made["id"] not in flock.ok("token", "ls")
        assert made["id"] in flock.ok("token", "ls", "--all")
        # once more is no failure: what was asked for is so
        assert flock.json("token", "revoke", made["id"])["id"] == made["id"]

    def test_a_pipe_gets_the_key_alone(self, flock: Flock) -> None:
        done = flock.run("token", "create", "ci", "--admin")
        assert re.fullmatch(r"sk-orc-\S+\n", done.stdout)
        assert "admin key" in done.stderr
        assert done.stdout.strip() not in done.stderr
        assert flock.run("token", "create", "--quiet").stderr == ""

    def test_unknown_ids_and_bad_names(self, flock: Flock) -> None:
        made = flock.json("token", "create", "near")["id"]
        told = failing(flock, 5, "token", "revoke", made[:-1] + "x")
        assert f"nearest: {made}" in told
        assert "token ls" in told
        assert "needs ID" in failing(flock, 2, "token", "revoke")
        assert "printable characters" in failing(flock, 2, "token", "create", "")
        assert "printable characters" in failing(flock, 2, "token", "create", "a\nb")
        error = json.loads(failing(flock, 5, "token", "revoke", "k_none", "--json"))["error"]
        assert error["code"] == "not_found"

    def test_keys_outlive_the_daemon_and_stay_revoked(self, fresh: Flock) -> None:
        fresh.ok("up")
        kept, gone = (fresh.json("token", "create", name) for name in ("kept", "gone"))
        fresh.ok("token", "revoke", gone["id"])
        fresh.ok("down")
        fresh.ok("up")
        assert (chat(fresh, kept["token"])[0], chat(fresh, gone["token"])[0]) == (200, 401)

    def test_no_key_is_in_database_log_or_audit(self, flock: Flock) -> None:
        made = flock.json("token", "create", "secret")["token"]
        for place in ("", "?key=" + made):
            ask(flock.port, "" if place else made, body("flock-smoke"), f"/v1/chat/completions{place}")
        for file in flock.home.rglob("*"):
            if file.is_file():
                assert made.encode() not in file.read_bytes(), file
        assert made not in flock.ok("audit", "--json")


class TestRecords:
    """usage, request, explain, audit."""

    def test_a_request_is_found_everywhere(self, flock: Flock) -> None:
        key = flock.json("token", "create", "bob")["token"]
        status, request_id = chat(flock, key)
        assert status == 200
        (row,) = flock.json("usage", "--user", "bob")
        assert (row["request_id"], row["model"], row["outcome"]) == (request_id, "flock-smoke", "ok")
        assert row["output_tokens"] > 0
        assert flock.json("request", "ls", "--limit", "1")[0]["id"] == request_id
        assert flock.json("request", "show", request_id)["user"] == "bob"
        record = flock.json("explain", request_id)
        assert record == flock.json("request", "explain", request_id)
        assert record == flock.json("explain") == flock.json("explain", "last")
        assert (record["why"], record["plan"]) == ("the only engine with this model, ready", "relay")
        shown = flock.ok("explain", request_id)
        for words in ("Where its time went", "prefill", "decode", "Attempts", "Candidates"):
            assert words in shown
        assert flock.json("request", "ls", "--running") == []

    def test_unknown_requests_and_limits(self, flock: Flock) -> None:
        _, request_id = chat(flock, flock.key)
        near = request_id[:-1] + ("0" if request_id[-1] != "0" else "1")
        for command in (("explain",), ("request", "show"), ("request", "explain")):
            assert request_id in failing(flock, 5, *command, near)
        for command in ("usage", "audit"):
            assert "--limit is 1 to 10000" in failing(flock, 2, command, "--limit", "0")

    def test_nothing_yet(self, fresh: Flock) -> None:
        fresh.ok("up")
        for command in (("usage",), ("request", "ls"), ("job", "ls")):
            assert fresh.json(*command) == []
        assert "no request has been served yet" in failing(fresh, 5, "explain")

    def test_every_act_is_audited_with_its_actor_and_outcome(self, flock: Flock) -> None:
        made = flock.json("token", "create", "carol", "--admin")
        flock.run("token", "revoke", "k_none")
        flock.ok("config", "set", "gateway.stall_seconds", "60")
        newest = flock.json("audit", "--limit", "3")
        assert [(r["action"], r["target"], r["outcome"]) for r in newest] == [
            ("config.set", "gateway.stall_seconds", "ok"),
            ("token.revoke", "k_none", "not_found"),
            ("token.create", "carol", "ok"),
        ]
        assert [r["details"] for r in newest] == [{"value": "60"}, {}, {"admin": True}]
        assert made["token"] not in json.dumps(newest)
        assert {r["actor"] for r in flock.json("audit", "--actor", newest[0]["actor"])} == {newest[0]["actor"]}

    def test_jobs(self, flock: Flock) -> None:
        assert "there is no job" in failing(flock, 5, "job", "show", "j_none")


class TestConfig:
    """config show, get, set, unset, path, edit."""

    def test_set_get_unset_while_it_runs(self, fresh: Flock) -> None:
        fresh.ok("up")
        done = fresh.run("config", "set", "gateway.stall_seconds", "5")
        assert "at its next start" in done.stderr
        assert fresh.json("config", "get", "gateway.stall_seconds")["value"] == 120.0
        fresh.ok("down")
        fresh.ok("up")
        setting = fresh.json("config", "get", "gateway.stall_seconds")
        assert (setting["value"], setting["layer"]) == (5.0, "file")
        assert fresh.ok("config", "get", "gateway.stall_seconds") == "5.0\n"
        changed = fresh.json("config", "unset", "gateway.stall_seconds")
        assert (changed["value"], changed["restart"]) == (120.0, True)

    def test_it_works_without_a_daemon_and_keeps_comments(self, fresh: Flock) -> None:
        fresh.ok("config", "set", "log_level", "debug")
        file = fresh.home / "config.yaml"
        mine = "# mine\nlog_level: debug   # for now\n\nrouter:\n  # ours\n  default_model: a\n"
        file.write_text(mine)
        fresh.ok("config", "set", "router.default_model", "b/c:7b")
        assert file.read_text() == mine.replace("default_model: a", "default_model: b/c:7b")
        shown = {s["key"]: s for s in fresh.json("config", "show")}
        assert (shown["log_level"]["value"], shown["log_level"]["layer"]) == ("debug", "file")
        assert shown["listen"]["origin"] == "FLOCK_LISTEN"

    def test_typos_future_keys_and_wrong_values_change_nothing(self, flock: Flock) -> None:
        file = flock.home / "config.yaml"
        before = file.read_bytes() if file.exists() else None
        assert "the nearest is listen" in failing(flock, 2, "config", "set", "lisen", "1")
        assert "the nearest is listen" in failing(flock, 2, "config", "get", "lisen")
        assert "this version does not have" in failing(flock, 2, "config", "set", "router.fallback.bedrock_region", "x")
        told = failing(flock, 2, "config", "set", "auth.require_keys", "maybe")
        assert "must be true or false" in told
        assert "config set auth.require_keys true" in told
        assert (file.read_bytes() if file.exists() else None) == before

    def test_a_variable_that_wins_is_named(self, flock: Flock) -> None:
        done = flock.run("config", "set", "listen", "127.0.0.1:9999")
        assert done.returncode == 0
        assert "FLOCK_LISTEN is set in the environment and wins" in done.stderr
        flock.ok("config", "unset", "listen")

    def test_paths(self, flock: Flock) -> None:
        places = flock.json("config", "path")
        assert flock.ok("config", "path") == f"{flock.home}/config.yaml\n"
        assert flock.ok("config", "path", "--admin-key") == f"{places['admin_key']}\n"
        assert Path(places["admin_key"]).read_text().strip() == flock.key
        assert Path(places["socket"]).is_socket()
        assert Path(places["database"]).is_file()
        assert places["socket"] in flock.ok("config", "path", "--all")

    def test_edit(self, fresh: Flock, tmp_path: Path) -> None:
        editor = tmp_path / "an editor"
        editor.write_text(f'#!{sys.executable} -I\nimport sys\nopen(sys.argv[2], "a").write(sys.argv[1])\n')
        editor.chmod(0o755)
        good = Flock(fresh.home, fresh.port, EDITOR=f"'{editor}' 'log_level: debug\n'")
        bad = Flock(fresh.home, fresh.port, VISUAL=f"'{editor}' 'log_levle: info\n'")
        assert "is valid" in good.run("config", "edit").stderr
        assert fresh.json("config", "get", "log_level")["value"] == "debug"
        told = failing(bad, 2, "config", "edit")
        assert re.search(r"there is no setting 'log_levle' in \S+config.yaml:\d+; the nearest is log_level", told)
        assert "ended with exit code 1" in failing(Flock(fresh.home, fresh.port, EDITOR="false"), 2, "config", "edit")
        none = Flock(fresh.home, fresh.port, EDITOR="/no/such/editor")
        assert "cannot run the editor" in failing(none, 2, "config", "edit")


class TestItself:
    """status, version, doctor, logs, up, down."""

    def test_status_and_the_first_screen(self, flock: Flock) -> None:
        status = flock.json("status")
        assert (status["version"], status["pid"]) == (__version__, flock.pid)
        assert status["default_model"] == "flock-smoke"
        assert status["models"][0]["note"]
        for arguments in (["status"], []):
            shown = flock.ok(*arguments)
            assert f"{flock.url}/v1" in shown
            assert "flock-smoke" in shown

    def test_without_a_daemon(self, fresh: Flock) -> None:
        for command in (["status"], ["token", "ls"], ["explain"], ["model", "add", "file:x.gguf"]):
            told = failing(fresh, 3, *command)
            assert "flock is not running" in told
            assert re.search(r"^hint: \S*flock(ctl)? up$", told, re.M)
        assert "flock is not running" in fresh.ok()
        assert fresh.json("down") == {"running": False, "pid": None, "seconds": 0.0}
        assert fresh.json("version")["daemon"] == ""
        assert not fresh.home.exists(), "looking leaves nothing behind"

    def test_version(self, flock: Flock) -> None:
        assert flock.ok("--version") == f"flock {__version__}\n"
        version = flock.json("version")
        assert (version["version"], version["daemon"]) == (__version__, __version__)

    def test_doctor_is_content_with_a_flock_in_order(self, flock: Flock) -> None:
        done = flock.run("doctor", "--json")
        diagnosis = json.loads(done.stdout)
        assert (done.returncode, diagnosis["serious"]) == (0, 0), done.stdout
        assert {c["state"] for c in diagnosis["checks"]} <= {"ok", "note", "warning"}
        assert {"daemon", "port", "disk", "engine", "configuration"} <= {c["name"] for c in diagnosis["checks"]}

    def test_doctor_counts_what_is_serious_and_the_fix_runs(self, fresh: Flock) -> None:
        fresh.home.mkdir(mode=0o700)
        (fresh.home / "config.yaml").write_text("log_level: loud\n")
        done = fresh.run("doctor", "--json")
        diagnosis = json.loads(done.stdout)
        assert done.returncode == 1
        assert diagnosis["serious"] >= 1
        found = next(c for c in diagnosis["checks"] if c["name"] == "configuration")
        assert found["state"] == "serious"
        assert "log_level" in found["sentence"]
        command, *words = found["fix"].split()
        assert command.endswith(("flock", "flockctl"))
        fresh.ok(*words)
        after = json.loads(fresh.run("doctor", "--json").stdout)["checks"]
        assert next(c for c in after if c["name"] == "configuration")["state"] == "ok"

    def test_logs_follow(self, flock: Flock) -> None:
        flock.ok("token", "create", "before")
        last = flock.json("logs", "--lines", "1")[0]["text"]
        assert "token.create before" in last
        assert flock.ok("logs", "--lines", "1") == last + "\n"
        argv = [sys.executable, "-P", "-m", "flock", "logs", "-f", "--lines", "1"]
        with subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=flock.environment, text=True
        ) as follower:
            assert follower.stdout is not None
            assert follower.stdout.readline() == last + "\n"
            flock.ok("token", "create", "after")
            assert "token.create after" in follower.stdout.readline()
            follower.send_signal(signal.SIGINT)
            assert follower.wait(60) == 130

    def test_down_and_up_again(self, fresh: Flock) -> None:
        ready = fresh.json("up")
        assert ready["action"] == "started"
        assert ready["admin_key"] == fresh.key
        again = fresh.json("up")
        assert (again["action"], again["admin_key"], again["status"]["pid"]) == (
            "running",
            None,
            ready["status"]["pid"],
        )
        assert fresh.json("down")["running"]
        wait_for(lambda: not fresh.processes(), "nothing of it runs")
        assert not fresh.json("down")["running"]

    def test_what_makes_no_sense_is_usage(self, flock: Flock) -> None:
        assert "explain" in failing(flock, 2, "explian")
        assert "--limit" in failing(flock, 2, "usage", "--limti", "3")
        assert "'many' is not a whole number" in failing(flock, 2, "usage", "--limit", "many")
