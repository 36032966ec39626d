"""Fetching a file whole: from the hub and from URLs, resumed after every kind of break, shared by who wants it."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from flock.errors import FlockError, InternalError, SourceUnreachable
from flock.models.fetch import Patience
from flock.models.records import record_path
from flock.models.wanted import of_url
from tests.fakes.hub import GOOD
from tests.fakes.hub_process import FakeHub
from tests.running import free_port
from tests.unit.models.fetching import (
    DATA,
    FILE,
    REPO,
    SIZE,
    Heard,
    children,
    fetcher,
    left,
    until,
    wanted,
)

HALF = SIZE // 2
PLACE = f"hub/ada--Tiny-GGUF/{FILE}"


async def test_a_file_of_the_hub_comes_whole_and_is_not_fetched_again(hub: FakeHub, tmp_path: Path) -> None:
    heard, fetch = Heard(), fetcher(hub, tmp_path, HF_TOKEN=GOOD)
    files = wanted(tmp_path, FILE, "config.json")
    model, config = await fetch.fetch(files, heard)
    assert model == tmp_path / "models" / PLACE
    assert model.read_bytes() == DATA
    assert config.read_bytes() == b'{"model_type": "llama"}'
    assert left(tmp_path) == {PLACE, "hub/ada--Tiny-GGUF/config.json"}
    progress, message, done, total = heard.lines[-1]
    assert (progress, done, total) == (1.0, SIZE + 23, SIZE + 23)
    assert message == "fetching config.json (2 of 2)"
    # the CDN is somebody else's: the token stays with the hub
    assert {row["token"] for row in hub.seen("/resolve/")} == {True}
    assert {row["token"] for row in hub.seen("/cdn/")} == {False}
    before = len(hub.seen())
    assert await fetch.fetch(files, heard) == [model, config]
    assert len(hub.seen()) == before


async def test_it_is_written_down_where_a_file_came_from(hub: FakeHub, tmp_path: Path) -> None:
    (file,) = wanted(tmp_path)
    (path,) = await fetcher(hub, tmp_path).fetch([file], Heard())
    record = json.loads(record_path(path).read_text())
    assert (record["source"], record["sha256"], record["size"]) == (f"hf:{REPO}:{FILE}", file.sha256, SIZE)
    assert record["revision"] == file.revision
    assert record["at"] > 0


@pytest.mark.parametrize("after", [0, 1, HALF, SIZE - 1])
async def test_a_connection_that_breaks_is_gone_on_with(hub: FakeHub, tmp_path: Path, after: int) -> None:
    hub.arm("cut", after=after)
    (path,) = await fetcher(hub, tmp_path).fetch(wanted(tmp_path), Heard())
    assert path.read_bytes() == DATA
    (_, _, first), (asked, status, rest) = hub.contents()
    assert first + rest == SIZE
    assert (asked, status) == ((f"bytes={first}-", 206) if first else ("", 200))


async def test_a_line_that_always_breaks_gets_there_as_long_as_bytes_come(hub: FakeHub, tmp_path: Path) -> None:
    hub.arm("cut", after=SIZE // 6, times=100)
    (path,) = await fetcher(hub, tmp_path).fetch(wanted(tmp_path), Heard())
    assert path.read_bytes() == DATA
    assert len(hub.contents()) == 6


async def test_a_source_that_fails_for_good_is_named_and_what_came_stays(hub: FakeHub, tmp_path: Path) -> None:
    files, fetch = wanted(tmp_path), fetcher(hub, tmp_path)
    hub.arm("cut", after=HALF)
    await _killed_at_half(hub, tmp_path)
    hub.arm("fails", times=3)
    with pytest.raises(SourceUnreachable) as raised:
        await fetch.fetch(files, Heard(), again="flock model add hf:ada/Tiny-GGUF")
    assert "127.0.0.1 does not answer: HTTP 500; " in raised.value.sentence
    assert "are here, and the same command goes on" in raised.value.sentence
    assert raised.value.hint == "flock model add hf:ada/Tiny-GGUF"
    assert left(tmp_path) == {PLACE + ".part"}
    assert (await fetch.fetch(files, Heard()))[0].read_bytes() == DATA


async def _killed_at_half(hub: FakeHub, tmp_path: Path) -> int:
    """Begin a download, kill its process in the middle with no chance to say a word; return how much is there."""
    hub.arm("hold", after=HALF)
    heard = Heard()
    running = asyncio.create_task(fetcher(hub, tmp_path).fetch(wanted(tmp_path), heard))
    part = tmp_path / "models" / (PLACE + ".part")
    await until(lambda: part.exists() and part.stat().st_size >= HALF, "half of it")
    (child,) = children()
    child.kill()
    with pytest.raises(InternalError) as raised:
        await running
    assert "what is there stays" in raised.value.sentence
    hub.release()
    return part.stat().st_size


async def test_a_killed_download_asks_only_for_the_rest(hub: FakeHub, tmp_path: Path) -> None:
    there = await _killed_at_half(hub, tmp_path)
    assert left(tmp_path) == {PLACE + ".part"}
    (path,) = await fetcher(hub, tmp_path).fetch(wanted(tmp_path), Heard())
    assert path.read_bytes() == DATA
    assert hub.contents()[1:] == [(f"bytes={there}-", 206, SIZE - there)]
    assert left(tmp_path) == {PLACE}


async def test_a_cancelled_download_ends_its_process_and_goes_on_later(hub: FakeHub, tmp_path: Path) -> None:
    hub.arm("hold", after=HALF)
    fetch, heard, files = fetcher(hub, tmp_path), Heard(), wanted(tmp_path)
    running = asyncio.create_task(fetch.fetch(files, heard))
    part = tmp_path / "models" / (PLACE + ".part")
    await until(lambda: part.exists() and part.stat().st_size >= HALF, "half of it")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert children() == []
    hub.release()
    there = part.stat().st_size
    assert (await fetch.fetch(files, heard))[0].read_bytes() == DATA
    assert hub.contents()[1] == (f"bytes={there}-", 206, SIZE - there)


async def test_two_that_want_one_file_share_a_download(hub: FakeHub, tmp_path: Path) -> None:
    hub.arm("hold", after=HALF)
    fetch, files = fetcher(hub, tmp_path), wanted(tmp_path)
    one, two = Heard(), Heard()
    both = [asyncio.create_task(fetch.fetch(files, heard)) for heard in (one, two)]
    await until(lambda: two.done() >= HALF - 70_000 or two.lines, "the second one hears of it")
    hub.release()
    assert await asyncio.gather(*both) == [[tmp_path / "models" / PLACE]] * 2
    assert len(hub.contents()) == 1
    assert two.lines[-1][2:] == (SIZE, SIZE)


async def test_when_the_first_of_two_leaves_the_other_goes_on_from_there(hub: FakeHub, tmp_path: Path) -> None:
    hub.arm("hold", after=HALF)
    fetch, files = fetcher(hub, tmp_path), wanted(tmp_path)
    first = asyncio.create_task(fetch.fetch(files, Heard()))
    part = tmp_path / "models" / (PLACE + ".part")
    await until(lambda: part.exists() and part.stat().st_size >= HALF, "half of it")
    second = asyncio.create_task(fetch.fetch(files, Heard()))
    await asyncio.sleep(0)
    first.cancel()
    hub.release()
    assert (await second)[0].read_bytes() == DATA
    asked = [words for words, _, _ in hub.contents()]
    assert asked[0] == ""
    assert all(words.startswith("bytes=") for words in asked[1:])
    await asyncio.gather(first, return_exceptions=True)


async def test_another_process_that_fetches_the_same_is_waited_for(hub: FakeHub, tmp_path: Path) -> None:
    hub.arm("hold", after=HALF)
    files, heard = wanted(tmp_path), Heard()
    part = tmp_path / "models" / (PLACE + ".part")
    first = asyncio.create_task(fetcher(hub, tmp_path).fetch(files, Heard()))
    await until(lambda: part.exists() and part.stat().st_size >= HALF, "half of it")
    second = asyncio.create_task(fetcher(hub, tmp_path).fetch(files, heard))
    await until(lambda: any("waiting for another process" in line[1] for line in heard.lines), "the second one waits")
    hub.release()
    assert await first == await second
    assert len(hub.contents()) == 1
    assert left(tmp_path) == {PLACE}


async def test_a_url_is_fetched_and_resumed_and_its_query_is_kept_nowhere(hub: FakeHub, tmp_path: Path) -> None:
    url = f"{hub.url}/files/{REPO}/{FILE}?token=very-secret"
    file = of_url(tmp_path / "models", url)
    hub.arm("cut", after=HALF)
    heard = Heard()
    (path,) = await fetcher(hub, tmp_path).fetch([file], heard)
    assert path.name == FILE
    assert path.read_bytes() == DATA
    assert [status for _, status, _ in hub.contents()] == [200, 206]
    assert heard.lines[-1][2:] == (SIZE, SIZE)
    texts = [p.read_text() for p in (tmp_path / "models").rglob(".*.json")]
    assert len(texts) == 1
    assert "very-secret" not in texts[0]


@pytest.mark.parametrize("fault", ["whole", "changed"])
async def test_a_url_that_cannot_be_gone_on_with_is_fetched_anew(hub: FakeHub, tmp_path: Path, fault: str) -> None:
    """A server that knows no Range, and one that has another file by now: never a file of two halves."""
    file, fetch = of_url(tmp_path / "models", f"{hub.url}/files/{REPO}/{FILE}"), fetcher(hub, tmp_path)
    hub.arm("hold", after=HALF)
    running = asyncio.create_task(fetch.fetch([file], Heard()))
    part = file.target.with_name(FILE + ".part")
    await until(lambda: part.exists() and part.stat().st_size >= HALF, "half of it")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    hub.release()
    hub.arm(fault)
    (path,) = await fetch.fetch([file], Heard())
    expected = DATA if fault == "whole" else bytes(byte ^ 1 for byte in DATA)
    assert path.read_bytes() == expected
    assert hub.contents()[1][1:] == (200, SIZE)


async def test_a_url_that_was_whole_but_for_its_name_is_not_fetched_again(hub: FakeHub, tmp_path: Path) -> None:
    file, fetch = of_url(tmp_path / "models", f"{hub.url}/files/{REPO}/{FILE}"), fetcher(hub, tmp_path)
    hub.arm("cut", after=HALF)
    await fetch.fetch([file], Heard())
    known = len(hub.contents())
    part = file.target.with_name(FILE + ".part")
    # as a process leaves it that is killed between the last byte and the rename
    file.target.rename(part)
    record = record_path(file.target)
    facts = {"source": file.source, "revision": "main", "wanted": "", "etag": '"x"', "total": SIZE}
    record.with_name(f".{FILE}.part.json").write_text(json.dumps(facts))
    record.unlink()
    assert (await fetch.fetch([file], Heard()))[0].read_bytes() == DATA
    assert len(hub.contents()) == known


async def test_a_limit_of_requests_is_waited_for_when_it_is_short(hub: FakeHub, tmp_path: Path) -> None:
    files, fetch = wanted(tmp_path), fetcher(hub, tmp_path)
    hub.arm("limit", after=0)
    assert (await fetch.fetch(files, Heard()))[0].read_bytes() == DATA


async def test_a_long_limit_of_requests_says_when(hub: FakeHub, tmp_path: Path) -> None:
    files, fetch = wanted(tmp_path), fetcher(hub, tmp_path)
    hub.arm("limit", after=240)
    with pytest.raises(SourceUnreachable) as raised:
        await fetch.fetch(files, Heard())
    assert "too many requests from here and may be asked again in 4 m 0 s" in raised.value.sentence
    assert raised.value.details == {"retry_after": 240}


async def test_a_host_that_falls_silent_is_given_up(hub: FakeHub, tmp_path: Path) -> None:
    files = wanted(tmp_path)
    hub.arm("hold", after=HALF, times=9)
    with pytest.raises(FlockError) as raised:
        await fetcher(hub, tmp_path, Patience(tries=1, pause=0.0, silence=0.2)).fetch(files, Heard())
    assert raised.value.code == "source_unreachable"
    assert "it fell silent" in raised.value.sentence
    hub.release()


async def test_without_a_network_the_host_and_the_cause_are_named(hub: FakeHub, tmp_path: Path) -> None:
    nobody = replace(hub, url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(SourceUnreachable) as raised:
        await fetcher(nobody, tmp_path).fetch(wanted(tmp_path), Heard())
    assert raised.value.sentence == "127.0.0.1 does not answer: connection refused"


async def test_what_is_here_already_is_not_told_as_fetched(hub: FakeHub, tmp_path: Path) -> None:
    """Else the speed of a download would begin with gigabytes a second."""
    heard, fetch = Heard(), fetcher(hub, tmp_path)
    await fetch.fetch(wanted(tmp_path), Heard())
    await fetch.fetch(wanted(tmp_path, FILE, "config.json"), heard)
    assert min(done for _, _, done, _ in heard.lines if done is not None) == SIZE
    assert heard.lines[-1][2:] == (SIZE + 23, SIZE + 23)
