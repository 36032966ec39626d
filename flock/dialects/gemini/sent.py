"""The middle's Request as a generateContent request.

Owns what stands at the top: tools, choice, settings, the form of the answer. A request that was read from this dialect
goes out as it came. Of another dialect's everything that has no equivalent stands in `lost`, everything done instead in
`edits`. Called by `upstream.py`; the conversation is `turns.py`.
"""

from typing import Any
from urllib.parse import quote

import orjson

from flock.dialects import efforts
from flock.dialects.custom_tools import as_function, is_custom
from flock.dialects.gemini.schemas import cut
from flock.dialects.gemini.turns import Turns
from flock.dialects.gemini.words import DIALECT, GENERATE, SSE_QUERY, STREAM
from flock.dialects.half import Outgoing
from flock.dialects.history import clean_json, safe_names
from flock.dialects.ir import Json, Reasoning, Request, Tool, ToolCall
from flock.errors import InvalidRequest, Unsupported
from flock.plain import is_object

_STOPS = 5  # the API's own limit
_KNOBS = (
    ("maxOutputTokens", "max_tokens"),
    ("temperature", "temperature"),
    ("topP", "top_p"),
    ("topK", "top_k"),
    ("candidateCount", "n"),
    ("seed", "seed"),
    ("presencePenalty", "presence_penalty"),
    ("frequencyPenalty", "frequency_penalty"),
    ("responseLogprobs", "logprobs"),
)
_ELSEWHERE = ("min_p", "logit_bias", "verbosity")
# what clients of each dialect call it
_STOP_NAMES = {"anthropic": "stop_sequences"}
# function names begin with a letter or an underscore
_BEGINNINGS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"


def write(request: Request, model: str, *, stream: bool, json_schema: bool = True) -> Outgoing:
    """Spell a request for a model of the upstream.

    `json_schema`: the upstream takes JSON Schema (`parametersJsonSchema`, `responseJsonSchema`); one that does not
    gets the subset that `parameters` and `responseSchema` have. Raises Unsupported for several answers, logprobs and
    parts without an equivalent, InvalidRequest for a conversation in which nothing is said.
    """
    own = request.dialect == DIALECT
    if not own:
        _check(request)
    calls = [part for message in request.messages for part in message.parts if isinstance(part, ToolCall)]
    functions = [tool for tool in request.tools if tool.kind != "hosted"]
    wire = _names([*(tool.name for tool in functions), *(call.name for call in calls)])
    back = {real: name for name, real in wire.items() if name != real}
    custom = frozenset(call.name for call in calls if is_custom(request, call))
    turns = Turns(own, back, custom, signed=_wants_signatures(model))
    system, contents = turns.write(request.messages)
    if not contents:
        raise InvalidRequest("the conversation says nothing", hint="send at least one message with text")
    body: Json = {"contents": contents}
    if system is not None:
        body["systemInstruction"] = system
    lost, edits = [*turns.lost], [*turns.edits]
    tools, unknown = _tools(request, functions, back, own=own, json_schema=json_schema)
    lost += unknown
    if tools:
        body["tools"] = tools
    _choose(request, body, back, lost)
    config = _config(request, model, lost, edits, own=own, json_schema=json_schema)
    if config:
        body["generationConfig"] = config
    _extras(request, body, lost)
    names = {name: real for name, real in wire.items() if name != real}
    return Outgoing(
        _path(model, stream=stream), _cleaned(body), {}, [*dict.fromkeys(lost)], [*dict.fromkeys(edits)], names
    )


def _path(model: str, *, stream: bool) -> str:
    name = quote(model.removeprefix("models/"), safe="/:@")
    collection = "" if name.startswith("tunedModels/") else "models/"
    return f"/v1beta/{collection}{name}:{STREAM + SSE_QUERY if stream else GENERATE}"


def _check(request: Request) -> None:
    for feature, wanted, words in (
        ("many", request.n is not None and request.n > 1, "more than one answer (n > 1)"),
        ("logprobs", bool(request.logprobs), "logprobs"),
    ):
        if wanted:
            raise Unsupported(
                f"{words} cannot be had in the Gemini dialect from a client of another one",
                hint="leave it out",
                details={"unsupported": [feature]},
            )


def _wants_signatures(model: str) -> bool:
    """Return whether a model refuses calls without thought signatures: Gemini 3 and later do."""
    name = model.rpartition("/")[2].lower()
    return name.startswith("gemini-") and not efforts.is_budgeted(name)


def _names(names: list[str]) -> dict[str, str]:
    """Return wire name → real name for every tool."""
    found: dict[str, str] = {}
    for name, real in safe_names(names).items():
        spelled = name if name[0] in _BEGINNINGS else f"_{name}"[:64]
        while spelled in found:
            spelled = f"_{spelled}"[:64]
        found[spelled] = real
    return found


# -- tools


