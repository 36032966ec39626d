"""The drift detector: it names the first byte that changed, once a turn, and remembers no more than it may."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from flock.core import cache
from flock.core.drift import Drift, Drifts, Turn, turn_of
from flock.dialects.ask import Ask
from flock.dialects.prefix import normalise
from flock.dialects.prompt import prompt_of
from flock.dialects.session import session_of
from tests.corpus.recordings import NAMES, Sent, session

TOOLS = [{"type": "function", "function": {"name": "f"}}]


def turn(messages: list[Any], number: int = 0, name: str = "s", owner: str = "k", **more: Any) -> Turn:
    body = {"messages": messages, "tools": TOOLS, **more}
    return Turn(f"req_{number}", name, owner, "client/1", str(more.get("model", "m")), 1.0, prompt_of(body, "openai"))


def said(*words: str) -> list[dict[str, str]]:
    """Return a conversation: the system's words, then user and assistant in turns."""
    roles = ["system", *(["user", "assistant"] * len(words))]
    return [{"role": role, "content": word} for role, word in zip(roles, words, strict=False)]


def real(sent: Sent, number: int, body: dict[str, Any]) -> Turn:
    prompt = prompt_of(body, sent.dialect)
    return Turn(f"req_{number}", session_of(sent.headers, body), "k", "c", body["model"], 1.0, prompt)


# -- what is a drift


def test_a_conversation_that_only_grows_has_none() -> None:
    drifts = Drifts()
    for words in (("be", "a"), ("be", "a", "b"), ("be", "a", "b", "c"), ("be", "a", "b", "c and more"), ("be", "a")):
        assert drifts.observe(turn(said(*words))) is None
    assert drifts.turns == 4
    assert list(drifts.found) == []


def test_the_first_byte_that_differs_is_named() -> None:
    drifts = Drifts()
    drifts.observe(turn(said("It is 10:41 now. Be brief.", "go"), 1))
    found = drifts.observe(turn(said("It is 10:42 now. Be brief.", "go", "gone", "on"), 2))
    assert found is not None
    assert (found.path, found.offset) == ("messages[0].content", 10)
    assert (found.same, found.was, found.now) == ("It is 10:4", "1 now. Be brief.", "2 now. Be brief.")
    assert found.size - found.kept == len("1 now. Be brief.") + len("go")
    assert found.request == "req_2"


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"tools": [*TOOLS, *TOOLS]}, "messages[0].content"),  # what comes between is a difference where it comes
        ({"tools": [{"type": "function", "function": {"name": "g"}}]}, "tools[0]"),
    ],
)
def test_tools_that_change_are_named(change: dict[str, Any], path: str) -> None:
    drifts = Drifts()
    drifts.observe(turn(said("be", "go")))
    found = drifts.observe(turn(said("be", "go", "gone"), **change))
    assert found is not None
    assert found.path in (path, "tools[1]")


def test_a_message_rewritten_in_the_middle_is_named() -> None:
    drifts = Drifts()
    drifts.observe(turn(said("be", "a", "b", "c", "d")))
    found = drifts.observe(turn(said("be", "a", "b", "[gone]", "d", "e")))
    assert found is not None
    assert found.path == "messages[3].content"
    assert found.offset == 0


@pytest.mark.parametrize(
    "other",
    [
        turn(said("other", "a"), name="t"),
        turn(said("other", "a"), owner="another key"),
        turn(said("other", "a"), model="haiku"),
        turn(said("other", "a"), tools=None),  # a title, a summary: the same session, no tools
        turn(said("other", "do one thing")),  # a sub-agent: begins with other words
        turn(said("other", "a"), name=""),
    ],
)
def test_what_is_another_conversation_is_not_compared(other: Turn) -> None:
    drifts = Drifts()
    drifts.observe(turn(said("be", "a")))
    assert drifts.observe(other) is None
    assert drifts.observe(turn(said("be", "a", "b"))) is None


