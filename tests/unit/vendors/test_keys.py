"""Keys in turn, in virtual time: who rests for how long, who comes next, and what never happens."""

from pathlib import Path

import pytest

from flock.errors import SecretsLocked, StorageFailed, VendorKeyMissing
from flock.upstream import Credential
from flock.vendors.keys import BUSY_SECONDS, FAILED_SECONDS, LONGEST_SECONDS, REFUSED_SECONDS, KeyPool
from flock.vendors.sources import FILE_BYTES, MOST, Source, from_environment, from_store
from tests.unit.vendors.standing import At, Kept


def pool(clock: At, **keys: str) -> KeyPool:
    return KeyPool("groq", "bearer", from_environment(("K",), keys), clock)


def names(credentials: list[Credential]) -> list[str]:
    return [credential.name for credential in credentials]


@pytest.mark.parametrize(
    ("auth", "headers"),
    [
        ("bearer", {"Authorization": "Bearer s"}),
        ("x-api-key", {"x-api-key": "s"}),
        ("x-goog-api-key", {"x-goog-api-key": "s"}),
        ("api-key", {"api-key": "s"}),
    ],
)
async def test_how_a_key_is_shown(auth: str, headers: dict[str, str]) -> None:
    (key,) = await KeyPool("v", auth, from_environment(("K",), {"K": " s\n"}), At()).credentials()
    assert key.headers() == headers
    assert "s" not in repr(key).replace("Key(", "")


async def test_keys_take_turns() -> None:
    found = pool(At(), K="a", K_2="b", K_3="c")
    turns = [names(await found.credentials()) for _ in range(4)]
    assert turns == [["K", "K_2", "K_3"], ["K_2", "K_3", "K"], ["K_3", "K", "K_2"], ["K", "K_2", "K_3"]]


@pytest.mark.parametrize(
    ("status", "told", "seconds"),
    [
        (429, None, BUSY_SECONDS),
        (429, 7.0, 7.0),
        (429, 0.0, 0.0),
        (429, 1e9, LONGEST_SECONDS),
        (429, float("nan"), BUSY_SECONDS),
        (429, -1.0, BUSY_SECONDS),
        (401, None, REFUSED_SECONDS),
        (401, 1.0, REFUSED_SECONDS),
        (401, REFUSED_SECONDS + 1, REFUSED_SECONDS + 1),
        (403, None, FAILED_SECONDS),
        (402, None, FAILED_SECONDS),
        (500, None, FAILED_SECONDS),
        (503, 12.0, 12.0),
        (529, None, FAILED_SECONDS),
        (0, None, FAILED_SECONDS),
    ],
)
async def test_how_long_a_refused_key_rests(status: int, told: float | None, seconds: float) -> None:
    clock = At()
    found = pool(clock, K="a", K_2="b")
    first = (await found.credentials())[0]
    first.failed(status, told)
    clock.time += seconds - 0.001
    if seconds:
        assert [names(await found.credentials())[-1] for _ in range(3)] == ["K"] * 3
    clock.time += 0.001
    assert {names(await found.credentials())[0] for _ in range(2)} == {"K", "K_2"}


async def test_when_all_rest_the_soonest_free_comes_first_and_none_is_left_out() -> None:
    clock = At()
    found = pool(clock, K="a", K_2="b", K_3="c")
    for key, seconds in zip(await found.credentials(), (20.0, 5.0, 10.0), strict=True):
        key.failed(429, seconds)
    assert names(await found.credentials()) == ["K_2", "K_3", "K"]
    assert [(state.name, state.state, state.seconds) for state in found.states()] == [
        ("K", "resting", 20.0),
        ("K_2", "resting", 5.0),
        ("K_3", "resting", 10.0),
    ]
    clock.time += 6
    assert names(await found.credentials()) == ["K_2", "K_3", "K"]


async def test_a_key_that_was_taken_rests_no_longer() -> None:
    found = pool(At(), K="a")
    (key,) = await found.credentials()
    key.failed(401, None)
    key.served()
    assert [state.state for state in found.states()] == ["ready"]


async def test_a_refused_key_rests_and_the_next_is_used_until_it_is_back() -> None:
    clock = At()
    found = pool(clock, K="bad", K_2="good")
    used = []
    for _ in range(5):
        for key in await found.credentials():
            used.append(key.name)
            if key.name == "K":
                key.failed(401, None)
                continue
            key.served()
            break
        clock.time += 60
    assert used == ["K", *["K_2"] * 5]


# -- where keys come from


def test_the_names_of_a_pool() -> None:
    environment = {"K": "a", "K_2": "b", "K_20": "c", "K_21": "no", "K_3_FILE": "/f", "K_1": "no", "L": "d", "M": "no"}
    assert [source.name for source in from_environment(("K", "L"), environment)] == [
        "K",
        "K_2",
        "K_3_FILE",
        "K_20",
        "L",
    ]
    assert MOST == 20


