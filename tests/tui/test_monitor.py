"""Monitor: every request live, the record of one, the keys; and that a flood of requests changes none of it."""

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.contract.requests import CancelRequest, ExplainRequest
from flock.errors import NotFound
from flock.tui.app import FlockApp
from flock.tui.elapsed import DaemonClock, elapsed_ms, moment
from flock.tui.ended import ended
from flock.tui.screens.monitor_record import waterfall
from flock.tui.screens.monitor_request import RequestBox
from flock.tui.screens.monitor_rows import SORTS, Wanted, found, row
from flock.tui.state import Live
from flock.tui.widgets.listing import Listing
from tests.cli.top_values import BUSY
from tests.cli.values import EXPLAINED
from tests.tui.canned import FROZEN, SIZES, THEMES, Canned, compare, quiet_top, text_of, until
from tests.tui.test_home import LAST, busy

ADA, BOB, WAITING = (request.id for request in BUSY.requests)


def record(op: Any) -> Any:
    """Return the record of whichever request is asked about; one that runs has not ended."""
    if op.id in (ADA, BOB, WAITING):
        return replace(EXPLAINED, id=op.id, stage="generating", outcome="", status=0)
    return replace(EXPLAINED, id=op.id)


def watched(**more: Any) -> Canned:
    return busy(**{"request__explain": record, **more})


def listing(app: FlockApp) -> Listing:
    assert app.page is not None
    return app.page.query_one(Listing)


def here(app: FlockApp) -> bool:
    """Say whether the list is there whole: what runs and what ended before."""
    return "generating" in text_of(app) and len(listing(app).keys) == len(BUSY.requests) + len(LAST)


def explained(canned: Canned) -> list[str]:
    return [op.id for op in canned.asked if isinstance(op, ExplainRequest)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("theme", THEMES)
async def test_the_monitor_looks_like_this(size: tuple[int, int], theme: str) -> None:
    canned = watched()
    app = canned.app("monitor", theme)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: here(app) and app.state.last == BUSY.last_event + 4)
        if size[1] > 24:
            await until(pilot, lambda: "llama-server" in text_of(app) or "splice" in text_of(app))
        app.draw_page()
        await pilot.pause()
        compare(app, f"monitor-{size[0]}x{size[1]}-{theme}")


@pytest.mark.parametrize("theme", THEMES)
async def test_one_request_looks_like_this(theme: str) -> None:
    app = watched().app("monitor", theme)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: here(app))
        await pilot.press("end", "enter")
        await until(pilot, lambda: "3.1 s" in text_of(app))
        await pilot.pause()
        compare(app, f"request-80x24-{theme}")


async def test_a_request_is_followed_from_its_place_in_the_queue_to_its_outcome() -> None:
    canned = Canned(request__ls=[])
    app = canned.app("monitor")
    told = {"user": "ada", "model": "qwen3-8b", "endpoint": "chat"}
    async with app.run_test(size=(120, 24)) as pilot:
        await until(pilot, lambda: "No request yet" in text_of(app) and "flock run" in text_of(app))
        canned.tell("request.stage", "req_1", stage="queued", position=2, eta_seconds=9.0, **told)
        await until(pilot, lambda: "queued #2 9 s" in text_of(app))
        for stage in ("loading", "prefilling", "generating", "sending"):
            canned.tell("request.stage", "req_1", stage=stage, engine="llamacpp:qwen3-8b", **told)
            await until(pilot, lambda stage=stage: stage in text_of(app), stage)
        canned.tell("request.stage", "req_1", stage="done", outcome="error", error="out of memory", status=500, **told)
        await until(pilot, lambda: "✗ error" in text_of(app) and "0 running" in text_of(app))


async def test_tokens_are_counted_by_each_look_at_the_daemon() -> None:
    counted = iter(range(100, 100_000, 7))
    first = BUSY.requests[0]

    def look(_op: Any) -> Any:
        return replace(BUSY, requests=(replace(first, output_tokens=next(counted)),))

    app = watched(top__show=look).app("monitor")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "107" in text_of(app) or "114" in text_of(app))


async def test_a_look_that_was_asked_for_before_an_event_changes_nothing_of_what_it_told() -> None:
    """Row 283: what a poll brings late never undoes what was pushed meanwhile."""
    looks: list[Any] = []

    def look(_op: Any) -> Any:
        looks.append(_op)
        return replace(BUSY, last_event=0)  # as if it had been taken before every event

    canned = Canned(top__show=look, request__ls=LAST)
    app = canned.app("monitor")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.begun and WAITING in app.state.requests)
        canned.tell("request.stage", WAITING, stage="sending", user="ada", model="gemma4-12b")
        canned.tell("request.stage", BOB, stage="done", outcome="ok", status=200, user="bob", model="qwen3-8b")
        await until(pilot, lambda: app.state.requests[WAITING].stage == "sending")
        before = len(looks)
        await until(pilot, lambda: len(looks) >= before + 2)
        assert app.state.requests[WAITING].stage == "sending"
        assert "sending" in text_of(app)
        assert next(live for live in app.state.ended if live.id == BOB).outcome == "ok"


