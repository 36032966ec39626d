"""A command line that is shown, read back to its operation."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flock.contract.lifecycle import ShowLogs, Up
from flock.contract.models import AddModel
from flock.contract.op import Op, command_line
from flock.contract.settings import SetConfig
from flock.tui.meant import meant, typed
from tests.cli.test_argv import OPERATIONS, operations


@pytest.mark.parametrize("kind", OPERATIONS, ids=lambda kind: kind.spec.name)
@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_what_an_operation_is_spelled_as_is_read_as_that_operation(kind: type[Op[Any]], data: st.DataObject) -> None:
    op = data.draw(operations(kind))
    found = meant(command_line(op))
    if found is None:  # what shlex.quote leaves to a shell all the same
        assert re.search(r"[;&|<>()$`*?\n]", re.sub(r"'[^']*'", "", command_line(op)))
    else:
        assert found.whole
        assert found.op() == op


@pytest.mark.parametrize(
    ("line", "op"),
    [
        ("flock up", Up()),
        ("/opt/my flock/bin/flock up", None),
        ("'/opt/my flock/bin/flock' up --no-wizard", Up(wizard=False)),
        ("/usr/bin/python3.12 -m flock logs --lines 200", ShowLogs(lines=200)),
        ("flockctl config set listen 127.0.0.1:8090", SetConfig(key="listen", value="127.0.0.1:8090")),
        ("flock config set -- listen -1", SetConfig(key="listen", value="-1")),
        ("flock logs --lines=many", None),
        ("flock logs --lines", None),
        ("flock logs --leins 3", None),
        ("flock config set listen 1 2", None),
        ("flock down; mv a b; flock up", None),
        ("flock token create x > key", None),
        ("flock config set listen $X", None),
        ("flock config set 'unfinished", None),
        ("export PATH=/opt:$PATH", None),
        ("chmod 600 /x", None),
        ("flock", None),
        ("flock nonsense", None),
        ("", None),
    ],
)
def test_lines_as_hints_have_them(line: str, op: Op[Any] | None) -> None:
    found = meant(line)
    assert (found.op() if found is not None else None) == op


def test_what_is_missing_is_to_be_filled_in() -> None:
    found = meant("flock model add --dry-run")
    assert found is not None
    assert found.kind is AddModel
    assert (found.whole, found.given) == (False, {"dry_run": True}) or found.whole
    half = meant("flock config set listen")
    assert half is not None
    assert not half.whole
    assert half.given == {"key": "listen"}


def test_every_example_of_an_operation_is_it() -> None:
    for kind in OPERATIONS:
        for example in kind.spec.examples:
            found = meant(f"flock {example}")
            if found is not None:
                assert found.kind is kind, example


@pytest.mark.parametrize("words", ["nan", "inf", "1e999", "many", "", "1 2"])
def test_only_finite_numbers_are_numbers(words: str) -> None:
    for hint in (int, float, int | None, float | None):
        with pytest.raises(ValueError, match=r"."):
            typed(words, hint)
    assert typed("2.5", float | None) == 2.5
    assert typed(" 7", int) == 7
