"""The grammar of a Responses stream, checked frame by frame: what a client may be sent, and nothing else.

`response_of` takes a whole stream's bytes and returns the response object it ends with; an AssertionError names the
first frame that is out of place. It knows nothing of flock, so that it can judge what flock writes. Used by unit and
e2e tests.
"""

import json
from typing import Any

Json = dict[str, Any]

ENDS = {"response.completed": "completed", "response.incomplete": "incomplete", "response.failed": "failed"}
# types of content parts → the field with their words
WORDS = {"output_text": "text", "refusal": "refusal", "summary_text": "text"}
CALLS = {
    "function_call": ("response.function_call_arguments", "arguments"),
    "custom_tool_call": ("response.custom_tool_call_input", "input"),
}
PREFIXES = {"message": "msg_", "reasoning": "rs_", "function_call": "fc_", "custom_tool_call": "ctc_"}


class Grammar:
    """The state of one stream: `take` every frame, `finish` at its end."""

    def __init__(self) -> None:
        self.number = 0
        self.id = ""
        self.model = ""
        self.began = 0
        self.output: list[Json] = []
        self.item: Json | None = None
        self.part: Json | None = None
        self.parts: list[Json] = []
        self.words = ""
        self.said = False
        self.end: Json | None = None

    def take(self, frame: bytes) -> None:
        """Take one frame without its blank line."""
        if frame.startswith(b":"):
            return
        lines = frame.split(b"\n")
        assert len(lines) == 2, f"a frame has an event and a data line: {frame!r}"
        name, data = lines
        assert name.startswith(b"event: "), frame
        assert data.startswith(b"data: "), frame
        event = json.loads(data[6:])
        kind = event.pop("type")
        assert name[7:].decode() == kind, f"the event line says {name!r}, the data {kind!r}"
        assert self.end is None, f"{kind} behind the end"
        assert event.pop("sequence_number") == self.number, f"{kind} is not number {self.number}"
        self.number += 1
        self.event(kind, event)

    def event(self, kind: str, event: Json) -> None:
        """Take one event."""
        if kind in ("response.created", "response.in_progress"):
            assert self.began == ("response.created", "response.in_progress").index(kind), kind
            self.began += 1
            self.response(event["response"], "in_progress")
            return
        assert self.began == 2, f"{kind} before the beginning"
        if kind in ENDS:
            self.ends(kind, event["response"])
            return
        assert event.get("output_index") == len(self.output), f"{kind}: output_index is not {len(self.output)}"
        if kind == "response.output_item.added":
            self.added(event["item"])
            return
        assert self.item is not None, f"{kind} outside an item"
        if kind == "response.output_item.done":
            self.done(event["item"])
            return
        assert event["item_id"] == self.item["id"], kind
        self.inside(kind, event)

    def response(self, response: Json, status: str) -> None:
        """Check a response object."""
        assert response["object"] == "response"
        assert response["status"] == status
        assert response["id"].startswith("resp_")
        assert self.id in ("", response["id"]), "the response's id changed"
        assert self.model in ("", response["model"]), "the model's name changed"
        self.id, self.model = response["id"], response["model"]

    def added(self, item: Json) -> None:
        """Check an item that appears."""
        assert self.item is None, "an item appears inside another"
        kind = item["type"]
        assert item["id"], "an item has no id"
        assert item["id"].startswith(PREFIXES.get(kind, "")), item["id"]
        assert item["id"] not in [one["id"] for one in self.output], "an id twice"
        if kind == "message":
            assert item["content"] == []
            assert item["role"] == "assistant"
        if kind == "reasoning":
            assert item["summary"] == []
        if kind in CALLS:
            assert item["call_id"], "a call without call_id"
            assert item["name"], "a call without a name"
            assert item[CALLS[kind][1]] == "", "a call appears with its arguments"
        if kind in PREFIXES:
            assert item["status"] == "in_progress"
        self.item, self.part, self.parts, self.words, self.said = item, None, [], "", False

    def inside(self, kind: str, event: Json) -> None:
        """Check an event inside the open item."""
        assert self.item is not None
        of = self.item["type"]
        if of in CALLS:
            prefix, name = CALLS[of]
            assert not self.said, f"{kind} behind the end of the call"
            if kind == f"{prefix}.delta":
                assert event["delta"], "an empty delta"
                self.words += event["delta"]
            else:
                assert kind == f"{prefix}.done", f"{kind} inside a {of}"
                assert event[name] == self.words, "the arguments are not their deltas"
                self.said = True
            return
        index = event["content_index" if of == "message" else "summary_index"]
        assert index == len(self.parts), f"{kind}: the part's index is not {len(self.parts)}"
        box = "response.content_part" if of == "message" else "response.reasoning_summary_part"
        if kind == f"{box}.added":
            assert self.part is None, "a part appears inside another"
            self.part, self.words, self.said = event["part"], "", False
            assert self.part[WORDS[self.part["type"]]] == "", "a part appears with words"
            return
        assert self.part is not None, f"{kind} outside a part"
        self.word(kind, event, box)

    def word(self, kind: str, event: Json, box: str) -> None:
        """Check an event inside the open part."""
        assert self.part is not None
        of = self.part["type"]
        assert (of == "summary_text") == box.startswith("response.reasoning"), of
        field = WORDS[of]
        name = f"response.{'reasoning_summary_text' if of == 'summary_text' else of}"
        if kind == f"{box}.done":
            assert self.said, "a part is done before its words"
            assert event["part"][field] == self.words, "the part is not its deltas"
            self.parts.append(event["part"])
            self.part = None
            return
        assert not self.said, f"{kind} behind the end of the words"
        if kind == f"{name}.delta":
            assert event["delta"], "an empty delta"
            self.words += event["delta"]
        else:
            assert kind == f"{name}.done", f"{kind} inside a {of}"
            assert event[field] == self.words, "the words are not their deltas"
            self.said = True

    def done(self, item: Json) -> None:
        """Check an item that is done."""
        assert self.item is not None
        of = item["type"]
        for name in ("id", "type", "call_id", "name", "namespace", "role", "phase"):
            assert item.get(name) == self.item.get(name), f"{name} of an item changed"
        assert self.part is None, "an item is done before its part"
        if of in CALLS:
            assert self.said, "a call is done before its arguments"
            assert item[CALLS[of][1]] == self.words
        if of == "message":
            assert item["content"] == self.parts
            assert self.parts, "a message without words"
        if of == "reasoning":
            assert item["summary"] == self.parts
        if of in PREFIXES:
            assert item["status"] in ("completed", "incomplete")
        self.output.append(item)
        self.item = None

    def ends(self, kind: str, response: Json) -> None:
        """Check the terminal event."""
        self.response(response, ENDS[kind])
        assert response["output"] == self.output, "the response's output is not what was streamed"
        if kind == "response.failed":
            assert response["error"]["code"]
            assert response["error"]["message"]
        else:
            assert self.item is None, f"{kind} inside an item"
            assert response["error"] is None
        assert (response["incomplete_details"] is not None) == (kind == "response.incomplete")
        self.end = response

    def finish(self) -> Json:
        """Return the response the stream ended with."""
        assert self.end is not None, "no terminal event"
        return self.end


def response_of(stream: bytes) -> Json:
    """Return the response a whole stream amounts to. Raises AssertionError for one that is out of order."""
    assert stream.endswith(b"\n\n")
    grammar = Grammar()
    for frame in stream.split(b"\n\n")[:-1]:
        grammar.take(frame)
    return grammar.finish()
