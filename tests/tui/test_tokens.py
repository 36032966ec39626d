"""The page of keys: what it shows, what its keys do, and that a key is shown once and nowhere else."""

import logging
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from flock.contract.connect import Invite
from flock.contract.tokens import (
    CreateToken,
    EditToken,
    ExpireToken,
    ListTokens,
    RenewToken,
    RevokeToken,
    RotateToken,
    ShowToken,
)
from flock.errors import StorageFailed
from flock.tui.screens.tokens_edit import changed, given
from tests.cli.token_values import CREATED, LIMITED
from tests.tui.canned import SIZES, SNAPSHOTS, THEMES, Canned, compare, text_of, until
from tests.tui.filled_keys import ALICE, CI, filled

KEY = "sk-orc-shown-once-0123456789abcdefghijklmnop"


async def _open(pilot: Any, app: Any, words: str = "200k tpm") -> None:
    await until(pilot, lambda: words in text_of(app), words)


async def _form(pilot: Any, app: Any) -> None:
    await until(pilot, lambda: type(app.screen).__name__.endswith("Form"), "a form")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_it_looks_as_it_did(width: int, height: int, theme: str) -> None:
    app = filled().app("tokens", theme)
    async with app.run_test(size=(width, height)) as pilot:
        await _open(pilot, app)
        await pilot.press("down")
        await until(pilot, lambda: "12 + 3 of 60" in text_of(app) and "● live" in text_of(app))
        await until(pilot, lambda: "$7.32 today" in text_of(app))
        compare(app, f"tokens-{width}x{height}-{theme}")


async def test_the_cursor_asks_for_the_limits_of_its_key_and_spells_the_command() -> None:
    canned = filled()
    app = canned.app("tokens")
    async with app.run_test(size=(120, 40)) as pilot:
        await _open(pilot, app)
        assert "it has no limits" in text_of(app) or "asking" in text_of(app)
        await pilot.press("down")
        await until(pilot, lambda: "$120.00 of $100.00" in text_of(app))
        assert ShowToken(id=LIMITED.id) in canned.asked
        assert app.acts.line == f"flock token show {LIMITED.id}"


async def test_without_keys_it_names_the_command_that_makes_one() -> None:
    canned = Canned(token__ls=[])
    app = canned.app("tokens")
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app, "flock token create NAME")
        await pilot.press("n")  # also without a row the page has the keyboard
        await _form(pilot, app)


async def test_a_listing_that_failed_says_why_and_what_helps() -> None:
    canned = Canned(token__ls=StorageFailed("the disk is full", hint="df -h"))
    app = canned.app("tokens")
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app, "the disk is full")
        assert "df -h" in text_of(app)


async def test_also_ended_keys_are_listed_on_request() -> None:
    canned = filled()
    app = canned.app("tokens")
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        assert "guest" not in text_of(app)
        await pilot.press("a")
        await until(pilot, lambda: "guest" in text_of(app) and "✗ revoked" in text_of(app))
        assert ListTokens(all=True) in canned.asked


async def test_typing_narrows_the_list_down() -> None:
    app = filled().app("tokens")
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        await pilot.press("slash", *"web")
        await until(pilot, lambda: "robert" not in text_of(app) and "ada" not in text_of(app).split("tokens/day")[0])
        await pilot.press(*"zzz")
        await until(pilot, lambda: "flock token ls" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: "ada" in text_of(app))
        await pilot.press("down")
        await until(pilot, lambda: app.acts.line == f"flock token show {LIMITED.id}")


async def test_a_new_key_is_shown_once_and_then_forgotten(
    caplog: pytest.LogCaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOCK_HOME", str(tmp_path))
    caplog.set_level(logging.DEBUG)
    canned = filled(token__create=lambda _op: _created())
    app = canned.app("tokens")
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await _open(pilot, app)
        await pilot.press("n")
        await _form(pilot, app)
        app.screen.query_one("#field-name", Input).value = "ci"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: KEY in text_of(app))
        assert "never again" in text_of(app)
        assert CreateToken(name="ci") in canned.done
        await pilot.press("enter")  # it may still be on its way from the form
        await pilot.pause()
        assert KEY in text_of(app)
        await pilot.press("c")
        assert app.clipboard == KEY
        box: Any = app.screen
        await pilot.press("escape")
        await until(pilot, lambda: KEY not in text_of(app))
        assert KEY not in repr(vars(box))
        assert box._value is None  # pyright: ignore[reportPrivateUsage]
        assert KEY not in app.acts.line
        assert not any(KEY in f"{note.title} {note.message}" for note in app._notifications)  # pyright: ignore[reportPrivateUsage]
        assert KEY not in repr(app.state)
        assert KEY not in app.export_screenshot()
    assert KEY not in caplog.text
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and KEY.encode() in file.read_bytes()]


def test_no_picture_has_a_key() -> None:
    for file in SNAPSHOTS.glob("*.svg"):
        assert "sk-orc-" not in file.read_text("utf-8"), file.name


