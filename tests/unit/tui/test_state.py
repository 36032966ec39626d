"""What the full screen knows: whatever the order in which events, looks and answers come, no older word wins."""

from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flock.contract import codec
from flock.contract.engines import Engine, ListEngines, ShowEngine
from flock.contract.events import MOST_REQUESTS, Event, Top
from flock.contract.jobs import Job
from flock.contract.models import ListModels
from flock.contract.requests import RequestRow
from flock.contract.usage import SummarizeUsage
from flock.errors import Conflict
from flock.tui.state import ACTIVITY_KEPT, ANSWERS_KEPT, ENDED_KEPT, JOBS_KEPT, Mark, State
from tests.cli.top_values import BUSY, QWEN

ENGINES, MODELS = ListEngines(), ListModels()
STAGES = ("queued", "prefilling", "generating", "sending", "done")


def clock(second: int) -> str:
    return f"2026-11-21T{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}.000Z"


def row(id: str, stage: str, tokens: int = 0) -> RequestRow:
    return RequestRow(id, clock(0), "ada", "qwen3-8b", "chat", "llamacpp", stage, "", tokens, 10.0)


def look(last: int, *rows: RequestRow, second: int = 100, up: float = 100.0) -> Top:
    return replace(BUSY, at=clock(second), uptime_seconds=up, requests=rows, last_event=last)


def staged(id: int, subject: str, stage: str, **more: Any) -> Event:
    return Event(id, clock(id), "request.stage", subject, {"stage": stage, **more})


def engine(name: str, state: str = "ready", error: str = "") -> Engine:
    return Engine(name, "llamacpp", "own", state, "", (), "flock", error=error)


def number(one: Engine) -> tuple[int, int]:
    started, version = one.error.split(":")
    return int(started), int(version)


@dataclass
class Daemon:
    """A daemon that does what it is told, and numbers it: an engine's `error` says when it was started and how often
    the engine has changed since.
    """

    second: int = 0
    started: int = 0
    events: list[Event] = field(default_factory=list[Event])
    running: dict[str, int] = field(default_factory=dict[str, int])
    engines: dict[str, int] = field(default_factory=lambda: {"a": 0, "b": 0})
    born: int = 0

    def tell(self, kind: str, subject: str, **data: Any) -> None:
        self.events.append(Event(len(self.events) + 1, clock(self.second), kind, subject, data))

    def begin(self) -> None:
        self.born += 1
        self.running[f"{self.started}-{self.born}"] = 0
        self.tell("request.stage", f"{self.started}-{self.born}", stage="queued")

    def move(self, which: int) -> None:
        if not self.running:
            return
        id = list(self.running)[which % len(self.running)]
        self.running[id] += 1
        self.tell("request.stage", id, stage=STAGES[self.running[id]])
        if STAGES[self.running[id]] == "done":
            del self.running[id]

    def change(self, which: int) -> None:
        name = "ab"[which % 2]
        self.engines[name] += 1
        self.tell("engine.state", name, state="ready", error=f"{self.started}:{self.engines[name]}")

    def looked(self) -> Top:
        rows = [row(id, STAGES[at]) for id, at in self.running.items()]
        return look(len(self.events), *rows, second=self.second, up=float(self.second - self.started))

    def listed(self) -> list[Engine]:
        return [engine(name, error=f"{self.started}:{version}") for name, version in self.engines.items()]


