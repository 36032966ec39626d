"""Arguments of calls: types by the schema, JSON as it comes, entities, and what is no value at all."""

import json
from typing import Any

import pytest

from flock.dialects.filters.tool_formats.json_text import Balance, arguments, last_object, parsed, unescaped, written
from flock.dialects.filters.tool_formats.outcome import NoCall
from flock.dialects.filters.tool_formats.typed import typed

SCHEMA: dict[str, Any] = {
    "properties": {
        "text": {"type": "string"},
        "whole": {"type": "integer"},
        "number": {"type": "number"},
        "flag": {"type": "boolean"},
        "list": {"type": "array"},
        "object": {"type": "object"},
        "either": {"type": ["string", "null"]},
        "any": {"anyOf": [{"type": "integer"}, {"type": "array"}]},
        "choice": {"enum": ["1", "2"]},
        "only": {"const": "3"},
        "reference": {"$ref": "#/$defs/a~1b"},
        "lost": {"$ref": "#/$defs/nowhere"},
        "circle": {"$ref": "#/properties/circle"},
        "free": {},
    },
    "$defs": {"a/b": {"type": "integer"}},
}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("text", "42", "42"),
        ("text", "null", "null"),
        ("text", " as it is\n", " as it is\n"),
        ("whole", "42", 42),
        ("whole", " 42\n", 42),
        ("whole", "42.0", 42),
        ("whole", "4.5", "4.5"),
        ("whole", "many", "many"),
        ("whole", "true", "true"),
        ("whole", "123456789012345678901234567890", 123456789012345678901234567890),
        ("number", "4.5", 4.5),
        ("number", "1e999", "1e999"),
        ("number", "NaN", "NaN"),
        ("flag", "True", True),
        ("flag", "false", False),
        ("flag", "1", "1"),
        ("list", "[1, 2]", [1, 2]),
        ("list", "1, 2", "1, 2"),
        ("object", '{"a": null}', {"a": None}),
        ("object", "[1]", "[1]"),
        ("either", "null", None),
        ("either", "None", None),
        ("either", "x", "x"),
        ("any", "3", 3),
        ("any", "[3]", [3]),
        ("choice", "1", "1"),
        ("only", "3", "3"),
        ("reference", "5", 5),
        ("lost", "5", 5),
        ("circle", "x", "x"),
        ("free", "5", 5),
        ("free", "null", None),
        ("free", "05", "05"),
        ("unknown", "true", True),
        ("unknown", "a text", "a text"),
    ],
)
def test_a_text_gets_the_type_of_its_parameter(name: str, text: str, value: Any) -> None:
    found = typed(text, SCHEMA, name)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "schema", [{}, {"properties": []}, {"properties": {"a": True}}, {"properties": {"a": {"type": 7}}}]
)
def test_a_schema_that_says_nothing(schema: dict[str, Any]) -> None:
    assert typed("x", schema, "a") == "x"


@pytest.mark.pitfall(3)
@pytest.mark.pitfall(20)
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "{}"),
        ("", "{}"),
        ({}, "{}"),
        ('{"a": 1}', '{"a": 1}'),
        ('{}{"a": 1}', '{"a": 1}'),
        ('{"a": 0} {"a": 1}\n', '{"a": 1}'),
        ({"a": "é"}, '{"a": "é"}'),
        ({"a": "\ud800"}, '{"a": "\\ud800"}'),
    ],
)
def test_arguments_are_an_object(value: Any, text: str) -> None:
    assert arguments(value) == text
    assert json.loads(text) == json.loads(arguments(value))


@pytest.mark.parametrize("value", [[], 1, True, "x", "[1]", '{"a": 1}, {}', "{'a': 1}", '{"a": 1', {"a": float("nan")}])
def test_arguments_that_are_none(value: Any) -> None:
    with pytest.raises(NoCall):
        arguments(value)


def test_json_in_text() -> None:
    assert parsed('{"a": "line\nbreak"}') == {"a": "line\nbreak"}
    assert parsed("{&quot;a&quot;: &quot;&amp;lt;&quot;}") == {"a": "&lt;"}
    assert last_object('{"a": {"b": "}{"}}') == {"a": {"b": "}{"}}
    assert unescaped("&lt;&gt;&quot;&#39;&#x27;&apos;&amp;amp;&eacute;&") == "<>\"'''&amp;&eacute;&"
    for bad in ("{", "nothing", '{"a": NaN}', "[" * 100_000):
        with pytest.raises(NoCall):
            parsed(bad)
    with pytest.raises(NoCall):
        written({"a": {1, 2}})


@pytest.mark.parametrize(
    ("text", "end"),
    [('{"a": "}\\""} x', 12), ("[(')', \"(\")] x", 12), ("{[]}", 4), ('{"a\\\\"}{', 7)],
)
def test_where_brackets_are_even(text: str, end: int) -> None:
    quotes = "\"'" if "'" in text else '"'
    for cut in range(len(text)):
        balance = Balance(quotes)
        assert balance.feed(text[:cut]) or balance.feed(text[cut:])
        assert balance.end == end
    assert not Balance(quotes).feed(text[: end - 1])
