"""The order of references, keyring and file; keyrings that hang; secrets that outlive a change of their place."""

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flock.contract.secrets import Secret
from flock.errors import Conflict, InvalidRequest, NotAllowed, SecretsLocked, StorageFailed
from flock.secrets.patience import within
from flock.secrets.vault import Vault
from tests.fakes.rings import Ring
from tests.unit.secrets.conftest import PHRASE, MakeVault

SINCE = "2026-11-21T12:00:00.000Z"
# what hangs, hangs for good: no test takes this long unless it has to
SOON = 0.05


async def test_without_a_keyring_secrets_lie_in_the_file(vault_over: MakeVault, path: Path) -> None:
    vault = vault_over()
    assert await vault.get("vendor:groq") == ""
    await vault.put("vendor:groq", "hunter2")
    assert await vault_over().get("vendor:groq") == "hunter2"
    assert await vault.names() == [Secret("vendor:groq", "file", SINCE)]
    where = await vault.where()
    assert (where.kind, where.backend, where.mode, where.in_file, where.in_keyring) == ("file", "", "0600", 1, 0)
    assert where.why_no_keyring == "there is none in the daemon's environment"
    assert where.path == str(path)
    await vault.delete("vendor:groq")
    await vault.delete("never there")
    assert await vault.names() == []


async def test_with_a_keyring_the_file_has_names_only(vault_over: MakeVault, ring: Ring, path: Path) -> None:
    vault = vault_over(ring)
    await vault.put("vendor:groq", "hunter2")
    assert ring.kept() == {f"flock {path.parent}/vendor:groq": "hunter2"}
    assert "hunter2" not in path.read_text()
    assert await vault_over(ring).get("vendor:groq") == "hunter2"
    assert await vault.names() == [Secret("vendor:groq", "keyring", SINCE)]
    where = await vault.where()
    assert (where.kind, where.backend, where.in_file, where.in_keyring) == ("keyring", "rings", 0, 1)
    await vault.delete("vendor:groq")
    assert ring.kept() == {}
    assert await vault_over(ring).get("vendor:groq") == ""


async def test_nothing_is_touched_before_a_secret_needs_it(vault_over: MakeVault, ring: Ring, path: Path) -> None:
    vault = vault_over(ring)
    await vault.get("vllm")
    await vault.names()
    assert not path.exists()
    assert ring.calls() == []


async def test_the_keyring_is_proved_once(vault_over: MakeVault, ring: Ring) -> None:
    vault = vault_over(ring)
    await asyncio.gather(*(vault.where() for _ in range(5)))
    assert ring.calls() == ["set", "get", "delete", "get"]


