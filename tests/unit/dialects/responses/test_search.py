"""A tool search that the client runs itself, for engines that know functions only."""

import json
from typing import Any

import pytest

from flock.dialects.fold import fold
from flock.dialects.ir import Message, Opaque, Request, Text, ToolCall, ToolChoice, ToolResult
from flock.dialects.responses import upstream
from tests.grammar.responses import response_of
from tests.unit.dialects.responses.corpus import ask, body, events, read
from tests.unit.dialects.responses.writing import accumulated, of, written

SEARCH = {"type": "tool_search", "execution": "client", "description": "Finds tools."}
DEFERRED = {"type": "function", "name": "late", "parameters": {"type": "object"}, "defer_loading": True}
CALL = {"type": "tool_search_call", "call_id": "c", "execution": "client", "arguments": {"query": "calendar"}}
CREATE = {"type": "function", "name": "create", "description": "New."}
FOUND = {"type": "namespace", "name": "calendar", "tools": [CREATE]}
USER = {"role": "user", "content": "u"}


def output(*tools: Any) -> dict[str, Any]:
    """Return the item with what a search found."""
    return {"type": "tool_search_output", "call_id": "c", "execution": "client", "tools": list(tools)}


def offered(request: Request) -> dict[str, bool]:
    """Return the names of a request's tools and whether each is still to be found."""
    return {tool.name: tool.deferred for tool in request.tools if tool.kind != "hosted"}


@pytest.mark.pitfall(15)
def test_deferred_tools_wait_only_for_a_search_that_somebody_runs() -> None:
    assert offered(ask(tools=[DEFERRED, SEARCH])) == {"late": True, "tool_search": False}
    for others in ([DEFERRED], [DEFERRED, {"type": "tool_search"}], [DEFERRED, {**SEARCH, "execution": "server"}]):
        assert offered(ask(tools=others)) == {"late": False}


@pytest.mark.pitfall(15)
def test_the_search_is_a_function_and_what_it_found_is_offered() -> None:
    request = ask(USER, CALL, output(FOUND, {"type": "custom", "name": "x"}), tools=[SEARCH])
    assert offered(request) == {"tool_search": False, "calendar__create": False, "x": False}
    call, result = request.messages[1].parts[0], request.messages[2].parts[0]
    assert isinstance(call, ToolCall)
    assert (call.name, json.loads(call.arguments)) == ("tool_search", {"query": "calendar"})
    assert isinstance(result, ToolResult)
    assert result.parts == [Text("Tools found, which can be called now:\n- calendar__create: New.\n- x")]
    nothing = ask(USER, CALL, output(), tools=[SEARCH]).messages[2].parts[0]
    assert isinstance(nothing, ToolResult)
    assert nothing.parts == [Text("No tools found.")]


def test_a_call_of_it_goes_back_as_the_clients_own_item() -> None:
    request = ask(tools=[SEARCH])
    stream = written(of(ToolCall("c", "tool_search", '{"query":"calendar"}'), Text("x"), stop="tool_calls"), request)
    item = response_of(stream)["output"][0]
    assert item == {"id": "tsc_0123456789abcdef_0", **CALL, "status": "completed"}
    assert accumulated(stream).response.output[0].arguments == {"query": "calendar"}
    assert b"arguments.delta" not in stream
    broken = response_of(written(of(ToolCall("", "tool_search", "{oops"), stop="tool_calls"), request))["output"][0]
    assert (broken["call_id"], broken["arguments"]) == ("call_0123456789abcdef_0", {"raw_arguments": "{oops"})


def test_an_engine_of_this_dialect_gets_it_as_it_came() -> None:
    request = read(body("codex"))
    request.tool_choice = ToolChoice("named", "tool_search")
    sent = upstream.write_request(request, "m", stream=True).body
    assert sent["tool_choice"] == {"type": "tool_search"}
    kept = [item for item in body("codex")["input"] if item["type"].startswith("tool_search")]
    assert [item for item in sent["input"] if item["type"].startswith("tool_search")] == kept
    assert next(tool for tool in sent["tools"] if tool["type"] == "tool_search")["description"] == "Finds tools."
    assert ask(tools=[SEARCH], tool_choice={"type": "tool_search"}).tool_choice == ToolChoice("named", "tool_search")


def test_a_search_the_vendor_ran_stays_the_vendors() -> None:
    item = {**CALL, "execution": "server", "call_id": None, "id": "tsc_1"}
    assert ask(USER, item).messages[1] == Message("assistant", [Opaque("responses", item["type"], item, whole=True)])
    told = {"type": "response.output_item.done", "item": item}
    done = {"type": "response.completed", "response": {"id": "r"}}
    stream = b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in (told, done))
    assert fold(events(stream)).parts == [Opaque("responses", item["type"], item, whole=True)]
