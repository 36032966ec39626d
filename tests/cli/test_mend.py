"""A hint that names an option becomes the line that was meant."""

import pytest

from flock.cli.mend import mended

CREATE = ["token", "create", "x"]


@pytest.mark.parametrize(
    ("hint", "words", "meant"),
    [
        ("--ttl 7d", [*CREATE, "--ttl", "7x"], "flock token create x --ttl 7d"),
        ("--ttl 7d", [*CREATE, "--ttl=7x", "--rpm", "5"], "flock token create x --ttl 7d --rpm 5"),
        ("--budget 6/day", [*CREATE, "--budget", "5/day", "--budget", "6/day"], "flock token create x --budget 6/day"),
        ("--note 'the build server'", [*CREATE, "--note", "\n"], "flock token create x --note 'the build server'"),
        ("--over 30d", ["limit", "simulate"], "flock limit simulate --over 30d"),
        ("--over 30d", ["connect", "x", "--", "--over"], "flock connect x --over 30d -- --over"),
        ("--resume", ["batch", "in", "out", "--json"], "flock batch in out --json --resume"),
        ("--resume", ["batch", "--resume", "in", "out"], "flock batch --resume in out"),
        # neither a line with a key in it nor what is no single option is touched
        ("--model auto", ["connect", "x", "--token", "secret", "--model", "?"], "--model auto"),
        ("--model auto", ["connect", "sk-orc-0", "--model", "?"], "--model auto"),
        ("--since 7d, --since month", ["audit", "--since", "x"], "--since 7d, --since month"),
        ("flock token ls", ["token", "show", "x"], "flock token ls"),
        ("--ttl 'open", [*CREATE], "--ttl 'open"),
    ],
)
def test_a_hint(hint: str, words: list[str], meant: str) -> None:
    assert mended(hint, words) == meant