async def test_the_cursor_shows_the_command_and_enter_the_record_of_its_request() -> None:
    canned = watched()
    app = canned.app("monitor")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: here(app))
        await pilot.press("down")
        await until(pilot, lambda: app.acts.line == f"flock explain {WAITING}")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RequestBox) and "queue" in text_of(app))
        await until(pilot, lambda: explained(canned).count(WAITING) >= 2, "it runs, so it is asked about again")
        await pilot.press("x")
        await until(pilot, lambda: CancelRequest(id=WAITING) in canned.done)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, RequestBox))
        assert app.state.answer(ExplainRequest(id=WAITING)) is None, "what nobody looks at is not kept"


async def test_a_record_that_cannot_be_had_says_why_and_what_to_do() -> None:
    error = NotFound("no request req_x", hint="flock request ls")
    app = watched(request__explain=error).app("monitor")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: here(app))
        await pilot.press("enter")
        await until(pilot, lambda: "no request req_x  → flock request ls" in text_of(app))


@pytest.mark.parametrize("key", ["x", "delete"])
async def test_a_request_is_cancelled_by_its_key(key: str) -> None:
    canned = watched()
    app = canned.app("monitor")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: here(app))
        await pilot.press(key)
        await until(pilot, lambda: canned.done == [CancelRequest(id=ADA)])
        assert app.acts.line == f"flock request cancel {ADA}"


async def test_words_leave_those_that_have_them_and_escape_brings_back_all() -> None:
    app = watched().app("monitor")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: here(app))
        everything = listing(app).keys
        await pilot.press("slash", *"gemma", "space", *"ada", "enter")
        await until(pilot, lambda: listing(app).keys == [WAITING])
        await pilot.press("slash", *"xyz")
        await until(pilot, lambda: listing(app).keys == [] and "No request has these words" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: listing(app).keys == everything)


async def test_a_pause_freezes_the_list_and_counts_what_comes() -> None:
    canned = watched()
    app = canned.app("monitor")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: here(app) and app.state.last == BUSY.last_event + 4)
        await pilot.press("p")
        await until(pilot, lambda: "PAUSED, 0 events since" in text_of(app))
        frozen = listing(app).keys
        for at in range(3):
            canned.tell("request.stage", f"req_new{at}", stage="generating", user="zoe", model="qwen3-8b")
        await until(pilot, lambda: "PAUSED, 3 events since" in text_of(app))
        assert listing(app).keys == frozen
        assert "zoe" not in text_of(app)
        await pilot.press("p")
        await until(pilot, lambda: "zoe" in text_of(app) and "PAUSED" not in text_of(app))


async def test_the_order_changes_by_its_key_and_turns_around() -> None:
    app = watched().app("monitor")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: here(app))
        assert listing(app).keys[:3] == [ADA, WAITING, BOB]
        await pilot.press("R")
        await until(pilot, lambda: listing(app).keys[:3] == [BOB, WAITING, ADA])
        await pilot.press("R", "s")
        await until(pilot, lambda: "by tokens" in text_of(app))
        await pilot.press("S", "S")
        await until(pilot, lambda: "by stage" in text_of(app) and listing(app).keys[0] == WAITING)


async def test_ended_requests_are_hidden_by_their_key() -> None:
    app = watched().app("monitor")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: here(app) and len(listing(app).keys) == 3 + len(LAST))
        await pilot.press("e")
        await until(pilot, lambda: len(listing(app).keys) == 3 and "ended ones hidden" in text_of(app))


async def test_the_record_stands_beside_the_list_where_there_is_room_and_goes_by_its_key() -> None:
    canned = watched()
    app = canned.app("monitor")
    async with app.run_test(size=(200, 60)) as pilot:
        await until(pilot, lambda: "CANDIDATES" in text_of(app) and ADA in explained(canned))
        await pilot.press("end")
        await until(pilot, lambda: LAST[-1].id in explained(canned))
        await pilot.press("v")
        await until(pilot, lambda: "CANDIDATES" not in text_of(app))


# -- a flood


