"""An operation is declared once: one command, one route, one handler, one set of words follow from it."""

import dataclasses
from collections import Counter
from typing import Any

import pytest

from flock.__main__ import VERBS
from flock.cli.tree import ASKING, WORDS, commands, parse
from flock.contract.op import Op, Risk, Where, ensure_declared
from flock.local import operations as local
from tests.house.tree import modules, name

TABLE = ensure_declared()


def by_name(names: dict[str, type[Op[Any]]]) -> Any:
    """Parametrise over operations with their names as ids."""
    return pytest.mark.parametrize("op", names.values(), ids=list(names))


def test_every_operation_has_exactly_one_command() -> None:
    verbs = Counter(command.verb for command in commands())
    aliases = [alias for op in TABLE.values() for alias in op.spec.aliases]
    # a flag that stands for a command (`usage --summary`) is an option of the first word's own command
    flags = [alias for alias in aliases if alias[-1].startswith("--")]
    for word, flag in flags:
        assert flag in next(c for c in commands(word) if c.verb == (word,)).options
    wanted = Counter([*(op.spec.verb for op in TABLE.values()), *(alias for alias in aliases if alias not in flags)])
    assert verbs == wanted
    assert set(verbs.values()) == {1}


def test_the_words_known_before_any_import_are_the_commands() -> None:
    first = {verb[0] for op in TABLE.values() for verb in (op.spec.verb, *op.spec.aliases)}
    assert set(VERBS) - {"help"} == first == set(WORDS)


@by_name(TABLE)
def test_every_field_is_an_argument_or_an_option_of_the_command(op: type[Op[Any]]) -> None:
    command = next(c for c in commands(op.spec.verb[0]) if c.verb == op.spec.verb)
    fields = {f.name: f.metadata["kind"] for f in dataclasses.fields(op)}  # type: ignore[arg-type]
    assert list(command.arguments) == [field for field, kind in fields.items() if kind == "arg"]
    assert {"--json", "--quiet", "--help"} <= set(command.options)
    assert ("--yes" in command.options) == (op.spec.risk is Risk.REMOVE or op.spec.name in ASKING)
    for field, kind in fields.items():
        spelled = "--" + field.replace("_", "-")
        if kind in ("secret", "inner"):
            assert spelled not in command.options
    for item in dataclasses.fields(op):  # type: ignore[arg-type]
        assert item.metadata["kind"] in ("secret", "inner") or item.metadata["help"]


@by_name(TABLE)
def test_every_example_is_a_command_of_that_operation(op: type[Op[Any]]) -> None:
    assert op.spec.examples
    for example in op.spec.examples:
        words = example.split(" >")[0].split(" <")[0].split()
        line = parse(words)
        assert line is not None
        assert type(line.op) is op


@by_name(TABLE)
def test_every_operation_has_a_route_or_runs_here(op: type[Op[Any]]) -> None:
    if op.spec.where is Where.LOCAL:
        # `down` and the like have both; one that only runs here has no route
        assert not op.spec.path
        return
    assert op.spec.path.startswith("/admin/v1/")
    # what only looks, at a file of the caller's that no URL has room for
    changing = op.spec.risk is not Risk.READ or op.spec.name == "limit.simulate"
    assert (op.spec.method != "GET") == changing, "what changes something is no GET, and the reverse"
    for field in (part[1:-1] for part in op.spec.path.split("/") if part.startswith("{")):
        assert field in {f.name for f in dataclasses.fields(op)}  # type: ignore[arg-type]


def test_the_admin_routes_are_the_table() -> None:
    from flock.daemon import control

    routes = [(method, op.spec.path) for method, _, op in control.routes()]
    assert len(routes) == len(set(routes))
    assert set(routes) == {(op.spec.method, op.spec.path) for op in TABLE.values() if op.spec.path}


def test_no_admin_path_is_spelled_outside_the_contract() -> None:
    spelled = [
        name(path)
        for path in modules("flock")
        if '"/admin' in path.read_text("utf-8") or "'/admin" in path.read_text("utf-8")
    ]
    assert [path for path in spelled if not path.startswith("flock/contract/")] == []


def test_every_operation_has_its_handler() -> None:
    from flock.core import operations as core
    from flock.daemon import control

    assert control.HANDLED
    assert core.unhandled() == []
    here = {operation for operation, op in TABLE.items() if op.spec.where is not Where.DAEMON}
    assert set(local._FILES) == here
