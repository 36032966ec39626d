"""Doctor: each finding provoked for real, the printed command run as it stands, and the finding gone."""

import json
import os
import shlex
import shutil
import sqlite3

import psutil

from tests.e2e.machine import BIN, as_printed, copy_of_flock, fresh, gone, listening, up, without_address
from tests.e2e.parts import ask, body, serves
from tests.e2e.vendor_standing import standing
from tests.running import ROOT, Flock, fake_upstream, wait_for


def findings(flock: Flock, name: str, words: str = "") -> list[dict[str, str]]:
    """Return doctor's findings of one name whose sentence holds these words; its exit code must say how bad it is."""
    done = flock.run("doctor", "--json")
    checks = json.loads(done.stdout)["checks"]
    assert done.returncode == (1 if any(check["state"] == "serious" for check in checks) else 0)
    return [check for check in checks if check["name"] == name and words in check["sentence"]]


def finding(flock: Flock, name: str, words: str, state: str) -> str:
    """Return the fix of one finding."""
    found = findings(flock, name, words)
    assert [check["state"] for check in found] == [state], found
    return found[0]["fix"]


def mend(flock: Flock, name: str, words: str, state: str) -> str:
    """Run the fix of a finding as printed, in the user's shell, see that the finding is gone, and return the fix."""
    fix = finding(flock, name, words, state)
    done = as_printed(flock, fix)
    assert done.returncode == 0, (fix, done.stderr)
    assert findings(flock, name, words) == []
    return fix


def test_nothing_is_wrong() -> None:
    with up() as flock:
        done = flock.run("doctor")
        assert done.returncode == 0
        assert "serious" not in done.stdout, done.stdout
        assert "0 serious" in done.stderr or "nothing is wrong" in done.stderr


def test_not_running() -> None:
    with fresh() as flock:
        assert mend(flock, "daemon", "flock is not running", "note") == "flock up"


def test_a_socket_left_behind() -> None:
    with up() as flock:
        daemon = psutil.Process(flock.pid)
        daemon.kill()
        wait_for(lambda: gone(daemon), "it is dead")
        assert mend(flock, "daemon", "is left at", "warning") == "flock up"
        assert serves(flock)


def test_a_daemon_of_another_version() -> None:
    with fresh() as flock:
        now = dict(flock.environment)
        flock.environment["PYTHONPATH"] = str(copy_of_flock(flock.home.parent, "0.0.1"))
        flock.ok("up")
        flock.environment = now
        assert mend(flock, "daemon", "flock 0.0.1 runs as process", "warning") == "flock up"


def test_a_daemon_that_does_not_answer() -> None:
    with up() as flock:
        daemon = psutil.Process(flock.pid)
        daemon.suspend()
        fix = finding(flock, "daemon", "did not answer within", "serious")
        assert as_printed(flock, fix).returncode == 0, fix
        daemon.resume()
        assert findings(flock, "daemon", "did not answer") == []


def test_a_port_that_is_taken_and_the_last_start_that_failed_by_it() -> None:
    with fresh() as flock, listening() as port:
        flock.port = port
        assert without_address(flock).run("up").returncode == 1
        assert f"by python (process {os.getpid()})" in findings(flock, "port")[0]["sentence"]
        assert findings(flock, "last start", f"port {port} is taken")[0]["fix"].startswith("flock config set listen")
        mend(flock, "port", f"port {port} is taken", "serious")
        flock.ok("up")
        assert findings(flock, "last start") == []


def test_a_configuration_with_a_wrong_key() -> None:
    with fresh() as flock:
        file = without_address(flock).home / "config.yaml"
        file.write_text(file.read_text() + "log_levle: debug\n")
        mend(flock, "configuration", "config.yaml:3", "serious")
        assert "listen: " in file.read_text()


def test_an_open_door_without_keys() -> None:
    with fresh() as flock:
        file = without_address(flock).home / "config.yaml"
        file.write_text(f"listen: 0.0.0.0:{flock.port}\nauth:\n  require_keys: false\n")
        mend(flock, "reach", "keys are not required", "serious")
        flock.ok("up")


def test_directories_and_files_that_others_may_read() -> None:
    with up() as flock:
        flock.ok("down")
        for path, name, fix in (
            (flock.home / "data", "directories", "chmod 700"),
            (flock.home / "admin.key", "files", "chmod 600"),
            (flock.home / "data/flock.db", "files", "chmod 600"),
        ):
            path.chmod(0o755)
            assert mend(flock, name, f"{path.name} (", "warning").startswith(fix)
            assert path.stat().st_mode & 0o077 == 0


def test_a_file_where_a_directory_should_be() -> None:
    with fresh() as flock:
        flock.home.mkdir()
        (flock.home / "data").write_text("")
        assert flock.run("up").returncode == 1
        mend(flock, "directories", "is no directory", "serious")
        flock.ok("up")


def test_a_file_in_the_databases_place() -> None:
    with fresh() as flock:
        database = flock.home / "data/flock.db"
        database.parent.mkdir(parents=True)
        database.write_text("these are notes, not a database")
        mend(flock, "files", "is no SQLite database", "serious")
        flock.ok("up")


def test_the_admin_key_lost() -> None:
    with up() as flock:
        (flock.home / "admin.key").unlink()
        mend(flock, "files", "is gone", "note")
        assert ask(flock.port, flock.key, body("flock-smoke")).status == 200


