"""Files that are not taken: wrong bytes, no leave, no room, links that lead elsewhere; and those that are here."""

import contextlib
import hashlib
import json
import os
import resource
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flock.contract.hub import HubFile
from flock.errors import FlockError, InvalidRequest, NotAllowed, NotFound, StorageFailed, UpstreamError
from flock.models.records import part_record_path, record_path
from flock.models.repository import Repository
from flock.models.wanted import Wanted, of_hub, of_url
from tests.fakes.hub import GOOD, STRANGER
from tests.fakes.hub_process import FakeHub
from tests.unit.models.fetching import DATA, FILE, REPO, SIZE, Heard, fetcher, left, wanted

PLACE = f"hub/ada--Tiny-GGUF/{FILE}"
AGAIN = "flock model add hf:ada/Tiny-GGUF"


async def test_wrong_bytes_go_to_quarantine_and_are_fetched_anew(hub: FakeHub, tmp_path: Path) -> None:
    files, fetch = wanted(tmp_path), fetcher(hub, tmp_path)
    hub.arm("wrong")
    with pytest.raises(UpstreamError) as raised:
        await fetch.fetch(files, Heard(), AGAIN)
    got = hashlib.sha256(bytes(byte ^ 1 for byte in DATA)).hexdigest()
    assert raised.value.details == {"expected": files[0].sha256, "got": got}
    assert files[0].sha256 in raised.value.sentence
    assert got in raised.value.sentence
    assert raised.value.hint == AGAIN
    assert left(tmp_path) == {f"quarantine/{FILE}.{got[:12]}"}
    (kept,) = await fetch.files({})
    assert (kept.state, kept.source, kept.size_bytes) == ("quarantined", f"hf:{REPO}:{FILE}", SIZE)
    assert (await fetch.fetch(files, Heard()))[0].read_bytes() == DATA
    assert (await fetch.prune({}, delete=True, partial=True)).freed_bytes == 2 * SIZE
    assert left(tmp_path) == set()


async def test_the_checksum_a_user_gives_is_held_against_a_url(hub: FakeHub, tmp_path: Path) -> None:
    url, fetch = f"{hub.url}/files/{REPO}/{FILE}", fetcher(hub, tmp_path)
    with pytest.raises(UpstreamError) as raised:
        await fetch.fetch([of_url(fetch.root, url, "0" * 64)], Heard(), AGAIN)
    assert "0" * 64 in raised.value.sentence
    good = of_url(fetch.root, url, hashlib.sha256(DATA).hexdigest())
    assert (await fetch.fetch([good], Heard()))[0].read_bytes() == DATA


async def test_a_file_of_another_size_than_was_said_is_not_begun(hub: FakeHub, tmp_path: Path) -> None:
    (file,) = wanted(tmp_path)
    with pytest.raises(UpstreamError) as raised:
        await fetcher(hub, tmp_path).fetch([replace(file, size=SIZE + 1)], Heard(), AGAIN)
    assert raised.value.sentence == f"{FILE} has 600,000 bytes at 127.0.0.1 and should have 600,001"


@pytest.mark.parametrize("token", ["", STRANGER])
async def test_a_gated_file_says_where_its_terms_are_and_where_the_token_goes(
    hub: FakeHub, tmp_path: Path, token: str
) -> None:
    hub.put(REPO, {}, gated="manual")
    more = {"HF_TOKEN": token} if token else {}
    files = wanted(tmp_path)
    with pytest.raises(NotAllowed) as raised:
        await fetcher(hub, tmp_path, **more).fetch(files, Heard())
    assert raised.value.sentence.startswith(f"{REPO} is gated")
    assert f"accept the terms at {hub.url}/{REPO}" in raised.value.hint
    assert ("HF_TOKEN" in raised.value.hint) != bool(token)
    assert STRANGER not in repr(raised.value.to_plain())
    assert (await fetcher(hub, tmp_path, HF_TOKEN=GOOD).fetch(files, Heard()))[0].read_bytes() == DATA


async def test_a_token_is_found_where_the_hubs_own_tools_keep_it(hub: FakeHub, tmp_path: Path) -> None:
    hub.put(REPO, {}, gated="auto")
    (tmp_path / "hf").mkdir()
    (tmp_path / "hf/token").write_text(GOOD)
    assert (await fetcher(hub, tmp_path).fetch(wanted(tmp_path), Heard()))[0].read_bytes() == DATA