def flood(count: int, seed: int = 1) -> list[Live]:
    chance = random.Random(seed)
    return [
        Live(
            f"req_{at:05}",
            at=f"2026-11-21T11:{at // 60 % 60:02}:{at % 60:02}.{at % 1000:03}Z",
            user=chance.choice(("ada", "bob", "ci")),
            model=chance.choice(("qwen3-8b", "gemma4-12b")),
            stage=chance.choice(("queued", "loading", "prefilling", "generating", "sending")),
            output_tokens=chance.randrange(5000),
            ttft_ms=chance.choice((None, 12.5, 900.0)),
            tokens_per_second=chance.choice((None, 12.5, 90.0)),
        )
        for at in range(count)
    ]


@given(
    count=st.integers(0, 3000),
    over=st.integers(0, 200),
    limit=st.integers(1, 120),
    sort=st.sampled_from(list(SORTS)),
    reverse=st.booleans(),
    with_ended=st.booleans(),
    words=st.sampled_from([(), ("ada",), ("qwen", "bob"), ("nothing-like-it",)]),
)
def test_as_many_rows_as_there_is_room_for_running_ones_first(
    count: int, over: int, limit: int, sort: str, reverse: bool, with_ended: bool, words: tuple[str, ...]
) -> None:
    running, gone = flood(count), [replace(live, id=f"old{live.id}", outcome="ok") for live in flood(over, 2)]
    got = found(running, gone, Wanted(words, sort, reverse, with_ended), limit)
    assert len(got.rows) == min(limit, got.running + got.ended)
    assert [bool(live.outcome) for live in got.rows] == sorted(bool(live.outcome) for live in got.rows)
    assert len({live.id for live in got.rows}) == len(got.rows)
    runs = [SORTS[sort](live) for live in got.rows if not live.outcome]
    assert runs == sorted(runs, reverse=reverse)
    assert with_ended or got.ended == 0
    if not words:
        assert (got.running, got.ended) == (count, over if with_ended else 0)


async def test_thousands_of_requests_are_a_screen_of_rows_and_keys_still_work() -> None:
    canned = Canned(request__ls=[])
    app = canned.app("monitor")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "● live" in text_of(app))
        for at in range(5000):
            canned.tell("request.stage", f"req_{at:05}", stage="generating", user="ada", model="qwen3-8b")
        await until(pilot, lambda: "5000 running" in text_of(app))
        rows = len(listing(app).keys)
        assert rows <= 3 * app.size.height
        await pilot.press("end")
        await until(pilot, lambda: len(listing(app).keys) > rows, "more come as the cursor goes down")
        await pilot.press("home")
        await until(pilot, lambda: listing(app).current == "req_00000")


# -- what is pure


def test_the_record_of_before_goes_on_where_the_events_begin() -> None:
    told = [Live(LAST[0].id, outcome="ok", output_tokens=7)]
    got = ended(told, LAST)
    assert [live.id for live in got] == [one.id for one in LAST]
    assert got[0].output_tokens == 7
    assert ended(told, None) == told


def test_time_passes_by_the_clock_of_the_daemon() -> None:
    clock, live = DaemonClock(), Live("req_1", at="2026-11-21T11:59:56.500Z", elapsed_ms=100.0)
    ahead = replace(quiet_top(), at="2026-11-21T12:00:00.000Z")
    assert clock.now(ahead, FROZEN - 3600) == FROZEN, "this screen's clock is an hour late"
    assert clock.now(ahead, FROZEN - 3598) == FROZEN + 2
    assert elapsed_ms(live, FROZEN) == 3500.0
    assert elapsed_ms(replace(live, outcome="ok"), FROZEN) == 100.0
    assert moment("") == 0.0


def test_each_stretch_of_the_waterfall_is_drawn_where_it_was() -> None:
    queue, _load, _prefill, decode, axis = (line.plain for line in waterfall(EXPLAINED.spans, 72))
    assert queue.startswith("queue    ▏·")
    assert queue.endswith("3.0 ms")
    assert decode.index("█") > len(queue) // 4
    assert decode.count("█") > 20
    assert axis.strip().startswith("0")
    assert axis.rstrip().endswith("4.3 s")


@pytest.mark.parametrize("width", [20, 60, 76, 120])
def test_no_line_of_a_waterfall_is_wider_than_its_place(width: int) -> None:
    assert all(line.cell_length <= max(width, 40) for line in waterfall(EXPLAINED.spans, width))


def test_what_nobody_knows_yet_is_a_dash() -> None:
    _, cells = row(Live("req_1", at="2026-11-21T11:59:56.500Z", stage="prefilling"), FROZEN)
    assert [str(cells[at]).strip() for at in (3, 5, 6)] == ["–", "–", "–"]
