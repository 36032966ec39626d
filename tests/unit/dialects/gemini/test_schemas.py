"""Google's schemas and JSON Schema, one made of the other."""

import json
from typing import Any

import pytest
from google.genai.types import Schema

from flock.dialects.gemini.schemas import cut, to_json_schema

# the words that Gemini's subset refuses (pitfall 23)
REFUSED = {
    *("$schema", "additionalProperties", "const", "propertyNames", "uniqueItems", "multipleOf", "exclusiveMinimum"),
    *(
        "default",
        "patternProperties",
        "$ref",
        "$defs",
        "definitions",
        "oneOf",
        "allOf",
        "not",
        "if",
        "exclusiveMaximum",
    ),
}
EVERYTHING: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "additionalProperties": False,
    "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}, "n": {"type": "integer"}}}},
    "properties": {
        "default": {"type": "string", "default": "x", "format": "uri", "pattern": "^a"},
        "const": {"const": "fixed"},
        "$ref": {"$ref": "#/$defs/node", "description": "the first"},
        "count": {"type": ["integer", "null"], "exclusiveMinimum": 0, "multipleOf": 2},
        "either": {"oneOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}]},
        "maybe": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
        "both": {"allOf": [{"properties": {"a": {"type": "string"}}}, {"required": ["a"]}]},
        "list": {"type": "array", "uniqueItems": True},
        "many": {"type": "array", "items": {"type": ["string", "integer"]}, "minItems": 1},
        "map": {"type": "object", "patternProperties": {"^x": {}}, "propertyNames": {"pattern": "^x"}},
        "numbers": {"enum": [1, 2]},
        "any": True,
    },
    "required": ["default", "gone"],
}


@pytest.mark.pitfall(23)
def test_a_schema_is_cut_to_the_subset_at_every_depth() -> None:
    found = cut(EVERYTHING)
    assert not _words(found) & REFUSED
    Schema.model_validate(found)  # google-genai's own model of the subset, which takes no other field
    # the names of properties are no words of the schema
    assert set(found["properties"]) == set(EVERYTHING["properties"])
    assert found["required"] == ["default"]
    assert found["properties"]["default"] == {"type": "STRING", "pattern": "^a"}
    assert found["properties"]["const"] == {"type": "STRING", "enum": ["fixed"], "format": "enum"}
    assert found["properties"]["count"] == {"type": "INTEGER", "nullable": True, "minimum": 0}
    assert found["properties"]["either"] == {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}], "nullable": True}
    assert found["properties"]["maybe"] == {"type": "STRING", "format": "date-time", "nullable": True}
    both = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "required": ["a"]}
    assert found["properties"]["both"] == both
    assert found["properties"]["list"] == {"type": "ARRAY", "items": {}}
    assert found["properties"]["many"]["items"] == {"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}]}
    assert found["properties"]["any"] == {}


@pytest.mark.pitfall(23)
def test_references_are_put_in_and_one_to_itself_ends() -> None:
    first = cut(EVERYTHING)["properties"]["$ref"]
    assert first["description"] == "the first"
    assert first["properties"]["n"] == {"type": "INTEGER"}
    assert first["properties"]["next"]["properties"]["n"] == {"type": "INTEGER"}
    assert "$ref" not in json.dumps(first)


def test_the_way_there_and_back() -> None:
    google = {
        "type": "OBJECT",
        "properties": {
            "type": {"type": "STRING", "nullable": True, "enum": ["A", "B"]},
            "list": {"type": "ARRAY", "items": {"type": "INTEGER"}, "minItems": "1"},
            "either": {"anyOf": [{"type": "STRING"}, {"type": "TYPE_UNSPECIFIED"}]},
        },
        "required": ["type"],
        "propertyOrdering": ["list", "type"],
    }
    assert to_json_schema(google) == {
        "type": "object",
        "properties": {
            "type": {"type": ["string", "null"], "enum": ["A", "B"]},
            "list": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
            "either": {"anyOf": [{"type": "string"}, {}]},
        },
        "required": ["type"],
    }


def test_json_schema_stays_as_it_is() -> None:
    assert to_json_schema(EVERYTHING) == EVERYTHING


def _words(schema: Any, *, names: bool = False) -> set[str]:
    """Return the words of a schema, its properties' names left out."""
    if isinstance(schema, list):
        return {word for item in schema for word in _words(item)}
    if not isinstance(schema, dict):
        return set()
    own = set() if names else set(schema)
    return own.union(*(_words(value, names=key == "properties" and not names) for key, value in schema.items()))
