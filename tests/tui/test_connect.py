"""Connect: tools and what they need, keys that stay hidden, the difference before it is written, the trial."""

import json
import socket
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from flock.contract.connect import ClientRow, ConnectClient, Connection, DisconnectClient, Edit, Invite
from flock.contract.requests import ExplainRequest
from flock.errors import DaemonUnreachable, FlockError, InvalidRequest, UpstreamError
from flock.tui.app import FlockApp
from flock.tui.screens import connect_look as looks
from flock.tui.screens import connect_trial as trials
from flock.tui.screens.connect import ConnectPage
from flock.tui.screens.connect_write import ChooseWay, WriteIt
from tests.cli.connect_values import AMP, CLAUDE, DIFF, FILE, PLANDEX, UNDONE, URL
from tests.tui.canned import SIZES, THEMES, Canned, Stream, absent, compare, text_of, until

KEY = "sk-orc-EXAMPLE-0123456789-abcdefghij"
WITH_KEY = replace(
    CLAUDE,
    environment={"ANTHROPIC_BASE_URL": URL, "ANTHROPIC_AUTH_TOKEN": KEY, "ANTHROPIC_MODEL": "auto"},
    edits=(replace(CLAUDE.edits[0], fragment=CLAUDE.edits[0].fragment.replace("sk-orc-EXAMPLE", KEY)),),
)
TOOLS = [
    ClientRow("claude-code", "Claude Code", "Anthropic Messages", "write", "installed", "2.1.329", FILE, ""),
    ClientRow("codex-cli", "Codex", "OpenAI Responses", "write", "installed", "0.169.0", "~/.codex/config.toml", ""),
    ClientRow(
        "gemini-cli", "Gemini CLI", "Gemini generateContent", "write", "absent", "", "~/.gemini/settings.json", ""
    ),
    ClientRow("plandex", "Plandex", "OpenAI chat completions", "print", "absent", "", "", ""),
    ClientRow("amp", "Amp", "its own", "none", "absent", "", "", "no documented setting for an endpoint"),
]
KNOWN = {"claude-code": WITH_KEY, "plandex": PLANDEX, "amp": AMP}


class Tools(Canned):
    """A flock with tools that are connected once they are written into."""

    def __init__(self, **answers: Any) -> None:
        self.connected: set[str] = set()
        super().__init__(
            **{
                "connect__ls": lambda _op: [
                    replace(row, state="connected") if row.id in self.connected else row for row in TOOLS
                ],
                "connect__client": self.connect,
                "connect__undo": self.undo,
                **answers,
            }
        )
        self.dialled: list[tuple[str, str]] = []
        self.heads: list[Mapping[str, str]] = []

    def connect(self, op: ConnectClient) -> Connection:
        found = KNOWN.get(op.client, replace(WITH_KEY, client=op.client, name=op.client))
        found = replace(found, base_url=op.base_url or found.base_url, model=op.model)
        if not op.write:
            return found
        self.connected.add(op.client)
        return replace(found, edits=tuple(replace(e, state="written", fragment="", backup="/b") for e in found.edits))

    def undo(self, op: DisconnectClient) -> Connection:
        if not op.write:
            return UNDONE
        self.connected.discard(op.client)
        return replace(UNDONE, edits=(Edit(FILE, "removed", "", "", "/b"),))

    def dial(self, url: str, key: str) -> Any:
        self.dialled.append((url, key))
        return self

    def send(self, method: str, path: str, body: bytes | None = None, headers: Any = None) -> Stream:
        self.heads.append(dict(headers or {}))
        return super().send(method, path, body, headers)

    def close(self) -> None:
        """Stay: the page closes what it dialled, and that is this."""

    def page(self, theme: str = "dark") -> FlockApp:
        return self.app("connect", theme)


