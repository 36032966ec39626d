"""What an engine speaks by itself: versions and features."""

import pytest

from flock.dialects.native import check, is_since, speaks, version_of
from flock.errors import Unsupported
from flock.profile import Native, Profile


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("b8200-1a2b3c", (8200,)),
        ("0.11.1", (0, 11, 1)),
        ("0.32.0+cpu", (0, 32, 0)),
        ("b0-unknown", ()),
        ("", ()),
        ("dev", ()),
    ],
)
def test_a_version_is_its_numbers(text: str, numbers: tuple[int, ...]) -> None:
    assert version_of(text) == numbers


@pytest.mark.parametrize(
    ("version", "since", "enough"),
    [
        ("b8200-x", "b7187", True),
        ("b7000-x", "b7187", False),
        ("0.9.0", "0.11.1", False),
        ("0.11.1", "0.11.1", True),
        ("b0-unknown", "b7187", True),
        ("0.1", "", True),
    ],
)
def test_versions_are_compared_by_numbers(version: str, since: str, enough: bool) -> None:
    assert is_since(version, since) is enough


def test_a_native_dialect_is_left_for_what_it_lacks() -> None:
    native = {"anthropic": Native("b7187", frozenset({"documents"}))}
    profile = Profile("x", "X", frozenset({"openai"}), native=native)
    assert speaks(profile, "anthropic", "b8000", frozenset({"tools"}))
    assert not speaks(profile, "anthropic", "b8000", frozenset({"tools", "documents"}))
    assert not speaks(profile, "anthropic", "b7000", frozenset())
    assert not speaks(profile, "responses", "b8000", frozenset())


def test_what_cannot_be_left_out_is_refused_and_named() -> None:
    profile = Profile("mlx", "MLX-LM", frozenset({"openai"}), lacks=frozenset({"json_schema", "cache_control"}))
    check(profile, frozenset({"cache_control", "tools"}))
    with pytest.raises(Unsupported, match="MLX-LM does not support an answer of a given JSON schema"):
        check(profile, frozenset({"json_schema"}))
