"""The doors of the dialects as tests see them: a request, the shape of an error, the end of a stream.

One `Door` a dialect, so that one test can say what holds at every door. `chat-translated` is chat whose answers are
looked into for thinking: the fake's models have a second name for it, which makes them models of a family that thinks.
Judges streams by tests/grammar. Used by the tests of bad input and of streams.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.parts import CHAT, Client, Told, ask
from tests.grammar import anthropic as messages_grammar
from tests.grammar import openai as chat_grammar
from tests.grammar import responses as responses_grammar
from tests.running import Flock

MESSAGES, COUNT, RESPONSES = "/v1/messages", "/v1/messages/count_tokens", "/v1/responses"
THINKS = "qwen3-"  # what the fake's second names begin with
JSON = "application/json"
# what the vendor's table of errors says of each status, as flock uses it
ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    502: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}


@dataclass(frozen=True)
class Failure:
    """How a stream ended that did not end well: the dialect's type or code, and its sentence."""

    kind: str
    words: str


@dataclass(frozen=True, eq=False)
class Door:
    """One dialect at one path."""

    name: str
    path: str
    kind: str  # whose grammar
    prefix: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def body(self, model: str = "ok", *, stream: bool = False, said: str = "hi", **fields: Any) -> dict[str, Any]:
        """Return a request for a model of the fake."""
        head: dict[str, Any] = {"model": self.prefix + model, "stream": stream}
        if self.kind == "responses":
            return {**head, "input": said, **fields}
        if self.kind == "anthropic":
            head["max_tokens"] = 50
        return {**head, "messages": [{"role": "user", "content": said}], **fields}

    def ask(self, flock: Flock, value: Any, **headers: str) -> Told:
        """Send one request and return all that came."""
        return ask(flock.port, flock.key, value, self.path, {**self.headers, **headers})

    def send(self, client: Client, value: Any) -> Client:
        """Send one request on a connection."""
        return client.send(value, self.path, self.headers)

    # -- errors

    def refused(self, told: Told, status: int, code: str) -> str:
        """Check that an answer is an error in this dialect's shape, and return its sentence."""
        assert told.status == status, told.body
        assert (told.headers["content-type"], told.clean) == (JSON, True)
        error = told.json["error"]
        assert error["message"]
        assert error["type"]
        if self.kind == "anthropic":
            assert set(told.json) == {"type", "error", "request_id"}
            assert (told.json["type"], error["type"]) == ("error", ANTHROPIC_TYPES[status])
        else:
            assert set(told.json) == {"error"}
            assert "param" in error
            assert error["code"] == code, error
        return error["message"]

    # -- answers

    def text(self, told: Told) -> str:
        """Return the words of an answer that must be good, streamed or in one piece."""
        assert (told.status, told.clean) == (200, True), (told.status, told.body)
        if not told.headers["content-type"].startswith("text/event-stream"):
            return self._words(told.json)
        match self.kind:
            case "anthropic":
                return self._words(messages_grammar.message_of(told.body))
            case "responses":
                answer = responses_grammar.response_of(told.body)
                assert answer["status"] == "completed", answer
                return self._words(answer)
            case _ if self.prefix:
                return chat_grammar.check(told.body).content
            case _:  # a relay: the engine's own words
                assert told.done
                return told.text

    def _words(self, whole: dict[str, Any]) -> str:
        match self.kind:
            case "anthropic":
                return "".join(block["text"] for block in whole["content"] if block["type"] == "text")
            case "responses":
                parts = [part for item in whole["output"] if item["type"] == "message" for part in item["content"]]
                return "".join(part["text"] for part in parts)
            case _:
                return whole["choices"][0]["message"]["content"]

    def model_of(self, told: Told) -> str:
        """Return the model's name as the first thing of an answer tells it."""
        if not told.headers["content-type"].startswith("text/event-stream"):
            return told.json["model"]
        first = json.loads(told.events[0])
        return str((first.get("message") or first.get("response") or first)["model"])

    def failure(self, told: Told) -> Failure:
        """Return how a stream ended that must have ended in an error, all of its frames in order before that."""
        assert (told.status, told.clean) == (200, True), (told.status, told.body)
        match self.kind:
            case "anthropic":
                grammar = messages_grammar.read(told.body)
                assert grammar.error is not None, told.body
                return Failure(grammar.error["type"], grammar.error["message"])
            case "responses":
                answer = responses_grammar.response_of(told.body)
                assert answer["status"] == "failed", answer
                return Failure(answer["error"]["code"], answer["error"]["message"])
            case _:
                if self.prefix:
                    chat_grammar.check(told.body, broken=True)
                assert not told.done
                return Failure(told.error["code"], told.error["message"])


CHAT_DOOR = Door("chat", CHAT, "openai")
LOOKED_INTO = Door("chat-translated", CHAT, "openai", THINKS)
MESSAGES_DOOR = Door("messages", MESSAGES, "anthropic", headers={"anthropic-version": "2023-06-01"})
RESPONSES_DOOR = Door("responses", RESPONSES, "responses")
DOORS = {door.name: door for door in (CHAT_DOOR, LOOKED_INTO, MESSAGES_DOOR, RESPONSES_DOOR)}
TRANSLATED = {name: door for name, door in DOORS.items() if door is not CHAT_DOOR}
