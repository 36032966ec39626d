"""A generateContent request as the middle's Request.

Owns the reading of contents, tools and settings. Calls and results without ids, as many clients send them, are paired
here by order and name. What only this dialect knows goes into `extras["gemini"]`, by the name of the field or by its
path ("generationConfig.imageConfig"). Refuses to repair a history (see `history.py`). Called by `server.py`.
"""

from typing import Any

from flock.dialects import efforts
from flock.dialects.ask import Ask
from flock.dialects.gemini.parts import read_content
from flock.dialects.gemini.schemas import to_json_schema
from flock.dialects.gemini.words import DIALECT
from flock.dialects.ir import Format, Json, Message, Part, Reasoning, Request, Tool, ToolCall, ToolChoice, ToolResult
from flock.dialects.openai.checks import at, fields_of, items_of, named, number, rest_of, switch, whole, words, wrong
from flock.errors import InvalidRequest, Unsupported
from flock.plain import is_array, is_object

_KNOWN = ("contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "model")
_CONFIG = (
    *("maxOutputTokens", "temperature", "topP", "topK", "candidateCount", "stopSequences", "seed", "presencePenalty"),
    *("frequencyPenalty", "responseLogprobs", "logprobs", "responseMimeType", "responseSchema", "responseJsonSchema"),
    "thinkingConfig",
)
_THINKING = ("thinkingBudget", "thinkingLevel", "includeThoughts")


def read(ask: Ask) -> Request:
    """Return what the client asks for. Raises InvalidRequest naming the path of what is wrong, Unsupported."""
    body = ask.body
    if body.get("cachedContent"):
        raise Unsupported(
            "cachedContent names a conversation that the server is to remember",
            hint="send the whole conversation with every request",
            details={"unsupported": ["stateful"]},
        )
    extras: Json = rest_of(body, *_KNOWN)
    config = fields_of(body.get("generationConfig"), "generationConfig")
    _keep(extras, "generationConfig", rest_of(config, *_CONFIG))
    messages = [*_system(body.get("systemInstruction")), *_contents(body.get("contents"))]
    choice = _choice(fields_of(body.get("toolConfig"), "toolConfig"), extras)
    count, top = whole(config.get("candidateCount"), "generationConfig.candidateCount"), config.get("logprobs")
    return Request(
        dialect=DIALECT,
        model=ask.model,
        messages=messages,
        tools=_tools(body.get("tools")),
        tool_choice=choice,
        max_tokens=whole(config.get("maxOutputTokens"), "generationConfig.maxOutputTokens") or None,
        temperature=number(config.get("temperature"), "generationConfig.temperature"),
        top_p=number(config.get("topP"), "generationConfig.topP"),
        top_k=_top_k(config.get("topK")),
        stop=_stops(config.get("stopSequences")),
        seed=whole(config.get("seed"), "generationConfig.seed"),
        presence_penalty=number(config.get("presencePenalty"), "generationConfig.presencePenalty"),
        frequency_penalty=number(config.get("frequencyPenalty"), "generationConfig.frequencyPenalty"),
        n=count if count != 1 else None,
        logprobs=switch(config.get("responseLogprobs"), "generationConfig.responseLogprobs"),
        top_logprobs=whole(top, "generationConfig.logprobs"),
        reasoning=_reasoning(config, extras),
        format=_format(config, extras),
        stream=ask.stream,
        wants_usage=True,
        extras={DIALECT: extras} if extras else {},
    )


def _keep(extras: Json, path: str, rest: Json) -> None:
    extras.update({f"{path}.{name}": value for name, value in rest.items()})


# -- the conversation


def _system(value: Any) -> list[Message]:
    if not value:
        return []
    if isinstance(value, str):
        return [Message("system", read_content([value], "systemInstruction"))]
    if is_object(value) and "parts" in value:
        parts = read_content(value["parts"], "systemInstruction.parts")
    else:
        parts = read_content(value, "systemInstruction")
    return [Message("system", parts)] if parts else []


def _contents(value: Any) -> list[Message]:
    found: list[Message] = []
    pairing = _Pairing()
    for i, content in enumerate(value if is_array(value) else [value]):
        path = f"contents[{i}]"
        if isinstance(content, str):
            found.append(Message("user", read_content([content], path)))
            continue
        fields = fields_of(content, path)
        role = words(fields.get("role"), f"{path}.role") or "user"
        # a part that stands where a content should, as lists of parts do
        parts = read_content(fields["parts"], f"{path}.parts") if "parts" in fields else _alone(fields, path)
        if role == "model":
            pairing.called(parts, i)
            found.append(Message("assistant", parts))
        elif role in ("user", "function", "tool"):
            found += _user(parts, pairing)
        elif role == "system":
            found.append(Message("system", parts))
        else:
            raise InvalidRequest(
                f"{path}.role must be 'user' or 'model', not {role!r}",
                hint="correct the role",
                details=at(f"{path}.role"),
            )
    return found


def _alone(fields: Json, path: str) -> list[Part]:
    rest = rest_of(fields, "role")
    return read_content([rest], path) if rest else []


def _user(parts: list[Part], pairing: "_Pairing") -> list[Message]:
    """Return the messages of a user's content: results of tools become a message of their own, before the words."""
    results = [part for part in parts if isinstance(part, ToolResult)]
    pairing.answered(results)
    rest: list[Part] = [part for part in parts if not isinstance(part, ToolResult)]
    found = [Message("tool", [*results])] if results else []
    return [*found, *([Message("user", rest)] if rest or not results else [])]


class _Pairing:
    """Gives calls and results that came without ids the same ones: by turn, order and name (pitfall 5)."""

    def __init__(self) -> None:
        self._open: list[ToolCall] = []

    def called(self, parts: list[Part], turn: int) -> None:
        """Take the calls of a turn."""
        calls = [part for part in parts if isinstance(part, ToolCall)]
        for ordinal, call in enumerate(calls):
            call.id = call.id or f"call_{turn}_{ordinal}"
        if calls:
            self._open = [*self._open, *calls]

    def answered(self, results: list[ToolResult]) -> None:
        """Give each result the id of the call it answers: the one of its id, else the first of its name.

        A result without a name belongs to the first call, one of another name to none: it keeps what it has.
        """
        for result in results:
            by_id = [call for call in self._open if result.id and call.id == result.id]
            by_name = [call for call in self._open if call.name == result.name]
            found = by_id or by_name or ([] if result.name else self._open)
            if found:
                result.id, result.name = found[0].id, result.name or found[0].name
                self._open = [call for call in self._open if call is not found[0]]


# -- tools


def _tools(value: Any) -> list[Tool]:
    found: list[Tool] = []
    for i, tool in enumerate([value] if is_object(value) else items_of(value, "tools")):
        path = f"tools[{i}]"
        fields = fields_of(tool, path)
        declared = fields.get("functionDeclarations")
        for j, declaration in enumerate([declared] if is_object(declared) else items_of(declared, path)):
            found.append(_function(declaration, f"{path}.functionDeclarations[{j}]"))
        # what the vendor runs: {"googleSearch": {}}, {"codeExecution": {}}, several in one object
        for name, config in rest_of(fields, "functionDeclarations").items():
            found.append(Tool(name, kind="hosted", raw={name: config}))
    return found


def _function(value: Any, path: str) -> Tool:
    if not is_object(value):
        raise wrong(path, "an object", value)
    schema = value.get("parametersJsonSchema")
    if schema is None and value.get("parameters") is not None:
        schema = to_json_schema(fields_of(value["parameters"], f"{path}.parameters"))
    return Tool(
        named(value.get("name"), f"{path}.name"),
        words(value.get("description"), f"{path}.description"),
        fields_of(schema, f"{path}.parametersJsonSchema") if schema is not None else None,
        raw=value,
        meta=rest_of(value, "name", "description", "parameters", "parametersJsonSchema"),
    )


def _choice(config: Json, extras: Json) -> ToolChoice | None:
    path = "toolConfig.functionCallingConfig"
    calling = fields_of(config.get("functionCallingConfig"), path)
    _keep(extras, "toolConfig", rest_of(config, "functionCallingConfig"))
    _keep(extras, path, rest_of(calling, "mode", "allowedFunctionNames"))
    mode = words(calling.get("mode"), f"{path}.mode").upper()
    allowed = [words(name, f"{path}.allowedFunctionNames[{i}]") for i, name in enumerate(_names(calling, path))]
    match mode:
        case "ANY" if len(allowed) == 1:
            return ToolChoice("named", allowed[0])
        case "NONE":
            return ToolChoice("none")
        case "AUTO" | "ANY" | "VALIDATED":
            if allowed:
                extras[f"{path}.allowedFunctionNames"] = allowed
            if mode == "VALIDATED":
                extras[f"{path}.mode"] = mode
            return ToolChoice("required" if mode == "ANY" else "auto")
        case "" | "MODE_UNSPECIFIED":
            return None
        case _:
            raise InvalidRequest(
                f"{path}.mode must be 'AUTO', 'ANY', 'NONE' or 'VALIDATED', not {mode!r}",
                hint="correct the mode",
                details=at(f"{path}.mode"),
            )


def _names(calling: Json, path: str) -> list[Any]:
    return items_of(calling.get("allowedFunctionNames"), f"{path}.allowedFunctionNames")


# -- settings


def _top_k(value: Any) -> int | None:
    found = number(value, "generationConfig.topK")  # a float in Google's own library
    return None if found is None else int(found)


def _stops(value: Any) -> list[str]:
    return [
        words(stop, f"generationConfig.stopSequences[{i}]") for i, stop in enumerate(items_of(value, "stopSequences"))
    ]


def _reasoning(config: Json, extras: Json) -> Reasoning | None:
    path = "generationConfig.thinkingConfig"
    thinking = fields_of(config.get("thinkingConfig"), path)
    _keep(extras, path, rest_of(thinking, *_THINKING))
    budget = whole(thinking.get("thinkingBudget"), f"{path}.thinkingBudget")
    effort = efforts.effort_of_level(words(thinking.get("thinkingLevel"), f"{path}.thinkingLevel"))
    summary = "auto" if switch(thinking.get("includeThoughts"), f"{path}.includeThoughts") else ""
    if budget is None:
        return Reasoning(effort=effort, summary=summary) if effort or summary else None
    if budget == 0:
        return Reasoning("off", effort, summary=summary)
    if budget < 0:  # as much as the model sees fit
        return Reasoning("adaptive", effort, summary=summary)
    return Reasoning("on", effort, budget, summary)


def _format(config: Json, extras: Json) -> Format | None:
    """Return the form of the answer; a schema counts whether or not the media type is told beside it."""
    kind = words(config.get("responseMimeType"), "generationConfig.responseMimeType")
    schema = config.get("responseJsonSchema")
    if schema is None and config.get("responseSchema") is not None:
        schema = to_json_schema(fields_of(config["responseSchema"], "generationConfig.responseSchema"))
    if kind not in ("", "application/json", "text/plain"):  # text/x.enum: one of the schema's words, without quotes
        extras["generationConfig.responseMimeType"] = kind
        if schema is not None:
            extras["generationConfig.responseJsonSchema"] = schema
        return None
    if schema is not None and kind != "text/plain":
        return Format("json_schema", fields_of(schema, "generationConfig.responseJsonSchema"))
    return Format("json_object") if kind == "application/json" else None
