"""Files of secrets of every release give what was put into them."""

import shutil
from pathlib import Path

from flock.secrets.file import SecretFile

FILES = Path(__file__).parent / "secrets"


def kept(version: str, tmp_path: Path) -> SecretFile:
    shutil.copy(FILES / f"{version}.json", tmp_path / "secrets.json")
    return SecretFile(tmp_path / "secrets.json")


def test_0_1_0(tmp_path: Path) -> None:
    secrets = kept("0.1.0", tmp_path)
    assert (secrets.get("vllm"), secrets.get("[::1]:8000")) == ("k-of-0.1.0", "another")


def test_0_2_0(tmp_path: Path) -> None:
    secrets = kept("0.2.0", tmp_path)
    look = secrets.look()
    assert secrets.get("vllm") == "k-of-0.2.0"
    assert (look.service, look.entries["vendor:groq"].keyring) == ("flock /home/ada/.config/flock", True)
    assert look.entries["vllm"].since == "2026-11-21T12:00:00.000Z"


def test_0_2_0_locked(tmp_path: Path) -> None:
    secrets = kept("0.2.0-locked", tmp_path)
    assert secrets.look().locked
    secrets.unlock("correct horse battery")
    assert secrets.get("vllm") == "k-of-0.2.0"
