"""Contexts: what is kept, how it is kept, and what is refused."""

import json
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from flock.client.reach import find
from flock.contract.contexts import AddContext, FlockContext, ListContexts, RemoveContext, UseContext
from flock.contract.op import Op
from flock.errors import Conflict, NotFound, StorageFailed, UsageError
from flock.local.operations import Here, run
from flock.paths import find_home

KEY = "sk-flock-" + "a" * 48
STUDIO = AddContext(name="studio", host="ssh://ada@studio.lan")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    monkeypatch.setenv("FLOCK_HOME", str(tmp_path / "home"))
    return Here(find_home(), {"HOME": str(tmp_path)})


def do(op: Op[Any], here: Here) -> Any:
    return run(op, here)


def test_none_is_known_at_first(here: Here) -> None:
    assert do(ListContexts(), here) == [FlockContext("local", "", True)]
    assert not here.home.contexts.exists()
    assert find("", {}).kind == find("local", {}).kind == "here"


def test_one_is_added_used_and_forgotten(here: Here) -> None:
    assert do(STUDIO, here) == FlockContext("studio", "ssh://ada@studio.lan", False)
    box = AddContext(name="box", host="ssh://box:2222", remote_bin="~/flock", use=True)
    assert do(box, here).current
    assert [(c.name, c.current) for c in do(ListContexts(), here)] == [
        ("local", False),
        ("box", True),
        ("studio", False),
    ]
    assert find("", {}).name == "box:2222"
    assert find("", {"FLOCK_HOST": "studio"}).name == find("studio", {"FLOCK_HOST": "box"}).name == "ada@studio.lan"
    assert find("local", {}).kind == find("", {"FLOCK_HOST": "local"}).kind == "here"
    assert find("studio", {}).host == "studio"
    assert do(UseContext(name="studio"), here).current
    assert do(UseContext(name="local"), here) == FlockContext("local", "", True)
    do(UseContext(name="studio"), here)
    assert do(RemoveContext(name="studio"), here).name == "studio"
    assert find("", {}).kind == "here"
    assert [c.name for c in do(ListContexts(), here)] == ["local", "box"]


def test_the_same_again_changes_what_is_said_and_keeps_the_key(here: Here) -> None:
    team = "https://flock.example.com"
    assert do(AddContext(name="team", host=team, key=KEY), here).key.endswith("contexts.json")
    assert do(AddContext(name="team", host=f"{team}/", use=True), here).key
    with pytest.raises(Conflict, match=r"team is https://flock\.example\.com already"):
        do(AddContext(name="team", host="ssh://box"), here)
    reach = find("", {})
    assert (reach.kind, reach.name) == ("http", team)
    assert reach.door.headers == {"Authorization": f"Bearer {KEY}".encode()}
    assert KEY not in repr(do(ListContexts(), here))


def test_the_key_of_the_environment(here: Here, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    for number, environ in enumerate(({"FLOCK_ADMIN_TOKEN": KEY}, {"FLOCK_ADMIN_TOKEN_FILE": str(file)})):
        do(AddContext(name=f"c{number}", host="http://box"), Here(here.home, environ))
    kept = json.loads(here.home.contexts.read_text())["contexts"]
    assert [kept[name]["key"] for name in ("c0", "c1")] == [KEY, KEY]


def test_the_file_is_for_its_owner_alone(here: Here) -> None:
    do(STUDIO, here)
    here.home.contexts.chmod(0o644)
    do(UseContext(name="studio"), here)
    assert stat.S_IMODE(here.home.contexts.stat().st_mode) == 0o600
    assert not list(here.home.config.glob(".*"))


@pytest.mark.parametrize(
    ("op", "words"),
    [
        (AddContext(name="local", host="ssh://box"), "local is this machine's own name"),
        (AddContext(name="a b", host="ssh://box"), "can be no context's name"),
        (AddContext(name="-x", host="ssh://box"), "can be no context's name"),
        (AddContext(name="x://y", host="ssh://box"), "can be no context's name"),
        (AddContext(name="box", host="box"), "'box' is no address of a flock"),
        (AddContext(name="box", host="ssh://box", key=KEY), "needs no admin key"),
        (AddContext(name="box", host="ssh://box", remote_bin="flock"), "no place of a program over there"),
        (AddContext(name="box", host="http://box", remote_bin="/x"), "--remote-bin is for ssh"),
        (AddContext(name="box", host="http://box", key="two words"), "is no key"),
        (RemoveContext(name="local"), "which is always there"),
    ],
)
def test_what_is_refused(op: Op[Any], words: str, here: Here) -> None:
    with pytest.raises(UsageError, match=words) as found:
        do(op, here)
    assert KEY not in found.value.sentence
    assert not here.home.contexts.exists()


def test_unknown_names_get_the_nearest(here: Here) -> None:
    with pytest.raises(NotFound, match="no context is called 'studio'; none is known yet"):
        do(UseContext(name="studio"), here)
    do(STUDIO, here)
    for op in (UseContext(name="studoi"), RemoveContext(name="studoi")):
        with pytest.raises(NotFound, match="there is studio") as found:
            do(op, here)
        assert found.value.details == {"nearest": ["studio"]}
        assert found.value.exit_code == 5
    with pytest.raises(NotFound):
        find("studoi", {})


@pytest.mark.parametrize("text", ["", "{", "[]", '{"contexts": []}', '{"contexts": {"a": {"host": 5}}}'])
def test_a_file_that_makes_no_sense_is_left_alone(text: str, here: Here) -> None:
    here.home.config.mkdir(parents=True)
    here.home.contexts.write_text(text)
    for op in (STUDIO, ListContexts()):
        with pytest.raises(StorageFailed, match="is not as flock wrote it"):
            do(op, here)
    assert here.home.contexts.read_text() == text


def test_a_directory_that_takes_nothing(here: Here) -> None:
    here.home.config.mkdir(parents=True)
    here.home.contexts.mkdir()
    (here.home.contexts / "in the way").touch()
    with pytest.raises(StorageFailed):
        do(STUDIO, here)
    assert [path.name for path in here.home.config.iterdir() if path.name != "run"] == ["contexts.json"]


def test_many_at_once_lose_nothing(here: Here) -> None:
    names = [f"box{n}" for n in range(12)]
    threads = [threading.Thread(target=do, args=(AddContext(name=name, host=f"ssh://{name}"), here)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {c.name for c in do(ListContexts(), here)} == {"local", *names}
    assert not list(here.home.config.glob(".*"))
