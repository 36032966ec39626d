"""What holds for any text and any change: exactly the change is in it, and taking it back gives every byte again."""

import json
import tomllib
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from flock.connect.changes import Refused, same
from flock.connect.edit import Change, Match
from flock.connect.formats import Format, open_text
from flock.connect.leaves import put, take
from tests.unit.connect import texts

FORMATS: dict[Format, st.SearchStrategy[str]] = {
    "json": texts.json_texts("json"),
    "jsonc": texts.json_texts("jsonc"),
    "json5": texts.json_texts("json5"),
    "toml": texts.toml_texts(),
    "yaml": texts.yaml_texts(),
    "dotenv": texts.env_texts(),
}


def parsed(text: str, format: Format) -> Any:
    """Return what somebody else's parser says, where there is one for the format."""
    if format == "json" and text.strip():
        return json.loads(text, parse_int=str, parse_float=str)
    if format == "toml":
        return tomllib.loads(text)
    if format == "yaml":
        return YAML(typ="safe", pure=True).load(text) or {}
    data = open_text(text, format).data
    return data if isinstance(data, dict | list) else {}


def changed(data: Any, change: Change) -> Any:
    """Return a value with a change in it, by the shortest way."""
    head, *rest = change.pointer or ("",)
    if not change.pointer:
        merge = isinstance(change.value, dict) and isinstance(data, dict)
        return (
            data | {k: changed(data.get(k), Change((), v)) for k, v in change.value.items()} if merge else change.value
        )
    inner = Change(tuple(rest), change.value)
    if isinstance(head, str):
        data = dict(data or {})
        return data | {head: changed(data.get(head), inner)}
    assert isinstance(head, Match)
    items = list(data or [])
    for place, item in enumerate(items):
        if isinstance(item, dict) and item.get(head.key) == head.value:
            items[place] = changed(item, inner)
            return items
    return [*items, changed({head.key: head.value}, inner)]


def numbers_as_text(value: Any) -> Any:
    """Return a value with numbers as `parsed` has those of JSON."""
    return json.loads(json.dumps(value), parse_int=str, parse_float=str)


@pytest.mark.parametrize("format", FORMATS)
def test_a_change_is_made_and_taken_back_to_the_byte(format: Format) -> None:
    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
    @given(FORMATS[format], texts.changes(env=format == "dotenv"))
    def holds(text: str, changes: list[Change]) -> None:
        opened = partial(open_text, format=format)
        try:
            after, traces = put(text, changes, opened)
        except Refused as error:
            event(f"refused: {str(error)[-40:]}")
            return
        event("made")
        expected = parsed(text, format)
        for change in changes:
            plain = Change(change.pointer, numbers_as_text(change.value)) if format == "json" else change
            expected = changed(expected, plain)
        assert same(parsed(after, format), expected)
        assert take(after, traces, opened) == (text, [])
        if all(trace.old is None and trace.shell is None for trace in traces):
            left = iter(after)
            assert all(character in left for character in text)  # every character is still there, in its order

    holds()


@pytest.mark.parametrize("format", FORMATS)
def test_what_the_tool_writes_meanwhile_stays(format: Format) -> None:
    names: Callable[[str], str] = "Z_{}".format if format == "dotenv" else "theirs {}".format

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(FORMATS[format], texts.changes(env=format == "dotenv"), texts.leaves, st.integers(0, 3))
    def holds(text: str, changes: list[Change], value: Any, depth: int) -> None:
        opened = partial(open_text, format=format)
        beside = changes[0].pointer[:depth]
        while beside and isinstance(beside[-1], Match):
            beside = beside[:-1]
        theirs = [Change((*beside[:-1], names("1")), value), Change((names("2"),), value)]
        try:
            after, traces = put(text, changes, opened)
            both, _ = put(after, theirs, opened)
            alone, _ = put(text, theirs, opened)
        except Refused:
            return
        left, kept = take(both, traces, opened)
        assert kept == []
        assert same(parsed(left, format), parsed(alone, format))

    holds()


def test_what_was_written_last_goes_first() -> None:
    changes = [Change((table, key), []) for table, key in (("a", "a"), ("b", "a"), ("a", "b"))]
    opened = partial(open_text, format="toml")
    after, traces = put("", changes, opened)
    assert after == "[a]\na = []\nb = []\n\n[b]\na = []\n"
    assert take(after, traces, opened) == ("", [])