async def test_a_reference_comes_first(vault_over: MakeVault, ring: Ring, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from a file\n")
    vault = vault_over(ring, {"GROQ_API_KEY": "from outside", "FLOCK_SECRET_VLLM_FILE": str(tmp_path / "key")})
    for name in ("vendor:groq", "vllm"):
        await vault.put(name, "stored")
    assert await vault.get("vendor:groq") == "stored"
    assert await vault.get("vendor:groq", "GROQ_API_KEY") == "from outside"
    assert await vault.get("vllm") == "from a file"
    assert [(s.name, s.kind) for s in await vault.names()] == [("vendor:groq", "keyring"), ("vllm", "environment")]
    (tmp_path / "key").unlink()
    with pytest.raises(StorageFailed, match="FLOCK_SECRET_VLLM_FILE"):
        await vault.get("vllm")


async def test_the_keyring_can_be_left_alone(vault_over: MakeVault, ring: Ring) -> None:
    vault = vault_over(ring, {"FLOCK_SECRETS_BACKEND": "file"})
    await vault.put("vllm", "k")
    assert (await vault.where()).why_no_keyring == "FLOCK_SECRETS_BACKEND says file"
    assert ring.calls() == []


async def test_a_keyring_that_appears_finds_the_files_secrets_there(
    vault_over: MakeVault, ring: Ring, path: Path
) -> None:
    await vault_over().put("vllm", "k-1")
    await vault_over().put("other", "k-2")
    vault = vault_over(ring)
    assert await vault.get("vllm") == "k-1"
    await vault.put("vllm", "k-3")
    assert "k-1" not in path.read_text()
    assert await vault_over(ring).get("vllm") == "k-3"
    assert await vault_over(ring).get("other") == "k-2"
    assert [s.kind for s in await vault.names()] == ["file", "keyring"]


async def test_a_keyring_that_is_gone_loses_nothing(vault_over: MakeVault, ring: Ring) -> None:
    await vault_over(ring).put("vllm", "k-1")
    vault = vault_over()
    for act in (lambda: vault.get("vllm"), lambda: vault.delete("vllm")):
        with pytest.raises(StorageFailed, match="it lies in the keyring, which is not used") as caught:
            await act()
        assert "flock up" in caught.value.hint
    await vault.put("vllm", "k-2")
    assert await vault_over().get("vllm") == "k-2"
    back = vault_over(ring)
    assert await back.get("vllm") == "k-2", "what is in the file is the newer"
    await back.delete("vllm")
    assert ring.kept() == {}, "the older one went with it"


async def test_a_secret_that_the_keyring_lost_is_said(vault_over: MakeVault, ring: Ring) -> None:
    await vault_over(ring).put("vllm", "k-1")
    (ring.directory / "kept.json").unlink()
    with pytest.raises(StorageFailed, match='no longer has the secret "vllm"'):
        await vault_over(ring).get("vllm")


async def test_a_home_that_moved_still_finds_its_keyring(vault_over: MakeVault, ring: Ring, path: Path) -> None:
    await vault_over(ring).put("vllm", "k-1")
    plain = json.loads(path.read_text())
    plain["service"] = "flock /home/of/before"
    path.write_text(json.dumps(plain))
    kept = {key.replace(f"flock {path.parent}", "flock /home/of/before"): v for key, v in ring.kept().items()}
    (ring.directory / "kept.json").write_text(json.dumps(kept))
    vault = vault_over(ring)
    assert await vault.get("vllm") == "k-1"
    await vault.put("other", "k-2")
    assert set(ring.kept()) == {"flock /home/of/before/vllm", "flock /home/of/before/other"}


async def test_a_keyring_that_hangs_at_its_proof_is_left_for_the_file(vault_over: MakeVault, ring: Ring) -> None:
    ring.be("hangs")
    vault = vault_over(ring, limit=SOON)
    assert (await vault.where()).why_no_keyring.startswith(f"it did not answer within {SOON:g} s")
    ring.be("good")
    await vault_over().put("vllm", "k")
    assert (await vault.where()).kind == "file"
    assert ring.calls() == ["set"]


@pytest.mark.parametrize("verb", ["get", "put", "delete"])
async def test_a_keyring_that_hangs_later_fails_that_access_and_is_asked_no_more(
    verb: str, vault_over: MakeVault, ring: Ring, path: Path
) -> None:
    await vault_over(ring).put("vllm", "k-1")
    vault = vault_over(ring, limit=1.0)
    await vault.where()
    ring.be("hangs")
    acts: dict[str, Callable[[], Any]] = {
        "get": lambda: vault.get("vllm"),
        "put": lambda: vault.put("vllm", "k-2"),
        "delete": lambda: vault.delete("vllm"),
    }
    with pytest.raises(StorageFailed, match="it did not answer within 1 s") as caught:
        await acts[verb]()
    assert "unlock it" in caught.value.sentence
    assert caught.value.hint == "flock down && flock up"
    assert "k-2" not in caught.value.sentence
    ring.be("good")
    asked = ring.calls()
    with pytest.raises(StorageFailed):
        await vault.get("vllm")
    await vault.put("vllm", "k-3")
    assert await vault.get("vllm") == "k-3"
    assert "k-3" in path.read_text()
    assert (await vault.where()).kind == "file"
    assert ring.calls() == asked


async def test_many_who_wait_for_one_that_hangs_take_one_thread(vault_over: MakeVault, ring: Ring) -> None:
    first = vault_over(ring)
    for number in range(8):
        await first.put(f"vendor:{number}", "k")
    vault = vault_over(ring, limit=1.0)
    await vault.where()
    ring.be("hangs")
    asked = len(ring.calls())
    outcomes = await asyncio.gather(*(vault.get(f"vendor:{n}") for n in range(8)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {StorageFailed}
    assert len(ring.calls()) == asked + 1


@pytest.mark.parametrize("mood", ["raises", "loses", "lies", "sticks", "exits"])
async def test_a_keyring_that_fails_the_proof_gets_no_secret(mood: str, vault_over: MakeVault, ring: Ring) -> None:
    ring.be(mood)
    vault = vault_over(ring)
    await vault.put("vllm", "hunter2")
    assert await vault_over().get("vllm") == "hunter2"
    assert "hunter2" not in json.dumps(ring.kept())
    assert (await vault.where()).why_no_keyring


async def test_a_keyring_that_fails_later_leaves_what_was(vault_over: MakeVault, ring: Ring) -> None:
    vault = vault_over(ring)
    await vault.put("vllm", "k-1")
    ring.be("raises")
    with pytest.raises(StorageFailed) as caught:
        await vault.put("vllm", "k-2")
    assert "k-2" not in caught.value.sentence
    ring.be("good")
    assert await vault.get("vllm") == "k-1"


async def test_what_has_been_read_needs_no_store_any_more(vault_over: MakeVault, ring: Ring) -> None:
    vault = vault_over(ring)
    await vault.put("vllm", "k-1")
    assert await vault.get("vllm") == "k-1"
    asked = ring.calls()
    assert await vault.get("vllm") == "k-1"
    assert ring.calls() == asked
    await vault.put("vllm", "k-2")
    assert await vault.get("vllm") == "k-2"
    await vault.delete("vllm")
    assert await vault.get("vllm") == ""


async def test_puts_and_gets_at_the_same_time(vault_over: MakeVault, ring: Ring) -> None:
    for vault in (vault_over(), vault_over(ring)):

        async def both(number: int, vault: Vault = vault) -> str:
            await vault.put(f"vendor:{number % 5}", str(number))
            return await vault.get(f"vendor:{number % 5}")

        seen = await asyncio.gather(*(both(number) for number in range(30)))
        assert all(int(value) % 5 == number % 5 for number, value in enumerate(seen))
        last = {f"vendor:{n}": str(25 + n) for n in range(5)}
        assert {name: await vault.get(name) for name in last} == last


async def test_locking(vault_over: MakeVault, path: Path) -> None:
    vault = vault_over()
    await vault.put("vllm", "hunter2")
    await vault.lock(PHRASE)
    where = await vault.where()
    assert (where.kind, where.encrypted, where.locked) == ("locked file", True, False)
    assert await vault.get("vllm") == "hunter2"
    assert [s.kind for s in await vault.names()] == ["locked file"]

    vault = vault_over()
    with pytest.raises(SecretsLocked):
        await vault.get("vllm")
    with pytest.raises(SecretsLocked):
        await vault.put("other", "k")
    assert [s.name for s in await vault.names()] == ["vllm"]
    with pytest.raises(NotAllowed):
        await vault.unlock("incorrect horse")
    await vault.unlock(PHRASE)
    assert await vault.get("vllm") == "hunter2"
    await vault.lock("")
    with pytest.raises(SecretsLocked):
        await vault.get("vllm")
    await vault.unlock(PHRASE, for_good=True)
    assert await vault_over().get("vllm") == "hunter2"
    with pytest.raises(InvalidRequest):
        await vault.lock("")


async def test_locking_says_when_the_keyring_does_it(vault_over: MakeVault, ring: Ring) -> None:
    vault = vault_over(ring)
    await vault.put("vllm", "k")
    with pytest.raises(Conflict, match="protects the secrets already"):
        await vault.lock(PHRASE)
    assert not (await vault.where()).encrypted


async def test_locking_encrypts_what_the_keyring_does_not_have(vault_over: MakeVault, ring: Ring, path: Path) -> None:
    await vault_over().put("old", "hunter2")
    vault = vault_over(ring)
    await vault.put("new", "k")
    await vault.lock(PHRASE)
    assert "hunter2" not in path.read_text()
    again = vault_over(ring)
    assert await again.get("new") == "k", "what the keyring has needs no passphrase"
    with pytest.raises(SecretsLocked):
        await again.get("old")
    await again.put("old", "k-2")
    assert await again.get("old") == "k-2", "it is in the keyring now"


async def test_a_reference_needs_no_passphrase(vault_over: MakeVault) -> None:
    vault = vault_over(None, {"FLOCK_SECRET_VLLM": "from outside"})
    await vault.put("vllm", "stored")
    await vault.lock(PHRASE)
    await vault.lock("")
    assert await vault.get("vllm") == "from outside"


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a b", "x" * 201, "a\n", "é"])
async def test_what_is_no_name(name: str, vault_over: MakeVault) -> None:
    vault = vault_over()
    with pytest.raises(InvalidRequest):
        await vault.put(name, "k")
    with pytest.raises(InvalidRequest):
        await vault.get(name)


@pytest.mark.parametrize("value", ["", " \n", "a\0b", "x" * 70_000])
async def test_what_is_no_secret(value: str, vault_over: MakeVault) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await vault_over().put("vllm", value)
    assert "xxx" not in caught.value.sentence


async def test_a_thread_that_ends_the_process_or_a_generator_does_neither() -> None:
    def leave() -> None:
        raise SystemExit(3)

    def stop() -> None:
        raise StopIteration

    for work in (leave, stop):
        with pytest.raises(RuntimeError):
            await within(None, work, "test")


def test_a_loop_ends_while_a_thread_hangs() -> None:
    go, gone = threading.Event(), threading.Event()

    def work() -> None:
        go.wait()
        gone.set()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await within(SOON, work, "test")

    asyncio.run(main())
    go.set()
    assert gone.wait(10)
