"""Asking the hub: what it has, what a repository holds, and what it says when it cannot or will not."""

from pathlib import Path

import pytest

from flock.errors import FlockError, NotAllowed, NotFound, SourceUnreachable
from flock.models.hub import Hub
from tests.fakes.hub import GOOD
from tests.fakes.hub_process import FakeHub
from tests.running import free_port
from tests.unit.models.fetching import FILE, REPO, SIZE, environment


def asker(hub: FakeHub, place: Path, **more: str) -> Hub:
    return Hub(hub.url, environment(place, **more))


async def test_a_search_gives_the_most_downloaded_first(hub: FakeHub, tmp_path: Path) -> None:
    hub.put("bob/Tiny-GGUF", {"a.gguf": b"x"}, downloads=9000, gated="auto", tags=["gguf"])
    hub.put("bob/Other", {"a.gguf": b"x"})
    found = await asker(hub, tmp_path).search(["tiny", "gguf"])
    assert [(m.repo, m.downloads, m.gated) for m in found] == [("bob/Tiny-GGUF", 9000, True), (REPO, 7, False)]
    assert found[0].tags == ("gguf",)
    assert found[0].updated == "2026-10-01T12:00:00Z"
    assert [m.repo for m in await asker(hub, tmp_path).search(["tiny"], limit=1)] == ["bob/Tiny-GGUF"]
    assert await asker(hub, tmp_path).search(["nothing-of-the-kind"]) == []


async def test_a_repository_tells_files_sizes_checksums_and_licence(hub: FakeHub, tmp_path: Path) -> None:
    header = {"total": 494_032_768, "architecture": "qwen2", "context_length": 32768}
    hub.put(REPO, {"README.md": b"# Tiny"}, license="apache-2.0", gguf=header, pipeline_tag="text-generation")
    found = await asker(hub, tmp_path).repository(REPO)
    assert (found.repo, found.license, found.gated, found.task) == (REPO, "apache-2.0", False, "text-generation")
    assert (found.architecture, found.context, found.parameters) == ("qwen2", 32768, 494_032_768)
    assert len(found.revision) == 40
    files = {file.path: (file.size_bytes, len(file.sha256)) for file in found.files}
    assert files == {"README.md": (6, 0), FILE: (SIZE, 64), "config.json": (23, 0)}


async def test_a_licence_of_its_own_has_its_name(hub: FakeHub, tmp_path: Path) -> None:
    hub.put(REPO, {}, license="other", cardData={"license": "other", "license_name": "tiny-research"})
    assert (await asker(hub, tmp_path).repository(REPO)).license == "tiny-research"


async def test_a_repository_that_is_not_there_names_those_like_it(hub: FakeHub, tmp_path: Path) -> None:
    hub.put("bob/Tiny-Chat", {"a.gguf": b"x"})
    with pytest.raises(NotFound) as raised:
        await asker(hub, tmp_path).repository("ada/Tiny-GUF")
    assert raised.value.sentence.startswith("there is no repository ada/Tiny-GUF on the hub")
    assert raised.value.details["nearest"][0] == REPO
    assert raised.value.hint == f"flock hub show {REPO}"
    with pytest.raises(NotFound) as raised:
        await asker(hub, tmp_path).repository("bob/Tny-Chat")  # the slip is in the first word: what else bob has
    assert raised.value.hint == "flock hub show bob/Tiny-Chat"
    with pytest.raises(NotFound) as raised:
        await asker(hub, tmp_path).repository("nobody/nothing")
    assert raised.value.details == {"nearest": []}
    assert raised.value.hint == "flock hub search nothing"


async def test_terms_that_hide_a_repository_say_how_to_accept_them(hub: FakeHub, tmp_path: Path) -> None:
    hub.put("ada/Closed", {"a.gguf": b"x"}, gated="manual", hidden=True)
    with pytest.raises(NotAllowed) as raised:
        await asker(hub, tmp_path).repository("ada/Closed")
    assert f"accept the terms at {hub.url}/ada/Closed" in raised.value.hint
    assert (await asker(hub, tmp_path, HF_TOKEN=GOOD).repository("ada/Closed")).gated


@pytest.mark.parametrize(
    ("fault", "after", "words"),
    [
        ("limit", 55, "127.0.0.1 has had too many requests from here and may be asked again in 55.0 s"),
        ("fails", 0, "127.0.0.1 fails with HTTP 500"),
    ],
)
async def test_a_hub_that_cannot_now_says_so_at_once(
    hub: FakeHub, tmp_path: Path, fault: str, after: int, words: str
) -> None:
    for call in ("search", "repository"):
        hub.arm(fault, after=after)
        with pytest.raises(SourceUnreachable) as raised:
            await (asker(hub, tmp_path).search(["x"]) if call == "search" else asker(hub, tmp_path).repository(REPO))
        assert raised.value.sentence == words
        assert raised.value.hint == ("flock hub search x" if call == "search" else f"flock hub show {REPO}")


async def test_without_a_network_host_and_cause_are_named(tmp_path: Path) -> None:
    nobody = Hub(f"http://127.0.0.1:{free_port()}", environment(tmp_path))
    with pytest.raises(SourceUnreachable) as raised:
        await nobody.repository(REPO)
    assert raised.value.sentence == "127.0.0.1 does not answer: connection refused"


async def test_what_answers_and_is_no_hub_is_no_traceback(hub: FakeHub, tmp_path: Path) -> None:
    with pytest.raises(FlockError) as raised:
        await Hub(f"{hub.url}/seen", environment(tmp_path)).repository(REPO)
    assert "Traceback" not in raised.value.sentence


async def test_offline_by_the_users_wish_is_said(hub: FakeHub, tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable) as raised:
        await asker(hub, tmp_path, HF_HUB_OFFLINE="1").repository(REPO)
    assert "HF_HUB_OFFLINE" in raised.value.sentence
