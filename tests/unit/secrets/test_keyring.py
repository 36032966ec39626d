"""The keyring's proof, and which are never trusted. Real backends of the library, and one with moods."""

import importlib
from pathlib import Path
from typing import Any

import pytest
from keyring.backends import fail, null

from flock.errors import StorageFailed
from flock.secrets.os_keyring import OsKeyring
from tests.fakes.rings import PlaintextRing, Ring, Weak, chain


def why(ring: Any) -> str:
    return OsKeyring(lambda: ring).prove("flock test")


def test_a_good_keyring_passes_and_keeps_nothing_of_the_proof(ring: Ring) -> None:
    mine = OsKeyring(lambda: ring)
    assert mine.prove("flock test") == ""
    assert mine.backend == "rings"
    assert ring.kept() == {}
    assert ring.calls() == ["set", "get", "delete", "get"]


def test_values_come_back_and_go(ring: Ring) -> None:
    mine = OsKeyring(lambda: ring)
    mine.prove("flock test")
    assert mine.get("flock test", "vllm") is None
    mine.put("flock test", "vllm", "hunter2")
    assert mine.get("flock test", "vllm") == "hunter2"
    mine.delete("flock test", "vllm")
    mine.delete("flock test", "vllm")
    assert mine.get("flock test", "vllm") is None


@pytest.mark.parametrize(
    ("mood", "words"),
    [
        ("loses", "loses what it is given"),
        ("lies", "something else"),
        ("sticks", "keeps what was deleted"),
        ("raises", "it failed when it was tried"),
    ],
)
def test_a_keyring_that_fails_the_proof(mood: str, words: str, ring: Ring) -> None:
    ring.be(mood)
    assert words in why(ring)


def test_what_only_looks_like_a_keyring(tmp_path: Path) -> None:
    assert why(fail.Keyring()) == "there is none in the daemon's environment"
    assert "protects nothing" in why(null.Keyring())
    assert "protects nothing" in why(PlaintextRing(tmp_path))
    assert "not recommended" in why(Weak(tmp_path))
    assert not (tmp_path / "calls").exists(), "what is not trusted is given nothing"


def test_a_chain_is_trusted_for_its_first_acceptable_member(ring: Ring, tmp_path: Path) -> None:
    mine = OsKeyring(lambda: chain(null.Keyring(), PlaintextRing(tmp_path), ring))
    assert mine.prove("flock test") == ""
    mine.put("flock test", "vllm", "hunter2")
    assert ring.kept() == {"flock test/vllm": "hunter2"}
    assert "protects nothing" in why(chain(null.Keyring()))
    assert why(chain()) == "no keyring is installed"


def test_the_plain_text_of_keyrings_alt_is_never_trusted(tmp_path: Path) -> None:
    alternative = importlib.import_module("keyrings.alt.file").PlaintextKeyring

    class Renamed(alternative):  # type: ignore[misc, valid-type]
        priority = 9

    for kind in (alternative, Renamed):
        ring = kind()
        ring.file_path = str(tmp_path / "keyring_pass.cfg")
        assert "protects nothing" in why(ring)
    assert list(tmp_path.iterdir()) == []


def test_a_library_that_fails_is_a_reason() -> None:
    def find() -> Any:
        raise ImportError("no module named x")

    assert "no module named x" in OsKeyring(find).prove("flock test")


@pytest.mark.parametrize("mood", ["raises", "loses", "lies"])
def test_no_error_repeats_a_value(mood: str, ring: Ring) -> None:
    mine = OsKeyring(lambda: ring)
    mine.prove("flock test")
    ring.be(mood)
    with pytest.raises(StorageFailed, match='"vllm"') as caught:
        mine.put("flock test", "vllm", "hunter2")
    assert "hunter2" not in caught.value.sentence + caught.value.hint
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
