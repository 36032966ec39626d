"""Every operation with ids and values that make no sense, against a real daemon: a sentence with the user's own words,
a hint, an exit code that is documented, and no traceback.
"""

import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from flock.contract.op import Op, ensure_declared, hints, option_name
from flock.errors import EXIT_CODES
from tests.e2e.looks import ENDLESS
from tests.running import Flock, running_flock

TABLE = ensure_declared()
# They would end the daemon these tests need, install something on this machine, open an editor or ask the internet
LEFT_OUT = (
    *ENDLESS,
    "daemon.up",
    "daemon.stop",
    "service.install",
    "service.remove",
    "config.edit",
    "top.show",
    "price.update",
)
NONSENSE = "zqxjk"
# An address where nothing answers: a host of that name would be looked up
PLACES = {("engine.attach", "url"): f"http://127.0.0.1:9/{NONSENSE}"}
# what takes any words at all, so that nothing is wrong with these
ANY_WORDS = ("catalog.search", "events.follow", "hub.search", "invite.create", "token.create")


@pytest.fixture(scope="module")
def flock() -> Iterator[Flock]:
    # a hub where nothing answers, and no tools of the developer's
    with running_flock(HF_ENDPOINT="http://127.0.0.1:9", PATH="/nowhere", EDITOR="false") as flock:
        yield flock
        log = (flock.home / "logs/flock.log").read_text()
        assert "Traceback" not in log


def required(op: type[Op[Any]]) -> "list[dataclasses.Field[Any]]":
    """Return the fields that a command line must give."""
    fields = dataclasses.fields(op)  # type: ignore[arg-type]
    return [f for f in fields if f.metadata["kind"] in ("arg", "flag") and f.default is dataclasses.MISSING]


def line(op: type[Op[Any]], *more: str) -> list[str]:
    """Return a command line with nonsense for all that must be given."""
    known = hints(op)
    words: list[str] = []
    for item in required(op):
        value = PLACES.get((op.spec.name, item.name), "987654321" if known[item.name] is int else NONSENSE)
        words += [value] if item.metadata["kind"] == "arg" else [f"{option_name(item)}={value}"]
    return [*op.spec.verb, *more, *words]


def options() -> list[Any]:
    """Return every option that takes words or a number, with its operation."""
    found: list[Any] = []
    for name, op in sorted(TABLE.items()):
        known = hints(op)
        valued = [
            item
            for item in dataclasses.fields(op)  # type: ignore[arg-type]
            if name not in LEFT_OUT and item.metadata["kind"] == "flag" and known[item.name] is not bool
        ]
        found += [pytest.param(op, option_name(item), id=f"{name}-{item.name}") for item in valued]
    return found


def told(flock: Flock, *words: str) -> tuple[int, dict[str, Any]]:
    """Run a command; return its exit code and, where it failed with one, its error."""
    done = flock.run(*words, "--json")
    assert "Traceback" not in done.stderr
    assert done.returncode in EXIT_CODES, done.stderr
    if done.returncode == 0 or done.stdout:
        return done.returncode, {}
    error = json.loads(done.stderr.splitlines()[-1])["error"]
    assert error["code"] != "internal_error", error
    assert error["message"], error
    assert error.get("hint"), error
    assert not re.search(r"Error|Exception|\bNone\b|object at|\{|\}", error["message"]), error
    return done.returncode, error


@pytest.mark.parametrize("name", sorted(set(TABLE) - set(LEFT_OUT)))
def test_nonsense_in_place_of_what_must_be_given(name: str, flock: Flock) -> None:
    op = TABLE[name]
    code, error = told(flock, *line(op, *(["--yes"] if op.spec.risk == "remove" else [])))
    if not required(op) or name in ANY_WORDS:
        return
    assert code != 0, error
    if name == "batch.run":  # both files are one here
        return
    said = f"{error['message']} {error['hint']}"
    assert NONSENSE in said or "987654321" in said or error["code"] in ("conflict", "daemon_unreachable"), error


@pytest.mark.parametrize(("op", "option"), options())
def test_nonsense_in_an_option(op: type[Op[Any]], option: str, flock: Flock) -> None:
    given = [words for words in line(op) if not words.startswith(f"{option}=")]
    yes = ["--yes"] if op.spec.risk == "remove" else []
    verb = len(op.spec.verb)
    told(flock, *given[:verb], *yes, f"{option}={NONSENSE}", *given[verb:])


def test_nothing_that_was_asked_for_in_nonsense_has_happened(flock: Flock) -> None:
    assert flock.json("status")["pid"] == flock.pid
    assert [model["id"] for model in flock.json("model", "ls")] == ["flock-smoke"]