async def opened(pilot: Pilot[Any], app: FlockApp, words: str = "ANTHROPIC_AUTH_TOKEN") -> ConnectPage:
    await until(pilot, lambda: words in text_of(app), words)
    assert isinstance(app.page, ConnectPage)
    return app.page


def told(app: FlockApp) -> str:
    """Return what toasts say, which are broken into lines on the screen."""
    return "\n".join(one.message for one in app._notifications)  # pyright: ignore[reportPrivateUsage]


async def to(pilot: Pilot[Any], app: FlockApp, client: str) -> None:
    while True:
        page = app.page
        assert isinstance(page, ConnectPage)
        assert page.client is not None
        if page.client.id == client:
            return
        await pilot.press("down")
        await pilot.pause()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_it_looks_as_it_did(width: int, height: int, theme: str) -> None:
    canned = Tools()
    canned.connected.add("codex-cli")
    answer = {"content": [{"type": "text", "text": "Hello from here."}]}
    head = {"x-flock-model": "qwen3-8b", "x-flock-request-id": "req_0f3a9c1d2e4b5a68"}
    canned.streams = [Stream([json.dumps(answer).encode()], headers=head)]
    app = canned.page(theme)
    async with app.run_test(size=(width, height)) as pilot:
        page = await opened(pilot, app)
        page.dial = canned.dial
        await until(pilot, lambda: "$412.87 today" in text_of(app))
        await pilot.press("t")
        await until(pilot, lambda: "Hello from here" in text_of(app))
        compare(app, f"connect-{width}x{height}-{theme}")


async def test_keys_are_hidden_until_they_are_asked_for_and_copied_whole() -> None:
    canned = Tools()
    app = canned.page()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, app)
        assert "•••" in text_of(app)
        assert KEY not in text_of(app)
        await pilot.press("s")
        await until(pilot, lambda: KEY in text_of(app))
        await pilot.press("s")
        await until(pilot, lambda: KEY not in text_of(app))
        await pilot.press("c")
        assert app.clipboard == WITH_KEY.edits[0].fragment
        assert KEY in app.clipboard
        assert KEY not in app.acts.line


async def test_the_cursor_spells_the_command_of_its_tool() -> None:
    app = Tools().page()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        assert app.acts.line == "flock connect claude-code"
        await to(pilot, app, "plandex")
        await until(pilot, lambda: "what `plandex models custom`" in text_of(app))
        assert app.acts.line == "flock connect plandex"
        await pilot.press("w")
        await until(pilot, lambda: "flock has no file of Plandex to write" in told(app))
        await to(pilot, app, "amp")
        await until(pilot, lambda: "no known way" in text_of(app) and "endpoint of your" in text_of(app))


async def test_the_difference_is_shown_before_anything_is_written() -> None:
    canned = Tools()
    app = canned.page()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        for answer, written in (("n", False), ("escape", False), ("y", True)):
            await pilot.press("w")
            await until(pilot, lambda: isinstance(app.screen, WriteIt))
            await until(pilot, lambda: '+    "ANTHROPIC_AUTH_TOKEN": "sk-orc-…MPLE"' in text_of(app))
            assert "$ flock connect --write claude-code" in text_of(app)
            await pilot.press(answer)
            await until(pilot, lambda: len(app.screen_stack) == 1)
            if written:
                await until(pilot, lambda: "● connected" in text_of(app))
            assert (ConnectClient(client="claude-code", write=True) in canned.asked) == written
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, WriteIt))
        await pilot.press("y")
        await until(pilot, lambda: DisconnectClient(client="claude-code", write=True) in canned.asked)
        await until(pilot, lambda: "● 0 connected" in text_of(app))


async def test_what_is_not_connected_is_not_taken_off() -> None:
    canned = Tools()
    app = canned.page()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("x")
        await until(pilot, lambda: "flock wrote nothing into files of Claude Code" in told(app))
        assert not any(isinstance(op, DisconnectClient) for op in canned.asked)


