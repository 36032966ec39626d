"""The plan: how a request's bytes get to an upstream and its answer back, decided before any byte moves.

Pure. RELAY sends the body as received; SPLICE sets top-level keys and dumps it once; TRANSLATE reads the request into
the middle and writes it in a dialect the upstream speaks. What was changed and what was left out stands in the decision
record. Called by core/inference.py; table-tested in tests/unit/dialects/test_plan.py.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from urllib.parse import quote

import orjson

from flock.dialects import native, prefix, tokens
from flock.dialects.ask import Ask
from flock.dialects.custom_tools import CustomCalls
from flock.dialects.estimate import estimate
from flock.dialects.families import begins_as_thinking
from flock.dialects.filters.filter import Filter
from flock.dialects.filters.prefill import Prefill
from flock.dialects.filters.think_tags import ThinkTags
from flock.dialects.filters.tool_rescue import ToolRescue
from flock.dialects.half import Outgoing, UpstreamHalf
from flock.dialects.ir import Request, Text, Usage
from flock.dialects.ollama import server as ollama_server
from flock.dialects.ollama import upstream as ollama
from flock.dialects.ollama.sent import write_request as write_to_ollama
from flock.dialects.ollama.window import num_ctx
from flock.dialects.openai import one_tool, strict
from flock.dialects.openai import upstream as openai
from flock.dialects.switches import ALL_ON, Switches
from flock.dialects.table import PREFERRED, SERVERS, UPSTREAMS
from flock.dialects.tasks.task import JSON, Sent
from flock.dialects.translate import Crossing
from flock.errors import InvalidRequest, Unsupported
from flock.profile import NO_FAMILY, Family, Profile

RELAY, SPLICE, TRANSLATE = "relay", "splice", "translate"


# Not frozen, though nobody changes them: one of each is made per request, and that would cost a microsecond more.
@dataclass(slots=True)
class Target:
    """Where a request is to go: the model's id there, what the engine and the model are like, the window in tokens.

    `local`: an engine of the team's, whose prompts may be normalised; a vendor's are left alone. `window` is the one
    the model is loaded with where `context` is what it could be loaded with (Ollama), None where both are one.
    `abilities` is what the model can do beside writing text ("thinking", "vision"), None where nobody knows.
    """

    model: str
    profile: Profile
    version: str = ""
    family: Family = NO_FAMILY
    context: int | None = None
    local: bool = True
    window: int | None = None
    abilities: frozenset[str] | None = None

    def cannot(self, ability: str) -> bool:
        """Return whether the model is known not to be able to do something."""
        return self.abilities is not None and ability not in self.abilities


@dataclass(slots=True)
class Plan:
    """What to send. `dialect` is the one spoken upstream, `sent` the body as JSON types where it was made.

    `withhold_usage`: the usage chunk is ours alone, the client did not ask for it. `crossing` makes the way back for a
    translation, or for a relay whose upstream answers in another form than asked (a stream for a plain request).
    `model` is the model's name over there. `task` is what is sent of something else than a conversation.
    """

    kind: str
    dialect: str
    path: str
    body: bytes
    sent: dict[str, Any]
    edits: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    headers: dict[str, str] = field(default_factory=dict[str, str])
    withhold_usage: bool = False
    crossing: Callable[[], Crossing] | None = None
    model: str = ""
    task: Sent | None = None

    @property
    def content_type(self) -> str:
        """The Content-Type of the body."""
        return JSON if self.task is None else self.task.content_type


@dataclass(frozen=True, slots=True)
class Changes:
    """Top-level fields of the body that are to be set whatever the plan, and what people read of it."""

    fields: dict[str, Any] = field(default_factory=dict[str, Any])
    edits: tuple[str, ...] = ()


UNCHANGED = Changes()


def plan(ask: Ask, target: Target, switches: Switches = ALL_ON, before: Changes = UNCHANGED) -> Plan:
    """Return the plan for serving `ask` at `target`; `before` are changes made already, such as pictures fetched.

    Raises Unsupported for what neither the upstream nor a translation can do, InvalidRequest for a body that cannot be
    read or written again.
    """
    profile = target.profile
    if before is UNCHANGED and _passes(ask, target):
        crossing = partial(_same_dialect, ask, target)
        return Plan(RELAY, ask.dialect, ask.path, ask.raw, ask.body, crossing=crossing, model=target.model)
    features = SERVERS[ask.dialect].features(ask)
    native.check(profile, features)
    if "images" in features and target.cannot("vision"):
        details = {"unsupported": ["images"]}
        raise Unsupported(f"{target.model} does not see pictures", hint="use a model that does", details=details)
    changed, edits = _changes(ask, target, switches, before)
    reported = tokens.scale(ask, target.context, switches) if target.local else None
    if reported is not None:
        told = reported(Usage(input=1000)).input
        edits = [*edits, f"usage told as {told} for 1000, so that Claude Code compacts within {target.context} tokens"]
    if native.speaks(profile, ask.dialect, target.version, features) and reported is None:
        if not _needs_filters(ask, features, target, switches):
            return _relay(ask, target, changed, edits)
        if features & {"many", "logprobs"}:  # the middle has one answer without figures
            return _relay(ask, target, changed, [*edits, "the model's text is not looked into: n > 1 or logprobs"])
    return _translation(ask, target, switches, features, changed, edits, reported)


def _passes(ask: Ask, target: Target) -> bool:
    """Return whether a chat request goes as it came, told without a walk over it: what most programs send.

    Every other request takes the whole way, which comes to the same for these; that way costs four times as much.
    """
    profile = target.profile
    return (
        ask.dialect == "openai"
        and ask.model == target.model
        and (ask.wants_usage or not ask.stream)
        and target.family is NO_FAMILY
        and target.abilities is None
        and profile.named_choice
        and not profile.lacks
        and "openai" in profile.dialects
        and prefix.is_plain(ask.raw)
        and not tokens.limited(ask, NO_FAMILY, target.context, raising=False)[0]
    )


def _changes(ask: Ask, target: Target, switches: Switches, before: Changes) -> tuple[dict[str, Any], list[str]]:
    changed, edits = dict(before.fields), list(before.edits)
    if switches.prefix_normaliser and target.local and not prefix.is_plain(ask.raw):
        found, words = prefix.normalise({**ask.body, **changed} if changed else ask.body, ask.dialect)
        if found:
            changed.update(found)
            edits += words
    raising, lowering = switches.raise_max_tokens, switches.lower_max_tokens
    found, words = tokens.limited(ask, target.family, target.context, raising=raising, lowering=lowering)
    if found:
        changed.update(found)
        edits += words
    if ask.dialect == "openai" and not target.profile.named_choice:
        found, words = one_tool.spelled_out({**ask.body, **changed})
        changed.update(found)
        edits += words
    return changed, edits


# -- relay and splice


def _relay(ask: Ask, target: Target, changed: dict[str, Any], edits: list[str]) -> Plan:
    """Return the plan of an upstream that speaks the client's dialect for all this request uses."""
    changed, edits = dict(changed), list(edits)
    named_in_path = "{model}" in ask.path
    if ask.model != target.model:
        if not named_in_path:
            changed["model"] = target.model
        edits.append(f"model: {ask.model or '(none)'} → {target.model}")
    profile = target.profile
    withhold = ask.dialect == "openai" and ask.stream and not ask.wants_usage and profile.stream_usage
    if withhold:
        changed["stream_options"] = {**(ask.body.get("stream_options") or {}), "include_usage": True}
        edits.append("stream_options.include_usage: added, the usage chunk is withheld")
    if ask.dialect == "ollama" and not ollama_server.is_load(ask):
        window, words = _window(SERVERS[ask.dialect].read_request(ask), target, ollama_server.num_ctx(ask))
        changed["options"] = {**(changed.get("options") or ask.body.get("options") or {}), "num_ctx": window}
        changed["truncate"] = False
        edits += words
        if {**ask.body, **changed}.get("think") and target.cannot("thinking"):  # an Ollama refuses the request then
            changed["think"] = False
            edits.append("think: false, the model does not think")
    path = ask.path.replace("{model}", quote(target.model)) if named_in_path else ask.path
    made = Plan(RELAY, ask.dialect, path, ask.raw, ask.body, tuple(edits), headers=_kept_headers(ask))
    made.model, made.crossing = target.model, partial(_same_dialect, ask, target)
    if changed:
        made.kind, made.withhold_usage = SPLICE, withhold
        made.sent = {**ask.body, **changed}
        made.body = dumped(made.sent)
    return made


