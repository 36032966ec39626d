"""Whole answers of engines, read into the middle, and the words both kinds of answer share: stops, calls, thinking.

Does no I/O. Refuses, with UpstreamError, what is no answer. `chunks.py` reads streams with the tables of this file, so
that a stream folds into what the whole answer says. Reached as `upstream.read_reply`.
"""

import json
from hashlib import blake2b
from typing import Any

import orjson

from flock.dialects.custom_tools import CUSTOM
from flock.dialects.history import clean
from flock.dialects.ir import Json, Part, Refusal, Reply, Stop, Text, Thinking, ToolCall
from flock.dialects.openai.messages import THOUGHTS
from flock.dialects.openai.tap import read_fault
from flock.dialects.openai.usage import read_timings, read_usage
from flock.errors import UpstreamError
from flock.plain import is_array, is_object

# Finish reasons as engines and vendors say them. One that is not here is a normal end: new words appear, and an answer
# that came whole must not be lost over one.
STOPS: dict[str, Stop] = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "stop_sequence": "stop_sequence",
    "content_filter": "content_filter",
    "refusal": "refusal",
}


def stop_of(finish: str, choice: dict[str, Any], *, calls: bool, refused: bool) -> tuple[Stop, str]:
    """Return why an answer ended and the stop sequence that was met ("" if none or not told).

    Engines say "stop" although they called tools, and "tool_calls" although they did not.
    """
    stop = STOPS.get(finish, "stop")
    met = choice.get("stop_reason") if stop == "stop" else ""  # vLLM's: the sequence, or the number of a token
    sequence = met if isinstance(met, str) else ""
    if sequence in STOPS:  # the finish reason once more
        sequence = ""
    if calls and stop in ("stop", "stop_sequence"):
        return "tool_calls", ""
    if stop == "tool_calls" and not calls:
        stop = "stop"
    if stop == "stop" and refused:
        return "refusal", ""
    return ("stop_sequence", sequence) if sequence else (stop, "")


def made_id(answer: dict[str, Any], ordinal: int, name: str) -> str:
    """Return the id of a call that came without one: the same whenever the same answer is read."""
    seed = f"{answer.get('id')}/{answer.get('created')}/{ordinal}/{name}"
    return f"call_{blake2b(seed.encode('utf-8', 'replace'), digest_size=12).hexdigest()}"


def arguments_of(value: Any, *, whole: bool = True) -> str:
    """Return the JSON text of arguments that came at once: a string or an object, the last of several objects.

    `{}{"a":1}` is what some parsers make of one call (archestra#5409). Without `whole` more may follow, so nothing is
    taken out unless all of it is complete objects.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        try:
            return orjson.dumps(value).decode()
        except TypeError:  # deeper than orjson writes: nothing a tool could take
            return ""
    return last_object(value, whole=whole) if "}" in value[:-1] and "{" in value[1:] else value


def last_object(text: str, *, whole: bool = True) -> str:
    """Return the last complete object of several written one after the other; the text itself where it is not that."""
    try:
        orjson.loads(text)
    except ValueError:
        pass
    else:
        return text
    decoder, start, found = json.JSONDecoder(), 0, ""
    while start < len(text):
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            break
        if is_object(value):
            found = text[start:end]
        start = end
        while start < len(text) and text[start].isspace():
            start += 1
    return found if found and (whole or start == len(text)) else text


def thought_of(message: dict[str, Any]) -> str:
    """Return the thinking in a message or a delta, under whichever name; "" for none."""
    for name in THOUGHTS:
        said = message.get(name)
        if said and isinstance(said, str):
            return said
    return ""


def pieces_of(content: Any) -> list[Part]:
    """Return the parts of an answer's content: a string, or a list of parts as some vendors have it."""
    if isinstance(content, str):
        return [Text(content)] if content else []
    found: list[Part] = []
    for part in content if is_array(content) else ():
        if not is_object(part):
            continue
        thinking = part.get("thinking")
        if is_array(thinking):  # Mistral's
            thinking = "".join([one["text"] for one in thinking if is_object(one) and isinstance(one.get("text"), str)])
        for said, make in ((thinking, Thinking), (part.get("text"), Text), (part.get("refusal"), Refusal)):
            if said and isinstance(said, str):
                found.append(make(said))
    return found


def read_reply(body: dict[str, Any], names: dict[str, str]) -> Reply:
    """Return the reply a whole answer amounts to; `names` maps tool names on the wire to those of the request.

    Raises UpstreamError for no answer.
    """
    if body.get("error"):
        raise UpstreamError(f"the engine failed: {_fault(body)}", hint="send the request again")
    choices = body.get("choices")
    choice = choices[0] if is_array(choices) and choices else None
    if not is_object(choice):
        raise UpstreamError(f"the engine's answer has no choices: {_fault(body)}", hint="send the request again")
    told = choice.get("message")
    message: dict[str, Any] = told if is_object(told) else {"content": choice.get("text")}
    parts: list[Part] = []
    if thought := thought_of(message):
        parts.append(Thinking(thought))
    for piece in pieces_of(message.get("content")):
        _append(parts, piece)
    if isinstance(refusal := message.get("refusal"), str) and refusal:
        _append(parts, Refusal(refusal))
    calls = _calls(message, body, names)
    refused = any(isinstance(part, Refusal) for part in parts)
    finish = choice.get("finish_reason")
    stop, sequence = stop_of(str(finish), choice, calls=bool(calls), refused=refused)
    id, model = body.get("id"), body.get("model")
    return Reply(
        id if isinstance(id, str) else "",
        model if isinstance(model, str) else "",
        [*parts, *calls],
        stop,
        sequence,
        read_usage(body) or read_timings(body),
    )


def _fault(body: dict[str, Any]) -> str:
    try:
        return read_fault(orjson.dumps(body)) or "it says no more"
    except TypeError:
        return "it says no more"


def _append(parts: list[Part], piece: Part) -> None:
    """Add a piece, to the last part where that is of the same kind: as a stream would be folded."""
    last = parts[-1] if parts else None
    match piece, last:
        case (Text(), Text()) | (Thinking(), Thinking()) | (Refusal(), Refusal()):
            last.text += piece.text
        case _:
            parts.append(piece)


def _calls(message: dict[str, Any], body: dict[str, Any], names: dict[str, str]) -> list[Part]:
    calls = message.get("tool_calls")
    told = [call for call in calls if is_object(call)] if is_array(calls) else []
    legacy = message.get("function_call")
    if is_object(legacy) and not told:
        told = [{"function": legacy}]
    found: list[Part] = []
    for ordinal, call in enumerate(told):
        function = call.get("function")
        meta: Json = {}
        if is_object(custom := call.get("custom")):
            meta[CUSTOM] = True
            name, arguments = custom.get("name"), clean(str(custom.get("input") or ""))
        else:
            function = function if is_object(function) else {}
            name, arguments = function.get("name"), arguments_of(function.get("arguments"))
        wire = name if isinstance(name, str) else ""
        id = call.get("id")
        known = id if isinstance(id, str) and id else made_id(body, ordinal, wire)
        found.append(ToolCall(known, names.get(wire, wire), arguments, meta))
    return found
