"""The translation pitfalls and the tests that hold them: docs/pitfalls.md from tests/pitfalls.yaml and the marks.

Owns how `@pytest.mark.pitfall(n)` is found: in the source, so that a test which is left out still counts as written.
Called by tools/docs.py; tests/house/test_pitfalls.py fails when a case has neither a test nor a reason.
"""

import ast
from collections import defaultdict
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parent.parent
CASES = ROOT / "tests" / "pitfalls.yaml"
_MARK = "pytest.mark.pitfall"

_INTRO = """
# Translation pitfalls

Cases in which gateways go wrong between dialects, gathered from public issue threads, and the tests that hold them.
A is Anthropic Messages, O is OpenAI chat, R is Responses, G is Gemini, L is Ollama's own API.

| # | case | what is wanted | tests |
|---|---|---|---|
"""


def cases() -> dict[int, dict[str, str]]:
    """Return the cases by number: `case`, `wanted` and, where there is no test, `reason`."""
    found: dict[int, dict[str, str]] = YAML(typ="safe").load(CASES.read_text("utf-8"))
    return found


def marked(root: Path = ROOT / "tests") -> dict[int, list[str]]:
    """Return the tests of each number as "path::name", in order."""
    found: dict[int, list[str]] = defaultdict(list)
    for path in sorted(root.rglob("test_*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        whole = _numbers_in_assignments(tree)
        where = path.relative_to(root.parent).as_posix()
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("test"):
                continue
            numbers = {n for mark in node.decorator_list for n in _numbers(mark)}
            for number in sorted(numbers | whole):
                found[number].append(f"{where}::{node.name}")
    return found


def _numbers(mark: ast.AST) -> list[int]:
    """Return the numbers of every pitfall mark inside an expression: a decorator, or marks of single parameters."""
    return [
        argument.value
        for node in ast.walk(mark)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == _MARK
        for argument in node.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, int)
    ]


def _numbers_in_assignments(tree: ast.Module) -> set[int]:
    """Return the numbers a whole module is marked with (`pytestmark = …`)."""
    return {
        number
        for node in tree.body
        if isinstance(node, ast.Assign) and any(ast.unparse(target) == "pytestmark" for target in node.targets)
        for number in _numbers(node.value)
    }


def page() -> str:
    """Return docs/pitfalls.md without its first line."""
    tests = marked()
    rows = [
        f"| {number} | {_cell(case['case'])} | {_cell(case['wanted'])} | {_tests(tests.get(number, []), case)} |"
        for number, case in cases().items()
    ]
    return _INTRO.lstrip("\n") + "\n".join(rows) + "\n"


def _tests(tests: list[str], case: dict[str, Any]) -> str:
    if not tests:
        return f"none: {_cell(case.get('reason', '(no reason is written down)'))}"
    files: dict[str, int] = defaultdict(int)
    for test in tests:
        files[test.split("::")[0]] += 1
    return "<br>".join(f"`{path}`" + (f" ({count})" if count > 1 else "") for path, count in files.items())


def _cell(words: str) -> str:
    return words.replace("|", "\\|").replace("\n", " ")