def _window(request: Request, target: Target, asked: int | None = None) -> tuple[int, list[str]]:
    """Return the window an Ollama is to load the model with, and what people read of it. Raises ContextTooLong.

    `asked` is the one the client names: a larger one than is needed stays, up to the model's largest.
    """
    window = num_ctx(estimate(request), request.max_tokens, loaded=target.window, largest=target.context, fits=None)
    window = max(window, min(asked or 0, target.context or asked or 0))
    loaded = f", loaded with {target.window}" if target.window else ""
    return window, [f"options.num_ctx: {window}{loaded}", "truncate: false"]


def _same_dialect(ask: Ask, target: Target) -> Crossing:
    request = SERVERS[ask.dialect].read_request(ask)
    return Crossing(request, SERVERS[ask.dialect], _upstream(ask.dialect, request), {})


def _kept_headers(ask: Ask) -> dict[str, str]:
    """Return the client's headers that belong to its dialect: a field that needs a beta flag must keep it."""
    if ask.dialect != "anthropic":
        return {}
    return {name: value for name, value in ask.headers.items() if name in ("anthropic-version", "anthropic-beta")}


def dumped(body: dict[str, Any]) -> bytes:
    """Return a body as JSON. Raises InvalidRequest for one that is nested too deeply, or holds half a character."""
    try:
        return orjson.dumps(body)
    except TypeError as error:  # orjson reads 1024 levels and writes 254
        raise InvalidRequest(f"the body cannot be written again: {error}", hint="nest it less deeply") from None


