"""All pairs of an upstream's dialect and a client's: the corpora, how a request crosses, what goes to the client.

Used by the tests of the laws over all pairs, test_pairs*.py; what a client understands of it is in seen.py.
"""

import functools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from flock.dialects.fold import fold
from flock.dialects.half import Addressing
from flock.dialects.ir import Event, Reply
from flock.dialects.plan import Target, plan
from flock.dialects.table import SERVERS, UPSTREAMS
from flock.dialects.translate import Crossing, TranslationTap
from flock.errors import UpstreamError
from flock.profile import Profile
from tests.grammar.anthropic import read as read_messages
from tests.grammar.gemini import read as read_gemini
from tests.grammar.ollama import check as check_lines
from tests.grammar.openai import check as check_chunks
from tests.grammar.responses import Grammar as ResponsesGrammar

Json = dict[str, Any]
CORPUS = Path(__file__).resolve().parents[2] / "corpus"
DIALECTS = ("openai", "anthropic", "responses", "gemini", "ollama")
TO = Addressing("req_0123456789abcdef", "alias", 1_795_691_335, 77)

_STREAMS = {
    "openai": "openai/streams/*.sse",
    "anthropic": "anthropic/*.sse",
    "responses": "responses/*.sse",
    "gemini": "gemini/*.sse",
    "ollama": "ollama/*.ndjson",
}
_REPLIES = {
    "openai": "openai/replies/*.json",
    "anthropic": "anthropic/*.reply.json",
    "responses": "responses/*.reply.json",
    "gemini": "gemini/*.reply.json",
    "ollama": "ollama/*.reply.json",
}
# An answer whose usage hangs on the request that asked for it: tests/unit/dialects/ollama has it.
_ALONE = (("ollama", "uncounted_prompt"),)


def _cases(patterns: dict[str, str]) -> list[tuple[str, str]]:
    """Return (upstream's dialect, case) of the files."""
    found = [(of, path.name.partition(".")[0]) for of in DIALECTS for path in sorted(CORPUS.glob(patterns[of]))]
    return [case for case in found if case not in _ALONE]


STREAMS, REPLIES = _cases(_STREAMS), _cases(_REPLIES)
# streams that end badly, or not at all
BROKEN = frozenset(
    {
        *(("openai", name) for name in ("cut-inside-frame", "cut-midway", "event-error", "garbage")),
        *(("openai", name) for name in ("old-llamacpp-error", "openrouter-error", "vllm-error-midway")),
        *(("anthropic", name) for name in ("broken", "cut")),
        *(("responses", name) for name in ("cut", "error_event", "failed", "failed_overflow", "plain_error")),
        *(("gemini", name) for name in ("bare_error", "broken", "cut", "malformed")),
        *(("ollama", name) for name in ("broken", "broken_at_once", "cut", "cut_behind_a_call", "cut_inside_a_line")),
        ("ollama", "garbage"),
    }
)
GOOD = [case for case in STREAMS if case not in BROKEN]

PATHS = {
    "openai": "/v1/chat/completions",
    "anthropic": "/v1/messages",
    "responses": "/v1/responses",
    "gemini": "/v1beta/models/alias:streamGenerateContent",
    "ollama": "/api/chat",
}
# the tools that the answers of the corpora call
_FUNCTIONS = ("get_weather", "get_time", "look", "now", "ping", "f", "g", "later")
_SCHEMA = {"type": "object", "properties": {}}
_HI = [{"role": "user", "content": "hi"}]
_ASKED: dict[str, Json] = {
    "gemini": {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "generationConfig": {"thinkingConfig": {"includeThoughts": True}},
        "tools": [{"functionDeclarations": [{"name": name, "parametersJsonSchema": _SCHEMA} for name in _FUNCTIONS]}],
    },
    "openai": {
        "messages": _HI,
        "stream_options": {"include_usage": True},
        "tools": [{"type": "function", "function": {"name": name, "parameters": _SCHEMA}} for name in _FUNCTIONS],
    },
    "ollama": {
        "messages": _HI,
        "tools": [{"type": "function", "function": {"name": name, "parameters": _SCHEMA}} for name in _FUNCTIONS],
    },
    "anthropic": {
        "messages": _HI,
        "max_tokens": 9,
        "tools": [{"name": name, "input_schema": _SCHEMA} for name in _FUNCTIONS],
    },
    "responses": {
        "input": _HI,
        "tools": [
            *({"type": "function", "name": name, "parameters": _SCHEMA, "strict": False} for name in _FUNCTIONS),
            {"type": "custom", "name": "apply_patch"},
            {
                "type": "namespace",
                "name": "multi_agent_v1",
                "description": "agents",
                "tools": [{"type": "function", "name": "spawn_agent", "parameters": _SCHEMA, "strict": False}],
            },
        ],
    },
}


