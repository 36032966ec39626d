"""Every known pitfall of translation has a test, or a written reason why it has none."""

import importlib.util
import sys

import pytest

from tests.house.tree import ROOT

spec = importlib.util.spec_from_file_location("flock_pitfalls", ROOT / "tools" / "pitfalls.py")
assert spec is not None
assert spec.loader is not None
pitfalls = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = pitfalls
spec.loader.exec_module(pitfalls)

CASES = pitfalls.cases()


def test_the_list_has_every_number_once() -> None:
    assert list(CASES) == list(range(1, 81))


@pytest.mark.parametrize("number", CASES)
def test_a_case_has_a_test_or_a_reason(number: int) -> None:
    tests = pitfalls.marked().get(number, [])
    reason = CASES[number].get("reason", "")
    assert tests or len(reason) > 20, "mark a test with @pytest.mark.pitfall or write a reason in tests/pitfalls.yaml"
    assert not (tests and reason), "a case that has a test needs no reason for having none"


def test_no_mark_names_a_case_that_is_not_there() -> None:
    assert set(pitfalls.marked()) <= set(CASES)