# -- translation


def _needs_filters(ask: Ask, features: frozenset[str], target: Target, switches: Switches) -> bool:
    family, profile = target.family, target.profile
    if ask.endpoint == "completions":
        return False
    thinks = switches.think_tags and bool(family.think_close) and not profile.parses_thinking
    calls = switches.tool_rescue and "tools" in features and bool(family.tool_formats) and not profile.parses_tools
    return thinks or calls


def _translation(
    ask: Ask,
    target: Target,
    switches: Switches,
    features: frozenset[str],
    changed: dict[str, Any],
    edits: list[str],
    reported: Callable[[Usage], Usage] | None,
) -> Plan:
    dialect = _spoken(ask, target)
    for feature, words in (("many", "more than one answer (n > 1)"), ("logprobs", "logprobs")):
        if feature in features and dialect != ask.dialect:
            raise Unsupported(f"{words} cannot be had from {target.profile.title} in this dialect", hint="leave it out")
    if ask.dialect == "ollama" and dialect != "ollama":
        ollama_server.check_elsewhere(ask)
    asked = replace(ask, body={**ask.body, **changed}) if changed else ask
    request = SERVERS[ask.dialect].read_request(asked)
    lost: list[str] = []
    if switches.drop_duplicate_tools:
        lost += _without_duplicates(request)
    out = _written(request, target, dialect)
    if dialect == "openai" and not target.profile.named_choice:
        found, unnamed = one_tool.spelled_out(out.body)
        out.body.update(found)
        edits = [*edits, *unnamed]
    if ask.model != target.model:
        edits = [*edits, f"model: {ask.model or '(none)'} → {target.model}"]
    words = f"{ask.dialect} → {dialect}" if dialect != ask.dialect else f"{dialect}, looked into"
    crossing = Crossing(
        request,
        SERVERS[ask.dialect],
        _upstream(dialect, request),
        out.names,
        partial(_filters, request, target, switches, features, dialect, out.names),
        reported,
    )
    return Plan(
        TRANSLATE,
        dialect,
        out.path,
        dumped(out.body),
        out.body,
        (words, *edits, *out.edits),
        tuple(dict.fromkeys([*lost, *out.lost])),
        out.headers,
        crossing=lambda: crossing,
        model=target.model,
    )


