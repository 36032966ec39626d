"""No vendor is called but on purpose: by a key of the team's, a key of the caller's that may, and a name that says so.

Every way in which a request can reach a vendor is tried with each of the three missing. What the vendor saw is the
proof: it is asked what requests came.
"""

import itertools
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.running import ROOT, Flock, running_flock

KEY = "sk-team-key-of-the-vendor"
USER: dict[str, Any] = {"role": "user", "content": "hi"}
NAMED = "gpt-4o-mini"
HIDDEN = "text-embedding-3-small"


@dataclass(frozen=True)
class Way:
    """One way: a path, the body for a model's name, the name by which it reaches the vendor, and one that does not.

    `settings` are what the configuration must say for it, `answer` the status that the vendor answers with.
    """

    title: str
    path: str
    body: dict[str, Any]
    model: str = NAMED
    elsewhere: str = "no-such-model"
    settings: dict[str, str] = field(default_factory=dict)
    answer: int = 200


def chat(**more: Any) -> dict[str, Any]:
    return {"messages": [USER], "max_tokens": 8, **more}


WAYS = [
    Way("by a glob", "/v1/chat/completions", chat()),
    Way("by a prefix", "/v1/chat/completions", chat(), f"openai/{NAMED}"),
    Way("streamed", "/v1/chat/completions", chat(stream=True)),
    Way("completions", "/v1/completions", {"prompt": "hi", "max_tokens": 8}, answer=404),
    Way("messages", "/v1/messages", chat()),
    Way("responses", "/v1/responses", {"input": "hi"}),
    Way("Gemini's API", "/v1beta/models/{model}:generateContent", {"contents": "hi"}),
    Way("Ollama's API", "/api/chat", {"messages": [USER], "stream": False}),
    Way("sorted by price", "/v1/chat/completions", chat(), f"{NAMED}:floor"),
    Way("embeddings", "/v1/embeddings", {"input": "hi"}, HIDDEN),
    Way("Ollama's embeddings", "/api/embed", {"input": "hi"}, HIDDEN),
    Way("speech", "/v1/audio/speech", {"input": "hi", "voice": "alloy"}, "tts-1"),
    Way("pictures", "/v1/images/generations", {"prompt": "a cat"}, "gpt-image-1"),
    Way("by an alias", "/v1/chat/completions", chat(), "cheap", settings={"router.aliases": f"cheap=openai/{NAMED}"}),
    Way("as the default", "/v1/chat/completions", chat(), "", settings={"router.default_model": f"openai/{NAMED}"}),
]  # fmt: skip


@contextmanager
def vendor() -> Iterator[int]:
    """Run a fake OpenAI and yield its port."""
    argv = [sys.executable, "-m", "tests.fakes.vendor", "--vendor", "openai", "--key", KEY]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline().split()[1])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@dataclass(frozen=True)
