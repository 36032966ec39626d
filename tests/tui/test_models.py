"""The models' page: installed, in memory, the catalog, additions and jobs; keys become operations."""

from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from flock.contract.jobs import Job
from flock.contract.models import AddModel, ConfigureModel, LoadModel, RemoveModel, Residents, SetDefaultModel
from flock.errors import InvalidRequest
from flock.tui.app import FlockApp
from flock.tui.widgets.answer import Answer
from flock.tui.widgets.confirm import Confirm
from flock.tui.widgets.form import Form
from flock.tui.widgets.install import Install
from tests.cli.values import SMOKE
from tests.tui.canned import SIZES, THEMES, Canned, compare, text_of, until
from tests.tui.models_values import CATALOG, FAILED, FETCHING, FULL, HELD, MODELS


def canned(**more: Any) -> Canned:
    return Canned(**{**FULL, **more})


async def opened(pilot: Pilot[Any], app: FlockApp, words: str = "gemma4-12b") -> None:
    await until(pilot, lambda: app.state.connection == "live" and words in text_of(app), words)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_it_looks_as_it_did(size: tuple[int, int], theme: str) -> None:
    app = canned().app("models", theme)
    async with app.run_test(size=size) as pilot:
        await opened(pilot, app, "add phi-5-mini")
        await until(pilot, lambda: "4.4 GB free" in text_of(app))
        compare(app, f"models-{size[0]}x{size[1]}-{theme}")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_the_catalog_looks_as_it_did(size: tuple[int, int], theme: str) -> None:
    app = canned().app("models", theme)
    async with app.run_test(size=size) as pilot:
        await opened(pilot, app, "add phi-5-mini")
        await pilot.press("b")
        await until(pilot, lambda: ("ways to have it" if size[0] > 100 else "✓ commercial use") in text_of(app))
        await pilot.press("down", "down", "down")
        await until(pilot, lambda: "flock model info gemma4-12b" in text_of(app))
        await until(pilot, lambda: size[0] < 100 or "ways to have it" in text_of(app))
        compare(app, f"models-catalog-{size[0]}x{size[1]}-{theme}")


async def test_an_addition_looks_as_it_did() -> None:
    app = canned().app("models")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("b")
        await until(pilot, lambda: "flock model add gpt-oss-20b" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: "69.1 GB free" in text_of(app))
        compare(app, "models-install-80x24-dark")


@pytest.mark.parametrize(
    ("key", "op"),
    [
        ("l", LoadModel(id="qwen3-8b")),
        ("L", LoadModel(id="qwen3-8b", swap=True)),
        ("p", LoadModel(id="qwen3-8b", pin=True)),
        ("o", ("model.unload", "qwen3-8b")),
        ("t", SetDefaultModel(id="qwen3-8b")),
    ],
    ids=str,
)
async def test_keys_do_what_they_say(key: str, op: Any) -> None:
    flock = canned(model__unload=MODELS[0])
    app = flock.app("models")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press(key)
        if isinstance(op, tuple):
            await until(pilot, lambda: [(o.spec.name, getattr(o, "id", "")) for o in flock.done] == [op])
        else:
            await until(pilot, lambda: flock.done == [op])


async def test_removing_asks_first() -> None:
    flock = canned()
    app = flock.app("models")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("down", "delete")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        assert flock.done == []
        await pilot.press("y")
        await until(pilot, lambda: flock.done == [RemoveModel(id="gemma4-12b")])


async def test_enter_shows_everything_and_the_line_says_so_before() -> None:
    app = canned().app("models")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("down", "down")
        await until(pilot, lambda: "$ flock model info nomic-embed-v1.5" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Answer))


async def test_the_form_of_its_settings_begins_with_what_is_set() -> None:
    flock = canned()
    app = flock.app("models")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, Form))
        await pilot.pause()
        await pilot.press("ctrl+s")
        wanted = ConfigureModel(id="qwen3-8b", context="32768", slots="2", kv_type="q8_0", trust_remote_code="on")
        await until(pilot, lambda: flock.done == [wanted])


async def test_memory_lists_what_is_loaded() -> None:
    app = canned().app("models")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("m")
        await until(pilot, lambda: "KEEP" in text_of(app))
        shown = text_of(app)
        assert "priority 5" in shown
        assert "qwen3-coder-30b-a3b" not in shown


async def test_a_state_that_an_event_tells_of_shows_at_once() -> None:
    flock = canned()
    app = flock.app("models")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        flock.tell("model.state", "nomic-embed-v1.5", state="failed", error="out of memory", engine="embedded")
        await until(pilot, lambda: "✗ failed" in _line(app, "nomic-embed-v1.5"))


# -- the catalog


async def browsing(pilot: Pilot[Any], app: FlockApp) -> None:
    await opened(pilot, app)
    await pilot.press("b")
    await until(pilot, lambda: "smollm3-3b" in text_of(app))


async def test_typing_narrows_the_catalog_down_without_asking_again() -> None:
    flock = canned()
    app = flock.app("models")
    async with app.run_test(size=(120, 40)) as pilot:
        await browsing(pilot, app)
        asked = sum(op.spec.name == "catalog.search" for op in flock.asked)
        await pilot.press("slash", *"llama 3b")
        await until(pilot, lambda: "smollm3-3b" not in text_of(app))
        assert "llama-3.2-3b" in text_of(app)
        assert "$ flock model search 'llama 3b'" in text_of(app)
        assert sum(op.spec.name == "catalog.search" for op in flock.asked) == asked
        await pilot.press("escape")
        await until(pilot, lambda: "smollm3-3b" in text_of(app))


