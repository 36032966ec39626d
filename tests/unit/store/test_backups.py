"""Copies of the database and the configuration: whole, private, checked before anything is put back."""

import gzip
import io
import json
import os
import sqlite3
import stat
import tarfile
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from flock.errors import FlockError, InvalidRequest, NotFound
from flock.paths import Home
from flock.store import backups
from flock.store.migrate import prepare
from flock.store.schema import REVISIONS

NOW = 1_795_687_200.0  # 2026-11-26T10:00:00Z


@pytest.fixture
def home(tmp_path: Path) -> Home:
    top = tmp_path / "flock"
    home = Home(config=top, data=top / "data", logs=top / "logs", run=top / "run")
    home.data.mkdir(parents=True)
    prepare(home.database)
    with sqlite3.connect(home.database) as connection:
        connection.execute("INSERT INTO engines VALUES ('first', 'http://127.0.0.1:1', 1.0, 0)")
    home.config_file.write_text("listen: 127.0.0.1:8081  # mine\n")
    (home.config / "catalog/models").mkdir(parents=True)
    (home.config / "catalog/models/own.yaml").write_text("id: own\n")
    (home.config / "secrets.json").write_text('{"groq": "gsk_hidden"}')
    return home


def names(home: Home) -> list[str]:
    with sqlite3.connect(home.database) as connection:
        return [row[0] for row in connection.execute("SELECT name FROM engines ORDER BY name")]


def put(home: Home, name: str) -> None:
    with sqlite3.connect(home.database) as connection:
        connection.execute("INSERT INTO engines VALUES (?, 'http://127.0.0.1:1', 1.0, 0)", (name,))


def test_a_copy_is_private_and_has_no_secret(home: Home) -> None:
    made = backups.create(home, "", 0, NOW)
    file = Path(made.file)
    assert file.name == "flock-20261126T100000Z.tar.gz"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    with tarfile.open(file) as tar:
        assert tar.getnames() == ["manifest.json", "flock.db", "config.yaml", "catalog/models/own.yaml"]
    assert b"gsk_hidden" not in gzip.decompress(file.read_bytes())
    assert (made.revision, made.at, made.size_bytes) == (REVISIONS[-1], "2026-11-26T10:00:00.000Z", file.stat().st_size)
    assert list(file.parent.iterdir()) == [file]  # nothing half-made beside it


def test_back_to_the_copy(home: Home) -> None:
    made = backups.create(home, "", 0, NOW)
    put(home, "second")
    home.config_file.write_text("listen: 127.0.0.1:9\n")
    back = backups.restore(home, Path(made.file).name, config=False, now=NOW + 60)
    assert names(home) == ["first"]
    assert home.config_file.read_text() == "listen: 127.0.0.1:9\n"
    kept = home.data / "flock.db.before-restore-20261126T100100Z"
    assert any(kept.name in note for note in back.notes)
    with sqlite3.connect(kept) as connection:
        assert connection.execute("SELECT count(*) FROM engines").fetchone() == (2,)
    prepare(home.database)


def test_the_configuration_on_request(home: Home) -> None:
    made = backups.create(home, "", 0, NOW)
    home.config_file.unlink()
    (home.config / "catalog/models/own.yaml").write_text("id: another\n")
    backups.restore(home, made.file, config=True, now=NOW)
    assert home.config_file.read_text() == "listen: 127.0.0.1:8081  # mine\n"
    assert (home.config / "catalog/models/own.yaml").read_text() == "id: own\n"


def test_while_others_write(home: Home) -> None:
    """Whoever copies while rows come in gets all of one moment: each pair of rows is whole."""
    stop = threading.Event()
    begun = threading.Event()

    def write() -> None:
        connection = sqlite3.connect(home.database, timeout=30)
        for number in range(100_000):
            with connection:
                for half in ("a", "b"):
                    connection.execute("INSERT INTO engines VALUES (?, 'u', 1.0, 0)", (f"{half}{number}",))
            begun.set()
            if stop.is_set():
                break
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    begun.wait()
    try:
        made = backups.create(home, "", 0, NOW)
    finally:
        stop.set()
        writer.join()
    backups.restore(home, made.file, config=False, now=NOW)
    there = names(home)
    assert {n[1:] for n in there if n[0] == "a"} == {n[1:] for n in there if n[0] == "b"}
    assert len(there) >= 3


def test_only_the_newest_stay(home: Home) -> None:
    for minute in range(5):
        backups.create(home, "", 0, NOW + 60 * minute)
    other = backups.directory(home, "") / "mine.tar.gz"
    other.write_bytes(b"")
    backups.create(home, "", 2, NOW + 300)
    assert [Path(b.file).name for b in backups.listed(home, "")] == [
        "flock-20261126T100500Z.tar.gz",
        "flock-20261126T100400Z.tar.gz",
    ]
    assert other.exists()


def test_two_in_one_second(home: Home) -> None:
    assert backups.create(home, "", 0, NOW).file != backups.create(home, "", 0, NOW).file
    assert len(backups.listed(home, "")) == 2


def test_of_one_second_the_last_one_stays(home: Home) -> None:
    made = [backups.create(home, "", 1, NOW) for _ in range(2)]
    assert [one.file for one in backups.listed(home, "")] == [made[1].file]
    assert made[1].file.endswith("Z-2.tar.gz")


