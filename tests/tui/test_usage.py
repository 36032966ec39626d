"""The page of usage: periods, tables, the chart, filters, prices that nobody knows, the command that exports."""

from typing import Any

import pytest

from flock.contract.prices import ShowSavings
from flock.contract.requests import ExplainRequest
from flock.contract.tokens import ShowToken
from flock.contract.usage import BreakDownUsage, RecentUsage, SummarizeUsage
from flock.errors import InvalidRequest, StorageFailed
from flock.tui import look
from flock.tui.chart import chart
from flock.tui.screens import usage_look as looks
from tests.tui.canned import SIZES, THEMES, Canned, compare, no_usage, text_of, until
from tests.tui.filled_keys import ALICE, ROWS, filled

READY = "alice  "


async def _open(pilot: Any, app: Any) -> None:
    await until(pilot, lambda: READY in text_of(app) and "tokens by hour" in text_of(app), "the table and the chart")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_it_looks_as_it_did(width: int, height: int, theme: str) -> None:
    app = filled().app("usage", theme)
    async with app.run_test(size=(width, height)) as pilot:
        await _open(pilot, app)
        await until(pilot, lambda: "$7.32 today" in text_of(app) and "● live" in text_of(app))
        await until(pilot, lambda: height < 30 or "11:59:57" in text_of(app))
        compare(app, f"usage-{width}x{height}-{theme}")


@pytest.mark.parametrize("theme", THEMES)
async def test_the_latest_requests_look_as_they_did(theme: str) -> None:
    app = filled().app("usage", theme)
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        await pilot.press("right", "l")
        await until(pilot, lambda: "11:59:57" in text_of(app) and "tokens by day" in text_of(app))
        await until(pilot, lambda: "$7.32 today" in text_of(app) and "● live" in text_of(app))
        compare(app, f"usage-recent-80x24-{theme}")


async def test_the_period_is_of_everything_that_is_seen_and_of_the_command() -> None:
    canned = filled()
    app = canned.app("usage")
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        assert app.acts.line == "flock usage breakdown --since=24h --csv"
        await pilot.press("right")
        await until(pilot, lambda: "tokens by day" in text_of(app))
        assert app.acts.line == "flock usage breakdown --since=7d --csv"
        assert SummarizeUsage(since="7d") in canned.asked
        assert BreakDownUsage(by="user", bucket="day", since="7d") in canned.asked
        await pilot.press("left", "left")
        await until(pilot, lambda: SummarizeUsage(since="today") in canned.asked)
        await pilot.press("left")
        await until(pilot, lambda: app.acts.line == "flock usage breakdown --since=month --csv")


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("p", "flock usage breakdown --since=24h --csv"),
        ("m", "flock usage breakdown --by=model --since=24h --csv"),
        ("v", "flock usage breakdown --by=vendor --since=24h --csv"),
        ("k", "flock usage breakdown --by=key --since=24h --csv"),
        ("l", "flock usage --limit=100 --since=24h --csv"),
        ("s", "flock savings --since=24h"),
    ],
)
async def test_each_table_has_its_command(key: str, line: str) -> None:
    app = filled().app("usage")
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        await pilot.press(key)
        await until(pilot, lambda: app.acts.line == line, line)
        await pilot.press("y")
        assert app.clipboard == line


async def test_the_tables_say_what_they_are_of() -> None:
    app = filled().app("usage")
    async with app.run_test(size=(120, 40)) as pilot:
        await _open(pilot, app)
        await pilot.press("v")
        await until(pilot, lambda: "own machines" in text_of(app))
        await pilot.press("k")
        await until(pilot, lambda: f"alice {ALICE.id[:12]}" in text_of(app))
        await pilot.press("s")
        await until(pilot, lambda: "$78.72 saved" in text_of(app))


async def test_enter_leaves_only_that_user_and_escape_takes_it_back() -> None:
    canned = filled()
    app = canned.app("usage")
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        await pilot.press("enter")
        await until(pilot, lambda: "only alice" in text_of(app))
        assert app.acts.line == "flock usage breakdown --by=model --since=24h --user=alice --csv"
        await until(pilot, lambda: SummarizeUsage(since="24h", user="alice") in canned.asked)
        await until(pilot, lambda: "claude-sonnet" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: "only alice with anthropic/" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: "only alice" not in text_of(app))
        assert app.acts.line == "flock usage breakdown --since=24h --csv"