def test_a_first_message_that_changes_is_known_by_the_answer_to_it() -> None:
    drifts = Drifts()
    drifts.observe(turn(said("be", "at 10:41: go", "gone")))
    found = drifts.observe(turn(said("be", "at 10:42: go", "gone", "on")))
    assert found is not None
    assert found.path == "messages[1].content"


def test_sub_agents_beside_the_main_conversation_hide_nothing() -> None:
    drifts = Drifts()
    drifts.observe(turn(said("1 be", "main")))
    for number in range(5):
        assert drifts.observe(turn(said("agent", f"task {number}"))) is None
    found = drifts.observe(turn(said("2 be", "main", "x")))
    assert found is not None
    assert found.was == "1 be"


def test_a_turn_is_made_only_of_a_request_that_names_a_session() -> None:
    body = {"model": "m", "messages": said("be", "a")}
    headers = {"user-agent": "claude-cli/2.1.329 (external, cli)", "x-claude-code-session-id": "s"}
    ask = Ask("openai", "chat", "/v1/chat/completions", b"", body, "m", True, True, headers)
    made = turn_of(ask, "req_1", "k", 1.0, "openai", {**body, "model": "real"})
    assert made is not None
    assert (made.session, made.owner, made.client, made.model) == ("s", "k", "claude-cli/2.1.329", "m")
    assert [data for _, data in made.prompt.parts] == [b"be", b"a"]
    assert turn_of(replace(ask, headers={}), "req_1", "k", 1.0, "openai", body) is None


# -- real clients


@pytest.mark.pitfall(31)
@pytest.mark.parametrize("name", NAMES)
def test_real_sessions_do_not_drift_once_normalised(name: str) -> None:
    drifts = Drifts()
    for number, sent in enumerate(session(name)):
        body = {**sent.body, **normalise(sent.body, sent.dialect)[0]}
        assert drifts.observe(real(sent, number, body)) is None or name.endswith("compaction")
    assert drifts.turns


@pytest.mark.pitfall(31)
def test_the_attribution_line_is_found_where_it_is_left_in() -> None:
    drifts = Drifts()
    for number, sent in enumerate(session("claude-code/first-party")):
        drifts.observe(real(sent, number, sent.body))
        drifts.settled(f"req_{number}", 20_000, 11_000, 4.5)
    assert [drift.path for drift in drifts.found] == ["system[0]"] * 3
    (row,) = cache.report(drifts).drifts
    assert row.same.endswith("cch=")
    assert row.kept_share < 0.56
    assert row.drifts == 3
    assert row.again_tokens is not None
    assert 8_000 < row.again_tokens < 10_000
    assert row.seconds is not None
    assert 4 < row.seconds <= 4.5
    assert row.advice.endswith("flock config set translation.prefix_normaliser true")


# -- the price


def drift_of(*, was: str = "old", now: str = "new", path: str = "messages[0].content", kept: int = 250) -> Drift:
    return Drift("r", "s", "c", "m", 1.0, path, 0, kept, 1000, "before ", was, now, 2000)


def settled(tokens: int, cached: int | None, seconds: float) -> Drift:
    drifts = Drifts()
    drifts.observe(turn(said("a" * 300, "go"), 1))
    found = drifts.observe(turn(said("b" * 300, "go", "x" * 300), 2))
    assert found is not None
    drifts.settled("req_2", tokens, cached, seconds)
    drifts.settled("req_2", 1, 1, 1.0)  # once
    return found


def test_the_price_is_the_share_of_what_was_read_that_had_been_read_before() -> None:
    found = settled(1000, 0, 10.0)
    assert found.again_tokens == round(1000 * found.again / found.prompt_size)
    assert found.seconds == pytest.approx(10.0 * found.again_tokens / 1000)


def test_no_price_is_more_than_all_the_time_there_was() -> None:
    found = settled(1000, 900, 10.0)
    assert found.seconds == 10.0


@pytest.mark.parametrize(("tokens", "seconds"), [(0, 3.0), (1000, 0.0)])
def test_without_figures_there_is_no_price(tokens: int, seconds: float) -> None:
    found = settled(tokens, None, seconds)
    assert found.seconds is None
    assert found.again_tokens


