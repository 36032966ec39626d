"""The recording proxy: what it keeps names nobody, what it passes on is untouched, and what is recorded is clean."""

import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

from tests.corpus.recordings import NAMES, session

ROOT = Path(__file__).resolve().parents[2]
RECORD: dict[str, Any] = runpy.run_path(str(ROOT / "tools" / "record.py"))
SECRET = "sk-" + "k9" * 12
DEVICE = "0f" * 32
ACCOUNT = "3f2b8a54-0c1d-4e5f-8a9b-0c1d2e3f4a5b"


def test_ids_become_numbers_of_the_same_shape_the_same_each_time() -> None:
    clean = RECORD["Cleaner"]()
    said = clean.text(f"{ACCOUNT} msg_{ACCOUNT} {DEVICE} {ACCOUNT}")
    first = "00000000-0000-0000-0000-000000000001"
    assert said == f"{first} msg_{first} {2:064x} {first}"


@pytest.mark.parametrize(
    "text",
    [
        f"key {SECRET} end",
        "at /home/alice/project and /Users/alice/x",
        "in /root/.config now",
        "by alice.b@example.org today",
        "on build-box-7 here",
        f"{Path.home()}/x",
    ],
)
def test_what_names_somebody_goes_and_no_byte_moves(text: str) -> None:
    clean = RECORD["Cleaner"](["build-box-7"])
    said = clean.text(text)
    assert len(said) == len(text)
    for name in ("alice", "build-box-7", SECRET[8:], "/root/", "example.org"):
        assert name not in said


def test_what_names_nobody_stays() -> None:
    clean = RECORD["Cleaner"]()
    for text in ("</root></x>", "noreply@anthropic.com", "cc_version=2.1.329.3c4; cch=defa0;", "a-b-c 0x1f"):
        assert clean.text(text) == text


def test_keys_and_cookies_are_left_out_of_the_headers() -> None:
    clean = RECORD["Cleaner"]()
    kept = clean.headers({"Authorization": "Bearer x", "X-Api-Key": "x", "Cookie": "x", "Host": "h", "X-App": "cli"})
    assert kept == {"x-app": "cli"}


async def test_a_request_is_kept_and_passed_on_as_it_is(tmp_path: Path) -> None:
    got: list[tuple[str, bytes, str | None]] = []

    async def upstream(request: web.Request) -> web.StreamResponse:
        got.append((request.path_qs, await request.read(), request.headers.get("x-api-key")))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "x-mark": "yes"})
        await response.prepare(request)
        await response.write(b"data: 1\n\n")
        await response.write(b"data: 2\n\n")
        return response

    engine = web.Application()
    engine.router.add_post("/v1/messages", upstream)
    behind, before = web.AppRunner(engine), None
    await behind.setup()
    await web.TCPSite(behind, "127.0.0.1", 0).start()
    body = json.dumps({"model": "m", "metadata": {"user_id": ACCOUNT}, "text": SECRET})
    try:
        url = f"http://127.0.0.1:{behind.addresses[0][1]}"
        before = web.AppRunner(RECORD["Recorder"](url, tmp_path, RECORD["Cleaner"]()).app())
        await before.setup()
        await web.TCPSite(before, "127.0.0.1", 0).start()
        async with (
            ClientSession() as client,
            client.post(
                f"http://127.0.0.1:{before.addresses[0][1]}/v1/messages?beta=true",
                data=body,
                headers={"x-api-key": SECRET, "Content-Type": "application/json", "x-app": "cli"},
            ) as answer,
        ):
            assert await answer.read() == b"data: 1\n\ndata: 2\n\n"
            assert answer.headers["x-mark"] == "yes"
    finally:
        if before is not None:
            await before.cleanup()
        await behind.cleanup()
    assert got == [("/v1/messages?beta=true", body.encode(), SECRET)]
    kept = json.loads((tmp_path / "001.json").read_text("utf-8"))
    assert kept["path"] == "/v1/messages?beta=true"
    assert kept["headers"]["x-app"] == "cli"
    assert SECRET not in json.dumps(kept)
    assert ACCOUNT not in json.dumps(kept)

    RECORD["pack"](tmp_path, tmp_path / "x.jsonl.xz")
    assert (tmp_path / "x.jsonl.xz").stat().st_size < 1000


# -- what is in the tree

_LOOKS_PRIVATE = re.compile(
    r"sk-[a-z]+-[A-Za-z0-9]|Bearer |\"(?:authorization|x-api-key|cookie)\""
    r"|[\w.+-]+@(?!anthropic\.com)[\w-]+\.(?:com|org|net)\b|/(?:home|Users)/[a-z]"
)


@pytest.mark.parametrize("name", NAMES)
def test_no_recording_names_anybody(name: str) -> None:
    for sent in session(name):
        whole = json.dumps([sent.path, sent.headers, sent.body], ensure_ascii=False)
        assert _LOOKS_PRIVATE.findall(whole) == []


def test_recordings_are_small() -> None:
    files = list((ROOT / "tests" / "corpus" / "recorded").rglob("*.xz"))
    assert len(files) == len(NAMES)
    assert sum(file.stat().st_size for file in files) < 300_000