async def test_what_is_not_there_any_more_is_named(hub: FakeHub, tmp_path: Path) -> None:
    (file,) = wanted(tmp_path)
    gone = replace(file, path="Tiny-Q9.gguf")
    with pytest.raises(NotFound) as raised:
        await fetcher(hub, tmp_path).fetch([gone], Heard())
    assert raised.value.sentence == f"Tiny-Q9.gguf is not there: {REPO} on the hub answers HTTP 404"
    url = of_url(tmp_path / "models", f"{hub.url}/files/{REPO}/no.gguf")
    with pytest.raises(NotFound) as raised:
        await fetcher(hub, tmp_path).fetch([url], Heard(), AGAIN)
    assert raised.value.sentence == "no.gguf is not there: 127.0.0.1 answers HTTP 404"


async def test_what_would_not_fit_is_not_begun(hub: FakeHub, tmp_path: Path) -> None:
    (file,) = wanted(tmp_path)
    before = len(hub.seen())
    with pytest.raises(StorageFailed) as raised:
        await fetcher(hub, tmp_path).fetch([replace(file, size=10**18)], Heard())
    assert raised.value.sentence.startswith("1000000.0 TB are still to be fetched and ")
    assert f"free at {tmp_path / 'models'}" in raised.value.sentence
    assert raised.value.details["needed"] == 10**18
    assert len(hub.seen()) == before


