"""The doors of a flock as the tests of vendors knock at them: a request in each dialect, and how its answers end.

`Door.ended` holds a broken stream against its dialect: its last word is a typed error, and nothing in it says that the
answer came to a good end.
"""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.e2e.parts import Client, Told
from tests.e2e.vendor_standing import USER, VERSION, Standing


@dataclass(frozen=True)
class Door:
    """One dialect's door."""

    name: str
    path: str
    streamed: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    # what a good end says, and by which words the dialect's clients know a prompt that is too long (b"": by none)
    good: tuple[bytes, ...]
    too_long: bytes

    def ask(self, on: Standing, model: str, *, stream: bool = False) -> Told:
        """Send one request."""
        path, body = self.asked(model, stream=stream)
        return on.ask(path, body, None, self.headers)

    def asked(self, model: str, *, stream: bool) -> tuple[str, dict[str, Any]]:
        """Return the path and the body of a request."""
        path = (self.streamed if stream else self.path).replace("{model}", model)
        body = dict(self.body)
        if "{model}" not in self.path:
            body |= {"model": model, "stream": stream}
        return path, body

    def spoiled(self, on: Standing, vendor: str, model: str, kind: str) -> Told:
        """Send a request for a stream, have the vendor spoil it once the client has its beginning; return it whole."""
        on.faults(vendor, {"kind": kind, "held": True})
        path, body = self.asked(model, stream=True)
        with contextlib.closing(Client(on.flock.port, on.flock.key)) as client:
            told = client.send(body, path, self.headers).head()
            begun = client.until(b"{")
            on.call(vendor, "/go")
            told = client.rest(told)
        told.body = begun + told.body
        return told

    def error(self, told: Told) -> str:
        """Return the sentence of a typed error: the whole body, or the last frame of a stream."""
        events = [event for event in told.events if event] or [line for line in told.body.split(b"\n") if line.strip()]
        return sentence(self.name, told.json if told.status >= 400 else json.loads(events[-1]))

    def ended(self, told: Told) -> str:
        """Return the sentence that a broken stream ends with, which must not look like a good end."""
        assert told.status == 200
        for words in self.good:
            assert words not in told.body, told.body
        return self.error(told)


def sentence(door: str, found: Any) -> str:
    """Return the sentence of an error in the shape of a dialect."""
    if door == "responses" and found.get("type") == "response.failed":
        error = found["response"]["error"]
        assert error["code"]
        return str(error["message"])
    if door == "responses" and found.get("type") == "error" and "message" in found:
        return str(found["message"])
    if door == "ollama":
        assert isinstance(found["error"], str), found
        return found["error"]
    error = found["error"]
    match door:
        case "anthropic":
            assert found["type"] == "error"
            assert error["type"].endswith("_error")
        case "gemini":
            assert error["status"].isupper()
            assert error["code"] >= 400
        case _:
            assert error.get("type") or error.get("code"), error
    return str(error["message"])


_GEMINI = "/v1beta/models/{model}"
DOORS = {
    "openai": Door(
        "openai", "/v1/chat/completions", "/v1/chat/completions", {"messages": [USER]}, {},
        (b"[DONE]", b'"finish_reason":"stop"', b'"finish_reason": "stop"'), b'"context_length_exceeded"',
    ),
    "anthropic": Door(
        "anthropic", "/v1/messages", "/v1/messages", {"messages": [USER], "max_tokens": 99},
        {"anthropic-version": VERSION}, (b"message_stop", b"end_turn"), b"prompt is too long",
    ),
    "responses": Door(
        "responses", "/v1/responses", "/v1/responses", {"input": "hi", "store": False}, {},
        (b"response.completed",), b'"context_length_exceeded"',
    ),
    "gemini": Door(
        "gemini", f"{_GEMINI}:generateContent", f"{_GEMINI}:streamGenerateContent?alt=sse",
        {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}, {}, (b"STOP",), b'"INVALID_ARGUMENT"',
    ),
    "ollama": Door(
        "ollama", "/api/chat", "/api/chat", {"messages": [USER]}, {}, (b'"done":true', b'"done": true'), b"",
    ),
}  # fmt: skip
