"""An admin key that whoever installs flock brings along: taken out of the environment, and never said again."""

from pathlib import Path

import pytest

from flock.daemon.first_key import FILE_VARIABLE, VARIABLE, Seed, take_seed
from flock.errors import StartFailed

GOOD = "sk-orc-" + "Seed5eed" * 3


def test_it_is_taken_out_of_the_environment() -> None:
    environment = {VARIABLE: GOOD, FILE_VARIABLE: "/nowhere", "FLOCK_TOKEN": "x", "FLOCK_HOME": "/h"}
    assert take_seed(environment) == Seed(VARIABLE, GOOD)
    assert environment == {"FLOCK_HOME": "/h"}
    assert take_seed(environment) == Seed()
    assert Seed().secret() == ""


def test_a_file_is_read_when_it_is_needed(tmp_path: Path) -> None:
    file = tmp_path / "key"
    seed = take_seed({VARIABLE: " ", FILE_VARIABLE: str(file)})
    with pytest.raises(StartFailed, match=f"cannot read the file {file}"):
        seed.secret()
    file.write_text(f"{GOOD}\n")
    assert seed.secret() == GOOD
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(StartFailed, match="not text"):
        seed.secret()
    file.write_text("hunter2")
    with pytest.raises(StartFailed) as caught:
        seed.secret()
    assert "hunter2" not in caught.value.sentence + caught.value.hint


@pytest.mark.parametrize(
    "words", ["secret-word", "sk-orc-short", "sk-orc-" + "é" * 30, "sk-orc-" + "a b" * 10, "sk-orc-" + "x" * 300]
)
def test_what_can_be_no_key_is_refused_without_being_said(words: str) -> None:
    with pytest.raises(StartFailed) as caught:
        Seed(VARIABLE, words).secret()
    assert "24 to 200" in caught.value.sentence
    assert words not in caught.value.sentence + caught.value.hint