@contextlib.contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Let no file of this process and its children grow beyond a size: to who writes it is a full disk (EFBIG)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_disk_that_becomes_full_keeps_what_came(hub: FakeHub, tmp_path: Path) -> None:
    files, fetch = wanted(tmp_path), fetcher(hub, tmp_path)
    with files_up_to(SIZE // 2), pytest.raises(StorageFailed) as raised:
        await fetch.fetch(files, Heard())
    assert raised.value.sentence.startswith(f"the disk became full while {tmp_path / 'models' / PLACE} was fetched")
    assert raised.value.hint == f"df -h {tmp_path}/models/hub/ada--Tiny-GGUF"
    assert left(tmp_path) == {PLACE + ".part"}
    assert (await fetch.fetch(files, Heard()))[0].read_bytes() == DATA
    assert hub.contents()[-1][0] == f"bytes={SIZE // 2}-"


async def test_a_models_directory_that_is_none_is_named(hub: FakeHub, tmp_path: Path) -> None:
    files = wanted(tmp_path)
    (tmp_path / "models").write_text("a file")
    with pytest.raises(StorageFailed) as raised:
        await fetcher(hub, tmp_path).fetch(files, Heard())
    assert f"{tmp_path / 'models'} cannot be written" in raised.value.sentence


@pytest.mark.skipif(os.getuid() == 0, reason="nothing is shut to root")
async def test_a_models_directory_that_is_shut_is_named(hub: FakeHub, tmp_path: Path) -> None:
    files = wanted(tmp_path)
    (tmp_path / "models").mkdir(mode=0o500)
    with pytest.raises(StorageFailed) as raised:
        await fetcher(hub, tmp_path).fetch(files, Heard())
    assert "permission denied" in raised.value.sentence


async def test_nothing_is_written_through_a_link(hub: FakeHub, tmp_path: Path) -> None:
    files, fetch = wanted(tmp_path), fetcher(hub, tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "models/hub").mkdir(parents=True)
    (tmp_path / "models/hub/ada--Tiny-GGUF").symlink_to(elsewhere)
    with pytest.raises(StorageFailed) as raised:
        await fetch.fetch(files, Heard())
    assert f"ada--Tiny-GGUF is a link that leads to {elsewhere}" in raised.value.sentence
    (tmp_path / "models/hub/ada--Tiny-GGUF").unlink()
    (tmp_path / "models/hub/ada--Tiny-GGUF").mkdir()
    (tmp_path / "models" / (PLACE + ".part")).symlink_to(elsewhere / "victim")
    with pytest.raises(StorageFailed) as raised:
        await fetch.fetch(files, Heard())
    assert f"{PLACE}.part is a link" in raised.value.sentence
    assert list(elsewhere.iterdir()) == []


async def test_the_place_of_all_files_may_be_on_another_disk(hub: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "models").mkdir()
    (tmp_path / "models/hub").symlink_to(tmp_path / "disk")
    fetch = fetcher(hub, tmp_path)
    (path,) = await fetch.fetch(wanted(tmp_path), Heard())
    assert (tmp_path / "disk/ada--Tiny-GGUF" / FILE).read_bytes() == DATA
    assert [file.path for file in await fetch.files({})] == [str(path)]
    assert (await fetch.prune({}, delete=True, partial=False)).freed_bytes == SIZE
    assert not path.exists()


@pytest.mark.parametrize("record", [b"", b"{", b"[" * 100_000, b"[]", b'{"sha256": 5}', b"\xff"])
async def test_a_damaged_record_is_found_out_anew(hub: FakeHub, tmp_path: Path, record: bytes) -> None:
    files, fetch = wanted(tmp_path), fetcher(hub, tmp_path)
    (path,) = await fetch.fetch(files, Heard())
    known = len(hub.contents())
    record_path(path).write_bytes(record)
    assert [file.state for file in await fetch.files({})] == ["whole"]
    assert await fetch.fetch(files, Heard()) == [path]
    assert len(hub.contents()) == known
    assert (await fetch.files({}))[0].source == f"hf:{REPO}:{FILE}"


async def test_a_file_that_was_changed_is_fetched_again(hub: FakeHub, tmp_path: Path) -> None:
    files, fetch = wanted(tmp_path), fetcher(hub, tmp_path)
    (path,) = await fetch.fetch(files, Heard())
    for spoilt in (DATA[:-1], bytes(SIZE)):
        path.write_bytes(spoilt)
        assert (await fetch.fetch(files, Heard()))[0].read_bytes() == DATA
    path.touch()  # only its time: its checksum says that it is the same
    known = len(hub.contents())
    assert (await fetch.fetch(files, Heard()))[0].read_bytes() == DATA
    assert len(hub.contents()) == known


async def test_a_newer_commit_does_not_go_on_with_an_older_part(hub: FakeHub, tmp_path: Path) -> None:
    (file,) = wanted(tmp_path)
    part = file.target.with_name(FILE + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"\0" * 1000)
    part_record_path(file.target).write_text(json.dumps({"source": file.source, "wanted": "1" * 64}))
    (path,) = await fetcher(hub, tmp_path).fetch([file], Heard())
    assert path.read_bytes() == DATA
    assert hub.contents() == [("", 200, SIZE)]


def in_the_hubs_cache(place: Path, file: Wanted) -> Path:
    """Put a file where Hugging Face's own tools keep it; return the blob."""
    top = place / "hf/hub/models--ada--Tiny-GGUF"
    blob = top / "blobs" / file.sha256
    blob.parent.mkdir(parents=True)
    blob.write_bytes(DATA)
    snapshot = top / "snapshots" / file.revision / file.path
    snapshot.parent.mkdir(parents=True)
    snapshot.symlink_to(os.path.relpath(blob, snapshot.parent))
    return blob


@pytest.mark.parametrize("same", [True, False], ids=["this commit", "another commit"])
async def test_what_other_tools_fetched_is_used_where_it_lies(hub: FakeHub, tmp_path: Path, same: bool) -> None:
    (file,) = wanted(tmp_path)
    blob = in_the_hubs_cache(tmp_path, file if same else replace(file, revision="0" * 40))
    fetch = fetcher(hub, tmp_path)
    assert await fetch.present_bytes([file]) == SIZE
    (path,) = await fetch.fetch([file], Heard())
    assert path.resolve() == blob
    assert hub.contents() == []
    assert await fetch.fetch([file], Heard()) == [path]
    assert await fetch.files({}) == []
    assert (await fetch.prune({}, delete=True, partial=True)).files == ()
    assert blob.read_bytes() == path.read_bytes() == DATA
    blob.unlink()  # its own tool has deleted it: it is fetched
    assert (await fetch.fetch([file], Heard()))[0].read_bytes() == DATA
    assert not path.is_symlink()


@pytest.mark.parametrize(
    "path", ["../x.gguf", "/etc/x.gguf", "a/../../x.gguf", "a\\b.gguf", "x.part", ".x.fetched.json"]
)
def test_names_that_lead_out_or_are_flocks_own_are_refused(path: str) -> None:
    found = Repository("ada/x", "main", "", gated=False, files=())
    with pytest.raises(InvalidRequest):
        of_hub(Path("/models"), found, [HubFile(path, 1)])


@pytest.mark.parametrize("url", ["ftp://h/x.gguf", "https:///x.gguf", "https://ada:secret@h/x.gguf", "https://h/"])
def test_urls_that_name_no_file_are_refused(url: str) -> None:
    with pytest.raises(FlockError) as raised:
        of_url(Path("/models"), url)
    assert "secret" not in raised.value.sentence


def test_two_urls_never_share_a_place() -> None:
    one, two = (of_url(Path("/m"), f"https://h/{where}/model.gguf") for where in ("a", "b"))
    assert one.target != two.target
    assert one.name == two.name == "model.gguf"
    assert of_url(Path("/m"), "https://h/a/model.gguf?sig=1").target == one.target
