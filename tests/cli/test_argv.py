"""A command line and its operation are two spellings of one thing, for every operation there is."""

import dataclasses
import types
import typing
from enum import Enum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flock.cli import tree
from flock.contract.op import Op, Risk, ensure_declared, hints, option_name, to_argv
from flock.errors import UsageError

OPERATIONS = sorted(ensure_declared().values(), key=lambda op: op.spec.name)

# what can stand on a command line at all: execve takes neither NUL nor, in UTF-8, surrogates
WORDS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
WORDS |= st.sampled_from(["-", "--", "-x", "--json", "--name=x", "true", "a b", "qwen/a:b", "file:./x.gguf", "'", "-5"])


def values(kind: Any, least: int = 0) -> st.SearchStrategy[Any]:
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return st.lists(values(inside[0]), min_size=least, max_size=3).map(tuple)
    if origin in (types.UnionType, typing.Union):
        return st.none() | values(next(k for k in inside if k is not type(None)))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    scalars: dict[Any, st.SearchStrategy[Any]] = {
        str: WORDS,
        bool: st.booleans(),
        int: st.integers(-(10**9), 10**9),
        float: st.floats(allow_nan=False, allow_infinity=False),
    }
    return scalars[kind]


def operations(op: type[Op[Any]]) -> st.SearchStrategy[Op[Any]]:
    known = hints(op)
    fields = [f for f in dataclasses.fields(op) if f.metadata["kind"] in ("arg", "flag")]
    # an argument that takes the rest of the line, and that must be given, is at least one word
    return st.builds(op, **{f.name: values(known[f.name], int(required(f))) for f in fields})


def required(field: "dataclasses.Field[Any]") -> bool:
    return field.default is dataclasses.MISSING


@pytest.mark.parametrize("kind", OPERATIONS, ids=lambda op: op.spec.name)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_parse_reads_what_to_argv_writes(kind: type[Op[Any]], data: st.DataObject) -> None:
    op = data.draw(operations(kind))
    line = tree.parse(to_argv(op))
    assert line is not None
    assert line.op == op
    assert line.given == tree.Given()


@pytest.mark.parametrize("kind", OPERATIONS, ids=lambda op: op.spec.name)
def test_every_spelling_takes_the_switches(kind: type[Op[Any]]) -> None:
    fields = [f for f in dataclasses.fields(kind) if required(f)]
    arguments = ["1" for f in fields if f.metadata["kind"] == "arg"]
    options = [f"{option_name(f)}=x" for f in fields if f.metadata["kind"] == "flag"]
    for verb in (kind.spec.verb, *kind.spec.aliases):
        # a flag that stands for a command may be an option of it, and then has a value (`usage --by=x`)
        taken = any(option_name(f) == verb[-1] for f in dataclasses.fields(kind))
        words = [*verb[:-1], f"{verb[-1]}=x" if taken else verb[-1], *options, *arguments]
        line = tree.parse([*words, "--json", "--quiet"])
        assert line is not None
        assert type(line.op) is kind
        assert line.given == tree.Given(json=True, quiet=True)
        if kind.spec.risk is Risk.REMOVE:
            sure = tree.parse([*words, "--yes"])
            assert sure is not None
            assert sure.given.yes


def test_every_operation_has_exactly_its_verb_and_aliases() -> None:
    declared = {verb: op.spec.name for op in OPERATIONS for verb in (op.spec.verb, *op.spec.aliases)}
    declared = {verb: name for verb, name in declared.items() if not verb[-1].startswith("--")}
    assert {c.verb: c.operation for c in tree.commands()} == declared
    assert {verb[0] for verb in declared} == set(tree.WORDS)


@pytest.mark.parametrize("example", sorted({e for op in OPERATIONS for e in op.spec.examples}))
def test_examples_are_commands(example: str) -> None:
    words = example.split()
    for mark in (">>", "<"):
        words = words[: words.index(mark)] if mark in words else words
    line = tree.parse(words)
    assert line is not None
    assert example in line.op.spec.examples


def test_a_part_of_the_tree_equals_the_same_part_of_the_whole() -> None:
    whole = {c.verb: c for c in tree.commands()}
    for word in tree.WORDS:
        part = {c.verb: c for c in tree.commands(word)}
        assert part == {verb: c for verb, c in whole.items() if verb[0] == word}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--auto-pull=false"], {"auto_pull": False}),
        (["--auto-pull=true"], {}),
        (["--no-auto-pull", "--no-wizard"], {"auto_pull": False, "wizard": False}),
        (["--foreground=false"], {}),
        (["--foreground=true"], {"foreground": True}),
    ],
)
def test_switches_may_be_spelled_with_a_value(words: list[str], expected: dict[str, Any]) -> None:
    from flock.contract.lifecycle import Up

    line = tree.parse(["up", *words])
    assert line is not None
    assert line.op == Up(**expected)


def test_a_value_that_looks_like_a_switch_stays_a_value() -> None:
    from flock.contract.tokens import CreateToken

    line = tree.parse(["token", "create", "--", "--admin=true"])
    assert line is not None
    assert line.op == CreateToken(name="--admin=true")


def test_logs_follow_by_f() -> None:
    from flock.contract.lifecycle import ShowLogs

    line = tree.parse(["logs", "-f"])
    assert line is not None
    assert line.op == ShowLogs(follow=True)


def test_a_word_that_is_a_command_has_commands_too() -> None:
    for words in (["doctor"], ["doctor", "--json"], ["doctor", "cache"], ["doctor", "cache", "--json"]):
        line = tree.parse(words)
        assert line is not None
        assert line.op.spec.verb == tuple(word for word in words if word != "--json")
        assert line.given.json == ("--json" in words)
    with pytest.raises(UsageError, match="did you mean cache"):
        tree.parse(["doctor", "cahce"])
    with pytest.raises(UsageError):
        tree.parse(["doctor", "-"])


def test_a_verb_may_have_three_words() -> None:
    from flock.contract.presets import RemovePreset

    line = tree.parse(["model", "preset", "remove", "--yes", "tools"])
    assert line is not None
    assert line.op == RemovePreset(name="tools")
    assert line.given.yes
    for words, meant in (
        (["model", "preset", "lss"], "'flock model preset lss'; did you mean ls?"),
        (["model", "preste", "ls"], "'flock model preste'; did you mean preset?"),
        (["model", "preset"], "'flock model preset' needs one more word: ls, save or remove"),
        (["model", "preset", "ls", "--josn"], "'flock model preset ls' has no option '--josn'; did you mean --json?"),
    ):
        with pytest.raises(UsageError) as refused:
            tree.parse(words)
        assert meant in refused.value.sentence
        assert refused.value.hint.startswith("flock model preset")
