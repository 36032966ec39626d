"""The team's keys for a vendor at work: a pool whose keys are refused one after the other, keys in files, keys behind a
passphrase, vendors that come and go while requests run.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.parts import Client
from tests.e2e.vendor_doors import DOORS
from tests.e2e.vendor_standing import KEYS, Standing, digest, fakes, standing, there
from tests.fakes.scripted_answers import HELLO
from tests.running import flock_home, running_flock, wait_for

FIRST, SECOND = digest(KEYS[0]), digest(KEYS[1])
MODELS = {"groq": "groq/llama-3.3-70b-versatile", "gemini": "gemini-2.5-flash", "anthropic": "claude-haiku-4-5"}
NAMES = {"groq": "GROQ_API_KEY", "gemini": "GEMINI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
NO_KEYRING = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
PHRASE = "correct horse battery"


@pytest.fixture
def on() -> Iterator[Standing]:
    """A flock with two keys for each vendor, none of which has been refused yet."""
    with standing(*MODELS, keys=2) as found:
        yield found


def states(on: Standing, vendor: str) -> dict[str, str]:
    return {key["name"]: key["state"] for key in on.flock.json("vendor", "show", vendor)["keys"]}


@pytest.mark.parametrize(
    ("vendor", "fault", "status"),
    [
        ("groq", {"kind": "bad_key"}, 401),
        ("gemini", {"kind": "bad_key"}, 400),
        ("groq", {"kind": "rate", "retry_after": "60"}, 429),
        ("anthropic", {"kind": "overloaded"}, 529),
        ("groq", {"kind": "failed"}, 500),
    ],
)
def test_the_next_key_is_tried(on: Standing, vendor: str, fault: dict[str, Any], status: int) -> None:
    on.faults(vendor, fault | {"key": 0, "times": -1})
    told = on.chat(MODELS[vendor], stream=True)
    assert (told.status, told.done) == (200, True), told.body
    assert [request["key"] for request in on.seen(vendor)] == [FIRST, SECOND]
    words = f"{vendor} answered {status} to {NAMES[vendor]}: the next key is tried"
    assert words in on.explained(told)["notes"]
    assert words in on.flock.ok("explain", told.id)
    if status != 500 and status != 529:  # those rest for a moment only
        assert states(on, vendor) == {NAMES[vendor]: "resting", f"{NAMES[vendor]}_2": "ready"}
        assert [on.chat(MODELS[vendor]).status for _ in range(3)] == [200] * 3
        assert [request["key"] for request in on.seen(vendor)[2:]] == [SECOND] * 3, "a key that rests is left alone"
    row = on.usage(told)
    assert (row["vendor"], row["outcome"], row["status"]) == (vendor, "ok", 200)


def test_when_all_keys_have_had_enough_the_wait_is_told(on: Standing) -> None:
    on.faults("groq", {"kind": "rate", "retry_after": "30", "times": -1})
    for door in DOORS.values():
        told = door.ask(on, MODELS["groq"])
        assert (told.status, told.headers["retry-after"]) == (429, "30"), told.body
    assert set(states(on, "groq").values()) == {"resting"}
    assert {request["key"] for request in on.seen("groq")} == {FIRST, SECOND}
    on.faults("groq")
    assert on.chat(MODELS["groq"]).status == 200, "a key that rests is better than none"


def test_when_all_keys_are_refused_it_is_the_teams_to_mend(on: Standing) -> None:
    for vendor, model in MODELS.items():
        on.faults(vendor, {"kind": "bad_key", "times": -1})
        told = on.chat(model)
        assert told.status == 502
        assert told.error["hint"] == f"flock vendor test {vendor}"
        assert [request["key"] for request in on.seen(vendor)] == [FIRST, SECOND]


def test_a_request_at_fault_is_not_tried_with_every_key(on: Standing) -> None:
    on.faults("groq", "context")
    assert on.chat(MODELS["groq"]).status == 400
    assert on.chat("groq/nope").status == 404
    assert len(on.seen("groq")) == 2
    assert set(states(on, "groq").values()) == {"ready"}


def test_keys_in_files(tmp_path: Path) -> None:
    (tmp_path / "first").write_text(f"\n  {KEYS[0]}\n")
    (tmp_path / "ours").write_text(f"sk-orc-{'0' * 32}\n")
    files = {
        "GROQ_API_KEY": "",
        "GROQ_API_KEY_FILE": str(tmp_path / "first"),
        "OPENAI_API_KEY": "",
        "OPENAI_API_KEY_FILE": str(tmp_path / "nowhere"),
        "MISTRAL_API_KEY": "",
        "MISTRAL_API_KEY_FILE": str(tmp_path / "ours"),
    }
    with standing("groq", "openai", "mistral", **files) as on:
        assert states(on, "groq") == {"GROQ_API_KEY_FILE": "unread"}
        assert on.chat(MODELS["groq"]).status == 200
        assert [request["key"] for request in on.seen("groq")] == [FIRST]
        told = on.chat("gpt-4o-mini")
        assert told.status in (503, 507), told.body
        assert f"the file that OPENAI_API_KEY_FILE names, {tmp_path}/nowhere" in told.error["message"]
        told = on.chat("mistral/mistral-large-latest")
        assert (told.status, told.error["code"]) == (503, "vendor_key_missing")
        assert "sk-orc" not in told.body.decode()
        assert on.seen("openai") == on.seen("mistral") == []


def test_a_store_that_is_locked() -> None:
    with fakes("groq") as ports, flock_home(FLOCK_ENGINE="embedded", **NO_KEYRING) as flock:
        flock.ok("up")
        on = Standing(flock, ports)
        url = there("https://api.groq.com/openai/v1", ports["groq"])
        flock.ok("vendor", "add", "groq", "--url", url, stdin=f"{KEYS[0]}\n")
        flock.ok("secret", "lock", stdin=f"{PHRASE}\n")
        flock.ok("down")
        flock.ok("up")
        for door in DOORS.values():
            told = door.ask(on, MODELS["groq"])
            assert told.status in (503, 529), told.body
            assert "flock secret unlock" in told.body.decode()
        assert on.seen("groq") == []
        assert states(on, "groq") == {"stored key 1": "unread"}
        flock.ok("secret", "unlock", stdin=f"{PHRASE}\n")
        assert on.chat(MODELS["groq"]).status == 200
        assert [request["key"] for request in on.seen("groq")] == [FIRST]


def test_a_vendor_comes_and_goes_while_the_daemon_runs() -> None:
    with fakes("groq") as ports, running_flock(FLOCK_ENGINE="embedded") as flock:
        on = Standing(flock, ports)
        assert on.chat(MODELS["groq"]).status == 404
        url = there("https://api.groq.com/openai/v1", ports["groq"])
        for _ in range(2):
            flock.ok("vendor", "add", "groq", "--url", url, stdin=f"{KEYS[0]}\n")
            assert on.chat(MODELS["groq"]).status == 200
            assert on.chat(MODELS["groq"], stream=True).done
            flock.ok("vendor", "remove", "groq", "--yes")
            told = on.chat(MODELS["groq"])
            assert (told.status, told.error["code"]) == (404, "model_not_found")
        assert len(on.seen("groq")) == 4


def test_what_has_been_asked_is_answered_though_the_vendor_goes() -> None:
    with fakes("groq") as ports, running_flock(FLOCK_ENGINE="embedded") as flock:
        on = Standing(flock, ports)
        flock.ok(
            "vendor", "add", "groq", "--url", there("https://api.groq.com/openai/v1", ports["groq"]), stdin=KEYS[0]
        )
        on.faults("groq", "slow")
        path, body = DOORS["openai"].asked(MODELS["groq"], stream=True)
        with contextlib.closing(Client(flock.port, flock.key)) as client:
            client.send(body, path)
            wait_for(lambda: on.seen("groq"), "the vendor is asked")
            flock.ok("vendor", "remove", "groq", "--yes")
            on.call("groq", "/go")
            told = client.tell()
        assert (told.text, told.done) == (HELLO, True)
        assert on.usage(told)["outcome"] == "ok"
