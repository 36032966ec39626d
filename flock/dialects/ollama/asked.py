"""A chat or generate request, read into the middle: fields, options, and what nobody else understands as it came.

Does no I/O. Refuses what is not shaped as the dialect says, by its path. What has no place in the middle stands in
`extras` by its path ("options.repeat_penalty", "keep_alive"), so that another dialect names it in the client's words.
Reached as `server.read_request`.
"""

from typing import Any

from flock.dialects.ask import Ask
from flock.dialects.ir import Format, Json, Reasoning, Request
from flock.dialects.ollama.turns import WHOLE, Turns, read_prompt
from flock.dialects.ollama.words import GENERATED, LEVELS, NAME, NUMBERS, WHOLE_NUMBERS
from flock.dialects.openai.checks import at, fields_of, items_of, number, switch, whole, words, wrong
from flock.dialects.openai.offers import read_tools
from flock.errors import InvalidRequest, Unsupported
from flock.plain import is_object

_UNDERSTOOD = frozenset(
    {
        *("model", "messages", "stream", "tools", "format", "options", "think", "logprobs", "top_logprobs"),
        *("prompt", "system", "images", *WHOLE),
    }
)


def read_request(ask: Ask) -> Request:
    """Return what the client asks for. Raises InvalidRequest naming the field that is wrong."""
    body = ask.body
    generated = ask.endpoint == "generate"
    request = Request(
        GENERATED if generated else NAME,
        words(body.get("model"), "model"),
        read_prompt(body) if generated else Turns().read(items_of(body.get("messages"), "messages")),
        tools=[] if generated else read_tools({"tools": body.get("tools")}),
        logprobs=switch(body.get("logprobs"), "logprobs"),
        top_logprobs=whole(body.get("top_logprobs"), "top_logprobs"),
        reasoning=_reasoning(body.get("think")),
        format=_format(body.get("format")),
        stream=ask.stream,
        wants_usage=True,
    )
    extras: Json = {name: value for name, value in body.items() if name not in _UNDERSTOOD and value not in (None, "")}
    _options(fields_of(body.get("options"), "options"), request, extras)
    if extras:
        request.extras[NAME] = extras
    return request


def check_elsewhere(ask: Ask) -> None:
    """Raise Unsupported for what nobody but an Ollama can do; to be called before a request goes to another engine.

    A prompt without a template, tokens of an earlier answer, text behind the answer: without them the model would be
    asked something else.
    """
    found = [name for name in WHOLE if ask.endpoint == "generate" and ask.body.get(name)]
    if found:
        raise Unsupported(
            f"{' and '.join(found)} of /api/generate cannot be translated for this model's engine",
            hint="send a plain prompt, or the conversation to /api/chat",
            details=at(found[0]),
        )


def _options(options: Json, request: Request, extras: Json) -> None:
    """Set what the middle has of the options, and keep the others."""
    for name, value in options.items():
        where = f"options.{name}"
        if value is None:
            continue
        if name in NUMBERS:
            setattr(request, name, number(value, where))
        elif name in WHOLE_NUMBERS:
            setattr(request, name, _whole(value, where))
        elif name == "num_predict":
            limit = _whole(value, where)
            # -1: as much as there is; -2 (older servers): as much as the window holds
            request.max_tokens = limit if limit > 0 else None
        elif name == "stop":
            request.stop = _stop(value, where)
        else:
            extras[where] = value


def _whole(value: Any, where: str) -> int:
    """Return a whole number; JavaScript's 40.0 is one, as it is for Ollama."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    found = whole(value, where)
    assert found is not None
    return found


def _stop(value: Any, where: str) -> list[str]:
    given = [value] if isinstance(value, str) else items_of(value, where)
    for i, one in enumerate(given):
        if not isinstance(one, str):
            raise wrong(f"{where}[{i}]", "a string", one)
    return list(given)


def _reasoning(think: Any) -> Reasoning | None:
    if think is None:
        return None
    if isinstance(think, bool):
        return Reasoning("on" if think else "off")
    if think not in LEVELS:
        raise InvalidRequest(
            f"think must be true, false, {', '.join(LEVELS[:-1])} or {LEVELS[-1]}, not {think!r}",
            hint="correct think",
            details=at("think"),
        )
    return Reasoning(effort=think)


def _format(given: Any) -> Format | None:
    if not given and given != {}:
        return None
    if is_object(given):
        return Format("json_schema", given) if given else Format("json_object")
    if given != "json":
        raise InvalidRequest(
            f'format must be "json" or a JSON schema, not {given!r}', hint="correct format", details=at("format")
        )
    return Format("json_object")
