"""What keeps flock from starting: a taken port, an open door, a broken file, a database it cannot use. Each is said in
a sentence with the command that mends it, and that command does.
"""

import os
import shlex
import sqlite3
import sys

import pytest

from tests.e2e.machine import as_printed, fresh, hint, listening, refused, up, without_address
from tests.e2e.parts import call, serves


def test_a_taken_port_names_its_owner_and_the_line_that_persists_another() -> None:
    with fresh() as flock, listening() as port:
        flock.port = port
        said = refused(without_address(flock), "up", code=1)
        assert f"port {port} is taken by {psutil_name()} (process {os.getpid()})" in said
        line = hint(said)
        assert line.startswith("flock config set listen 127.0.0.1:")
        assert as_printed(flock, line).returncode == 0
        flock.port = int(line.rpartition(":")[2])
        flock.ok("up")
        assert serves(flock)
        kept = (flock.home / "config.yaml").read_text()
        assert kept == f"# mine\nlisten: 127.0.0.1:{flock.port}\n"


def psutil_name() -> str:
    """Return this process's name as the system has it."""
    with open("/proc/self/comm") as name:
        return name.read().strip()


def test_a_taken_port_that_a_variable_chose_is_changed_there() -> None:
    """What the file says would be hidden by the variable."""
    with fresh() as flock, listening() as port:
        flock.environment["FLOCK_LISTEN"] = f"127.0.0.1:{port}"
        line = hint(refused(flock, "up", code=1))
        assert line.startswith("export FLOCK_LISTEN=127.0.0.1:")
        flock.port = int(line.rpartition(":")[2])
        done = as_printed(flock, f"{line}; flock up")
        assert done.returncode == 0, done.stderr
        assert serves(flock)


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]"])
def test_an_open_door_without_keys_is_refused(host: str) -> None:
    with fresh(FLOCK_REQUIRE_KEYS="false") as flock:
        flock.environment["FLOCK_LISTEN"] = f"{host}:{flock.port}"
        said = refused(flock, "up", code=2)
        assert "which other machines reach, and auth.require_keys is false" in said
        assert not flock.processes()


def test_the_line_of_that_refusal_mends_it() -> None:
    with fresh() as flock:
        file = without_address(flock).home / "config.yaml"
        file.write_text(f"listen: 0.0.0.0:{flock.port}\nauth:\n  require_keys: false\n")
        line = hint(refused(flock, "up", code=2))
        done = as_printed(flock, line)
        assert done.returncode == 0, (line, done.stderr)
        flock.ok("up")
        assert call(flock.port, "GET", "/v1/models").status == 401
        assert call(flock.port, "GET", "/v1/models", flock.key).status == 200
        assert call(flock.port, "GET", "/metrics").status == 401


def test_an_open_door_with_keys_is_accepted() -> None:
    with fresh() as flock:
        flock.environment["FLOCK_LISTEN"] = f"0.0.0.0:{flock.port}"
        flock.ok("up")
        assert call(flock.port, "GET", "/v1/models").status == 401
        assert call(flock.port, "GET", "/v1/models", flock.key).status == 200


def test_loopback_without_keys_is_accepted() -> None:
    with up(FLOCK_REQUIRE_KEYS="false") as flock:
        assert call(flock.port, "GET", "/v1/models").status == 200


def test_a_broken_configuration_names_line_and_column_and_can_be_edited() -> None:
    with fresh() as flock:
        file = without_address(flock).home / "config.yaml"
        good = file.read_text()
        file.write_text(good + "auth:\n  require_keys: [true\n")
        for words in (("up",), ("up", "--foreground")):
            said = refused(flock, *words, code=2)
            assert "config.yaml:5:1" in said or "config.yaml:4:" in said, said
        line = hint(said)
        assert line == "flock config edit"
        assert flock.json("config", "path")["config"] == str(file)
        refused(flock, "config", "show", code=2)
        # an editor that mends it
        flock.environment["EDITOR"] = f"{shlex.quote(sys.executable)} -c " + shlex.quote(
            f"import sys; open(sys.argv[1], 'w').write({good!r})"
        )
        done = as_printed(flock, line)
        assert done.returncode == 0, done.stderr
        flock.ok("up")


def test_a_configuration_with_a_typo_names_the_nearest_key() -> None:
    with fresh() as flock:
        file = without_address(flock).home / "config.yaml"
        file.write_text(file.read_text() + "log_levle: debug\n")
        said = refused(flock, "up", code=2)
        assert "config.yaml:3" in said
        assert "log_level" in said
        assert as_printed(flock, hint(said)).returncode == 0, said
        flock.ok("up")


def test_a_running_flock_lives_on_with_a_broken_configuration() -> None:
    with up() as flock:
        (flock.home / "config.yaml").write_text("listen: [\n")
        assert serves(flock)
        assert flock.json("status")["version"]
        assert flock.json("up")["action"] == "running"


def test_a_damaged_database_is_said_and_the_printed_line_mends_it() -> None:
    with fresh() as flock:
        flock.ok("up")
        flock.ok("down")
        database = flock.home / "data/flock.db"
        database.write_bytes(b"this is no database at all " * 1000)
        said = refused(flock, "up", code=1)
        assert str(database) in said
        assert "damaged" in said
        done = as_printed(flock, hint(said))
        assert done.returncode == 0, done.stderr
        assert serves(flock)
        assert call(flock.port, "GET", "/v1/models", flock.key).status == 200
        assert database.with_name("flock.db.damaged").exists()


def test_a_database_damaged_in_the_middle() -> None:
    with fresh() as flock:
        flock.ok("up")
        flock.ok("down")
        database = flock.home / "data/flock.db"
        content = bytearray(database.read_bytes())
        content[4096:] = b"\xff" * (len(content) - 4096)
        database.write_bytes(content)
        said = refused(flock, "up", code=1)
        assert "damaged" in said
        assert as_printed(flock, hint(said)).returncode == 0
        assert serves(flock)


def test_a_database_of_a_newer_flock_is_left_alone() -> None:
    with fresh() as flock:
        flock.ok("up")
        flock.ok("down")
        database = flock.home / "data/flock.db"
        with sqlite3.connect(database) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999_from_the_future'")
        connection.close()
        said = refused(flock, "up", code=1)
        assert "is of a newer flock (schema 9999_from_the_future" in said
        with sqlite3.connect(database) as connection:
            (found,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        connection.close()
        assert found == "9999_from_the_future"
        assert not flock.processes()


def test_somebody_elses_database_is_left_alone() -> None:
    with fresh() as flock:
        database = flock.home / "data/flock.db"
        database.parent.mkdir(parents=True)
        with sqlite3.connect(database) as connection:
            connection.execute("CREATE TABLE photographs (id)")
        connection.close()
        said = refused(flock, "up", code=1)
        assert "not flock's (it holds photographs)" in said
        assert as_printed(flock, hint(said)).returncode == 0
        flock.ok("up")


def test_the_admin_key_deleted() -> None:
    with up() as flock:
        file = flock.home / "admin.key"
        file.unlink()
        assert str(file) in flock.ok("status")
        (found,) = [c for c in flock.json("doctor")["checks"] if c["name"] == "files" and "is gone" in c["sentence"]]
        assert as_printed(flock, found["fix"]).returncode == 0
        assert call(flock.port, "GET", "/admin/v1/status", flock.key).status == 200
        assert not [c for c in flock.json("doctor")["checks"] if "is gone" in c["sentence"]]
