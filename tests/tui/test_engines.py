"""The engines' page: the list, what is known of one, its log as it comes, and what is done to it."""

from typing import Any

import pytest
from textual.pilot import Pilot

from flock.contract.engines import CheckEngines, EngineLog, InstallEngine, RestartEngine, ShowEngineLog
from flock.contract.op import Op
from flock.errors import InvalidRequest
from flock.tui.app import FlockApp
from flock.tui.look_engines import log_line, log_tone
from flock.tui.widgets.answer import Answer
from flock.tui.widgets.confirm import Confirm
from flock.tui.widgets.form import Form
from flock.tui.widgets.loglines import KEPT, LogLines
from tests.cli.engine_values import ADOPTED, NAME
from tests.tui.canned import SIZES, THEMES, Canned, compare, text_of, until
from tests.tui.engines_values import FULL


def canned(**more: Any) -> Canned:
    return Canned(**{**FULL, **more})


async def opened(pilot: Pilot[Any], app: FlockApp) -> None:
    await until(pilot, lambda: "all slots are idle" in text_of(app) and "4 engines" in text_of(app), "the log")


class Talking:
    """An engine whose log grows when it is told to."""

    def __init__(self, *lines: str) -> None:
        self.said = list(lines)

    def __call__(self, op: Op[Any]) -> EngineLog:
        assert isinstance(op, ShowEngineLog)
        return EngineLog(tuple(self.said[max(op.after, 0) :]), len(self.said))


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_it_looks_as_it_did(size: tuple[int, int], theme: str) -> None:
    app = canned().app("engines", theme)
    async with app.run_test(size=size) as pilot:
        await opened(pilot, app)
        compare(app, f"engines-{size[0]}x{size[1]}-{theme}")


async def test_the_log_goes_on_and_stands_still_while_somebody_reads() -> None:
    talking = Talking(*(f"line {at}" for at in range(100)))
    app = canned(engine__logs=talking).app("engines")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "line 99" in text_of(app))
        talking.said.append("one more")
        await until(pilot, lambda: "one more" in text_of(app))
        app.query_one(LogLines).focus()
        await pilot.press("pageup")
        await until(pilot, lambda: "held: f follows" in text_of(app))
        before = _log(app)
        talking.said.append("another")
        await until(pilot, lambda: "102 lines" in text_of(app))
        assert _log(app) == before
        await pilot.press("f")
        await until(pilot, lambda: "another" in text_of(app) and "● following" in text_of(app))


async def test_the_ring_keeps_the_newest_and_what_is_read_stays_in_sight() -> None:
    talking = Talking(*(f"line {at}" for at in range(KEPT)))
    app = canned(engine__logs=talking).app("engines")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: f"line {KEPT - 1}" in text_of(app))
        lines = app.query_one(LogLines)
        lines.focus()
        await pilot.press("pageup")
        await until(pilot, lambda: not lines.follows)
        before = _log(app)
        talking.said.extend(f"new {at}" for at in range(50))
        await until(pilot, lambda: lines.shown[-1] == "new 49")
        assert lines.kept == KEPT
        assert lines.shown[0] == "line 50"
        await pilot.pause()
        assert _log(app) == before


async def test_the_log_is_filtered_while_typing_and_the_line_says_how() -> None:
    app = canned().app("engines")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("slash", *"TASK")
        await until(pilot, lambda: "2 of 32 lines" in text_of(app))
        assert "load_tensors" not in text_of(app)
        assert f"$ flock engine logs --grep=TASK --follow {NAME}" in text_of(app)
        await pilot.press("escape")
        await until(pilot, lambda: "32 lines" in text_of(app) and "load_tensors" in text_of(app))


def test_lines_are_cleaned_and_told_apart() -> None:
    assert log_line("\x1b[31mred\x1b[0m\tblue\x07\r\n") == "red blue\\x07"
    assert log_line("\x1b]0;title\x07words") == "words"
    assert log_tone("0.02.110.847 E srv  send_error") == "bad"
    assert log_tone("Traceback (most recent call last):") == "bad"
    assert log_tone("0.00.020.100 W load: odd") == "warn"
    assert log_tone("terror and errorless words") == ""
    assert log_tone("0.00.000.512 I build: 11669") == ""


