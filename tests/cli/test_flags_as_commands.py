"""Flags that stand for a command: `flock usage --summary` is `flock usage summary`."""

import pytest

from flock.cli.tree import commands, parse
from flock.errors import UsageError


@pytest.mark.parametrize(
    ("flagged", "plain"),
    [
        ("usage --summary", "usage summary"),
        ("usage --summary=true --since month", "usage summary --since month"),
        ("usage --since month --summary --json", "usage summary --since month --json"),
        ("usage --by user", "usage breakdown --by user"),
        (
            "usage --since month --by=user,model --bucket day -q",
            "usage breakdown --since month --by=user,model -q --bucket day",
        ),
        ("connect --list", "connect ls"),
        ("connect --json --list", "connect ls --json"),
        ("audit --summary --actor alice", "audit summary --actor alice"),
    ],
)
def test_the_flag_is_the_command(flagged: str, plain: str) -> None:
    line = parse(flagged.split())
    assert line is not None
    assert line == parse(plain.split())


def test_a_command_that_is_named_keeps_its_own_flags() -> None:
    line = parse(["usage", "breakdown", "--by", "model"])
    assert line is not None
    assert line.op.spec.name == "usage.breakdown"
    with pytest.raises(UsageError, match="no option '--summary'"):
        parse(["usage", "breakdown", "--summary"])


def test_what_stands_behind_two_dashes_is_somebody_elses() -> None:
    line = parse(["connect", "opencode", "--run", "--", "models", "--list"])
    assert line is not None
    assert line.op.spec.name == "connect.client"
    assert line.op.words == ("models", "--list")  # type: ignore[attr-defined]


def test_a_value_is_no_flag() -> None:
    line = parse(["usage", "--user=--summary"])
    assert line is not None
    assert line.op.spec.name == "usage.recent"


def test_both_at_once_are_a_mistake_that_is_told() -> None:
    with pytest.raises(UsageError, match="no option '--by'"):
        parse(["usage", "--by", "user", "--summary"])


def test_shells_complete_the_flags() -> None:
    usage = next(c for c in commands("usage") if c.verb == ("usage",))
    assert usage.options["--summary"] is False
    assert usage.options["--by"] is True