async def test_a_request_is_explained_and_a_key_is_shown() -> None:
    canned = filled()
    app = canned.app("usage")
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        await pilot.press("l")
        await until(pilot, lambda: "11:59:57" in text_of(app))
        await pilot.press("down")
        await until(pilot, lambda: app.acts.line == f"flock explain {ROWS[1].request_id}")
        await pilot.press("x")
        await until(pilot, lambda: app.clipboard == "flock usage --limit=100 --since=24h --csv")
        await pilot.press("enter")
        await until(pilot, lambda: ExplainRequest(id=ROWS[1].request_id) in canned.asked)
        await until(pilot, lambda: "why" in text_of(app) and "tokens by" not in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: "Savings" in text_of(app))
        await pilot.press("k")
        await until(pilot, lambda: "alice k_" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: ShowToken(id=ALICE.id) in canned.asked)


async def test_what_nobody_has_a_price_for_is_said() -> None:
    app = filled().app("usage")
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        shown = text_of(app)
        assert "3 requests of vendors had no known price and are in no sum: flock price ls" in shown
        assert "+3 unpriced" in shown
        bob = next(line for line in shown.splitlines() if line.lstrip().startswith("bob"))
        assert "+3 ?" in bob
        assert "$0" not in bob
        ci = next(line for line in shown.splitlines() if line.lstrip().startswith("ci"))
        assert "–" in ci
        assert "$" not in ci


async def test_the_chart_shows_requests_and_dollars_too() -> None:
    app = filled().app("usage")
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        await pilot.press("c")
        await until(pilot, lambda: "dollars by hour" in text_of(app) and "$1.20 ┤" in text_of(app))
        await pilot.press("c")
        await until(pilot, lambda: "requests by hour" in text_of(app))


async def test_without_a_request_it_names_the_command_that_makes_one() -> None:
    canned = Canned(usage__summary=no_usage(), usage__breakdown=[], usage__recent=[])
    app = canned.app("usage")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "flock run 'say hello'" in text_of(app))
        assert "–" in text_of(app)  # no latency, and no cost: not 0
        await pilot.press("right")  # also without a row the page has the keyboard
        await until(pilot, lambda: SummarizeUsage(since="7d") in canned.asked)


async def test_what_failed_says_why_and_what_helps() -> None:
    nobody = InvalidRequest("no vendor's model is named that savings are compared with", hint="flock savings --help")
    canned = filled(savings__show=nobody, usage__recent=StorageFailed("the disk is full", hint="df -h"))
    app = canned.app("usage")
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        await pilot.press("s")
        await until(pilot, lambda: "no vendor's model" in text_of(app) and "→ flock savings --help" in text_of(app))
        assert ShowSavings(since="24h") in canned.asked
        await pilot.press("l")
        await until(pilot, lambda: "the disk is full" in text_of(app) and "df -h" in text_of(app))
        assert RecentUsage(limit=100, since="24h") in canned.asked


async def test_a_click_opens_a_period_and_a_table() -> None:
    app = filled().app("usage")
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        at = text_of(app).splitlines()[2].index("7 d")
        await pilot.click("#periods", offset=(at - 1, 0))
        await until(pilot, lambda: "--since=7d" in app.acts.line)
        await pilot.click("#views", offset=(13, 0))
        await until(pilot, lambda: "--by=model" in app.acts.line)


def test_a_day_without_a_request_has_its_place_in_the_chart() -> None:
    parts = [looks_part("2026-11-19T00:00:00Z", 3), looks_part("2026-11-21T00:00:00Z", 5)]
    bars = looks.bars(parts, "day", "2026-11-19T10:00:00.000Z", "2026-11-21T12:00:00.000Z", "requests")
    assert bars == [("11-19", 3), ("11-20", 0.0), ("11-21", 5)]


def looks_part(start: str, requests: int) -> Any:
    from dataclasses import replace

    from tests.cli.usage_values import part

    return replace(part(start, "ada", None, requests, None))


@pytest.mark.parametrize("count", [1, 2, 7, 12, 24, 31])
@pytest.mark.parametrize(("width", "height"), [(50, 6), (72, 6), (110, 10), (190, 16)])
def test_a_chart_fits_its_room(count: int, width: int, height: int) -> None:
    drawn = chart([(f"{at:02}:00", float(at * 1000)) for at in range(count)], height, width, look.number)
    lines = drawn.split("\n")
    assert len(lines) == height
    assert max(line.cell_length for line in lines) <= width


def test_a_chart_of_nothing_is_an_empty_field() -> None:
    lines = chart([("a", 0.0), ("b", 0.0)], 5, 40, look.number).plain.splitlines()
    assert lines[0].startswith("0 ┤")
    assert "█" not in "".join(lines)


def test_a_chart_without_room_is_left_out() -> None:
    assert chart([("a", 1.0)] * 50, 6, 40, look.number).plain == ""