class Screen:
    """A state beside a daemon, with what is on its way; holds after each step that nothing went back."""

    def __init__(self) -> None:
        self.daemon, self.state = Daemon(), State()
        self.feed: list[Event] = []
        self.told = 0
        self.looks: list[Top] = []
        self.answers: list[tuple[list[Engine], Mark]] = []
        self.shown: dict[str, tuple[int, int]] = {}
        self.heard: dict[str, tuple[int, int]] = {}
        self.connect()

    def connect(self) -> None:
        """Look, then follow from there, as feed.py does; what the feed before had is dropped."""
        top = self.daemon.looked()
        self.state.take_top(top)
        self.feed, self.told, self.looks = [], top.last_event, []
        self.stages: dict[str, int] = {}

    def step(self, what: str, which: int) -> None:
        daemon = self.daemon
        daemon.second += 1
        if what in ("begin", "move", "change"):
            {"begin": lambda _: daemon.begin(), "move": daemon.move, "change": daemon.change}[what](which)
            self.feed += daemon.events[self.told :]
            self.told = len(daemon.events)
        elif what == "hear" and self.feed:
            event = self.feed.pop(0)
            self.state.apply(event)
            if event.kind == "engine.state":
                self.heard[event.subject] = number(engine(event.subject, error=event.data["error"]))
        elif what == "hear again" and self.told > len(self.feed):
            self.state.apply(daemon.events[which % (self.told - len(self.feed))])
        elif what == "ask look":
            self.looks.append(daemon.looked())
        elif what == "look" and self.looks:
            self.state.take_top(self.looks.pop(which % len(self.looks)))
        elif what == "ask":
            self.answers.append((daemon.listed(), self.state.mark.with_event(len(daemon.events))))
        elif what == "answer" and self.answers:
            value, mark = self.answers.pop(which % len(self.answers))
            self.state.take(ENGINES, value, mark)
        elif what == "restart":
            self.daemon = Daemon(daemon.second + 1, daemon.second + 1)
            self.daemon.second += which
            self.connect()
        self.hold()

    def hold(self) -> None:
        for id in self.stages.keys() - self.state.requests.keys():
            self.stages[id] = len(STAGES)  # gone, for good
        for id, live in self.state.requests.items():
            at = STAGES.index(live.stage)
            assert at >= self.stages.get(id, 0), f"{id} went back to {live.stage}"
            self.stages[id] = at
        for one in self.state.engines(ENGINES) or ():
            # an answer may know of events that are on their way still; neither undoes what the other said
            least = max(self.heard.get(one.name, (0, 0)), self.shown.get(one.name, (0, 0)))
            assert number(one) >= least, f"{one.name} went back to {one.error}"
            self.shown[one.name] = number(one)

    def settle(self) -> None:
        """Let all that is on its way arrive, and one more of each."""
        while self.feed:
            self.step("hear", 0)
        for what in ("ask look", "ask"):
            self.step(what, 0)
        while self.looks:
            self.step("look", 0)
        while self.answers:
            self.step("answer", len(self.answers) - 1)


STEPS = ("begin", "move", "change", "hear", "hear again", "ask look", "look", "ask", "answer")


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 5)), max_size=60))
@settings(max_examples=300, deadline=None)
def test_no_order_lets_an_older_word_win(steps: list[tuple[str, int]]) -> None:
    screen = Screen()
    for what, which in steps:
        screen.step(what, which)
    screen.settle()
    assert {id: STAGES.index(one.stage) for id, one in screen.state.requests.items()} == screen.daemon.running
    found = {one.name: number(one) for one in screen.state.engines(ENGINES) or ()}
    assert found == {name: (screen.daemon.started, version) for name, version in screen.daemon.engines.items()}


@given(st.lists(st.tuples(st.sampled_from((*STEPS, "restart")), st.integers(0, 5)), max_size=60))
@settings(max_examples=300, deadline=None)
def test_a_daemon_that_begins_anew_is_believed(steps: list[tuple[str, int]]) -> None:
    screen = Screen()
    for what, which in steps:
        screen.step(what, which)
    screen.settle()
    assert {id: STAGES.index(one.stage) for id, one in screen.state.requests.items()} == screen.daemon.running
    found = {one.name: number(one) for one in screen.state.engines(ENGINES) or ()}
    assert found == {name: (screen.daemon.started, version) for name, version in screen.daemon.engines.items()}
    assert screen.state.last == len(screen.daemon.events)


def test_a_look_asked_for_before_the_end_does_not_bring_a_request_back() -> None:
    state = State()
    state.take_top(look(5, row("r", "generating", 3)))
    late = look(6, row("r", "generating", 9), second=101, up=101.0)
    state.apply(staged(7, "r", "done", outcome="ok"))
    state.take_top(late)
    assert not state.requests
    assert [one.id for one in state.ended] == ["r"]