def _tools(
    request: Request, functions: list[Tool], wire: dict[str, str], *, own: bool, json_schema: bool
) -> tuple[list[Json], list[str]]:
    """Return the tools, and the names of those that are another vendor's."""
    found: list[Json] = []
    if functions:
        declared = [_function(tool, wire, own=own, json_schema=json_schema) for tool in functions]
        found.append({"functionDeclarations": declared})
    hosted = [tool for tool in request.tools if tool.kind == "hosted"]
    if own:
        return [*found, *(tool.raw for tool in hosted)], []
    return found, [f"tools.{tool.name}" for tool in hosted]


def _function(tool: Tool, wire: dict[str, str], *, own: bool, json_schema: bool) -> Json:
    name = wire.get(tool.name, tool.name)
    if own and json_schema:
        return {**tool.raw, "name": name}
    if tool.kind == "custom":
        tool = as_function(tool)
    found: Json = {"name": name}
    if tool.description:
        found["description"] = tool.description
    if tool.schema is not None:
        schema = {"type": "object", **tool.schema}
        if json_schema:
            found["parametersJsonSchema"] = schema
        elif schema.get("properties"):  # an object without properties is refused there
            found["parameters"] = cut(schema)
    return {**found, **tool.meta} if own else found


def _choose(request: Request, body: Json, wire: dict[str, str], lost: list[str]) -> None:
    """Set toolConfig: a tool that is named is the only one allowed of "ANY". Never without tools."""
    choice = request.tool_choice
    if request.parallel_tools is False and request.tools:
        lost.append("parallel_tool_calls")
    if choice is None:
        return
    if not any("functionDeclarations" in tool for tool in body.get("tools", ())):
        if choice.mode in ("required", "named"):
            lost.append("tool_choice")
        return
    mode = {"auto": "AUTO", "none": "NONE"}.get(choice.mode, "ANY")
    calling: Json = {"mode": mode}
    if choice.mode == "named":
        calling["allowedFunctionNames"] = [wire.get(choice.name, choice.name)]
    body["toolConfig"] = {"functionCallingConfig": calling}


# -- settings


def _config(request: Request, model: str, lost: list[str], edits: list[str], *, own: bool, json_schema: bool) -> Json:
    config: Json = {}
    for name, field in _KNOBS:
        if (value := getattr(request, field)) is not None:
            config[name] = value
    if request.logprobs and request.top_logprobs is not None:
        config["logprobs"] = request.top_logprobs
    if request.stop:
        config["stopSequences"] = request.stop if own else request.stop[:_STOPS]
        if len(config["stopSequences"]) < len(request.stop):
            lost.append(f"{_STOP_NAMES.get(request.dialect, 'stop')}[{_STOPS}:]")
    lost += [name for name in _ELSEWHERE if getattr(request, name) not in (None, "", {})]
    form = request.format
    if form is not None and form.kind != "text":
        config["responseMimeType"] = "application/json"
        if form.kind == "json_schema" and form.schema:
            config["responseJsonSchema" if json_schema else "responseSchema"] = (
                form.schema if json_schema else cut(form.schema)
            )
    if request.reasoning is not None:
        thinking = _own_thinking(request.reasoning) if own else _thinking(request.reasoning, model, edits)
        if thinking:
            config["thinkingConfig"] = thinking
    return config


def _own_thinking(wanted: Reasoning) -> Json:
    found: Json = {}
    if wanted.summary:
        found["includeThoughts"] = True
    if wanted.mode:
        found["thinkingBudget"] = {"off": 0, "on": wanted.budget, "adaptive": -1}[wanted.mode]
    if wanted.effort:
        found["thinkingLevel"] = wanted.effort.upper()
    return found


def _thinking(wanted: Reasoning, model: str, edits: list[str]) -> Json:
    """Return how much the model is to think, in the words its version takes."""
    if wanted.mode == "off" or wanted.effort == "none":
        found, edit = efforts.gemini_thinking("none", model)
    elif wanted.effort:
        found, edit = efforts.gemini_thinking(wanted.effort, model)
    elif wanted.mode == "on" and wanted.budget is not None:
        found, edit = {"thinkingBudget": wanted.budget}, ""
    elif wanted.mode:
        found, edit = {}, ""  # what the model does by itself
    else:
        return {"includeThoughts": True} if wanted.summary else {}
    if edit:
        edits.append(edit)
    # clients of other dialects are told what the model thinks wherever it is to think
    return found if found.get("thinkingBudget") == 0 else {**found, "includeThoughts": True}


# -- what stands at the top


def _extras(request: Request, body: Json, lost: list[str]) -> None:
    for dialect, fields in request.extras.items():
        if dialect != DIALECT:
            lost += fields
            continue
        for path, value in fields.items():
            *outer, name = path.split(".")
            node = body
            for step in outer:
                node = node.setdefault(step, {})
            node[name] = value


def _cleaned(body: Json) -> Json:
    """Return a body that can be written: lone surrogates, which no JSON can hold, are replaced."""
    try:
        orjson.dumps(body)
    except TypeError as error:
        if "surrogates" in str(error):
            cleaned: Any = clean_json(body)
            return cleaned if is_object(cleaned) else body
    return body
