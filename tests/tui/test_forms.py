"""Forms, questions and what comes of them: every operation has a form, and the line it shows is the operation."""

import shlex
import typing
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Checkbox, Input, Static

from flock.cli import tree
from flock.contract.jobs import Job
from flock.contract.lifecycle import Down, ShowCompletion
from flock.contract.models import AddModel, LoadModel, RemoveModel
from flock.contract.op import Op, Risk, ensure_declared, hints
from flock.contract.tokens import RevokeToken
from flock.contract.vendors import AddVendor, RemoveVendor
from flock.errors import Conflict, NotFound
from flock.tui.acts import ASKS
from flock.tui.app import FlockApp
from flock.tui.widgets.answer import Answer
from flock.tui.widgets.confirm import Confirm
from flock.tui.widgets.form import Form, fields_of
from flock.tui.widgets.pick import Pick
from tests.cli.values import CASES
from tests.tui.canned import Canned, text_of, until

OPERATIONS = sorted(ensure_declared().values(), key=lambda kind: kind.spec.name)
WITH_FIELDS = [kind for kind in OPERATIONS if fields_of(kind)]
SECRET = "sk-never-shown-0123456789"


async def _live(pilot: Pilot[Any], app: FlockApp) -> None:
    await until(pilot, lambda: "● live" in text_of(app), "live")


async def _form(pilot: Pilot[Any], app: FlockApp, kind: type[Op[Any]], **given: Any) -> Form:
    app.acts.ask(kind, given)
    await until(pilot, lambda: isinstance(app.screen, Form) and app.focused is not None, "the form")
    screen = app.screen
    assert isinstance(screen, Form)
    return screen


def _line(form: Form) -> str:
    return form.query_one(".line", Static).content.plain.removeprefix("$ ")  # type: ignore[union-attr]


def _wrong(form: Form) -> str:
    content = form.query_one(".wrong", Static).content
    return content if isinstance(content, str) else content.plain  # type: ignore[union-attr]


def _typed(hint: Any) -> str:
    """Return what somebody would type for a field of a type, unlike its default."""
    inside = (hint, *typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        return "one 'and two'"
    return "17" if int in inside else "2.5" if float in inside else "some words"


async def test_every_form_opens_and_its_line_is_the_operation() -> None:
    app = Canned().app("monitor")
    async with app.run_test(size=(80, 24)) as pilot:
        await _live(pilot, app)
        for kind in WITH_FIELDS:
            form = await _form(pilot, app, kind)
            assert app.focused is not None, kind.spec.name
            for item in fields_of(kind):
                field = form.query_one(f"#field-{item.name}")
                if isinstance(field, Checkbox):
                    field.value = not field.value
                elif isinstance(field, Input):
                    secret = item.metadata["kind"] == "secret"
                    assert field.password == secret
                    field.value = SECRET if secret else _typed(hints(kind)[item.name])
            await pilot.pause()
            line = _line(form)
            assert SECRET not in text_of(app) + line, kind.spec.name
            meant = tree.parse(shlex.split(line)[1:])
            assert meant is not None
            assert type(meant.op) is kind
            built = form.built()
            for item in fields_of(kind):
                # a key that is an option of the command is read from standard input where a line is shown
                if item.metadata["kind"] != "secret" and getattr(meant.op, item.name) != "-":
                    assert getattr(meant.op, item.name) == getattr(built, item.name), (line, item.name)
                    if item.default is not True:
                        assert getattr(built, item.name) != item.default, (line, item.name)
            form.dismiss(None)
            await pilot.pause()


async def test_a_number_that_is_none_is_refused_at_its_field() -> None:
    numbers = {int, float}
    kinds = [k for k in WITH_FIELDS if any(numbers & {h, *typing.get_args(h)} for h in hints(k).values())]
    assert len(kinds) > 10
    app = Canned().app("monitor")
    async with app.run_test(size=(80, 24)) as pilot:
        await _live(pilot, app)
        for kind in kinds:
            form = await _form(pilot, app, kind)
            items = [
                f for f in fields_of(kind) if numbers & {hints(kind)[f.name], *typing.get_args(hints(kind)[f.name])}
            ]
            for item in fields_of(kind):
                field = form.query_one(f"#field-{item.name}")
                if isinstance(field, Input):
                    field.value = _typed(hints(kind)[item.name])
            for item in (one for one in items if typing.get_origin(hints(kind)[one.name]) is not tuple):
                field = form.query_one(f"#field-{item.name}", Input)
                field.value = "nan"
                await pilot.pause()
                form.action_send()
                assert app.screen is form, kind.spec.name
                assert field.has_class("-invalid")
                assert "is not a" in _wrong(form)
                assert _line(form) == f"flock {' '.join(kind.spec.verb)} …"
                await pilot.pause()
                assert app.focused is field
                field.value = "3"
                await pilot.pause()
                assert not _wrong(form)
                assert not field.has_class("-invalid")
            form.dismiss(None)
            await pilot.pause()
        assert not app_done(app)


def app_done(app: FlockApp) -> list[Op[Any]]:
    reach: Any = app.link.reach
    return reach.done


async def test_what_must_be_given_is_asked_for_by_name() -> None:
    app = Canned().app("monitor")
    async with app.run_test(size=(80, 24)) as pilot:
        await _live(pilot, app)
        form = await _form(pilot, app, RemoveModel)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "is needed" in _wrong(form))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is not form)
        assert not app_done(app)