def test_settings_on_another_file_system(home: Home, tmp_path: Path) -> None:
    made = backups.create(home, "", 0, NOW)
    elsewhere = Path("/dev/shm")
    if not elsewhere.is_dir() or elsewhere.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system here")
    with tempfile.TemporaryDirectory(dir=elsewhere) as place:
        apart = Home(config=Path(place), data=home.data, logs=home.logs, run=home.run)
        apart.config_file.write_text("listen: 127.0.0.1:9\n")
        backups.restore(apart, made.file, config=True, now=NOW)
        assert "8081" in apart.config_file.read_text()
        assert (apart.config / "catalog/models/own.yaml").read_text() == "id: own\n"
        assert not [name for name in os.listdir(place) if name.startswith(".")]


def test_the_first_is_of_nothing(home: Home) -> None:
    home.database.unlink()
    with pytest.raises(NotFound, match="nothing to copy yet"):
        backups.create(home, "", 0, NOW)
    assert backups.listed(home, "") == []


def test_a_negative_number_stays_none(home: Home) -> None:
    with pytest.raises(InvalidRequest, match="--keep is how many copies stay, not -1"):
        backups.create(home, "", -1, NOW)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-200])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def text(file: Path) -> None:
    file.write_text("not a copy")


def rewritten(file: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    with tarfile.open(file) as tar:
        parts = {m.name: tar.extractfile(m).read() for m in tar.getmembers()}  # type: ignore[union-attr]
    change(parts)
    with tarfile.open(file, "w:gz") as tar:
        for name, data in parts.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def changed(file: Path) -> None:
    def change(parts: dict[str, bytes]) -> None:
        parts["config.yaml"] = b"listen: 0.0.0.0:80\n"

    rewritten(file, change)


def more(file: Path) -> None:
    def change(parts: dict[str, bytes]) -> None:
        parts["../../evil"] = b"x"

    rewritten(file, change)


def outside(file: Path) -> None:
    def change(parts: dict[str, bytes]) -> None:
        said = json.loads(parts["manifest.json"])
        said["sha256"]["catalog/../../evil"] = "00"
        parts["manifest.json"] = json.dumps(said).encode()
        parts["catalog/../../evil"] = b"x"

    rewritten(file, change)


def less(file: Path) -> None:
    rewritten(file, lambda parts: parts.pop("flock.db") and None)


def mute(file: Path) -> None:
    def change(parts: dict[str, bytes]) -> None:
        parts["manifest.json"] = b"[]"

    rewritten(file, change)


def torn(file: Path) -> None:
    """Damage the database itself, and the hash with it."""

    def change(parts: dict[str, bytes]) -> None:
        import hashlib

        data = bytearray(parts["flock.db"])
        data[4096:20000] = os.urandom(20000 - 4096)
        parts["flock.db"] = bytes(data)
        said = json.loads(parts["manifest.json"])
        said["sha256"]["flock.db"] = hashlib.sha256(parts["flock.db"]).hexdigest()
        parts["manifest.json"] = json.dumps(said).encode()

    rewritten(file, change)


@pytest.mark.parametrize("damage", [cut, empty, text, changed, more, outside, less, mute, torn])
def test_a_damaged_copy_changes_nothing(home: Home, damage: Callable[[Path], None]) -> None:
    made = backups.create(home, "", 0, NOW)
    put(home, "second")
    damage(Path(made.file))
    with pytest.raises(InvalidRequest, match="is damaged"):
        backups.restore(home, made.file, config=True, now=NOW)
    assert names(home) == ["first", "second"]
    assert home.config_file.read_text() == "listen: 127.0.0.1:8081  # mine\n"
    assert [p.name for p in home.data.iterdir() if "restore" in p.name] == []
    assert not (home.data.parent.parent / "evil").exists()


def test_a_newer_copy_is_refused(home: Home) -> None:
    made = backups.create(home, "", 0, NOW)

    def change(parts: dict[str, bytes]) -> None:
        said = json.loads(parts["manifest.json"])
        said |= {"revision": "9999", "version": "7.0"}
        parts["manifest.json"] = json.dumps(said).encode()

    rewritten(Path(made.file), change)
    with pytest.raises(InvalidRequest, match=r"is of flock 7.0, which is newer: its database has schema 9999"):
        backups.restore(home, made.file, config=False, now=NOW)
    assert names(home) == ["first"]


def test_a_copy_that_is_not_there(home: Home) -> None:
    with pytest.raises(NotFound, match="there is no copy"):
        backups.restore(home, "flock-20200101T000000Z.tar.gz", config=False, now=NOW)


def test_a_list_goes_on_over_a_damaged_one(home: Home) -> None:
    backups.create(home, "", 0, NOW)
    cut_one = Path(backups.create(home, "", 0, NOW + 60).file)
    empty(cut_one)
    found = backups.listed(home, "")
    assert [bool(b.problem) for b in found] == [True, False]


def test_an_admin_key_of_another_time_is_said(home: Home) -> None:
    made = backups.create(home, "", 0, NOW)
    home.admin_key.write_text("sk-orc-of-today\n")
    back = backups.restore(home, made.file, config=False, now=NOW)
    assert any("is none of this copy's" in note for note in back.notes)


def test_the_place_cannot_be_written(home: Home, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FlockError) as told:
        backups.create(home, str(tmp_path / "file"), 0, NOW)
    assert str(tmp_path / "file") in told.value.sentence
