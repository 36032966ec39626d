"""Laws over all pairs: an answer that crosses into another dialect and back says what it said.

What may differ is written down: a stop that the dialect in between has no word for, and a vendor's own records.
"""

import json
from dataclasses import replace

import pytest

from flock.dialects.custom_tools import CUSTOM, wrap
from flock.dialects.history import arguments
from flock.dialects.ir import Part, Refusal, Reply, Text, ToolCall
from tests.unit.dialects.pairs import (
    DIALECTS,
    GOOD,
    TO,
    crossing,
    ended,
    name_of,
    own_fold,
    sent,
    stream,
    whole_stream,
)
from tests.unit.dialects.seen import alike, expected, streamed

Case = tuple[str, str]
# what is read of a stop in another dialect, by the middle's word: the nearest that dialect has, all others stay
NEAREST = {
    "openai": {"stop_sequence": "stop", "pause": "length", "context_window": "length"},
    "anthropic": {"content_filter": "refusal"},
    "gemini": {"stop_sequence": "stop", "pause": "length", "context_window": "length", "refusal": "content_filter"},
    "responses": {"stop_sequence": "stop", "pause": "length", "context_window": "length"},
    "ollama": {
        "stop_sequence": "stop",
        "pause": "length",
        "context_window": "length",
        "refusal": "stop",
        "content_filter": "stop",
    },
}


# dialects in which arguments are an object, also those of a custom tool
OBJECTS = ("anthropic", "gemini", "ollama")


def told_by(between: str, client: str, part: Part) -> Part:
    """Return what another dialect makes of a part, where that is not the part itself."""
    match part:
        case Refusal() if between in ("gemini", "ollama"):
            return Text(part.text)
        case Refusal() if between != "anthropic":
            return Refusal(part.text)  # without the vendor's notes
        case Refusal() if "stop_details" not in part.meta:
            return Text(part.text)
        case ToolCall() if between in OBJECTS and client != "responses" and CUSTOM in part.meta:
            return ToolCall(part.id, part.name, wrap(part.arguments))  # a client that did not offer the custom tool
        case ToolCall() if between in ("gemini", "ollama") and CUSTOM not in part.meta:
            # a call comes whole or not at all: what is no object has become one
            return ToolCall(part.id, part.name, json.dumps(arguments(part)[0]), part.meta)
        case _:
            return part


def through(between: str, client: str, reply: Reply) -> Reply:
    """Return what is left of an answer that another dialect has told."""
    parts = [told_by(between, client, part) for part in reply.parts]
    stop = NEAREST[between].get(reply.stop, reply.stop)
    usage = reply.usage
    if between in ("gemini", "ollama") and usage is not None:
        usage = replace(usage, cache_write=0, reasoning=0 if between == "ollama" else usage.reasoning)
    return replace(reply, parts=parts, stop=stop, usage=usage, sequence="" if stop == "stop" else reply.sequence)


@pytest.mark.pitfall(2)
@pytest.mark.pitfall(4)
@pytest.mark.pitfall(55)
@pytest.mark.pitfall(58)
@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize("between", DIALECTS)
@pytest.mark.parametrize("case", GOOD, ids=name_of)
def test_there_and_back(case: Case, between: str, client: str) -> None:
    told = sent(crossing(case[0], between), [stream(case)])
    tap = crossing(between, client).tap(TO)
    back = tap.feed(told) + ended(tap)
    whole_stream(client, back)
    alike(client, streamed(client, back), expected(client, through(between, client, own_fold(case))))