async def test_another_engine_has_another_log_and_an_adopted_one_none() -> None:
    flock = canned(engine__logs=lambda op: EngineLog((f"I am {op.name}",), 1) if op.after < 0 else EngineLog((), 1))
    app = flock.app("engines")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: f"I am {NAME}" in text_of(app))
        await pilot.press("down")
        await until(pilot, lambda: "I am embedded:gemma4-12b" in text_of(app))
        assert f"I am {NAME}" not in text_of(app)
        await pilot.press("end")
        await until(pilot, lambda: "vllm is adopted" in text_of(app))


async def test_no_log_is_read_while_another_page_is_open() -> None:
    flock = canned()
    app = flock.app("engines")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("3")
        await until(pilot, lambda: type(app.page).__name__ == "ModelsPage")
        await until(pilot, lambda: not [w for w in app.workers if w.group == "log" and w.is_running])
        await pilot.press("4")
        await opened(pilot, app)


async def test_from_far_away_no_question_waits_since_all_share_one_connection() -> None:
    flock = canned()
    flock.kind, flock.host = "ssh", "ssh://ada@studio.lan"
    app = flock.app("engines")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        asked = [op for op in flock.asked if isinstance(op, ShowEngineLog)]
        assert asked
        assert all(op.wait_seconds == 0 for op in asked)
        assert f"$ flock --host ssh://ada@studio.lan engine show {NAME}" in text_of(app)


async def test_keys_do_what_they_say() -> None:
    flock = canned()
    app = flock.app("engines")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("c")
        await until(pilot, lambda: CheckEngines(name=NAME) in flock.asked and "it generates, 123 ms" in text_of(app))
        await pilot.press("s")
        await until(pilot, lambda: flock.done == [RestartEngine(name=NAME)])
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Answer))
        await pilot.press("escape", "a")
        await until(pilot, lambda: isinstance(app.screen, Form))
        await pilot.press("escape", "n", *"pip", "enter")
        await until(pilot, lambda: flock.done[1:] == [InstallEngine(kind="piper")])


async def test_a_restart_asks_while_somebody_waits_for_the_engine() -> None:
    flock = canned()
    app = flock.app("engines")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        flock.tell("request.stage", "req_1", stage="generating", user="ada", model="qwen3-8b", engine=NAME)
        await until(pilot, lambda: "req_1" in app.state.requests)
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("n")
        await until(pilot, lambda: "not done" in text_of(app))
        assert flock.done == []


async def test_only_an_adopted_engine_is_forgotten_and_only_after_a_question() -> None:
    flock = canned(engine__detach=ADOPTED)
    app = flock.app("engines")
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot, app)
        await pilot.press("x")
        await until(pilot, lambda: "is flock's own" in text_of(app))
        await pilot.press("end", "x")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: [op.spec.name for op in flock.done] == ["engine.detach"])


async def test_a_state_that_an_event_tells_of_shows_at_once() -> None:
    flock = canned()
    app = flock.app("engines")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        flock.tell("engine.state", "vllm", state="unreachable", error="connection refused")
        await until(pilot, lambda: "✗ unreachable" in text_of(app))


async def test_no_engine_names_one_command() -> None:
    app = canned(engine__ls=[]).app("engines")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "flock engine install embedded" in text_of(app))


async def test_answers_that_failed_stand_in_their_place() -> None:
    flock = canned(engine__logs=InvalidRequest("its log cannot be read", hint="flock logs"))
    app = flock.app("engines")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "✗ its log cannot be read" in text_of(app) and "→ flock logs" in text_of(app))
    app = canned(engine__ls=InvalidRequest("engines cannot be read", hint="flock doctor")).app("engines")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "✗ engines cannot be read" in text_of(app) and "→ flock doctor" in text_of(app))


def _log(app: FlockApp) -> list[str]:
    lines = app.query_one(LogLines)
    top = lines.scroll_offset.y
    return lines.shown[top : top + lines.size.height]
