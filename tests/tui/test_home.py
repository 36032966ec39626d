"""Home: what it shows, the next step it offers, and what its keys do."""

from dataclasses import replace
from typing import Any

import pytest

from flock.contract.jobs import Job
from flock.contract.models import Model
from flock.contract.op import Scope, command_line
from flock.contract.requests import RequestRow
from flock.contract.usage import Share
from flock.errors import InternalError
from flock.tui.app import FlockApp
from flock.tui.screens import home
from flock.tui.screens.home_steps import SMOKE, steps
from flock.tui.widgets.answer import Answer
from flock.tui.widgets.form import Form
from flock.tui.widgets.pick import Pick
from tests.cli.token_values import LIMITED, REVOKED, TOKEN
from tests.cli.top_values import BUSY, GEMMA, QWEN
from tests.cli.usage_values import SUMMARY
from tests.cli.values import ADOPTED, OWN, STATUS, VLLM
from tests.cli.values import SMOKE as SMOKE_MODEL
from tests.tui.canned import SIZES, THEMES, Canned, absent, compare, no_usage, text_of, until

HOUR = replace(
    SUMMARY,
    requests=412,
    errors=9,
    error_rate=0.0218,
    sparkline=(2, 5, 9, 14, 18, 22, 31, 40, 38, 30, 24, 18, 12, 9, 6, 8, 14, 22, 36, 44, 41, 33, 20, 16),
)
DAY = replace(SUMMARY, top_users=(*SUMMARY.top_users, Share("carol", 310, 1_200_000, "0.42")))
MODELS = [
    replace(QWEN, memory_bytes=9_600_000_000),
    GEMMA,
    Model(
        "nomic-embed", "ready", "llamacpp:nomic", "catalog:nomic", 2048, 274_302_450, False, memory_bytes=410_000_000
    ),
    Model("phi-4-14b", "stopped", "llamacpp", "catalog:phi-4-14b", 16384, 9_050_000_000, False),
]
ENGINES = [
    replace(OWN, name="llamacpp:qwen3-8b", models=("qwen3-8b",), memory_bytes=9_600_000_000),
    replace(OWN, name="llamacpp:gemma4-12b", state="starting", models=("gemma4-12b",), memory_bytes=None),
    replace(ADOPTED, name="ollama", kind="ollama"),
    VLLM,
]
FAILED = replace(OWN, name="llamacpp:broken", state="crashloop", error="not enough memory")
JOB = Job(
    "j_5d0c1f2a3b4c", "model.add", "phi-4-14b", "running", "fetching", 0.42, 3, "2026-11-21T11:58:30Z",
    done_bytes=3_800_000_000, total_bytes=9_050_000_000, bytes_per_second=48_000_000.0, eta_seconds=109.0,
)  # fmt: skip
LAST = [
    RequestRow(
        f"req_{at:016x}", f"2026-11-21T11:5{9 - at // 6}:{55 - at % 6 * 9:02}.000Z", user, model, api,
        f"llamacpp:{model}", "ended", outcome, out, took, 812, ttft, speed,
    )
    for at, (user, model, api, outcome, out, took, ttft, speed) in enumerate((
        ("ada", "qwen3-8b", "chat", "ok", 321, 4321.5, 203.0, 78.0),
        ("bob", "gemma4-12b", "messages", "ok", 1204, 31240.0, 1203.0, 40.1),
        ("ci", "qwen3-8b", "chat", "error", 0, 120.0, None, None),
        ("carol", "qwen3-8b", "responses", "cancelled", 44, 1804.2, 312.4, 29.5),
        ("ada", "nomic-embed", "embeddings", "ok", 0, 18.2, None, None),
        ("bob", "anthropic/claude-sonnet-4-5", "messages", "ok", 2210, 24120.0, 890.0, 91.7),
        ("ada", "qwen3-8b", "chat", "partial", 98, 9120.5, 4010.2, 19.2),
        ("ci", "qwen3-8b", "chat", "ok", 5, 404.0, 250.1, 32.5),
    ))
]  # fmt: skip
HERE = [replace(TOKEN, scope=Scope.ADMIN)]


def busy(**more: Any) -> Canned:
    """Return a flock with much to show, that tells of what has happened lately as soon as it is listened to."""
    canned = Canned(
        **{
            "top__show": BUSY,
            "usage__summary": lambda op: HOUR if op.since == "1h" else DAY,
            "model__ls": MODELS,
            "engine__ls": ENGINES,
            "request__ls": LAST,
            **more,
        }
    )
    canned._last = BUSY.last_event  # pyright: ignore[reportPrivateUsage]
    fields = {name: getattr(JOB, name) for name in JOB.__slots__ if getattr(JOB, name) is not None}
    canned.tell("job.progress", JOB.id, **fields)
    canned.tell("model.state", "gemma4-12b", state="starting", engine="llamacpp", progress=0.42)
    canned.tell("engine.state", "vllm", state="unreachable", error="connection refused")
    canned.tell("model.state", "qwen3-8b", state="ready", engine="llamacpp")
    return canned


def quiet(**more: Any) -> Canned:
    """Return a flock of which nobody has asked anything."""
    return Canned(**{"usage__summary": no_usage(), "request__ls": [], **more})