def test_no_name_leads_to_this_flock() -> None:
    with fresh() as flock:
        flock.environment["PATH"] = "/usr/bin:/bin"
        fix = finding(flock, "command", "in this shell", "warning")
        done = as_printed(flock, f"{fix}; flock --version")
        assert (done.returncode, done.stdout.startswith("flock ")) == (0, True), (fix, done.stdout, done.stderr)
        assert "util-linux" not in done.stdout
        # and every printed command runs in that shell, too
        (check,) = findings(flock, "daemon")
        assert check["fix"] != "flock up"
        assert as_printed(flock, check["fix"]).returncode == 0
        assert serves(flock)


def test_a_llama_server_that_does_not_run() -> None:
    with fresh() as flock:
        broken = flock.home.parent / "bin/llama-server"
        broken.parent.mkdir()
        broken.write_text("#!/bin/sh\necho 'error while loading shared libraries: libcudart.so.12' >&2\nexit 127\n")
        broken.chmod(0o755)
        flock.environment["PATH"] = f"{BIN}:{broken.parent}:{os.environ['PATH']}"
        flock.ok("up")
        fix = finding(flock, "engine", "libcudart.so.12", "warning")
        assert as_printed(flock, fix).returncode == 0
        flock.ok("down")
        flock.ok("up")
        assert ask(flock.port, flock.key, body("flock-smoke")).status == 200


def test_an_engine_that_has_gone() -> None:
    with up() as flock:
        with fake_upstream() as upstream:
            flock.ok("engine", "attach", f"http://127.0.0.1:{upstream}", "--name", "gone")
        wait_for(lambda: [e for e in flock.json("engine", "ls") if e["state"] == "unreachable"], "it is missed")
        fix = finding(flock, "engines", "gone at ", "warning")
        assert fix == "flock engine detach gone"
        assert as_printed(flock, fix).returncode == 0
        assert findings(flock, "engines", "gone at ") == []


def test_a_vendors_model_that_one_key_may_not_use_is_not_unknown() -> None:
    with standing("openai") as on:
        key = on.flock.json("token", "create", "poor")["token"]
        assert on.usage(on.chat("gpt-5"))["vendor"] == "openai"
        told = on.ask("/v1/chat/completions", body("gpt-5"), key)
        assert told.status == 404
        assert on.usage(told)["status"] == 404
        assert findings(on.flock, "unknown models") == []


def test_a_model_nobody_serves_is_asked_for() -> None:
    with up() as flock:
        for _ in range(2):
            assert ask(flock.port, flock.key, body("flock-smok")).status == 404
        wait_for(lambda: findings(flock, "unknown models", "2 times"), "it was recorded")
        fix = finding(flock, "unknown models", "flock-smok", "warning")
        assert "flock-smoke" in findings(flock, "unknown models")[0]["sentence"]
        done = as_printed(flock, fix)
        assert (done.returncode, "flock-smoke" in done.stdout) == (0, True)


def test_a_model_larger_than_the_memory() -> None:
    with fresh(FLOCK_DEFAULT_MODEL="flock-smoke") as flock:
        large = flock.home.parent / "large.gguf"
        shutil.copy(ROOT / "flock/smoke/flock-smoke.gguf", large)
        flock.ok("up")
        flock.ok("model", "add", f"file:{large}")
        flock.ok("down")
        with large.open("r+b") as file:  # grown while nothing has it loaded, and sparse: it takes no room
            file.truncate(psutil.virtual_memory().total + (1 << 30))
        flock.ok("up")
        fix = finding(flock, "hardware", "large needs", "warning")
        assert as_printed(flock, f"{fix} --yes").returncode == 0
        assert findings(flock, "hardware", "large needs") == []


def test_an_engine_that_cannot_start() -> None:
    with fresh(FLOCK_DEFAULT_MODEL="flock-smoke") as flock:
        model = flock.home.parent / "mine.gguf"
        shutil.copy(ROOT / "flock/smoke/flock-smoke.gguf", model)
        flock.ok("up")
        flock.ok("model", "add", f"file:{model}")
        flock.ok("down")
        model.write_bytes(b"GGUF" + b"\0" * 4096)
        flock.ok("up")
        assert ask(flock.port, flock.key, body("mine")).status == 503
        fix = finding(flock, "models", "mine", "serious")
        assert as_printed(flock, fix).returncode == 0
        shutil.copy(ROOT / "flock/smoke/flock-smoke.gguf", model)
        wait_for(lambda: ask(flock.port, flock.key, body("mine")).status == 200, "the mended model answers")
        assert findings(flock, "models", "mine") == []


def test_a_home_variable_that_is_not_the_users() -> None:
    with fresh() as flock:
        del flock.environment["FLOCK_HOME"]
        fix = finding(flock, "user", "the password database says", "note")
        done = as_printed(flock, f"{fix}; flock doctor --json")
        assert "the password database says" not in done.stdout


def test_a_broken_check_hides_nothing() -> None:
    """A database that another program holds, a directory in the key's place: findings, never a traceback."""
    with up() as flock:
        flock.ok("down")
        (flock.home / "admin.key").unlink()
        (flock.home / "admin.key").mkdir()
        with sqlite3.connect(flock.home / "data/flock.db", isolation_level=None) as other:
            other.execute("BEGIN EXCLUSIVE")
            done = flock.run("doctor")
        other.close()
        assert "Traceback" not in done.stdout + done.stderr
        assert "daemon: flock is not running" in done.stdout


def test_the_login_shell_hangs() -> None:
    with fresh() as flock:
        (flock.home.parent / ".bash_profile").write_text("while true; do read -t 1 x < /dev/zero; done\n")
        flock.environment["SHELL"] = shutil.which("bash") or "/bin/bash"
        assert findings(flock, "command", "the login shell did not say")
        hanging = [p for p in psutil.process_iter(["cmdline"]) if "flock-path=" in shlex.join(p.info["cmdline"] or [])]
        assert hanging == []