async def test_rotating_shows_the_new_key_once() -> None:
    canned = filled(token__rotate=lambda _op: _created())
    app = canned.app("tokens")
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        await pilot.press("o")
        await _form(pilot, app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: KEY in text_of(app))
        assert RotateToken(id=CI.id) in canned.done
        await pilot.press("escape")
        await until(pilot, lambda: KEY not in text_of(app))


async def test_an_invitation_is_a_card_to_copy() -> None:
    canned = filled()
    app = canned.app("tokens")
    async with app.run_test(size=(120, 40)) as pilot:
        await _open(pilot, app)
        await pilot.press("i")
        await _form(pilot, app)
        app.screen.query_one("#field-name", Input).value = "alice"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "## flock for alice" in text_of(app))
        assert Invite(name="alice") in canned.done
        await pilot.press("c")
        assert app.clipboard.startswith("## flock for alice")
        await pilot.press("k")
        assert app.clipboard == "sk-orc-EXAMPLE"


async def test_an_edit_names_only_what_was_changed() -> None:
    canned = filled()
    app = canned.app("tokens")
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await _open(pilot, app)
        await pilot.press("down", "e")
        await _form(pilot, app)
        assert app.screen.query_one("#field-rpm", Input).value == "60"
        assert app.screen.query_one("#field-budget", Input).value == "5/day 100/month"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "nothing is changed yet" in text_of(app))
        app.screen.query_one("#field-rpm", Input).value = "90"
        app.screen.query_one("#field-tpm", Input).value = ""
        await until(pilot, lambda: f"flock token edit --rpm=90 --tpm=0 {LIMITED.id}" in text_of(app))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: canned.done == [EditToken(id=LIMITED.id, rpm=90, tpm=0)])
        await until(pilot, lambda: "bob is changed" in text_of(app))


@pytest.mark.parametrize(
    ("typed", "changes"),
    [
        ({}, {}),
        ({"rpm": 90}, {"rpm": 90}),
        ({"rpm": None, "tpm": None, "quota": None}, {"rpm": 0, "tpm": 0, "quota": 0}),
        ({"budget": None}, {"budget": ("none",)}),
        ({"budget": ("7/week",)}, {"budget": ("7/week",)}),
        ({"models": None, "vendors": None}, {"models": "", "vendors": ""}),
        ({"note": None, "owner": None}, {"note": "", "owner": ""}),
        ({"share": None}, {"share": 1}),
        ({"tag": ("env=test", "team=web")}, {"tag": ("env=test",)}),
        ({"tag": ("team=web",)}, {"tag": ("env=",)}),
        ({"tag": None}, {"tag": ("env=", "team=")}),
        ({"name": "robert"}, {"name": "robert"}),
    ],
)
def test_what_an_edit_has_to_name(typed: dict[str, Any], changes: dict[str, Any]) -> None:
    now = given(LIMITED)
    assert changed(now, {**now, **typed}) == changes


def test_a_key_keeps_a_name() -> None:
    now = given(LIMITED)
    with pytest.raises(ValueError, match="has a name"):
        changed(now, {**now, "name": None})


async def test_a_key_is_revoked_after_a_question() -> None:
    canned = filled()
    app = canned.app("tokens")
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await _open(pilot, app)
        await pilot.press("down", "down", "delete")
        await until(pilot, lambda: f"Revoke token {ALICE.id}?" in text_of(app))
        assert "within a second" in text_of(app)
        await pilot.press("n")
        await until(pilot, lambda: "Revoke token" not in text_of(app))
        assert canned.done == []
        await pilot.press("delete")
        await until(pilot, lambda: "Revoke token" in text_of(app))
        await pilot.press("y")
        await until(pilot, lambda: canned.done == [RevokeToken(id=ALICE.id)])
        await until(pilot, lambda: "alice is revoked" in text_of(app))


@pytest.mark.parametrize(
    ("key", "field", "words", "op"),
    [
        ("w", "ttl", "30d", RenewToken(id=CI.id, ttl="30d")),
        ("x", "after", "2h", ExpireToken(id=CI.id, after="2h")),
    ],
)
async def test_how_long_a_key_is_good_is_changed(key: str, field: str, words: str, op: Any) -> None:
    canned = filled()
    app = canned.app("tokens")
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, app)
        await pilot.press(key)
        await _form(pilot, app)
        app.screen.query_one(f"#field-{field}", Input).value = words
        await pilot.press("ctrl+s")
        if op.spec.name == "token.expire":
            await until(pilot, lambda: "Expire token" in text_of(app))
            await pilot.press("y")
        await until(pilot, lambda: canned.done == [op])


async def test_a_refused_act_says_why() -> None:
    canned = filled(token__revoke=StorageFailed("the disk is full", hint="df -h"))
    app = canned.app("tokens")
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await _open(pilot, app)
        await pilot.press("delete")
        await until(pilot, lambda: "Revoke token" in text_of(app))
        await pilot.press("y")
        await until(pilot, lambda: "→ df -h" in text_of(app))


def _created() -> Any:
    from dataclasses import replace

    return replace(CREATED, token=KEY)


async def test_on_a_low_terminal_the_list_has_the_room() -> None:
    app = filled().app("tokens")
    async with app.run_test(size=(40, 12)) as pilot:
        await until(pilot, lambda: "alice" in text_of(app) and "bob" in text_of(app))