async def test_a_secret_goes_with_the_operation_and_nowhere_else() -> None:
    canned = Canned()
    app = canned.app("monitor")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await _live(pilot, app)
        form = await _form(pilot, app, AddVendor, name="openai")
        form.query_one("#field-key", Input).value = SECRET
        await pilot.press("ctrl+s")
        await until(pilot, lambda: bool(canned.done))
        op = canned.done[0]
        assert isinstance(op, AddVendor)
        assert op.key == SECRET
        await until(pilot, lambda: isinstance(app.screen, Answer))
        assert SECRET not in text_of(app) + app.acts.line
        app.acts.copy()
        assert SECRET not in app.clipboard


async def test_what_removes_asks_first_and_no_is_the_answer_at_hand() -> None:
    canned = Canned()
    app = canned.app("monitor")
    asking = [op for op, _ in CASES.values() if app_asks(op)]
    assert {type(op) for op in asking} >= {kind for kind in OPERATIONS if kind.spec.risk is Risk.REMOVE}
    async with app.run_test(size=(80, 24)) as pilot:
        await _live(pilot, app)
        for number, op in enumerate(asking):
            for key in ("enter", "n", "escape") if number == 0 else ("enter",):
                app.run_worker(app.acts.do(op))
                await until(
                    pilot, lambda: isinstance(app.screen, Confirm) and bool(app.screen.query("#no")), "question"
                )
                focused = app.focused
                assert isinstance(focused, Button)
                assert focused.id == "no"
                words = text_of(app)
                assert "$ flock" in words
                if op.spec.risk is Risk.REMOVE:
                    assert "--yes" in words
                await pilot.press(key)
                await until(pilot, lambda: not isinstance(app.screen, Confirm))
        assert not canned.done
        assert {type(op).spec.name for op in asking} >= set(ASKS) - {"connect.client"}


def app_asks(op: Op[Any]) -> bool:
    from flock.tui.acts import Acts

    return Acts.asks(op)


async def test_yes_carries_it_out_once() -> None:
    canned = Canned()
    app = canned.app("monitor")
    async with app.run_test(size=(80, 24)) as pilot:
        await _live(pilot, app)
        for number, press in enumerate((("y",), ("right", "enter"), ("tab", "enter")), start=1):
            app.run_worker(app.acts.do(RemoveVendor(name="openai"), done="it is gone"))
            await until(pilot, lambda: isinstance(app.screen, Confirm) and bool(app.screen.query("#no")))
            await pilot.press(*press)
            await until(pilot, lambda n=number: len(canned.done) == n)  # type: ignore[misc]
        assert set(canned.done) == {RemoveVendor(name="openai")}
        assert app.acts.line == "flock vendor remove openai"


async def test_another_machines_line_names_it_in_the_question_and_the_form() -> None:
    canned = Canned()
    canned.host, canned.name = "ssh://ada@studio.lan", "ada@studio.lan"
    app = canned.app("monitor")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await _live(pilot, app)
        app.run_worker(app.acts.do(RevokeToken(id="t_1")))
        await until(pilot, lambda: "$ flock --host ssh://ada@studio.lan token revoke" in text_of(app))
        await pilot.press("escape")
        form = await _form(pilot, app, Down)
        assert _line(form) == "flock --host ssh://ada@studio.lan down"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, Confirm) and "Stop flock?" in text_of(app))


async def test_an_error_is_told_with_its_hint_and_the_line_says_that_it_failed() -> None:
    canned = Canned(vendor__remove=NotFound("there is no vendor 'opnai'", hint="flock vendor ls"))
    app = canned.app("monitor")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: bool(app.acts.line), "what the cursor of the page stands for")
        assert not await app.acts.do(RemoveVendor(name="opnai"), sure=True)
        await until(pilot, lambda: "there is no vendor 'opnai'" in text_of(app) and "→ flock vendor ls" in text_of(app))
        assert "failed" in text_of(app)