async def test_it_is_ordered_and_filtered_by_keys() -> None:
    app = canned().app("models")
    async with app.run_test(size=(120, 40)) as pilot:
        await browsing(pilot, app)
        await pilot.press("s", "s")
        await until(pilot, lambda: "$ flock model search --sort=size" in text_of(app))
        assert text_of(app).index("nomic-embed") < text_of(app).index("smollm3-3b")
        await pilot.press("f")
        await until(pilot, lambda: "kimi-k2.6-sharded" not in text_of(app))
        await pilot.press("h")
        await until(pilot, lambda: "● added" not in text_of(app))
        await pilot.press("k", *"visi", "enter")
        await until(pilot, lambda: "flock model search --sort=size --capability=vision --fits" in text_of(app))
        assert "no model of the catalog is meant" in text_of(app)
        await pilot.press("escape")
        await until(pilot, lambda: "kimi-k2.6-sharded" in text_of(app))


async def test_adding_shows_the_plan_before_it_begins() -> None:
    flock = canned()
    app = flock.app("models")
    async with app.run_test(size=(80, 24)) as pilot:
        await browsing(pilot, app)
        await pilot.press("enter")
        await until(pilot, lambda: "✓ fits: needs 7.3 GB" in text_of(app))
        assert flock.done == [AddModel(source="gpt-oss-20b", dry_run=True)]
        await pilot.press("enter")
        await until(pilot, lambda: flock.done[1:] == [AddModel(source="gpt-oss-20b")])


async def test_what_does_not_fit_is_added_by_force_only_after_it_was_said() -> None:
    flock = canned()
    flock.answers["catalog.search"] = [replace(CATALOG[2], installed=False)]
    app = flock.app("models")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("b")
        await until(pilot, lambda: "qwen3-coder-30b-a3b" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: "✗ does not fit" in text_of(app) and "Install anyway" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: flock.done[1:] == [AddModel(source="qwen3-coder-30b-a3b", force=True)])


async def test_a_plan_that_cannot_be_made_says_why_and_nothing_begins() -> None:
    flock = canned(model__add=InvalidRequest("the hub is not reached", hint="flock doctor"))
    app = flock.app("models")
    async with app.run_test(size=(80, 24)) as pilot:
        await browsing(pilot, app)
        await pilot.press("enter")
        await until(pilot, lambda: "→ flock doctor" in text_of(app))
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, Install)
        assert len(flock.done) == 1


async def test_a_source_of_ones_own_is_planned_too() -> None:
    flock = canned()
    app = flock.app("models")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, Form))
        await pilot.pause()
        await pilot.press(*"ollama:tiny", "enter")
        await until(pilot, lambda: flock.done == [AddModel(source="ollama:tiny", dry_run=True)])


# -- jobs


async def test_a_job_moves_by_its_events_and_is_stopped() -> None:
    flock = canned(job__ls=[])
    app = flock.app("models")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        assert "PROGRESS" not in text_of(app)
        flock.tell("job.progress", FETCHING.id, **_plain(FETCHING))
        await until(pilot, lambda: "2.5 GB of 5.0 GB" in text_of(app))
        flock.tell("job.progress", FETCHING.id, **{**_plain(FETCHING), "progress": 0.9, "revision": 9})
        await until(pilot, lambda: "90%" in text_of(app))
        await pilot.press("w")
        await pilot.press("x")
        await until(pilot, lambda: [op.spec.name for op in flock.done] == ["job.cancel"])


async def test_a_failed_job_says_why_and_is_begun_anew() -> None:
    flock = canned(job__ls=[FAILED])
    app = flock.app("models")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await until(pilot, lambda: "→ flock hub login" in text_of(app))
        await pilot.press("w", "n")
        await until(pilot, lambda: flock.done == [AddModel(source="phi-5-mini")])


# -- nothing there, nothing known


async def test_where_only_the_builtin_model_is_there_the_best_pick_is_named() -> None:
    flock = canned(model__ls=[SMOKE], model__ps=Residents(16 * 10**9, 0, 16 * 10**9), job__ls=[])
    app = flock.app("models")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "$ flock model add gpt-oss-20b" in text_of(app))
        await pilot.press("m")
        await until(pilot, lambda: "no model is in memory" in text_of(app))


async def test_no_model_at_all_names_one_command() -> None:
    app = canned(model__ls=[], model__ps=replace(HELD, models=()), catalog__picks=[], job__ls=[]).app("models")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "flock model search" in text_of(app))


async def test_an_answer_that_failed_stands_in_its_place() -> None:
    app = canned(model__ls=InvalidRequest("the models cannot be read", hint="flock doctor")).app("models")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "✗ the models cannot be read" in text_of(app))
        assert "→ flock doctor" in text_of(app)


async def test_a_model_with_control_characters_in_its_name_steers_nothing() -> None:
    app = canned(model__ls=[replace(MODELS[0], id="a\x1b]0;b\x07[bold]c")]).app("models")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "a\\x1b]0;b\\x07[bold]c" in text_of(app))


def _line(app: FlockApp, word: str) -> str:
    return next(line for line in text_of(app).splitlines() if line.strip().startswith(word))


def _plain(job: Job) -> dict[str, Any]:
    import json

    from flock.contract import codec

    return json.loads(codec.dumps(job))


async def test_the_part_in_front_is_not_offered() -> None:
    app = Canned(model__list=MODELS).app("models")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "b Browse" in text_of(app) and "i Installed" not in text_of(app).splitlines()[-1])
        await pilot.press("b")
        await until(pilot, lambda: "i Installed" in text_of(app).splitlines()[-1] and "b Browse" not in text_of(app))
        await pilot.press("i")
        await until(pilot, lambda: "b Browse" in text_of(app))