async def test_a_file_is_read_once_and_off_the_loop(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("from-file\n")
    found = pool(At(), K_FILE=str(file))
    assert [state.state for state in found.states()] == ["unread"]
    (key,) = await found.credentials()
    assert key.headers() == {"Authorization": "Bearer from-file"}
    file.unlink()
    assert names(await found.credentials()) == ["K_FILE"]


async def test_a_variable_comes_before_a_file_of_the_same_number(tmp_path: Path) -> None:
    assert [s.name for s in from_environment(("K",), {"K": "a", "K_FILE": str(tmp_path)})] == ["K"]


@pytest.mark.parametrize("content", [b"", b" \n", b"two words", "naïve".encode(), b"a\x00b", b"x" * (FILE_BYTES + 1)])
async def test_a_file_without_a_key_is_named_and_never_quoted(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(VendorKeyMissing, match="K_FILE") as caught:
        await pool(At(), K_FILE=str(file)).credentials()
    assert "words" not in caught.value.sentence.replace("one word", "")
    assert caught.value.status == 503


async def test_a_file_that_is_not_there_is_named_and_looked_for_again(tmp_path: Path) -> None:
    clock = At()
    found = pool(clock, K_FILE=str(tmp_path / "key"))
    with pytest.raises(StorageFailed, match="cannot be read: No such file"):
        await found.credentials()
    (tmp_path / "key").write_text("late")
    with pytest.raises(StorageFailed):
        await found.credentials()
    clock.time += 31
    assert names(await found.credentials()) == ["K_FILE"]


async def test_one_bad_file_does_not_hide_the_good_key(tmp_path: Path) -> None:
    found = pool(At(), K_FILE=str(tmp_path / "none"), K_2="b")
    assert names(await found.credentials()) == ["K_2"]


@pytest.mark.parametrize("variable", ["K", "K_7"])
async def test_a_key_of_flocks_own_is_no_key_for_a_vendor(variable: str, tmp_path: Path) -> None:
    ours = "sk-orc-" + "a" * 12
    assert from_environment(("K",), {variable: ours}) == []
    (tmp_path / "key").write_text(ours)
    with pytest.raises(VendorKeyMissing, match="flock's own") as caught:
        await pool(At(), K_FILE=str(tmp_path / "key")).credentials()
    assert ours not in caught.value.sentence


async def test_stored_keys_are_read_at_the_first_request_and_not_before() -> None:
    secrets = Kept(**{"vendor:groq": "a", "vendor:groq:2": "b"})
    found = KeyPool("groq", "bearer", from_store("groq", 2, secrets), At())
    assert found.states() == found.states()
    assert secrets.reads == []
    assert names(await found.credentials()) == ["stored key 1", "stored key 2"]
    await found.credentials()
    assert secrets.reads == ["vendor:groq", "vendor:groq:2"]


async def test_locked_secrets_are_asked_again_as_soon_as_they_are_open() -> None:
    secrets = Kept(**{"vendor:groq": "a"})
    secrets.locked = True
    found = KeyPool("groq", "bearer", from_store("groq", 1, secrets), At())
    for _ in range(2):
        with pytest.raises(SecretsLocked):
            await found.credentials()
    secrets.locked = False
    assert names(await found.credentials()) == ["stored key 1"]


async def test_locked_secrets_do_not_hold_up_a_key_of_the_environment() -> None:
    secrets, clock = Kept(**{"vendor:groq": "a"}), At()
    secrets.locked = True
    sources = [*from_environment(("K",), {"K": "e"}), *from_store("groq", 1, secrets)]
    found = KeyPool("groq", "bearer", sources, clock)
    for _ in range(3):
        assert names(await found.credentials()) == ["K"]
    assert len(secrets.reads) == 1
    secrets.locked = False
    clock.time += 31
    assert sorted(names(await found.credentials())) == ["K", "stored key 1"]


async def test_a_stored_key_that_is_gone_is_missing_and_not_an_empty_header() -> None:
    with pytest.raises(VendorKeyMissing, match="stored key 1"):
        await KeyPool("groq", "bearer", from_store("groq", 1, Kept()), At()).credentials()


async def test_a_pool_without_sources_never_gives_an_empty_list() -> None:
    with pytest.raises(VendorKeyMissing, match="no key for the vendor groq"):
        await KeyPool("groq", "bearer", [], At()).credentials()


def test_a_source_does_not_show_its_way() -> None:
    (source,) = from_environment(("K",), {"K": "very-secret"})
    assert isinstance(source, Source)
    assert "very-secret" not in repr(source)
