"""`flock secret lock` and `unlock`: where the passphrase comes from, and where it never stands."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flock.cli import secret
from flock.contract.op import Op
from flock.contract.secrets import LockSecrets, ShowSecretStore, UnlockSecrets
from flock.errors import UsageError, WouldAsk
from tests.cli.conftest import Opener
from tests.cli.running import by_name, flock
from tests.cli.values import SEALED, STORE
from tests.screen import Screen

PHRASE = "correct horse battery"


def sealed(op: Op[Any]) -> Any:
    """Answer as a daemon whose secrets are encrypted."""
    return SEALED if isinstance(op, ShowSecretStore) else by_name(op)


def plain(op: Op[Any]) -> Any:
    """Answer as a daemon whose secrets are not."""
    return STORE if isinstance(op, ShowSecretStore) else by_name(op)


def on_a_terminal(*words: str) -> Screen:
    return Screen(sys.executable, "-m", "flock", "secret", *words)


def test_on_a_terminal_it_is_typed_twice_and_not_shown(opened: Opener) -> None:
    door = opened(plain)
    screen = on_a_terminal("lock")
    screen.until("Passphrase of the secrets:")
    screen.type(f"{PHRASE}\r")
    screen.until("The passphrase again:")
    screen.type(f"{PHRASE}\r")
    assert screen.end() == 0, screen.shown
    assert PHRASE not in screen.shown
    assert door.heard[-1] == LockSecrets(passphrase=PHRASE)


def test_two_that_differ_change_nothing(opened: Opener) -> None:
    door = opened(plain)
    screen = on_a_terminal("lock")
    screen.until("Passphrase of the secrets:")
    screen.type(f"{PHRASE}\r")
    screen.until("The passphrase again:")
    screen.type("something else\r")
    assert screen.end() == 2, screen.shown
    assert "not the same" in screen.shown
    assert [type(op) for op in door.heard] == [ShowSecretStore]


def test_unlocking_asks_once(opened: Opener) -> None:
    door = opened(sealed)
    screen = on_a_terminal("unlock", "--for-good")
    screen.until("Passphrase of the secrets:")
    screen.type(f"{PHRASE}\r")
    assert screen.end() == 0, screen.shown
    assert door.heard[-1] == UnlockSecrets(for_good=True, passphrase=PHRASE)


def test_leaving_the_question_changes_nothing(opened: Opener) -> None:
    door = opened(sealed)
    screen = on_a_terminal("unlock")
    screen.until("Passphrase of the secrets:")
    screen.type("\x03")
    assert screen.end() == 130
    assert [type(op) for op in door.heard] == [ShowSecretStore]


def test_an_encrypted_store_is_locked_at_once_without_a_question(opened: Opener) -> None:
    door = opened(sealed)
    assert on_a_terminal("lock").end() == 0
    assert door.heard[-1] == LockSecrets()


def test_from_standard_input_and_from_a_file(opened: Opener, tmp_path: Path) -> None:
    door = opened(plain)
    assert flock("secret", "lock", stdin=f"{PHRASE}\n").returncode == 0
    assert door.heard[-1] == LockSecrets(passphrase=PHRASE)
    file = tmp_path / "phrase"
    file.write_text(f"{PHRASE} from a file\n")
    assert flock("secret", "lock", stdin="not this\n", FLOCK_PASSPHRASE_FILE=str(file)).returncode == 0
    assert door.heard[-1] == LockSecrets(passphrase=f"{PHRASE} from a file")


def test_where_nobody_can_be_asked(opened: Opener) -> None:
    door = opened(sealed)
    done = flock("secret", "unlock", "--for-good")
    assert done.returncode == 6
    assert "flock secret unlock --for-good < FILE" in done.stderr
    assert [type(op) for op in door.heard] == [ShowSecretStore]


@pytest.mark.parametrize("words", ["\n", "two\nlines\n", "x" * 5000, "nul\0"])
def test_what_is_no_passphrase(words: str, opened: Opener) -> None:
    door = opened(sealed)
    done = flock("secret", "unlock", stdin=words)
    assert done.returncode == 2
    assert "no passphrase" in done.stderr
    assert "xxx" not in done.stderr
    assert [type(op) for op in door.heard] == [ShowSecretStore]


def test_a_file_that_is_not_there(opened: Opener) -> None:
    opened(sealed)
    done = flock("secret", "unlock", FLOCK_PASSPHRASE_FILE="/nowhere/phrase")
    assert done.returncode == 2
    assert "/nowhere/phrase" in done.stderr


def test_a_pipe_is_read_to_its_first_line_and_a_silent_one_not_for_ever(tmp_path: Path) -> None:
    op = UnlockSecrets()
    there, typed = os.pipe()
    with (tmp_path / "nothing").open("w+") as nobody:
        try:
            os.write(typed, f"{PHRASE}\n".encode())
            assert secret._from_input(there, patience=60.0) == f"{PHRASE}\n".encode()
            assert secret._from_input(there, patience=0.01) == b""
        finally:
            os.close(there)
            os.close(typed)
        assert secret._from_input(nobody.fileno(), patience=60.0) == b""
    with Path("/dev/zero").open("rb") as device:
        assert secret._from_input(device.fileno(), patience=60.0) == b""
        with pytest.raises((WouldAsk, UsageError)):
            secret.passphrase(op, device.fileno(), patience=0.01)


def test_a_passphrase_is_no_option_and_stands_in_no_answer(opened: Opener) -> None:
    opened(lambda op: replace(SEALED) if not isinstance(op, ShowSecretStore) else STORE)
    assert flock("secret", "lock", "--passphrase", PHRASE).returncode == 2
    done = flock("secret", "lock", "--json", stdin=f"{PHRASE}\n")
    assert done.returncode == 0
    assert PHRASE not in done.stdout + done.stderr