def test_a_request_that_vanishes_without_a_word_goes_with_the_next_look() -> None:
    state = State()
    state.take_top(look(5, row("kept", "generating"), row("gone", "queued")))
    state.apply(staged(6, "new", "queued"))
    state.take_top(look(5, row("kept", "generating"), second=101, up=101.0))
    assert set(state.requests) == {"kept", "new"}


def test_a_look_that_lists_a_part_only_takes_nobody_away() -> None:
    state = State()
    rows = [row(f"r{n}", "generating") for n in range(MOST_REQUESTS)]
    state.take_top(look(1, *rows))
    state.apply(staged(2, "beyond", "queued"))
    state.take_top(look(5, *rows, second=101, up=101.0))
    state.apply(staged(4, "beyond too", "queued"))
    assert {"beyond", "beyond too"} <= set(state.requests)


def test_numbers_that_begin_anew_in_the_feed_are_another_daemons() -> None:
    state = State()
    state.take_top(look(500, row("old", "generating")))
    state.apply(staged(501, "old too", "queued"))
    state.apply(Event(0, clock(200), "feed.lost", "", {"lost": 0}))
    state.apply(staged(1, "new", "queued"))
    assert set(state.requests) == {"new"}
    assert (state.last, state.life) == (1, 1)


def test_a_daemon_that_was_started_a_second_after_the_one_before_is_another() -> None:
    state = State()
    state.take_top(look(40, row("old", "generating"), second=100, up=0.1))
    state.take_top(look(42, row("new", "queued"), second=101, up=0.2))
    assert set(state.requests) == {"new"}
    assert state.life == 1


def test_a_clock_that_is_set_back_is_no_other_daemon_and_does_not_stop_the_screen() -> None:
    state = State()
    state.take_top(look(5, row("r", "queued"), second=5000, up=4000.0))
    state.take_top(look(6, row("r", "generating"), second=1400, up=400.0))
    assert state.life == 0
    assert state.requests["r"].stage == "generating"


def test_an_answer_of_a_daemon_that_is_no_more_is_not_believed() -> None:
    state = State()
    state.take_top(look(9000))
    asked = state.mark
    state.take_top(look(3, second=900, up=2.0))
    assert not state.take(ENGINES, [engine("a", "ready")], asked)
    assert state.take(ENGINES, [engine("a", "starting")], state.mark)
    state.apply(Event(4, clock(901), "engine.state", "a", {"state": "ready"}))
    assert [one.state for one in state.engines(ENGINES) or ()] == ["ready"]


def test_answers_stay_through_a_restart_until_there_are_new_ones() -> None:
    state = State()
    state.take_top(look(9000))
    state.take(ENGINES, [engine("a")], state.mark)
    state.apply(Event(9001, clock(101), "engine.state", "a", {"state": "failed", "error": "gone"}))
    state.take(MODELS, [QWEN], Mark(0, 9001))
    state.restart()
    assert [one.state for one in state.engines(ENGINES) or ()] == ["failed"]
    assert [one.id for one in state.models(MODELS) or ()] == [QWEN.id]


def test_what_the_feed_lost_is_counted_and_goes_on() -> None:
    state = State()
    state.apply(staged(1, "a", "queued"))
    state.apply(Event(11, clock(9), "feed.lost", "", {"lost": 10}))
    state.apply(staged(12, "a", "generating"))
    assert (state.missed, state.life, state.requests["a"].stage) == (10, 0, "generating")


def test_an_event_that_is_told_again_changes_nothing() -> None:
    state = State()
    for event in (staged(1, "a", "queued"), staged(2, "a", "done", outcome="error", error="no room")):
        state.apply(event)
        state.apply(event)
    assert len(state.ended) == 1
    assert [one.words for one in state.activity] == ["no room"]
    state.apply(staged(1, "a", "queued"))
    assert not state.requests


