"""The grammar of a Messages stream, checked frame by frame: what a client may be sent, and nothing else.

`message_of` takes a whole stream's bytes and returns the message it amounts to; an AssertionError names the first frame
that is out of place. It knows nothing of flock, so that it can judge what flock writes. Used by unit and e2e tests.
"""

import json
from typing import Any

Json = dict[str, Any]

# delta type → (block types it may stand in, the block's field it adds to, the delta's field)
DELTAS = {
    "text_delta": ({"text"}, "text", "text"),
    "thinking_delta": ({"thinking"}, "thinking", "thinking"),
    "signature_delta": ({"thinking"}, "signature", "signature"),
    "input_json_delta": ({"tool_use", "server_tool_use", "mcp_tool_use"}, "input", "partial_json"),
}
STOP_REASONS = {
    "end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", "model_context_window_exceeded",
}  # fmt: skip
CUT_OFF = {"max_tokens", "model_context_window_exceeded"}
COUNTS = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


class Grammar:
    """The state of one stream: `take` every frame, `finish` at its end."""

    def __init__(self) -> None:
        self.message: Json | None = None
        self.error: Json | None = None
        self.open: Json | None = None
        self.words = ""
        self.signed = False
        self.cut = False  # whether a call's input is no JSON
        self.delta: Json | None = None
        self.stopped = False

    def take(self, frame: bytes) -> None:
        """Take one frame without its blank line."""
        lines = frame.split(b"\n")
        assert len(lines) == 2, f"a frame has an event and a data line: {frame!r}"
        assert lines[0].startswith(b"event: "), frame
        assert lines[1].startswith(b"data: "), frame
        event = json.loads(lines[1][6:])
        kind = event["type"]
        assert lines[0][7:].decode() == kind, f"the event's name is its type: {frame!r}"
        if kind == "ping":
            assert event == {"type": "ping"}
            return
        assert self.error is None, f"nothing follows an error: {frame!r}"
        assert not self.stopped, f"nothing follows message_stop: {frame!r}"
        getattr(self, f"take_{kind}")(event)

    def take_message_start(self, event: Json) -> None:
        """Check that the message is empty and its usage whole."""
        assert self.message is None, "message_start comes once"
        message = event["message"]
        assert message["type"] == "message"
        assert message["role"] == "assistant"
        assert message["content"] == []
        assert message["stop_reason"] is None
        assert message["stop_sequence"] is None
        assert message["id"]
        assert isinstance(message["model"], str)
        check_usage(message["usage"])
        self.message = message

    def take_content_block_start(self, event: Json) -> None:
        """Check that the block is the next one, empty, and that no other is open."""
        assert self.message is not None, "message_start comes first"
        assert self.delta is None, "no block follows message_delta"
        assert self.open is None, "blocks do not overlap"
        assert event["index"] == len(self.message["content"]), "indexes are dense"
        block = event["content_block"]
        match block["type"]:
            case "text":
                assert block["text"] == ""
            case "thinking":
                assert (block["thinking"], block["signature"]) == ("", "")
            case "tool_use" | "server_tool_use":
                assert block["input"] == {}
                assert block["id"]
                assert block["name"]
            case _:
                pass
        self.open, self.words, self.signed = block, "", False
        self.message["content"].append(block)

    def take_content_block_delta(self, event: Json) -> None:
        """Check that the delta belongs to the open block and is not empty."""
        assert self.message is not None
        assert self.open is not None, "a delta stands inside a block"
        assert event["index"] == len(self.message["content"]) - 1
        delta = event["delta"]
        kinds, field, source = DELTAS[delta["type"]]
        assert set(delta) == {"type", source}
        assert self.open["type"] in kinds, f"a {delta['type']} does not stand in a block of {self.open['type']}"
        assert delta[source], "no delta is empty"
        if field == "signature":
            assert not self.signed, "the signature comes once"
            self.signed = True
        elif field == "thinking":
            assert not self.signed, "thinking comes before its signature"
        if field == "input":
            self.words += delta[source]
        else:
            self.open[field] += delta[source]

    def take_content_block_stop(self, event: Json) -> None:
        """Check that the block said something; its input becomes JSON, unless it was cut off."""
        assert self.message is not None
        assert self.open is not None, "a stop ends an open block"
        assert event["index"] == len(self.message["content"]) - 1
        if self.open["type"] == "text":
            assert self.open["text"], "no text block is empty"
        if self.open["type"] == "thinking":
            assert self.open["thinking"] or self.open["signature"], "no thinking block is empty"
        if self.words:
            try:
                self.open["input"] = json.loads(self.words)
            except ValueError:
                self.cut = True
        self.open = None

    def take_message_delta(self, event: Json) -> None:
        """Check the stop and the usage."""
        assert self.message is not None
        assert self.open is None, "message_delta comes when every block has ended"
        assert self.delta is None, "message_delta comes once"
        assert event["delta"]["stop_reason"] in STOP_REASONS
        assert "stop_sequence" in event["delta"]
        if event["delta"]["stop_reason"] == "tool_use":
            assert any(block["type"] == "tool_use" for block in self.message["content"])
        # the vendor's own streams break off inside a call at the limit; clients that run it know by the reason
        assert not self.cut or event["delta"]["stop_reason"] in CUT_OFF, "a call's input is no JSON"
        check_usage(event["usage"])
        self.delta = event["delta"]
        self.message.update(event["delta"])
        self.message["usage"] = event["usage"]

    def take_message_stop(self, event: Json) -> None:
        """Check that it follows message_delta."""
        assert self.delta is not None, "message_delta comes before message_stop"
        self.stopped = True

    def take_error(self, event: Json) -> None:
        """Check that the error is one the SDK understands."""
        assert isinstance(event["error"]["type"], str)
        assert isinstance(event["error"]["message"], str)
        self.error = event["error"]


def check_usage(usage: Json) -> None:
    """Check that every count is there and none is negative."""
    for name in COUNTS:
        assert isinstance(usage[name], int), name
        assert usage[name] >= 0, name


def read(stream: bytes) -> Grammar:
    """Return the state after a whole stream."""
    assert stream.endswith(b"\n\n"), "the last frame is whole"
    grammar = Grammar()
    for frame in stream[:-2].split(b"\n\n"):
        grammar.take(frame)
    return grammar


def message_of(stream: bytes) -> Json:
    """Return the message of a stream that ended well."""
    grammar = read(stream)
    assert grammar.error is None, grammar.error
    assert grammar.stopped, "the stream ends with message_stop"
    assert grammar.message is not None
    return grammar.message