# -- bounds


def test_memory_is_bounded_by_bytes_the_oldest_session_goes() -> None:
    drifts = Drifts(limit=100_000)
    for number in range(50):
        drifts.observe(turn(said("x" * 10_000, "go"), name=f"s{number}"))
    assert drifts.sessions == 9
    assert drifts.observe(turn(said("y" * 10_000, "go"), name="s0")) is None  # forgotten
    assert drifts.observe(turn(said("y" * 10_000, "go"), name="s49")) is not None


def test_one_prompt_beyond_the_bound_is_not_kept() -> None:
    drifts = Drifts(limit=1000)
    drifts.observe(turn(said("x" * 2000, "go")))
    assert drifts.sessions == 0


def test_conversations_of_a_session_are_bounded() -> None:
    drifts = Drifts(limit=10**7)
    for number in range(1000):
        drifts.observe(turn(said("x" * 20_000, f"task {number}")))
    assert drifts.sessions == 1


def test_the_last_hundred_are_kept() -> None:
    drifts = Drifts()
    for number in range(150):
        drifts.observe(turn(said(str(number), "go"), number))
    assert len(drifts.found) == 100
    assert drifts.found[-1].request == "req_149"
    assert cache.report(drifts).drifts[0].drifts == 100


# -- what is shown


@pytest.mark.parametrize(
    "secret",
    [
        "sk-" + "k9" * 12,
        "Authorization: Bearer abcdef0123456789",
        "ghp_0123456789abcdefghijABCDEFGHIJ",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3",
        "password: hunter2hunter2",
        "AKIA" + "IOSFODNN7EXAMPLE",
    ],
)
def test_secrets_are_blotted_out_wherever_the_cut_falls(secret: str) -> None:
    for before in (0, 7, 38, 60):
        text = "." * before + " " + secret + " "
        for cut in range(0, len(text), 3):
            drifts = Drifts()
            drifts.observe(turn(said(text[:cut] + "?" + text[cut:], "go")))
            found = drifts.observe(turn(said(text + "!", "go")))
            shown = "" if found is None else found.same + found.now
            assert secret[-8:] not in shown


def test_context_is_short_and_cut_between_characters() -> None:
    drifts = Drifts()
    drifts.observe(turn(said("ä" * 100 + "é" + "ö" * 100, "go")))
    found = drifts.observe(turn(said("ä" * 100 + "è" + "ö" * 100, "go")))
    assert found is not None
    assert all(len(words) <= 40 and "\ufffd" not in words for words in (found.same, found.was, found.now))


@pytest.mark.parametrize(
    ("drift", "words"),
    [
        (drift_of(kept=995), "nothing"),
        (drift_of(path="tools[3]"), "list of tools"),
        (drift_of(was="<total_tokens>1 tokens left", now="<total_tokens>2 tokens left"), "counter"),
        (drift_of(was="10:41 o'clock", now="10:42 o'clock"), "time"),
        (replace(drift_of(was="1 o'clock", now="2 o'clock"), same="it is 10:4"), "time"),
        (replace(drift_of(was="old", now="new"), same="it is 10:41, "), "append"),
        (drift_of(was="cch=00000;", now="cch=11111;"), "attribution"),
        (drift_of(), "append"),
    ],
)
def test_the_advice_fits_what_changed(drift: Drift, words: str) -> None:
    assert words in cache.advice(drift)


def test_the_newest_drift_of_each_session_stands_first() -> None:
    drifts = Drifts()
    for number, (name, words) in enumerate((("s", "1"), ("t", "1"), ("s", "2"), ("t", "2"), ("s", "3"))):
        drifts.observe(turn(said(words, "go"), number, name))
    rows = cache.report(drifts).drifts
    assert [(row.session, row.was, row.drifts) for row in rows] == [("s", "2", 2), ("t", "1", 1)]
    assert all(a.at >= b.at for a, b in pairwise(rows))