async def test_a_file_that_is_left_is_told_of() -> None:
    problem = "settings.json:3:1 is not JSON: a value is due"
    left = replace(WITH_KEY, edits=(Edit(FILE, "left", "", "", "", problem),))
    canned = Tools(
        connect__client=lambda op: left if op.write else replace(left, edits=(Edit(FILE, "printed", DIFF, ""),))
    )
    app = canned.page()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, app)
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, WriteIt))
        await pilot.press("y")
        await until(pilot, lambda: "a value is due" in told(app))


async def test_model_url_and_key_are_chosen_and_the_key_is_in_no_command() -> None:
    canned = Tools()
    app = canned.page()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("m")
        await until(pilot, lambda: "the model that tools ask for" in text_of(app))
        await pilot.press(*"qwen", "enter")
        await until(pilot, lambda: app.acts.line == "flock connect --model=qwen/qwen3:8b claude-code")
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, ChooseWay))
        await pilot.press(*"http://box", "tab")
        await pilot.pause()
        await pilot.press(*KEY)
        await until(pilot, lambda: "••••••••" in text_of(app))
        assert KEY not in text_of(app)
        await pilot.press("enter")
        line = "flock connect --model=qwen/qwen3:8b --base-url=http://box --token=- claude-code"
        await until(pilot, lambda: app.acts.line == line)
        await until(
            pilot,
            lambda: (
                ConnectClient(client="claude-code", model="qwen/qwen3:8b", base_url="http://box", token=KEY)
                in canned.asked
            ),
        )


async def test_an_invitation_is_for_the_tool_under_the_cursor() -> None:
    canned = Tools()
    app = canned.page()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, app)
        await pilot.press("v")
        await until(pilot, lambda: type(app.screen).__name__.endswith("Form"))
        await pilot.press(*"alice", "ctrl+s")
        await until(pilot, lambda: Invite(name="alice", clients="claude-code") in canned.done)


async def test_a_letter_finds_a_tool_and_escape_shows_all() -> None:
    app = Tools().page()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("slash", *"wxt d1")
        await until(pilot, lambda: "no tool is called so" in text_of(app))
        await pilot.press(*["backspace"] * 6, *"plan")
        await until(pilot, lambda: "Claude Code" not in text_of(app) and "Plandex" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.acts.line == "flock connect plandex")
        await pilot.press("slash", "escape")
        await until(pilot, lambda: "Claude Code" in text_of(app))


async def test_a_tool_that_cannot_be_connected_says_why_in_place() -> None:
    error = InvalidRequest("Cursor's own servers call flock", hint="flock connect cursor --base-url https://x.org")
    app = Tools(connect__client=error).page()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app, "✗ Cursor's own servers")
        assert "→ flock connect cursor --base-url" in text_of(app)


async def test_without_a_daemon_the_tools_are_there_all_the_same() -> None:
    app = Tools(top__show=absent()).page()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "flock is not running" in text_of(app))
        await opened(pilot, app, "Claude Code")
        await until(pilot, lambda: "•••" in text_of(app))


async def test_tools_that_cannot_be_listed_and_no_tools_at_all() -> None:
    for answer, words in ((InvalidRequest("no", hint="flock doctor"), "flock doctor"), ([], "flock connect ls")):
        app = Tools(connect__ls=answer).page()
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda app=app, words=words: words in text_of(app))


async def test_it_says_whose_flock_the_tools_of_this_machine_get() -> None:
    canned = Tools()
    canned.name = canned.host = "ada@studio.lan"
    app = canned.page()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, app)
        assert "this machine's tools, for ada@studio.lan" in text_of(app)
        assert app.acts.line == "flock --host ada@studio.lan connect claude-code"


# -- the trial