def settled(app: FlockApp, canned: Canned) -> bool:
    """Say whether everything that Home asks for is answered and every event taken in."""
    ops = (home.STATUS, home.MODELS, home.ENGINES, home.TODAY, home.HOUR, home.TOKENS, home.CLIENTS, home.LAST)
    told = canned._last  # pyright: ignore[reportPrivateUsage]
    return app.begun and all(app.state.answer(op) is not None for op in ops) and app.state.last >= told


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("theme", THEMES)
async def test_home_looks_like_this(size: tuple[int, int], theme: str) -> None:
    canned = busy()
    app = canned.app("home", theme)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: settled(app, canned) and "17.6/min" in text_of(app))
        app.draw_page()
        await pilot.pause()
        compare(app, f"home-{size[0]}x{size[1]}-{theme}")


async def test_what_counts_stands_on_the_smallest_screen() -> None:
    canned = busy()
    app = canned.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: settled(app, canned) and "17.6/min" in text_of(app))
        shown = text_of(app)
        for words in (
            *("gateway box", "http://127.0.0.1:8080/v1", "flock 0.1.0", "up 1 d 2 h"),
            *("42", "85.3", "1 queued", "1.8 s", "9.1 s · 31.2 s", "2.2 %", "$412.87", "83.1 M tok"),
            *("60 min ago", "now", "20.8 GB of 24.0 GB", "qwen3-8b", "alice", "phi-4-14b", "connection refused"),
        ):
            assert words in shown, words


async def test_without_requests_each_part_names_one_command() -> None:
    app = quiet(top__show=replace(BUSY, requests=()), model__ls=[], engine__ls=[]).app()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "no request in the last hour" in text_of(app) and "no engine yet" in text_of(app))
        shown = text_of(app)
        assert shown.count("$ flock run 'Hello'") == 3
        assert "$ flock model picks" in shown
        assert "$ flock engine ls" in shown
        assert "$ flock connect ls" in shown
        assert "–" in shown
        assert "0.0 %" not in shown, "a rate of no requests is unknown"


async def test_an_answer_that_failed_stands_in_its_place_with_its_hint() -> None:
    app = busy(usage__summary=InternalError("the database is locked", hint="flock doctor")).app()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: text_of(app).count("the database is locked  → flock doctor") >= 2)


async def test_a_model_that_an_event_tells_of_changes_at_once() -> None:
    canned = busy()
    app = canned.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "◐ gemma4-12b" in text_of(app))
        canned.tell("model.state", "gemma4-12b", state="ready", engine="llamacpp")
        await until(pilot, lambda: "● gemma4-12b" in text_of(app))


async def test_where_nobody_is_there_to_ask_it_says_so_and_enter_starts_it() -> None:
    canned = busy(top__show=absent())
    app = canned.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: text_of(app).count("$ flock up") >= 3)
        assert "asking" not in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: any(op.spec.name == "daemon.up" for op in canned.asked))


# -- the next step


def lines(*given: Any) -> list[str]:
    return [command_line(step.op) for step in steps(*given)]


def test_what_is_not_known_leads_to_no_step() -> None:
    assert steps(None, None, None, None, None) == ()


def test_the_most_pressing_step_comes_first() -> None:
    assert lines(STATUS, [FAILED, VLLM], [SMOKE_MODEL], HERE, []) == [
        "flock engine logs llamacpp:broken",
        "flock model picks",
        "flock connect claude-code",
        "flock invite NAME",
    ]
    assert SMOKE_MODEL.id == SMOKE


def test_keys_for_others_ask_for_an_address_that_others_reach() -> None:
    assert lines(STATUS, ENGINES, MODELS, [LIMITED], None) == ["flock expose"]
    assert lines(replace(STATUS, api_url="http://192.168.1.20:8080/v1"), ENGINES, MODELS, [LIMITED], None) == []


def test_a_revoked_key_is_nobodys() -> None:
    assert lines(STATUS, ENGINES, MODELS, [*HERE, replace(REVOKED, scope=Scope.USER)], None) == ["flock invite NAME"]


async def test_enter_lets_a_pick_be_chosen_and_added() -> None:
    app = busy(model__ls=[SMOKE_MODEL]).app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "no real model yet" in text_of(app) and "$ flock model picks" in text_of(app))
        assert app.acts.line == "flock model picks"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Pick))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Form))
        await until(pilot, lambda: "flock model add" in text_of(app))


async def test_n_goes_on_to_the_next_step_and_enter_opens_its_form() -> None:
    app = busy(token__ls=HERE, connect__ls=[]).app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "no tool is connected" in text_of(app))
        await pilot.press("n")
        await until(pilot, lambda: "$ flock invite NAME" in text_of(app) and "2 of 2" in text_of(app))
        assert app.acts.line == "flock invite NAME"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Form))


async def test_enter_opens_the_page_of_the_tools() -> None:
    app = busy(token__ls=HERE, connect__ls=[]).app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "no tool is connected" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: type(app.page).__name__ == "ConnectPage")


async def test_enter_reads_the_log_of_an_engine_that_failed() -> None:
    canned = busy(engine__ls=[FAILED])
    app = canned.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "engine llamacpp:broken has failed" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Answer))
        assert "engine.logs" in [op.spec.name for op in canned.asked]


async def test_nothing_missing_means_no_line_and_the_status_behind_enter() -> None:
    app = busy(status__show=replace(STATUS, api_url="http://192.168.1.20:8080/v1")).app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "192.168.1.20" in text_of(app))
        assert not app.page.query_one("#step").display
        assert app.acts.line == "flock status"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Answer))


async def test_a_click_on_a_part_opens_its_page() -> None:
    app = busy().app()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "Running now" in text_of(app))
        await pilot.click(app.page._live)  # type: ignore[union-attr]
        await until(pilot, lambda: type(app.page).__name__ == "MonitorPage")
