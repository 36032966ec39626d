"""Doctor's line about secrets, for each place they can be in, with and without a daemon."""

from dataclasses import replace

import pytest

from flock.client.presence import Presence
from flock.contract.lifecycle import Check
from flock.contract.secrets import SecretStore
from flock.local import doctor_secrets
from flock.local.operations import Here
from flock.local.scene import Scene
from flock.paths import private_dir

ABSENT = Presence("absent", None, "", "flock is not running", "flock up")
FILE = SecretStore(
    kind="file",
    backend="",
    why_no_keyring="there is none in the daemon's environment",
    path="/home/ada/.config/flock/secrets.json",
    mode="0600",
    encrypted=False,
    locked=False,
    in_keyring=0,
    in_file=1,
)
KEYRING = replace(FILE, kind="keyring", backend="SecretService", why_no_keyring="", in_keyring=2, in_file=0)
SEALED = replace(FILE, kind="locked file", encrypted=True)


@pytest.fixture
def scene(here: Here) -> Scene:
    """Return a place where nothing runs yet."""
    return Scene(here.home, here.environ, ABSENT, None, None, "/a/flock")


@pytest.mark.parametrize(
    ("store", "state", "words", "fix"),
    [
        (FILE, "note", ("1 secret unencrypted", "0600", "there is none"), "/a/flock secret lock"),
        (replace(FILE, in_file=0, mode=""), "ok", ("none is stored", "there is none"), ""),
        (KEYRING, "ok", ("in the keyring (SecretService), 2 secrets",), ""),
        (replace(KEYRING, in_file=1), "note", ("1 secret unencrypted",), "/a/flock secret lock"),
        (SEALED, "ok", ("encrypted, unlocked until flock stops", "there is none"), ""),
        (replace(SEALED, locked=True), "warning", ("encrypted and locked",), "/a/flock secret unlock"),
        (
            replace(FILE, in_keyring=1),
            "warning",
            ("1 secret cannot be read", "there is none"),
            "/a/flock down && /a/flock up",
        ),
    ],
)
def test_what_a_daemon_tells(store: SecretStore, state: str, words: tuple[str, ...], fix: str, scene: Scene) -> None:
    found = doctor_secrets.told(scene, store)
    assert (found.state, found.fix) == (state, fix)
    for word in words:
        assert word in found.sentence


def test_without_a_daemon_the_file_alone_is_looked_at(scene: Scene) -> None:
    assert list(doctor_secrets.secrets(scene)) == []
    private_dir(scene.home.config)
    scene.home.secrets.write_text("whatever it holds")
    scene.home.secrets.chmod(0o640)
    (found,) = doctor_secrets.secrets(scene)
    assert (found.state, found.fix) == ("note", "/a/flock up")
    assert "mode 0640" in found.sentence


def test_a_link_is_said(scene: Scene) -> None:
    private_dir(scene.home.config)
    scene.home.secrets.symlink_to("elsewhere")
    (found,) = doctor_secrets.secrets(scene)
    assert isinstance(found, Check)
    assert found.state == "warning"
    assert "is a link" in found.sentence