ANSWERS: dict[str, tuple[str, Any]] = {
    "claude-code": (
        "/v1/messages",
        {"content": [{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "Hi!"}]},
    ),
    "codex-cli": (
        "/v1/responses",
        {
            "output": [
                {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "Hm"}]},
                {"type": "message", "content": [{"type": "output_text", "text": "Hi!"}]},
            ]
        },
    ),
    "gemini-cli": (
        "/v1beta/models/auto:generateContent",
        {"candidates": [{"content": {"parts": [{"text": "Hm", "thought": True}, {"text": "Hi!"}]}}]},
    ),
    "plandex": (
        "/v1/chat/completions",
        {"choices": [{"message": {"role": "assistant", "content": "Hi!", "reasoning_content": "Hm"}}]},
    ),
}


@pytest.mark.parametrize("client", ANSWERS)
async def test_a_trial_speaks_the_protocol_of_its_tool(client: str) -> None:
    path, answer = ANSWERS[client]
    canned = Tools()
    head = {"x-flock-model": "qwen3-8b", "x-flock-request-id": "req_1"}
    canned.streams = [Stream([json.dumps(answer).encode()], headers=head)]
    app = canned.page()
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(pilot, app)
        page.dial = canned.dial
        await to(pilot, app, client)
        await pilot.press("t")
        await until(pilot, lambda: "● it works" in text_of(app))
        assert "200 · qwen3-8b · 0 ms" in text_of(app)
        assert "“Hi!”" in text_of(app)
        assert canned.sent[0][:2] == ("POST", path)
        assert canned.dialled[0] == (URL, "" if client == "plandex" else KEY)
        await pilot.press("e")
        await until(pilot, lambda: ExplainRequest(id="req_1") in canned.asked)


async def test_a_trial_that_fails_says_why_and_what_helps() -> None:
    canned = Tools()
    refused = {"type": "error", "error": {"message": "this API key is unknown (hint: make one: flock token create)"}}
    canned.streams = [Stream([json.dumps(refused).encode()], 401)]
    app = canned.page()
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(pilot, app)
        page.dial = canned.dial
        await pilot.press("t")
        await until(pilot, lambda: "✗ this API key is unknown" in text_of(app))
        assert "→ make one: flock token create" in text_of(app)
        assert "(hint:" not in text_of(app)
        await to(pilot, app, "amp")
        await pilot.press("t")
        await until(pilot, lambda: "✗ Amp speaks its own" in text_of(app))


async def test_a_url_at_which_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: whoever connects is refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        asked = trials.question("OpenAI chat completions", "auto")
        assert asked is not None
        reach = trials.dial(url, KEY)
        with pytest.raises(DaemonUnreachable, match="nothing listens at") as caught:
            trials.tried(reach, asked, lambda: 0.0)
        assert KEY not in str(caught.value)
        reach.close()


def test_an_answer_that_is_none() -> None:
    with pytest.raises(UpstreamError, match="not JSON: <html>"):
        trials.words_of(b"<html>")
    assert trials.words_of(b'{"choices": []}') == ""


def test_what_is_hidden() -> None:
    value = replace(
        WITH_KEY, environment={"X_API_KEY": "zyxwvutsrqponm", "X_MODEL": "a-long-models-name", "TOKEN_N": "4"}
    )
    hide = looks.hider(value, ("another-key-of-mine",))
    assert hide(f"zyxwvutsrqponm {KEY} another-key-of-mine a-long-models-name 4") == "••• ••• ••• a-long-models-name 4"
    assert looks.key_of(value, "") == KEY
    assert looks.key_of(value, "given") == "given"
    assert looks.key_of(AMP, "") == ""


def test_the_outcome_in_words() -> None:
    done = replace(
        WITH_KEY, edits=(Edit("/a", "written", "", "", "/b"), Edit("/c", "left", "", "", "", "it is read-only"))
    )
    assert looks.outcome(done) == ("written /a (as it was: /b)\nleft as it is: /c\nit is read-only", False)
    assert looks.trial(FlockError("it is so", hint="")).plain == "✗ it is so"
