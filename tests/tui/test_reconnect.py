"""The connection: lost, back, another daemon, late answers, none at all."""

import threading
from typing import Any

from flock.contract.engines import ListEngines
from flock.contract.lifecycle import Diagnosis
from flock.errors import DaemonUnreachable
from flock.tui.standing import ENGINES
from tests.cli.top_values import BUSY
from tests.cli.values import CASES
from tests.tui.canned import Canned, absent, quiet_top, text_of, until


def lost() -> DaemonUnreachable:
    return DaemonUnreachable("the daemon does not answer", hint="flock logs", details={"state": "silent"})


def a_request(canned: Canned, id: str, stage: str, **more: Any) -> None:
    canned.tell("request.stage", id, stage=stage, user="ada", model="qwen3-8b", endpoint="chat", engine="e", **more)


async def test_a_daemon_that_goes_is_missed_and_one_that_comes_back_is_met_without_a_word() -> None:
    canned = Canned()
    app = canned.app("doctor")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: "● live" in text_of(app))
        canned.answers["top.show"] = lost()
        canned.hang_up()
        await until(pilot, lambda: "the daemon does not answer · trying again · flock logs" in text_of(app))
        assert "✗ lost" in text_of(app)
        canned.answers["top.show"] = quiet_top()
        app.feed.hurry()
        await until(pilot, lambda: "● live" in text_of(app) and "trying again" not in text_of(app))
        assert not list(app._notifications), "the banner has said it all"  # pyright: ignore[reportPrivateUsage]
        a_request(canned, "r_new", "queued")
        await until(pilot, lambda: "r_new" in app.state.requests, "the feed goes on")


async def test_none_there_is_offered_to_be_started_and_answers_at_once_afterwards() -> None:
    canned = Canned(top__show=absent())
    app = canned.app("doctor")

    def start(_op: object) -> Any:
        canned.answers["top.show"] = quiet_top()
        return next(value for op, value in CASES.values() if op.spec.name == "daemon.up")

    canned.answers["daemon.up"] = start
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "flock is not running. Press u to start it: flock up" in text_of(app))
        assert "○ absent" in text_of(app)
        await pilot.press("u")
        await until(pilot, lambda: "● live" in text_of(app) and "not running" not in text_of(app))
        assert [op.spec.name for op in canned.done] == ["daemon.up"]
        await pilot.press("u")
        await pilot.pause()
        assert len(canned.done) == 1, "what runs is not started again"


async def test_another_daemons_numbers_begin_anew_and_are_believed() -> None:
    canned = Canned(top__show=quiet_top(last_event=0))
    app = canned.app("doctor")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "● live" in text_of(app))
        for n in range(30):
            a_request(canned, f"old{n}", "generating")
        await until(pilot, lambda: "old29" in app.state.requests)
        canned._last = 0  # pyright: ignore[reportPrivateUsage]
        canned.answers["top.show"] = quiet_top(at="2026-11-21T12:05:00.000Z", uptime_seconds=1.0, last_event=0)
        canned.hang_up()
        await until(pilot, lambda: not app.state.requests)
        await until(pilot, lambda: "● live" in text_of(app))
        a_request(canned, "new", "queued")
        await until(pilot, lambda: set(app.state.requests) == {"new"})
        assert app.state.life == 1


async def test_a_daemon_that_is_replaced_between_two_looks_is_noticed_though_its_feed_still_hangs() -> None:
    canned = Canned(top__show=quiet_top(requests=BUSY.requests))
    app = canned.app("doctor")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "● live" in text_of(app) and bool(app.state.requests))
        canned.answers["top.show"] = quiet_top(at="2026-11-21T12:05:00.000Z", uptime_seconds=1.0)
        app.feed.hurry()
        await until(pilot, lambda: app.state.life == 1 and not app.state.requests)
        assert "● live" in text_of(app)


async def test_a_late_answer_does_not_undo_what_an_event_has_told() -> None:
    canned, let_go = Canned(), threading.Event()
    listed = canned.perform(ListEngines(), True).value
    asked = threading.Event()

    def slow(_op: object) -> Any:
        asked.set()
        let_go.wait(20)  # a poll that hangs must not hang the test for ever
        return listed

    canned.answers["engine.ls"] = slow
    app = canned.app("doctor")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "● live" in text_of(app) and asked.is_set())
        canned.tell("engine.state", listed[0].name, state="failed", error="it has died")
        await until(pilot, lambda: bool(app.state.activity))
        let_go.set()
        await until(pilot, lambda: app.state.answer(ENGINES) is not None)
        shown = app.state.engines(ENGINES)
        assert shown is not None
        assert (shown[0].state, shown[0].error) == ("failed", "it has died")


async def test_what_needs_no_daemon_is_asked_without_one() -> None:
    canned = Canned(top__show=absent())
    app = canned.app("doctor")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.state.answer(_doctor()), Diagnosis))
        await until(pilot, lambda: "8080 is taken by nginx (17)" in text_of(app) and "○ absent" in text_of(app))
        assert "engine.ls" not in [op.spec.name for op in canned.asked]


def _doctor() -> Any:
    from flock.contract.lifecycle import RunDoctor

    return RunDoctor()


async def test_a_feed_that_says_nonsense_is_begun_again() -> None:
    canned = Canned()
    app = canned.app("doctor")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "● live" in text_of(app))
        canned._events.put(b'{"id": 1}')  # pyright: ignore[reportPrivateUsage]
        await until(pilot, lambda: "the feed cannot be read" in text_of(app))
        app.feed.hurry()
        await until(pilot, lambda: "● live" in text_of(app) and "cannot be read" not in text_of(app))


async def test_without_colours_marks_and_words_say_the_same(monkeypatch: Any) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    canned = Canned()
    app = canned.app("doctor")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "● live" in text_of(app) and "✗ port" in text_of(app))
        assert "◐ disk" in text_of(app)
        colours = {
            segment.style.color.name
            for strip in app.screen._compositor.render_strips(app.size)  # pyright: ignore[reportPrivateUsage]
            for segment in strip
            if segment.style is not None and segment.style.color is not None
        }
        greys = {name for name in colours if name.startswith("#") and len({name[1:3], name[3:5], name[5:7]}) == 1}
        assert colours - greys <= {"default"}, colours