async def test_a_refused_form_comes_back_as_it_was_filled_in() -> None:
    refused = NotFound("there is no model 'qwen8'", hint="flock model ls")
    canned = Canned(model__load=refused)
    app = canned.app("monitor")
    async with app.run_test(size=(80, 24)) as pilot:
        await _live(pilot, app)
        form = await _form(pilot, app, LoadModel)
        form.query_one("#field-id", Input).value = "qwen8"
        form.query_one("#field-priority", Input).value = "3"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "there is no model 'qwen8'" in text_of(app), "why, in the form")
        again = app.screen
        assert isinstance(again, Form)
        assert again is not form
        assert "→ flock model ls" in text_of(app)
        assert [field.value for field in again.query(Input)][:2] == ["qwen8", "3"]
        canned.answers.pop("model.load")
        again.query_one("#field-id", Input).value = "qwen3-8b"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not isinstance(app.screen, Form) and len(canned.done) == 2)
        assert canned.done[-1] == LoadModel(id="qwen3-8b", priority=3)


@pytest.mark.parametrize("size", [(80, 24), (40, 12)])
async def test_the_buttons_of_a_form_stay_in_sight_whatever_is_typed(size: tuple[int, int]) -> None:
    app = Canned().app("monitor")
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.begun and app.page is not None)
        form = await _form(pilot, app, AddModel)
        form.query_one("#field-source", Input).value = "file:/" + "long/" * 200 + "model.gguf"
        await until(pilot, lambda: "Do it (ctrl+s)" in text_of(app) and "flock model add  " in text_of(app))
        form.query_one("#field-source", Input).value = ""
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "source: is needed" in text_of(app) and "Do it (ctrl+s)" in text_of(app))


async def test_nothing_said_is_markup() -> None:
    canned = Canned(vendor__remove=Conflict("[bold]x[/bold] [/] [red", hint="flock vendor ls '[/]'"))
    app = canned.app("monitor")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await _live(pilot, app)
        await app.acts.do(RemoveVendor(name="[/]"), sure=True)
        await until(pilot, lambda: "[bold]x[/bold] [/] [red" in text_of(app))


async def test_a_job_is_followed_to_its_end() -> None:
    canned = Canned()
    running = next(value for _, value in CASES.values() if isinstance(value, Job) and value.state == "running")
    canned.answers["model.add"] = running
    app = canned.app("monitor")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await _live(pilot, app)
        await app.acts.do(AddModel(source="qwen3-8b"))
        line = app.acts.line
        canned.tell("job.progress", running.id, **_job(running, revision=90, state="running", progress=0.5))
        await until(pilot, lambda: running.id in app.state.jobs)
        app.acts.hint(RemoveModel(id="other"))
        canned.tell("job.progress", running.id, **_job(running, revision=91, state="done", progress=1.0))
        await until(pilot, lambda: f"{running.target}: done" in text_of(app))
        assert app.acts.line != line, "another command stands below by now, and stays"
        assert "remove other" in text_of(app)
        # another one: what is known of the first is that it has ended
        canned.answers["model.add"] = other = replace(running, id="j_other")
        await app.acts.do(AddModel(source="qwen3-8b"))
        failed = _job(other, revision=92, state="failed", error="no room on the disk", hint="flock model ls")
        canned.tell("job.progress", other.id, **failed)
        await until(pilot, lambda: "no room on the disk" in text_of(app) and "→ flock model ls" in text_of(app))


def _job(job: Any, **more: Any) -> dict[str, Any]:
    from flock.contract import codec

    return codec.to_plain(replace(job, **more))


async def test_a_job_whose_daemon_was_started_anew_is_told_of_once() -> None:
    canned = Canned()
    running = next(value for _, value in CASES.values() if isinstance(value, Job) and value.state == "running")
    canned.answers["model.add"] = running
    app = canned.app("monitor")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await _live(pilot, app)
        await app.acts.do(AddModel(source="qwen3-8b"))
        app.state.restart()
        await until(pilot, lambda: "flock was started anew meanwhile" in text_of(app))


async def test_words_of_a_closed_set_and_ids_are_chosen_from_a_list() -> None:
    app = Canned().app("monitor")
    async with app.run_test(size=(80, 24)) as pilot:
        await _live(pilot, app)
        form = await _form(pilot, app, ShowCompletion)
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, Pick) and "fish" in text_of(app))
        await pilot.press("z", "s", "enter")
        await until(pilot, lambda: app.screen is form and form.query_one("#field-shell", Input).value == "zsh")
        assert _line(form) == "flock completion zsh"
        form.dismiss(None)
        await until(pilot, lambda: app.screen is not form)
        form = await _form(pilot, app, RemoveVendor)
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, Pick))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is form)
        assert not form.query_one("#field-name", Input).value


async def test_what_needs_the_terminal_is_copied_where_there_is_none_to_step_aside_to() -> None:
    from flock.contract.settings import EditConfig

    canned = Canned()
    app = canned.app("monitor")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await _live(pilot, app)
        app.acts.ask(EditConfig)
        await until(pilot, lambda: "this needs a terminal of its own" in text_of(app))
        assert app.clipboard == "flock config edit"
        assert not canned.done
