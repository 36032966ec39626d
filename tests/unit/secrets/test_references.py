"""Secrets that somebody else keeps: variables, files that variables name, credentials of systemd."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from flock.errors import StorageFailed
from flock.secrets import references


def found(environ: Mapping[str, str], *others: str) -> str | None:
    reference = references.find(environ, "vendor:groq:2", others)
    return None if reference is None else references.read(reference)


def test_the_variable_of_a_secret() -> None:
    assert references.variable("vendor:groq:2") == "FLOCK_SECRET_VENDOR_GROQ_2"
    assert references.variable("[::1]:8000") == "FLOCK_SECRET____1__8000"


def test_the_order(tmp_path: Path) -> None:
    for name in ("vendor.groq.2", "GROQ_API_KEY", "mine", "theirs"):
        (tmp_path / name).write_text(f"of {name}\n")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert found({}, "GROQ_API_KEY") is None
    assert found(environ) == "of vendor.groq.2"
    assert found({**environ, "GROQ_API_KEY_FILE": str(tmp_path / "theirs")}, "GROQ_API_KEY") == "of theirs"
    assert found({**environ, "GROQ_API_KEY": "theirs"}, "GROQ_API_KEY") == "theirs"
    own = {"GROQ_API_KEY": "theirs", "FLOCK_SECRET_VENDOR_GROQ_2_FILE": str(tmp_path / "mine")}
    assert found(own, "GROQ_API_KEY") == "of mine"
    assert found({**own, "FLOCK_SECRET_VENDOR_GROQ_2": " mine\n"}, "GROQ_API_KEY") == "mine"
    (tmp_path / "vendor.groq.2").unlink()
    assert found(environ, "GROQ_API_KEY") == "of GROQ_API_KEY"


def test_an_empty_variable_is_none() -> None:
    assert found({"FLOCK_SECRET_VENDOR_GROQ_2": " ", "GROQ_API_KEY": ""}, "GROQ_API_KEY") is None


def test_a_rotated_file_counts_at_once(tmp_path: Path) -> None:
    file = tmp_path / "key"
    environ = {"FLOCK_SECRET_VENDOR_GROQ_2_FILE": str(file)}
    for value in ("first", "second"):
        file.write_text(f"{value}\n")
        assert found(environ) == value


@pytest.mark.parametrize("kind", ["missing", "empty", "directory", "pipe", "binary", "large"])
def test_a_file_that_gives_no_key_is_said_and_not_passed_over(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    if kind == "directory":
        file.mkdir()
    elif kind == "pipe":
        os.mkfifo(file)
    elif kind != "missing":
        file.write_bytes({"empty": b" \n", "binary": b"\xff\xfe", "large": b"x" * 70_000}[kind])
    with pytest.raises(StorageFailed, match="FLOCK_SECRET_VENDOR_GROQ_2_FILE") as caught:
        found({"FLOCK_SECRET_VENDOR_GROQ_2_FILE": str(file), "GROQ_API_KEY": "other"}, "GROQ_API_KEY")
    assert "xxx" not in caught.value.sentence


def test_a_name_leads_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("k")
    place = tmp_path / "credentials"
    place.mkdir()
    assert references.find({"CREDENTIALS_DIRECTORY": str(place)}, "../secret") is None
