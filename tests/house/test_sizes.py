"""Sizes: a module of 400 lines or a function of 60 is split by concept before it grows."""

import ast

from tests.house.tree import modules, name, parsed

MODULE_LINES, FUNCTION_LINES = 400, 60

# path or path:function → why it may be longer; there should be none
EXEMPT: dict[str, str] = {}


def test_modules_are_short() -> None:
    long = {
        name(path): lines
        for path in modules("flock", "tests", "tools", "benchmarks")
        if (lines := len(path.read_text("utf-8").splitlines())) > MODULE_LINES and name(path) not in EXEMPT
    }
    assert long == {}


def test_functions_are_short() -> None:
    long: dict[str, int] = {}
    for path in modules("flock", "tools", "benchmarks"):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                place = f"{name(path)}:{node.name}"
                if lines > FUNCTION_LINES and place not in EXEMPT:
                    long[place] = lines
    assert long == {}


def test_every_exemption_is_needed_and_has_a_reason() -> None:
    assert all(len(reason) > 20 for reason in EXEMPT.values())
