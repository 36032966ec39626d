"""Laws of style that no linter knows."""

import ast
import re
from pathlib import Path

from tests.house.tree import ROOT, modules, name, parsed

# --version is decided before any import, so not even cli/out.py is there yet
PRINTS = ("flock/cli/out.py", "flock/__main__.py")

VAGUE = ("utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "service", "core_utils")


def calls(path: Path) -> list[tuple[int, str, ast.Call]]:
    """Return (line, dotted name, call) of every call in a file."""
    found = [node for node in ast.walk(parsed(path)) if isinstance(node, ast.Call)]
    return [(node.lineno, ast.unparse(node.func), node) for node in found]


def test_only_the_writer_of_the_terminal_prints() -> None:
    offenders = [
        f"{name(path)}:{line}"
        for path in modules("flock")
        if name(path) not in PRINTS
        for line, called, _ in calls(path)
        if called in ("print", "sys.stdout.write", "sys.stdout.buffer.write")
    ]
    assert offenders == []


def test_every_module_says_what_it_owns() -> None:
    mute = [
        name(path)
        for path in modules("flock", "tests", "tools", "benchmarks")
        if path.name != "__init__.py" and not ast.get_docstring(parsed(path))
    ]
    assert mute == []


def test_packages_re_export_nothing() -> None:
    full = [
        name(path)
        for path in modules("flock", "tests")
        if path.name == "__init__.py" and path != ROOT / "flock/__init__.py"
        if any(not isinstance(node, ast.Expr) for node in parsed(path).body)
    ]
    assert full == []
    first = parsed(ROOT / "flock/__init__.py").body
    assert [type(node) for node in first] == [ast.Expr, ast.Assign]


def test_modules_have_names_a_user_would_recognise() -> None:
    assert [name(path) for path in modules("flock", "tests", "tools") if path.stem in VAGUE] == []


def test_public_functions_say_what_they_do() -> None:
    mute: list[str] = []
    for path in modules("flock"):
        for node in parsed(path).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                hidden = node.name.startswith("_")
                if not hidden and not ast.get_docstring(node):
                    mute.append(f"{name(path)}:{node.name}")
    assert mute == []


def test_no_unfinished_work() -> None:
    marks = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b|raise NotImplemented" r"Error")
    found = [name(path) for path in modules("flock", "tools", "benchmarks") if marks.search(path.read_text("utf-8"))]
    assert found == []


SKIPS = ("pytest.skip", "pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail", "pytest.importorskip")


def has_cause(called: str, call: ast.Call) -> bool:
    """Say whether a skip names its cause."""
    cause = next((k.value for k in call.keywords if k.arg == "reason"), None)
    if called == "pytest.skip" and call.args:
        cause = call.args[0]
    return cause is not None and not (isinstance(cause, ast.Constant) and not cause.value)


def test_every_skip_names_its_cause() -> None:
    bare: list[str] = []
    for path in modules("tests"):
        with_call = {id(call.func) for _, _, call in calls(path)}
        bare += [
            f"{name(path)}:{line}"
            for line, called, call in calls(path)
            if called in SKIPS and not has_cause(called, call)
        ]
        bare += [
            f"{name(path)}:{node.lineno}"
            for node in ast.walk(parsed(path))
            if isinstance(node, ast.Attribute) and id(node) not in with_call and ast.unparse(node) in SKIPS
        ]
    assert bare == []


def test_nothing_of_flock_is_replaced_in_tests() -> None:
    offenders: list[str] = []
    for path in modules("tests"):
        for node in ast.walk(parsed(path)):
            imported = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            imported += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(module.split(".")[0] == "mock" or module == "unittest.mock" for module in imported):
                offenders.append(f"{name(path)}:{node.lineno}")  # type: ignore[attr-defined]
        offenders += [f"{name(path)}:{line}" for line, called, _ in calls(path) if called == "monkeypatch.setattr"]
    assert offenders == []


def test_annotations_are_values() -> None:
    # Typer and the contract read annotations: as strings they would be read late and wrongly
    late = [name(path) for path in modules("flock") if "from __future__ import annotations" in path.read_text("utf-8")]
    assert late == []
