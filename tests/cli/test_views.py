"""How every answer looks: on a terminal, to a program, in brief (--quiet) and as JSON.

`FLOCK_WRITE_GOLDENS=1 python -m pytest tests/cli` writes the files anew; read the difference before committing it.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flock.cli import deliver, out, tree
from flock.contract import codec
from flock.contract.op import Op, ensure_declared
from flock.show import status
from flock.show.draw import drawn
from flock.show.view import Line, Pairs, Table, View, since
from tests.cli.values import CASES, NOW, STATUS

GOLDEN = Path(__file__).parent / "golden"


def compare(name: str, found: str) -> None:
    file = GOLDEN / name
    if os.environ.get("FLOCK_WRITE_GOLDENS"):
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_text(found + "\n", "utf-8")
    assert found + "\n" == file.read_text("utf-8")


def asides(view: View) -> str:
    return "".join(f"\n! {line.words}" for line in view.aside)


@pytest.mark.parametrize("name", sorted(CASES))
def test_how_it_looks(name: str) -> None:
    op, value = CASES[name]
    views = deliver.views(op)
    view = views.human(op, value, NOW)
    compare(f"{name}.terminal.txt", drawn(view, colour=False, width=120) + asides(view))
    compare(f"{name}.plain.txt", out.plain(view))
    compare(f"{name}.quiet.txt", "\n".join(views.ids(op, value)))
    compare(f"{name}.json", codec.dumps(value).decode())


def test_every_operation_is_looked_at() -> None:
    assert {op.spec.name for op, _ in CASES.values()} == set(ensure_declared())


def test_the_first_screen() -> None:
    compare("home.terminal.txt", drawn(status.brief(STATUS, "flock"), colour=False, width=120))
    compare("home.plain.txt", out.plain(status.brief(STATUS, "flockctl")))
    compare("home-absent.terminal.txt", drawn(status.absent("flock is not running", "flock"), False, 120))


@pytest.mark.parametrize(
    "words",
    [[], *(w.split() for w in tree.GROUPS), *(list(c.verb) for c in tree.commands())],
    ids=lambda w: " ".join(w) or "-",
)
def test_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--help", "-h"):
        assert tree.parse([*words, option]) is None
    shown, complaints = capsys.readouterr()
    half = shown[: len(shown) // 2]
    assert shown == half * 2
    assert complaints == ""
    assert half.startswith("Usage: flock")
    assert "Examples:" in half
    compare(f"help/{'-'.join(words) or 'flock'}.txt", half)


@pytest.mark.parametrize("first", ["", "import flock.contract.presets; ", "import flock.contract.catalog; "])
def test_help_is_the_same_whatever_was_needed_before(first: str) -> None:
    code = f"{first}from flock.cli import tree; tree.parse(['model', '--help'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout + "\n" == (GOLDEN / "help" / "model.txt").read_text("utf-8")


def test_a_terminal_gets_colour_for_states() -> None:
    op, value = CASES["model.ls"]
    words = drawn(deliver.views(op).human(op, value, NOW), colour=True, width=120)
    assert "\x1b[32mready" in words
    assert "\x1b[31mfailed" in words


@pytest.mark.parametrize("name", sorted(CASES))
def test_no_view_lets_control_characters_through(name: str) -> None:
    op, value = CASES[name]
    view = deliver.views(op).human(op, _poisoned(value), NOW)
    for shown in (drawn(view, colour=False, width=120), out.plain(view)):
        assert "\x1b" not in shown
        assert "\x07" not in shown


def _poisoned(value: Any) -> Any:
    """Return the value with a control sequence in every text of it."""
    plain = codec.to_plain(value)
    kind: Any = type(value)
    if isinstance(value, list):
        return [_poisoned(v) for v in value]
    return codec.from_plain(kind, _with_escapes(plain, ("scope",)))


def _with_escapes(plain: Any, keep: tuple[str, ...]) -> Any:
    if isinstance(plain, dict):
        return {k: v if k in keep else _with_escapes(v, keep) for k, v in plain.items()}
    if isinstance(plain, list):
        return [_with_escapes(v, keep) for v in plain]
    return f"\x1b[2J{plain}\x07" if isinstance(plain, str) else plain


def test_a_plain_table_is_cells_and_tabs() -> None:
    view = View((Table(("a", "b"), (("x\ty", "1\n2"),), "none"), Pairs((("k", "v"),)), Line("end")))
    assert out.plain(view) == "x y\t1 2\nk\tv\nend"


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("2026-11-21T11:58:30Z", "1 m 30 s ago"),
        ("2026-11-21T11:58:30.123456+00:00", "1 m 30 s ago"),
        ("2026-11-21T12:00:09Z", "just now"),
        (None, "-"),
        ("", "-"),
        ("yesterday", "yesterday"),
    ],
)
def test_since(at: str | None, words: str) -> None:
    assert since(at, NOW) == words


def test_each_noun_has_its_views() -> None:
    for op in ensure_declared().values():
        example: type[Op[Any]] = op
        assert callable(getattr(deliver.views(example), "human"))  # noqa: B009
        assert callable(getattr(deliver.views(example), "ids"))  # noqa: B009


def test_prose_is_broken_between_words_and_commands_stay_whole() -> None:
    prose = Line("ok       directories: /a/rather/long/place and " + "/b" * 30 + " are private", hang=9)
    command = Line("         fix: " + "flock config set listen " * 5)
    shown = drawn(View((prose, command)), colour=False, width=60).split("\n")
    assert shown[0] == "ok       directories: /a/rather/long/place and"
    assert shown[1] == " " * 9 + "/b" * 30
    assert shown[2] == " " * 9 + "are private"
    assert shown[3] == command.words.rstrip()


def test_a_narrow_terminal_goes_without_the_columns_that_are_most_easily_missed() -> None:
    rows = (("id-of-a-thing", "unreachable", "http://127.0.0.1:8000/a/path/that/is/long", "12 m 3 s ago"),)
    table = Table(("id", "state", "endpoint", "since"), rows, "", ("since", "endpoint"))
    shown = {width: drawn(View((table,)), colour=False, width=width).split("\n") for width in (100, 60, 30, 10)}
    assert shown[100][0].split() == ["ID", "STATE", "ENDPOINT", "SINCE"]
    assert len(shown[100]) == 2
    assert shown[60][0].split() == ["ID", "STATE", "ENDPOINT"]
    assert shown[60][-1] == "no room for since: --json has all"
    # the address is broken, the state and the id never are
    assert len(shown[60]) == 4
    assert shown[30] == [
        "ID             STATE",
        "id-of-a-thing  unreachable",
        "no room for endpoint, since: --json has all",
    ]
    assert shown[10][:2] == shown[30][:2]
