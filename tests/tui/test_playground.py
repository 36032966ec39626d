"""Chat: what is sent, how an answer comes, what its keys do, and that typing is nobody else's."""

import json

import pytest
from textual import events
from textual._xterm_parser import XTermParser

from flock.contract.models import LoadModel
from flock.contract.requests import CancelRequest, ExplainRequest
from flock.errors import StorageFailed
from flock.tui.screens.playground_settings import ChatSettings
from flock.tui.screens.playground_talk import Settings
from flock.tui.widgets.transcript import Transcript
from tests.tui.answering import (
    ANSWER,
    HEADERS,
    MODEL,
    Held,
    Waiting,
    answering,
    body,
    chunk,
    ending,
    opened,
    page_of,
    roles,
    say,
)
from tests.tui.canned import SIZES, THEMES, Canned, Stream, compare, text_of, until


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_it_looks_as_it_did(width: int, height: int, theme: str) -> None:
    canned = Canned()
    canned.streams = [
        answering({"reasoning_content": "The user wants the newest first. Two ways."}, {"content": ANSWER}),
        answering({"tool_calls": [{"function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}]}),
    ]
    app = canned.app("playground", theme)
    async with app.run_test(size=(width, height)) as pilot:
        await opened(pilot, app)
        await until(pilot, lambda: "$412.87 today" in text_of(app))
        page_of(app).settings = Settings(system="You are terse.", temperature=0.2, tools='[{"name": "get_weather"}]')
        await say(pilot, "newest first?")
        await until(pilot, lambda: page_of(app).talk.turns[-1].stage == "done")
        await say(pilot, "weather?")
        await until(pilot, lambda: "2 turns" in text_of(app) and "get_weather" in text_of(app))
        compare(app, f"playground-{width}x{height}-{theme}")


async def test_typing_is_nobody_elses() -> None:
    app = Canned().app("playground")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press(*"1234567890dqruyxmsglictek", "colon", "question_mark", "less_than_sign", "greater_than_sign")
        await pilot.pause()
        assert page_of(app)._writing.text == "1234567890dqruyxmsglictek:?<>"  # pyright: ignore[reportPrivateUsage]
        assert len(app.screen_stack) == 1
        assert app.acts.line.startswith(f"flock run --model={MODEL} '1234567890dq")


async def test_an_answer_comes_and_says_what_it_took() -> None:
    canned = Canned()
    canned.streams = [answering({"reasoning_content": "Weather is asked"}, {"content": "It **rains**."})]
    app = canned.app("playground")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await say(pilot, "Rain?")
        await until(pilot, lambda: "48 in, 9 out" in text_of(app))
        assert canned.sent[0][:2] == ("POST", "/v1/chat/completions")
        assert body(canned)["model"] == MODEL
        assert body(canned)["stream"] is True
        assert "It rains." in text_of(app)
        assert "▸ thought for 0 ms, 3 words" in text_of(app)
        assert "Weather is asked" not in text_of(app)
        assert app.acts.line == f"flock run --model={MODEL} 'Rain?'"
        await pilot.press("ctrl+t")
        await until(pilot, lambda: "│ Weather is asked" in text_of(app))
        await pilot.press("ctrl+t")
        await until(pilot, lambda: "Weather is asked" not in text_of(app))


async def test_the_conversation_is_told_again_with_each_message() -> None:
    canned = Canned()
    canned.streams = [answering({"content": "One."}), answering({"content": "Two."})]
    app = canned.app("playground")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await say(pilot, "first")
        await until(pilot, lambda: "One." in text_of(app))
        await say(pilot, "second")
        await until(pilot, lambda: "Two." in text_of(app))
        assert roles(canned) == [("user", "first"), ("assistant", "One."), ("user", "second")]


async def test_a_tool_call_is_folded_and_the_next_message_is_its_result() -> None:
    canned = Canned()
    call = {"function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}
    canned.streams = [answering({"tool_calls": [call]}, finish="tool_calls"), answering({"content": "Sunny."})]
    app = canned.app("playground")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        page_of(app).settings = Settings(tools='[{"name": "get_weather"}]')
        await say(pilot, "weather?")
        await until(pilot, lambda: '▸ calls get_weather {"city": "Paris"}' in text_of(app))
        assert body(canned)["tools"] == [{"type": "function", "function": {"name": "get_weather"}}]
        await until(pilot, lambda: "what its tools give back" in text_of(app))
        await pilot.press("ctrl+t")
        await until(pilot, lambda: '    "city": "Paris"' in text_of(app))
        await say(pilot, "sunny")
        await until(pilot, lambda: "Sunny." in text_of(app))
        asked = body(canned)["messages"]
        assert [one["role"] for one in asked] == ["user", "assistant", "tool"]
        assert asked[1]["tool_calls"][0]["id"] == asked[2]["tool_call_id"]
        assert asked[2]["content"] == "sunny"


async def test_escape_stops_an_answer_at_once() -> None:
    canned = Canned()
    held = Held()
    canned.streams = [held]  # type: ignore[list-item]
    app = canned.app("playground")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        held.lines.put(chunk(content="Once upon"))
        await say(pilot, "tell")
        await until(pilot, lambda: "Once upon" in text_of(app) and "◐ answering" in text_of(app))
        await pilot.press(*"more")  # the next message is written meanwhile
        await pilot.press("enter")
        assert len(canned.sent) == 1
        await pilot.press("escape")
        await until(pilot, lambda: "■ stopped" in text_of(app))
        assert held.closed
        assert page_of(app)._writing.text == "more"  # pyright: ignore[reportPrivateUsage]
        canned.streams = [answering({"content": "Yes."})]
        await pilot.press("enter")
        await until(pilot, lambda: "Yes." in text_of(app))
        assert roles(canned) == [("user", "tell"), ("assistant", "Once upon"), ("user", "more")]


async def test_what_waits_for_its_model_says_so_and_is_cancelled_by_its_id() -> None:
    canned = Waiting()
    app = canned.app("playground")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await say(pilot, "hello")
        await until(pilot, lambda: "◐ waiting" in text_of(app))
        canned.tell("request.stage", "req_1", stage="queued", endpoint="chat", model=MODEL, position=2, eta_seconds=3.0)
        await until(pilot, lambda: "in the queue, number 2, about 3.0 s" in text_of(app))
        canned.tell("request.stage", "req_1", stage="loading", endpoint="chat", model=MODEL)
        await until(pilot, lambda: f"◐ loading {MODEL}" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: CancelRequest(id="req_1") in canned.done)
        assert "■ stopped" in text_of(app)
        canned.let.set()
        await until(pilot, lambda: canned.held.closed)


async def test_a_refusal_stands_in_place_with_its_hint_and_is_not_told_again() -> None:
    canned = Canned()
    error = {"error": {"message": "no model 'x'", "code": "model_not_found", "hint": "flock model ls"}}
    canned.streams = [Stream([json.dumps(error).encode()], 404, HEADERS), answering({"content": "Yes."})]
    app = canned.app("playground")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await say(pilot, "hello")
        await until(pilot, lambda: "✗ no model 'x'" in text_of(app))
        assert "→ flock model ls" in text_of(app)
        await say(pilot, "again")
        await until(pilot, lambda: "Yes." in text_of(app))
        assert roles(canned) == [("user", "again")]


async def test_an_answer_that_breaks_off_keeps_what_came() -> None:
    canned = Canned()
    canned.streams = [Stream([chunk(content="Half an")], headers=HEADERS)]
    app = canned.app("playground")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await say(pilot, "hello")
        await until(pilot, lambda: "✗ the answer broke off before its end" in text_of(app))
        assert "Half an" in text_of(app)


async def test_again_edit_copy_explain_and_clear() -> None:
    canned = Canned()
    canned.streams = [answering({"content": word}) for word in ("One.", "Two.", "Three.")]
    app = canned.app("playground")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await say(pilot, "hello")
        await until(pilot, lambda: "One." in text_of(app))
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "Two." in text_of(app) and "One." not in text_of(app))
        await pilot.press("up")
        await until(pilot, lambda: "editing the last message" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: "editing the last message" not in text_of(app))
        await pilot.press("up")
        await say(pilot, "!")
        await until(pilot, lambda: "Three." in text_of(app) and "1 turn" in text_of(app))
        assert roles(canned) == [("user", "hello!")]
        await pilot.press("escape")
        assert isinstance(app.focused, Transcript)
        await pilot.press("c")
        assert app.clipboard == "Three."
        await pilot.press("y")
        assert app.clipboard == f"flock run --model={MODEL} 'hello!'"
        await pilot.press("enter")
        await until(pilot, lambda: ExplainRequest(id=HEADERS["x-flock-request-id"]) in canned.asked)
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("escape", "x")
        await until(pilot, lambda: "nothing was said yet" in text_of(app))
        assert app.focused is not None
        assert app.focused.id == "writing"


async def test_the_model_is_picked_and_loaded_from_here() -> None:
    canned = Canned()
    canned.streams = [answering({"content": "Yes."})]
    app = canned.app("playground")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("ctrl+o")
        await until(pilot, lambda: "the model that answers" in text_of(app))
        await pilot.press(*"auto", "enter")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await say(pilot, "hello")
        await until(pilot, lambda: "Yes." in text_of(app))
        assert body(canned)["model"] == "auto"
        page_of(app).chosen = MODEL
        await pilot.press("escape", "l")
        await until(pilot, lambda: LoadModel(id=MODEL) in canned.done)


async def test_the_settings_go_with_every_request_and_into_the_command() -> None:
    canned = Canned()
    canned.streams = [answering({"content": "Yes."})]
    app = canned.app("playground")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, ChatSettings))
        for letters in ("terse", "tab", "3", "tab", "0", "tab"):
            await pilot.press(*(letters if letters != "tab" else [letters]))
            await pilot.pause()
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "temperature: '3' is no number from 0 to 2" in text_of(app))
        for keys in (
            ("shift+tab",),
            ("shift+tab",),
            ("backspace", "1"),
            ("tab",),
            ("backspace", "9"),
            ("tab", "right"),
        ):
            await pilot.press(*keys)
            await pilot.pause()
        await until(pilot, lambda: "--temperature=1 --thinking" in text_of(app))
        await pilot.press("right", "ctrl+s")
        await until(pilot, lambda: "at most 9" in text_of(app))
        await say(pilot, "hi")
        await until(pilot, lambda: "Yes." in text_of(app))
        sent = body(canned)
        assert sent["messages"][0] == {"role": "system", "content": "terse"}
        assert (sent["temperature"], sent["max_tokens"], sent["reasoning_effort"]) == (1, 9, "none")
        assert app.acts.line == f"flock run --model={MODEL} --system=terse --max-tokens=9 --temperature=1 hi"


async def test_messages_of_several_lines() -> None:
    canned = Canned()
    canned.streams = [answering({"content": "Yes."})]
    app = canned.app("playground")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("a", "ctrl+j", "b", "alt+enter", "c")
        app.post_message(events.Paste("\n".join(f"line {n}" for n in range(40))))
        await until(pilot, lambda: "line 39" in text_of(app))
        assert page_of(app)._writing.size.height == 6  # pyright: ignore[reportPrivateUsage]
        await pilot.press("enter")
        await until(pilot, lambda: "Yes." in text_of(app))
        assert roles(canned)[0][1].startswith("a\nb\ncline 0\nline 1")
        assert "▸ 30 more lines" in text_of(app)
        assert page_of(app)._writing.size.height == 1  # pyright: ignore[reportPrivateUsage]


def test_escape_before_enter_is_a_new_line_where_the_terminal_says_alt_so() -> None:
    keys = [event.key for event in XTermParser().feed("\x1b\r") if isinstance(event, events.Key)]
    assert keys == ["ctrl+j"]


async def test_a_long_conversation_stays_where_it_was_scrolled_to() -> None:
    canned = Canned()
    held = Held()
    canned.streams = [answering({"content": "\n".join(f"row {n}" for n in range(100))}), held]  # type: ignore[list-item]
    app = canned.app("playground")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await say(pilot, "count")
        await until(pilot, lambda: "row 99" in text_of(app))
        await say(pilot, "on")
        await until(pilot, lambda: "◐" in text_of(app))
        await pilot.press("tab")
        transcript = page_of(app).query_one(Transcript)
        transcript.focus()
        await pilot.press("home")
        await until(pilot, lambda: "row 3" in text_of(app) and "row 99" not in text_of(app))
        held.lines.put(chunk(content="\n".join(f"more {n}" for n in range(50))))
        for line in ending():
            held.lines.put(line)
        await until(pilot, lambda: page_of(app).talk.turns[-1].stage == "done")
        assert "row 3" in text_of(app)
        await pilot.press("end")
        await until(pilot, lambda: "more 49" in text_of(app))
        assert app.acts.line.endswith(" on")
        await pilot.press(
            "up", "up", "up", "up", "up", "up", "up", "up", "up", "up", "up", "up", "up", "up", "up", "up"
        )
        await until(pilot, lambda: app.acts.line.endswith(" count"))


async def test_clicks_open_what_is_folded() -> None:
    canned = Canned()
    canned.streams = [answering({"reasoning_content": "Hm."}, {"content": "Yes."})]
    app = canned.app("playground")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await say(pilot, "hello")
        await until(pilot, lambda: "▸ thought" in text_of(app))
        line = next(n for n, words in enumerate(text_of(app).split("\n")) if "▸ thought" in words)
        await pilot.click(offset=(5, line))
        await until(pilot, lambda: "▾ thought" in text_of(app))


async def test_without_models_one_command_is_named() -> None:
    app = Canned(model__ls=[]).app("playground")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "no model answers yet; add one: flock model picks" in text_of(app))


async def test_models_that_cannot_be_listed_are_told_of_in_place() -> None:
    app = Canned(model__ls=StorageFailed("the disk is full", hint="flock doctor")).app("playground")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "✗ the disk is full" in text_of(app) and "flock doctor" in text_of(app))