def stream(case: tuple[str, str]) -> bytes:
    """Return the bytes of a stream of a corpus."""
    of, name = case
    return (CORPUS / _STREAMS[of].replace("*", name)).read_bytes()


def name_of(case: tuple[str, str]) -> str:
    """Return a case's name, for the names of tests."""
    return "-".join(case)


# Streams are short so that every byte can be a cut. Of the few longer ones it is every seventh: frames of one stream
# differ in length, so that the cuts still fall on all kinds of places, and the whole stays below a minute.
_LONG, _STEP = 3000, 7


def cuts(data: bytes) -> range:
    """Return where a stream is cut."""
    return range(1, len(data), _STEP if len(data) > _LONG else 1)


def reply(case: tuple[str, str]) -> bytes:
    """Return the bytes of a whole answer of a corpus."""
    of, name = case
    return (CORPUS / _REPLIES[of].replace("*", name)).read_bytes()


@functools.cache
def crossing(upstream: str, client: str, *, streams: bool = True) -> Crossing:
    """Return how the answer to a client's request crosses, as the plan of that request has it."""
    body = json.dumps({"model": "alias", "stream": streams, **_ASKED[client]}).encode()
    path = PATHS[client] if streams else PATHS[client].replace("streamGenerate", "generate")
    ask = SERVERS[client].read_ask(body, path)
    made = plan(ask, Target("m", Profile("x", "X", frozenset({upstream}))))
    assert made.crossing is not None
    return made.crossing()


def own_fold(case: tuple[str, str]) -> Reply:
    """Return what a stream amounts to for the upstream's own half, with nothing in between."""
    reader, found = UPSTREAMS[case[0]].reader({}), list[Event]()
    # a frame ends with a blank line, a line with its break; the last one of some streams never does
    data = stream(case).replace(b"\r\n", b"\n")
    end = b"\n" if case[0] == "ollama" else b"\n\n"
    for frame in data.split(end):
        found += reader.read(frame + end) if frame else []
    return fold([*found, *reader.close()])


def own_reply(case: tuple[str, str]) -> Reply:
    """Return what a whole answer amounts to for the upstream's own half."""
    return UPSTREAMS[case[0]].read_reply(json.loads(reply(case)), {})


# -- a client's side of a stream


BROKE_OFF = UpstreamError("the engine broke off in the middle of its answer")


def ended(tap: TranslationTap) -> bytes:
    """Return what the door sends behind a stream that has ended by itself."""
    tap.end()
    return tap.close() if tap.finished else tap.write_fault(BROKE_OFF)


def sent(crossing: Crossing, pieces: Iterable[bytes]) -> bytes:
    """Return all that a client gets of an upstream's stream that comes in these pieces."""
    tap = crossing.tap(TO)
    return b"".join([tap.feed(piece) for piece in pieces]) + ended(tap)


def whole_stream(client: str, data: bytes) -> None:
    """Check a stream that ended well by the grammar of the client's dialect."""
    if client == "anthropic":
        grammar = read_messages(data)
        assert grammar.error is None, grammar.error
        assert grammar.stopped
    elif client == "openai":
        check_chunks(data, wants_usage=True)
    elif client == "gemini":
        grammar = read_gemini(data)
        assert grammar.error is None, grammar.error
        assert grammar.finish
    elif client == "ollama":
        check_lines(data)
    else:
        assert _responses(data)["status"] in ("completed", "incomplete")


def broken_stream(client: str, data: bytes) -> None:
    """Check a stream that broke by the grammar: the error is last, and nothing says that the answer is over."""
    if client == "anthropic":
        grammar = read_messages(data)
        assert grammar.error is not None
        assert grammar.delta is None
        assert not grammar.stopped
    elif client == "openai":
        said = check_chunks(data, broken=True)
        assert not said.finish
    elif client == "gemini":
        grammar = read_gemini(data)
        assert grammar.error is not None
        assert not grammar.finish
    elif client == "ollama":
        check_lines(data, broken=True)
    else:
        assert _responses(data)["status"] == "failed"


def _responses(data: bytes) -> Json:
    assert data.endswith(b"\n\n")
    grammar = ResponsesGrammar()
    for frame in data.split(b"\n\n")[:-1]:
        grammar.take(frame)
    return grammar.finish()


# bytes of which none may be sent before the upstream's own end
TERMINAL = {
    "anthropic": (b"message_stop", b"message_delta"),
    "openai": (b"[DONE]", b'"finish_reason":"'),
    "gemini": (b'"finishReason"',),
    "ollama": (b'"done":true', b"tool_calls"),
    "responses": (b"response.completed", b"response.incomplete"),
}
