"""The grammar of a Gemini stream, checked chunk by chunk: what a client may be sent, and nothing else.

`read` takes the bytes of server-sent events, `read_array` those of one JSON array; both return the answer they amount
to. An AssertionError names the first chunk that is out of place. It knows nothing of flock, so that it can judge what
flock writes. Used by unit and e2e tests.
"""

import json
from typing import Any

Json = dict[str, Any]

FINISH_REASONS = {"STOP", "MAX_TOKENS", "SAFETY"}
STATUSES = {
    "INVALID_ARGUMENT", "UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND", "UNIMPLEMENTED", "ABORTED",
    "RESOURCE_EXHAUSTED", "CANCELLED", "INTERNAL", "UNAVAILABLE", "DEADLINE_EXCEEDED",
}  # fmt: skip
# what a part may be, one of them each
KINDS = {
    "text", "functionCall", "inlineData", "fileData", "executableCode", "codeExecutionResult", "toolCall",
    "toolResponse",
}  # fmt: skip


class Grammar:
    """The state of one stream: `take` every chunk."""

    def __init__(self) -> None:
        self.parts: list[Json] = []
        self.finish = ""
        self.usage: Json | None = None
        self.error: Json | None = None
        self.model = ""
        self.id = ""

    def take(self, chunk: Json) -> None:
        """Take one chunk."""
        assert self.error is None, f"nothing follows an error: {chunk}"
        assert not self.finish, f"nothing follows the finishReason: {chunk}"
        if "error" in chunk:
            self.take_error(chunk)
            return
        assert set(chunk) <= {"candidates", "usageMetadata", "modelVersion", "responseId"}, chunk
        assert self.model in ("", chunk["modelVersion"])
        assert self.id in ("", chunk["responseId"])
        self.model, self.id = chunk["modelVersion"], chunk["responseId"]
        assert self.model
        assert self.id
        (candidate,) = chunk["candidates"]
        assert candidate["index"] == 0
        assert set(candidate) <= {"index", "content", "finishReason"}
        content = candidate["content"]
        assert content["role"] == "model"
        ended_only = "finishReason" in candidate and content["parts"] == [{"text": ""}]
        for part in [] if ended_only else content["parts"]:
            self.take_part(part)
        if "finishReason" in candidate:
            assert candidate["finishReason"] in FINISH_REASONS
            self.finish = candidate["finishReason"]
            check_usage(chunk["usageMetadata"])
            self.usage = chunk["usageMetadata"]
        else:
            assert content["parts"], "no chunk before the last is empty"
            assert "usageMetadata" not in chunk, "the usage comes once, with the end"

    def take_part(self, part: Json) -> None:
        """Check that a part is one thing, and not nothing."""
        kinds = KINDS & set(part)
        assert len(kinds) == 1, f"a part is one thing: {part}"
        assert set(part) <= {*kinds, "thought", "thoughtSignature"}
        if "text" in part:
            assert part["text"] or part.get("thoughtSignature"), "no text is empty but one that brings a signature"
        if "thought" in part:
            assert part["thought"] is True
            assert "text" in part
        if "functionCall" in part:
            call = part["functionCall"]
            assert set(call) == {"id", "name", "args"}
            assert call["id"]
            assert call["name"]
            assert isinstance(call["args"], dict)
            ids = [one["functionCall"]["id"] for one in self.parts if "functionCall" in one]
            assert call["id"] not in ids, "each call has an id of its own"
        self.parts.append(part)

    def take_error(self, chunk: Json) -> None:
        """Check that the error is one that Google's library understands."""
        assert list(chunk) == ["error"]
        error = chunk["error"]
        assert isinstance(error["code"], int)
        assert isinstance(error["message"], str)
        assert error["status"] in STATUSES
        for detail in error.get("details", ()):
            assert detail["@type"].startswith("type.googleapis.com/google.rpc.")
        self.error = error


def check_usage(usage: Json) -> None:
    """Check that the counts are there, none is negative, and that they add up."""
    assert all(isinstance(count, int) and count >= 0 for count in usage.values())
    parts = usage["promptTokenCount"] + usage["candidatesTokenCount"] + usage.get("thoughtsTokenCount", 0)
    assert usage["totalTokenCount"] == parts
    assert usage.get("cachedContentTokenCount", 0) <= usage["promptTokenCount"]


def frames_of(stream: bytes) -> list[Json]:
    """Return the chunks of server-sent events: each one line of data and a blank one."""
    assert stream.endswith(b"\n\n"), "the last frame is whole"
    found: list[Json] = []
    for frame in stream[:-2].split(b"\n\n"):
        assert frame.startswith(b"data: {"), frame
        assert b"\n" not in frame, frame
        found.append(json.loads(frame[6:]))
    return found


def read(stream: bytes) -> Grammar:
    """Return the state after a whole stream of events."""
    grammar = Grammar()
    for chunk in frames_of(stream):
        grammar.take(chunk)
    return grammar


def read_array(stream: bytes) -> Grammar:
    """Return the state after a whole stream that is a JSON array."""
    grammar = Grammar()
    chunks = json.loads(stream)
    assert isinstance(chunks, list)
    for chunk in chunks:
        grammar.take(chunk)
    assert grammar.finish or grammar.error is not None, "an array that is closed has an end, or an error"
    return grammar
