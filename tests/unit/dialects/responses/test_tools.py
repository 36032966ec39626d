"""Tools and the choice among them: every kind, every form, and names that stay unique."""

from typing import Any

import pytest

from flock.dialects.ir import ToolChoice
from tests.unit.dialects.responses.corpus import ask, body, read


@pytest.mark.pitfall(13)
@pytest.mark.pitfall(14)
@pytest.mark.pitfall(15)
def test_tools_of_every_kind() -> None:
    request = read(body("codex"))
    by_name = {tool.name: tool for tool in request.tools}
    assert list(by_name) == [
        "exec_command",
        "multi_agent_v1__spawn_agent",
        "multi_agent_v1__close_agent",
        "apply_patch",
        "tool_search",
        "web_search",
        "mcp_docs",
        "list_files",
        "calendar__create",
    ]
    spawn = by_name["multi_agent_v1__spawn_agent"]
    assert (spawn.namespace, spawn.own_name, spawn.deferred) == ("multi_agent_v1", "spawn_agent", False)
    assert by_name["multi_agent_v1__close_agent"].deferred
    patch = by_name["apply_patch"]
    assert (patch.kind, (patch.grammar or {})["syntax"]) == ("custom", "lark")
    hosted = [tool for tool in request.tools if tool.kind == "hosted"]
    assert [tool.raw["type"] for tool in hosted] == ["web_search", "mcp"]
    assert all(tool.schema is None for tool in hosted)
    # what a search found is offered, whatever it was before
    assert not by_name["calendar__create"].deferred


@pytest.mark.pitfall(26)
def test_strictness_is_said_outright() -> None:
    loose, closed = read(body("everything")).tools
    assert (loose.strict, closed.strict) == (False, True)
    function = {"type": "function", "name": "f", "parameters": closed.schema}
    assert [t.strict for t in ask(tools=[{**function, "strict": False}]).tools] == [False]
    assert [t.strict for t in ask(tools=[{**function, "strict": True}]).tools] == [True]
    open_inside = {
        "type": "object",
        "properties": {"a": {"type": "array", "items": {"type": "object", "properties": {}}}},
        "required": ["a"],
        "additionalProperties": False,
    }
    assert [t.strict for t in ask(tools=[{**function, "parameters": open_inside}]).tools] == [False]


@pytest.mark.pitfall(8)
def test_flat_names_are_unique() -> None:
    inner = [{"type": "function", "name": "b"}]
    request = ask(
        tools=[
            {"type": "function", "name": "a__b"},
            {"type": "namespace", "name": "a", "tools": inner},
            {"type": "function", "name": "a__b"},
        ]
    )
    assert [(tool.name, tool.namespace) for tool in request.tools] == [("a__b", ""), ("a__b_", "a")]


CHOICES: list[tuple[Any, ToolChoice | None, list[str]]] = [
    (None, None, ["f", "p", "n__g", "web_search"]),
    ("auto", ToolChoice("auto"), ["f", "p", "n__g", "web_search"]),
    ("none", ToolChoice("none"), ["f", "p", "n__g", "web_search"]),
    ("required", ToolChoice("required"), ["f", "p", "n__g", "web_search"]),
    ({"type": "function", "name": "f"}, ToolChoice("named", "f"), ["f", "p", "n__g", "web_search"]),
    (
        {"type": "function", "name": "g", "namespace": "n"},
        ToolChoice("named", "n__g"),
        ["f", "p", "n__g", "web_search"],
    ),
    ({"type": "custom", "name": "p"}, ToolChoice("named", "p"), ["f", "p", "n__g", "web_search"]),
    ({"type": "web_search"}, ToolChoice("named", "web_search"), ["f", "p", "n__g", "web_search"]),
    (
        {
            "type": "allowed_tools",
            "mode": "required",
            "tools": [{"type": "function", "name": "f"}, {"type": "web_search"}],
        },
        ToolChoice("required"),
        ["f", "web_search"],
    ),
]


@pytest.mark.parametrize(("choice", "expected", "offered"), CHOICES)
def test_every_form_of_choice(choice: Any, expected: ToolChoice | None, offered: list[str]) -> None:
    tools = [
        {"type": "function", "name": "f"},
        {"type": "custom", "name": "p"},
        {"type": "namespace", "name": "n", "description": "d", "tools": [{"type": "function", "name": "g"}]},
        {"type": "web_search"},
    ]
    request = ask(tools=tools, tool_choice=choice)
    assert request.tool_choice == expected
    assert [tool.name for tool in request.tools] == offered


@pytest.mark.pitfall(11)
def test_a_choice_among_nothing_is_none() -> None:
    for fields in (
        {"tool_choice": "auto"},
        {"tools": [], "tool_choice": "required"},
        {"tools": None, "tool_choice": "auto"},
    ):
        assert ask(**fields).tool_choice is None
