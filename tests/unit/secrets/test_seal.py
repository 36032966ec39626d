"""The passphrase in front of the file: what it hides, what it needs, and what it never loses."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.errors import Conflict, InvalidRequest, NotAllowed, SecretsLocked, StorageFailed
from flock.secrets import seal
from flock.secrets.file import SecretFile
from tests.unit.secrets.conftest import CHEAP, PHRASE, file_at


@pytest.fixture
def full(path: Path) -> SecretFile:
    """A file with two secrets, sealed."""
    secrets = file_at(path)
    secrets.put("vllm", "hunter2")
    secrets.put("vendor:groq", "gsk-3")
    secrets.lock(PHRASE)
    return secrets


def test_no_value_stands_in_a_sealed_file_and_the_names_do(full: SecretFile, path: Path) -> None:
    text = path.read_text()
    for hidden in ("hunter2", "gsk-3", PHRASE):
        assert hidden not in text
    assert set(json.loads(text)["secrets"]) == {"vllm", "vendor:groq"}
    assert path.stat().st_mode & 0o777 == 0o600


def test_who_sealed_it_goes_on_reading_and_writing(full: SecretFile, path: Path) -> None:
    assert full.get("vllm") == "hunter2"
    full.put("other", "new-one")
    assert "new-one" not in path.read_text()
    assert full.get("other") == "new-one"
    assert not full.look().locked


def test_after_a_restart_it_is_locked_until_it_is_unlocked(full: SecretFile, path: Path) -> None:
    again = file_at(path)
    for act in (lambda: again.get("vllm"), lambda: again.put("vllm", "k"), lambda: again.put("new", "k")):
        with pytest.raises(SecretsLocked) as caught:
            act()
        assert caught.value.hint == "flock secret unlock"
    assert again.get("never there") == "", "a secret that nobody stored needs no passphrase"
    assert set(again.look().entries) == {"vllm", "vendor:groq"}
    again.delete("vendor:groq")
    again.unlock(PHRASE)
    assert (again.get("vllm"), again.get("vendor:groq")) == ("hunter2", "")
    again.forget()
    with pytest.raises(SecretsLocked):
        again.get("vllm")


def test_another_passphrase_changes_nothing(full: SecretFile, path: Path) -> None:
    before, again = path.read_bytes(), file_at(path)
    for for_good in (False, True):
        with pytest.raises(NotAllowed, match="does not open") as caught:
            again.unlock("incorrect horse", for_good=for_good)
        assert "incorrect horse" not in caught.value.sentence
    assert path.read_bytes() == before
    assert again.look().locked


def test_for_good_it_stands_as_it_was(full: SecretFile, path: Path) -> None:
    again = file_at(path)
    again.unlock(PHRASE, for_good=True)
    fresh = file_at(path)
    assert (fresh.get("vllm"), fresh.get("vendor:groq")) == ("hunter2", "gsk-3")
    assert not fresh.look().encrypted
    with pytest.raises(Conflict, match="not encrypted"):
        again.unlock(PHRASE)


def test_sealing_twice_needs_unsealing_first(full: SecretFile, path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(Conflict, match="encrypted already") as caught:
        full.lock("another passphrase")
    assert caught.value.hint == "flock secret unlock --for-good"
    assert path.read_bytes() == before


@pytest.mark.parametrize("phrase", ["", "short", "x" * 2000])
def test_passphrases_that_protect_nothing(phrase: str, path: Path) -> None:
    with pytest.raises(InvalidRequest, match="8 to 1024 characters"):
        file_at(path).lock(phrase)
    assert not path.exists()


def test_a_passphrase_is_the_same_in_both_spellings_of_an_accent(path: Path) -> None:
    file_at(path).lock("cafe\u0301 au lait")
    file_at(path).unlock("caf\u00e9 au lait")


def test_an_empty_store_can_be_sealed_and_checks_its_passphrase(path: Path) -> None:
    secrets = file_at(path)
    secrets.lock(PHRASE)
    again = file_at(path)
    with pytest.raises(NotAllowed):
        again.unlock("incorrect horse")
    again.unlock(PHRASE)
    again.put("vllm", "hunter2")
    assert "hunter2" not in path.read_text()


def test_a_value_cannot_be_put_under_another_name(full: SecretFile, path: Path) -> None:
    plain = json.loads(path.read_text())
    plain["secrets"]["vllm"]["sealed"] = plain["secrets"]["vendor:groq"]["sealed"]
    path.write_text(json.dumps(plain))
    with pytest.raises(StorageFailed, match='"vllm" is damaged'):
        full.get("vllm")
    assert full.get("vendor:groq") == "gsk-3"


@pytest.mark.parametrize(
    "change",
    [
        {"n": 2**40},
        {"n": 3},
        {"n": 0},
        {"r": 10**9},
        {"p": 10**9},
        {"salt": "?"},
        {"salt": ""},
        {"n": None},
        {"cipher": "rot13"},
        {"kdf": "md5"},
    ],
)
def test_a_header_that_was_tampered_with_takes_no_memory(
    full: SecretFile, path: Path, change: dict[str, object]
) -> None:
    plain = json.loads(path.read_text())
    plain["lock"] |= change
    path.write_text(json.dumps(plain))
    with pytest.raises(StorageFailed, match="header"):
        file_at(path).unlock(PHRASE)


def test_a_file_put_back_from_elsewhere_is_locked_again(full: SecretFile, path: Path) -> None:
    mine = path.read_bytes()
    other = file_at(path.with_name("other.json"))
    other.put("vllm", "theirs")
    other.lock("their passphrase")
    path.write_bytes(path.with_name("other.json").read_bytes())
    with pytest.raises(SecretsLocked):
        full.get("vllm")
    path.write_bytes(mine)
    assert full.get("vllm") == "hunter2"


@given(st.text(max_size=50), st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_what_was_closed_is_opened(name: str, value: str) -> None:
    name = name.encode("utf-8", "ignore").decode()
    made = seal.new(PHRASE, CHEAP)
    assert seal.find(PHRASE, made.header).open(name, made.close(name, value)) == value


def test_each_closing_differs(full: SecretFile) -> None:
    made = seal.new(PHRASE, CHEAP)
    assert len({made.close("vllm", "k") for _ in range(20)}) == 20


def test_the_real_cost_works(path: Path) -> None:
    secrets = SecretFile(path)
    secrets.put("vllm", "hunter2")
    secrets.lock(PHRASE)
    again = SecretFile(path)
    again.unlock(PHRASE)
    assert again.get("vllm") == "hunter2"


LOCKING = """
import os, signal, sys
from pathlib import Path
from flock.secrets.file import SecretFile
from flock.secrets.seal import Cost
path, step = Path(sys.argv[1]), sys.argv[2]
def die(event, args):
    if event == step and str(args[0]).startswith(str(path.parent)) and "/." in str(args[0]):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(die)
SecretFile(path, cost=Cost(2, 1, 1)).lock(sys.argv[3])
"""


@pytest.mark.parametrize("step", ["open", "os.rename"])
def test_killed_while_it_locks_the_old_file_stands(step: str, path: Path) -> None:
    """The kernel's rename is whole: before it the old file is there, after it the new one."""
    file_at(path).put("vllm", "hunter2")
    done = subprocess.run([sys.executable, "-c", LOCKING, str(path), step, PHRASE], env={**os.environ}, check=False)
    assert done.returncode == -signal.SIGKILL
    again = file_at(path)
    assert again.get("vllm") == "hunter2"
    again.lock(PHRASE)
    assert [file.name for file in path.parent.iterdir()] == ["secrets.json"]
    assert "hunter2" not in path.read_text()
