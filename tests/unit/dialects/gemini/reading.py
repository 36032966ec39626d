"""The corpus of this dialect, and what the official SDK makes of bytes, without a socket."""

import functools
import json
from pathlib import Path
from typing import Any

import httpx
import orjson
from google import genai
from google.genai.types import GenerateContentResponse, HttpOptions

from flock.dialects.ask import Ask
from flock.dialects.gemini import server, upstream
from flock.dialects.half import Addressing, Outgoing
from flock.dialects.ir import Event, Message, Part, Request
from flock.dialects.table import SERVERS
from flock.wire.sse import Frames, split

Json = dict[str, Any]
CORPUS = Path(__file__).parents[3] / "corpus" / "gemini"
STREAMS = sorted(path.stem for path in CORPUS.glob("*.sse"))
WHOLE = sorted(path.name.removesuffix(".reply.json") for path in CORPUS.glob("*.reply.json"))
REQUESTS = sorted(path.name.removesuffix(".request.json") for path in CORPUS.glob("*.request.json"))
TO = Addressing("01abc", "gemini-flock", 1_700_000_000, 77)
ONE, MANY = "/v1beta/models/m:generateContent", "/v1beta/models/m:streamGenerateContent"
HI: Json = {"role": "user", "parts": [{"text": "hi"}]}


def stream_of(case: str) -> bytes:
    """Return a stream of the corpus."""
    return (CORPUS / f"{case}.sse").read_bytes()


def reply_of(case: str) -> Json:
    """Return the same answer in one piece."""
    return json.loads((CORPUS / f"{case}.reply.json").read_bytes())


def request_of(case: str) -> Json:
    """Return a request's body."""
    return json.loads((CORPUS / f"{case}.request.json").read_bytes())


def ask_of(body: Json, path: str = ONE) -> Ask:
    """Return the ask of a body."""
    return server.read_ask(orjson.dumps(body), path)


def asked(body: Json | None = None, **fields: Any) -> Request:
    """Return the request of a body, or of a plain one with these fields at its top."""
    return server.read_request(ask_of(body if body is not None else {"contents": [HI], **fields}))


def sent(request: Request, model: str = "gemini-3-pro-preview", **options: Any) -> Outgoing:
    """Return what goes to an engine."""
    return upstream.write_request(request, model, stream=False, **options)


def from_chat(*messages: Json, **fields: Any) -> Request:
    """Return the request of a chat client."""
    body = {"model": "m", "messages": list(messages) or [{"role": "user", "content": "hi"}], **fields}
    server = SERVERS["openai"]
    return server.read_request(server.read_ask(json.dumps(body).encode(), "/v1/chat/completions"))


def told(*messages: Message, model: str = "gemini-2.5-flash", **fields: Any) -> Outgoing:
    """Return what is sent of a conversation."""
    return sent(Request("openai", "m", list(messages), **fields), model)


def user(*parts: Part) -> Message:
    """Return a user's turn."""
    return Message("user", [*parts])


def events_of(data: bytes, size: int = 0) -> list[Event]:
    """Return the events of a stream that comes in pieces of a size."""
    frames, reader, found = Frames(), upstream.reader({}), list[Event]()
    for at in range(0, len(data), size or len(data)):
        whole, _ = frames.feed(data[at : at + (size or len(data))])
        for frame in split(whole):
            found += reader.read(frame)
    if rest := frames.close():
        found += reader.read(rest)
    return [*found, *reader.close()]


class _Answers(httpx.BaseTransport):
    """Answers every request of the SDK with the bytes it was given last."""

    body = b""
    status = 200
    asked: httpx.Request

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked = request
        return httpx.Response(self.status, content=self.body)


_ANSWERS = _Answers()


@functools.cache
def sdk() -> genai.Client:
    """Return the official client, in front of `_ANSWERS` instead of a socket."""
    options = HttpOptions(base_url="http://127.0.0.1:9", httpx_client=httpx.Client(transport=_ANSWERS))
    return genai.Client(api_key="k", http_options=options)


def sdk_chunks(data: bytes) -> list[GenerateContentResponse]:
    """Return the chunks that the SDK reads in a stream. Raises its APIError for an error in it."""
    _ANSWERS.body, _ANSWERS.status = data, 200
    return list(sdk().models.generate_content_stream(model="m", contents="hi"))


def sdk_reply(data: bytes, status: int = 200) -> GenerateContentResponse:
    """Return what the SDK reads in a whole answer. Raises its APIError for an error."""
    _ANSWERS.body, _ANSWERS.status = data, status
    return sdk().models.generate_content(model="m", contents="hi")


def sdk_request(**arguments: Any) -> tuple[str, bytes]:
    """Return (path, body) of the request that the SDK sends for these arguments."""
    _ANSWERS.body, _ANSWERS.status = json.dumps(reply_of("plain")).encode(), 200
    sdk().models.generate_content(model="org/m:tag", **arguments)
    return _ANSWERS.asked.url.path, _ANSWERS.asked.content