class Standing:
    """A flock in front of a vendor, with a key of a user who may use it and one of a user who may not."""

    flock: Flock
    port: int
    may: str
    may_not: str

    def post(self, path: str, body: dict[str, Any], key: str | None) -> tuple[int, dict[str, str], bytes]:
        """POST a request; return (status, headers, body)."""
        headers = {"Content-Type": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(self.flock.url + path, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read()

    def ask(self, way: Way, model: str, key: str | None) -> tuple[int, dict[str, str], bytes]:
        """Ask for a model in one of the ways."""
        body = way.body if "{model}" in way.path else {**way.body, "model": model}
        return self.post(way.path.replace("{model}", model), body, key)

    def asked(self) -> int:
        """Return how many requests for an answer the vendor has seen; looks at its list of models cost nothing."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/seen") as answer:
            seen = json.load(answer)["requests"]
        return sum(1 for request in seen if "models" not in request["path"])


@contextmanager
def standing(*, key: bool = True, user_keys: bool = True, **environ: str) -> Iterator[Standing]:
    with ExitStack() as stack:
        port = stack.enter_context(vendor())
        flock = stack.enter_context(running_flock(**environ))
        if key:
            flock.ok("vendor", "add", "openai", "--url", f"http://127.0.0.1:{port}/v1", stdin=f"{KEY}\n")
        made = [
            flock.json("token", "create", name, *vendors)["token"] if user_keys else ""
            for name, vendors in (("may", ("--vendors", "openai")), ("may-not", ()))
        ]
        yield Standing(flock, port, *made)


def configured(standing: Standing, way: Way) -> None:
    """Let the configuration say what a way needs, in a daemon that was started anew."""
    for name, value in way.settings.items():
        standing.flock.ok("config", "set", name, value)
    standing.flock.ok("down")
    standing.flock.ok("up")


@pytest.fixture(scope="module")
def on() -> Iterator[Standing]:
    """The team has a key."""
    with standing() as found:
        yield found


@pytest.fixture(scope="module")
def off() -> Iterator[Standing]:
    """The team has none."""
    with standing(key=False) as found:
        yield found


PLAIN = [way for way in WAYS if not way.settings]


@pytest.mark.parametrize("way", PLAIN, ids=lambda way: way.title)
def test_all_three_and_nothing_less(on: Standing, way: Way) -> None:
    before = on.asked()
    for allowed, named in itertools.product((False, True), repeat=2):
        status, headers, body = on.ask(way, way.model if named else way.elsewhere, on.may if allowed else on.may_not)
        if allowed and named:
            assert status == way.answer, body
            assert headers["X-Flock-Route"] == "vendor/openai"
            assert on.asked() == before + 1
        else:
            assert status == 404, body
            assert on.asked() == before
    assert ("costs money" in on.ask(way, way.model, on.may_not)[2].decode()) is True
    assert on.ask(way, way.model, None)[0] in (401, 403)
    assert on.asked() == before + 1


@pytest.mark.parametrize("way", PLAIN, ids=lambda way: way.title)
def test_without_a_key_of_the_teams_nobody_is_asked(off: Standing, way: Way) -> None:
    for key in (off.may, off.may_not, off.flock.key):
        status, headers, body = off.ask(way, way.model, key)
        assert (status, "X-Flock-Route" in headers) == (404, False), body
    assert off.asked() == 0


@pytest.mark.parametrize("way", [way for way in WAYS if way.settings], ids=lambda way: way.title)
def test_what_the_configuration_says_needs_the_other_two_as_well(way: Way) -> None:
    with standing() as found:
        configured(found, way)
        assert found.ask(way, way.model, found.may_not)[0] == 404
        assert found.asked() == 0
        status, headers, body = found.ask(way, way.model, found.may)
        assert (status, headers.get("X-Flock-Route")) == (200, "vendor/openai"), body
        assert found.asked() == 1


def test_one_switch_turns_all_of_them_off() -> None:
    with standing() as found:
        configured(found, Way("off", "", {}, settings={"router.fallback.enabled": "false"}))
        for way in PLAIN:
            for key in (found.may, found.flock.key):
                assert found.ask(way, way.model, key)[0] == 404
        assert found.asked() == 0


def test_who_needs_no_key_has_no_vendor() -> None:
    with standing(user_keys=False, FLOCK_REQUIRE_KEYS="false") as found:
        for way in PLAIN:
            assert found.ask(way, way.model, None)[0] == 404
        assert found.asked() == 0


def test_looking_around_asks_nobody(on: Standing) -> None:
    before = on.asked()
    headers = {"Authorization": f"Bearer {on.may}"}
    for path in ("/v1/models", f"/v1/models/{NAMED}", "/v1beta/models", "/api/tags", "/api/ps"):
        request = urllib.request.Request(on.flock.url + path, headers=headers)
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 200
    status, _, counted = on.post("/v1/messages/count_tokens", {"model": NAMED, "messages": [USER]}, on.may)
    assert (status, json.loads(counted)["input_tokens"] > 0) == (200, True)
    for command in (("vendor", "ls"), ("vendor", "show", "openai"), ("status",), ("model", "ls"), ("usage",)):
        on.flock.ok(*command)
    on.flock.run("doctor")
    assert on.asked() == before


def test_a_local_model_of_the_same_name_comes_first(on: Standing) -> None:
    before = on.asked()
    status, headers, body = on.ask(PLAIN[0], "flock-smoke", on.may)
    assert (status, headers["X-Flock-Route"].partition("/")[0]) == (200, "engine"), body
    assert on.asked() == before