def test_models_and_engines_that_were_removed_are_not_listed() -> None:
    state = State()
    assert state.models(MODELS) is None
    state.take(MODELS, [QWEN, replace(QWEN, id="b")], state.mark)
    state.take(ENGINES, [engine("a"), engine("b")], state.mark)
    for id, (kind, subject) in enumerate((("model.state", "b"), ("engine.state", "b")), start=1):
        state.apply(Event(id, clock(id), kind, subject, {"state": "removed"}))
    assert [one.id for one in state.models(MODELS) or ()] == [QWEN.id]
    assert [one.name for one in state.engines(ENGINES) or ()] == ["a"]


def job(revision: int, state: str = "running", id: str = "j_1") -> Event:
    made = Job(id, "model.add", "qwen3-8b", state, "", None, revision, clock(0))
    return Event(0, clock(revision), "job.progress", id, codec.to_plain(made))


def test_the_newest_revision_of_a_job_stays() -> None:
    state = State()
    for id, (revision, word) in enumerate(((1, "running"), (3, "done"), (2, "running")), start=1):
        state.apply(replace(job(revision, word), id=id))
    assert (state.jobs["j_1"].revision, state.jobs["j_1"].state) == (3, "done")
    assert [one.words for one in state.activity] == ["model.add done"]


def test_a_job_that_cannot_be_read_changes_nothing() -> None:
    state = State()
    state.apply(Event(1, clock(1), "job.progress", "j_1", {"id": "j_1", "state": 5}))
    assert (state.jobs, state.last) == ({}, 1)


def test_jobs_that_ran_are_gone_with_their_daemon() -> None:
    state = State()
    state.apply(replace(job(1), id=1))
    state.apply(replace(job(1, "done", "j_2"), id=2))
    state.restart()
    assert set(state.jobs) == {"j_2"}


def test_answers_that_nobody_wants_are_bound_and_the_oldest_go() -> None:
    state = State()
    ops = [SummarizeUsage(user=f"u{n}") for n in range(2 * ANSWERS_KEPT)]
    for op in ops:
        state.take(op, op, state.mark)
        state.fail(ShowEngine(name=op.user), Conflict("no"))
    state.take(ops[0], ops[1], state.mark)
    state.keep({ops[1]})
    assert state.answer(ops[0]) == ops[1]
    assert state.answer(ops[1]) is ops[1]
    kept = [op for op in ops if state.answer(op) is not None]
    assert len(kept) == ANSWERS_KEPT + 1
    assert kept[2:] == ops[-ANSWERS_KEPT + 1 :]
    assert len(state._failures) == ANSWERS_KEPT  # pyright: ignore[reportPrivateUsage]


def test_rings_are_bound() -> None:
    state = State()
    for n in range(1, 3 * ENDED_KEPT, 2):
        state.apply(staged(n, f"r{n}", "done", outcome="error", error="x"))
        state.apply(replace(job(1, "done", f"j{n}"), id=n + 1))
    assert (len(state.ended), len(state.activity), len(state.jobs)) == (ENDED_KEPT, ACTIVITY_KEPT, JOBS_KEPT)
    assert state.ended[0].id == f"r{3 * ENDED_KEPT - 1}"
    state.take_top(look(3 * ENDED_KEPT))
    assert not state._over  # pyright: ignore[reportPrivateUsage]


def test_an_answer_that_comes_after_a_failure_is_drawn_even_when_it_is_the_same() -> None:
    state, op = State(), SummarizeUsage(since="today")
    state.take(op, 1, state.mark)
    state.fail(op, Conflict("no", hint="flock status"))
    before = state.seen("answers")
    assert not state.fail(op, Conflict("no", hint="flock status"))
    assert state.seen("answers") == before
    state.take(op, 1, state.mark)
    assert state.failure(op) is None
    assert state.seen("answers") != before
    now = state.seen("answers")
    state.take(op, 1, state.mark)
    assert state.seen("answers") == now


def test_what_is_being_asked_for_is_known() -> None:
    state = State()
    state.ask(ENGINES)
    seen = state.seen("asking")
    state.ask(ENGINES)
    assert (state.asking, state.seen("asking")) == ({ENGINES}, seen)
    state.ask(ENGINES, asks=False)
    assert not state.asking