def _upstream(dialect: str, request: Request) -> UpstreamHalf:
    """Return the half that reads the answer: Ollama at times leaves the prompt's tokens for others to know."""
    return ollama.knowing(estimate(request)) if dialect == "ollama" else UPSTREAMS[dialect]


def _spoken(ask: Ask, target: Target) -> str:
    """Return the dialect to translate into: the client's own where only a filter is needed, else the best spoken."""
    profile = target.profile
    if ask.dialect in profile.dialects:
        return ask.dialect
    for dialect in PREFERRED:
        if native.speaks(profile, dialect, target.version, frozenset()):
            return dialect
    raise Unsupported(f"{profile.title} speaks no dialect that flock speaks", hint="flock engine ls")


def _written(request: Request, target: Target, dialect: str) -> Outgoing:
    # a stream also for a client that wants one piece: a silent engine is noticed, and a client that leaves stops it
    stream = target.profile.stream_tools or not request.tools
    if dialect == "ollama":
        window, words = _window(request, target)
        thinks = None if target.abilities is None else not target.cannot("thinking")
        out = write_to_ollama(request, target.model, stream=stream, num_ctx=window, thinks=thinks)
        out.edits += words
        return out
    if dialect != "openai":
        return UPSTREAMS[dialect].write_request(request, target.model, stream=stream)
    out = _chat(request, target, stream=stream)
    if not target.local:
        out.lost += strict.keep_to(target.profile, target.model, out.body)
    if _prefill(request):
        if target.profile.prefill == "told":
            out.body |= {"continue_final_message": True, "add_generation_prompt": False}
        elif not target.profile.prefill:
            out.lost.append("prefill: the engine begins a turn of its own")
    return out


def _prefill(request: Request) -> str:
    """Return the words of the assistant that the conversation ends with, "" where it ends with somebody else's."""
    last = request.messages[-1]
    return "".join(p.text for p in last.parts if isinstance(p, Text)) if last.role == "assistant" else ""


def _chat(request: Request, target: Target, *, stream: bool) -> Outgoing:
    family, thinking = target.family, request.reasoning
    template: Mapping[str, object] | None = None
    if thinking is not None:
        off = thinking.mode == "off" or thinking.effort == "none"
        template = family.thinking_off if off else family.thinking_on
    return openai.write_request(
        request,
        target.model,
        stream=stream,
        late_system=family.late_system,
        system_role=family.system_role,
        history_thinking=family.history_thinking,
        template=template,
    )


def _filters(
    request: Request,
    target: Target,
    switches: Switches,
    features: frozenset[str],
    dialect: str,
    names: Mapping[str, str],
) -> Sequence[Filter]:
    found: list[Filter] = []
    family, profile = target.family, target.profile
    if dialect == "openai" and profile.prefill == "repeats" and (words := _prefill(request)):
        found.append(Prefill(words))
    if switches.think_tags and family.think_close and not profile.parses_thinking:
        found.append(ThinkTags(family, implicit=begins_as_thinking(family, request.reasoning)))
    if switches.tool_rescue and "tools" in features and family.tool_formats and not profile.parses_tools:
        found.append(ToolRescue(request.tools, family, names))
    if dialect != "responses" and any(tool.kind == "custom" for tool in request.tools):
        found.append(CustomCalls(request))
    return found


def _without_duplicates(request: Request) -> list[str]:
    """Drop the vendor's own tools where the client offers one of the same purpose itself; return what was dropped."""
    offered = {tool.name.rsplit("__", 1)[-1].lower() for tool in request.tools if tool.kind == "function"}
    twice = [tool for tool in request.tools if tool.kind == "hosted" and tool.name.lower() in offered]
    request.tools = [tool for tool in request.tools if tool not in twice]
    return [f"tools.{tool.name}: the client offers its own" for tool in twice]
