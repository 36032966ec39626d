"""The reader: a Responses stream, as OpenAI, llama.cpp, vLLM, LM Studio and others write it → events.

Owns the events: missing numbers are not missed, unknown ones pass, an answer may come with its last event alone. Which
item an event belongs to is decided in slots.py. Never raises: a failure becomes Broke. Refuses to end what did not
end. Pure; made by upstream.py for each answer.
"""

from typing import Any

from flock.dialects.history import parse_told
from flock.dialects.ir import Began, Broke, Ended, Event, Idle, Json, Usage, Used
from flock.dialects.responses.slots import CALLS, Slots, objects
from flock.dialects.responses.words import REASONS
from flock.plain import is_object
from flock.wire.sse import data_of, event_of

# deltas by type: the kind of item they belong to, the part of it they add to, the name of its index inside the item
_DELTAS = {
    "response.output_text.delta": ("message", "text", "content_index"),
    "response.refusal.delta": ("message", "refusal", "content_index"),
    "response.reasoning_summary_text.delta": ("reasoning", "summary", "summary_index"),
    "response.reasoning_text.delta": ("reasoning", "content", "content_index"),
    "response.reasoning.delta": ("reasoning", "content", "content_index"),  # the name before it
    "response.function_call_arguments.delta": ("function_call", "", ""),
    "response.custom_tool_call_input.delta": ("custom_tool_call", "", ""),
}
# events that say in the end what deltas said before: the kind of item, the field with the whole text
_DONE = {
    "response.output_text.done": ("message", "text"),
    "response.refusal.done": ("message", "refusal"),
    "response.function_call_arguments.done": ("function_call", "arguments"),
    "response.custom_tool_call_input.done": ("custom_tool_call", "input"),
}
_BEGINNINGS = ("response.created", "response.queued", "response.in_progress")
_TERMINAL = ("response.completed", "response.incomplete", "response.failed", "response.cancelled", "response.done")


class ResponsesReader:
    """Understands one answer. `names` maps tool names on the wire to those of the request."""

    __slots__ = ("_began", "_over", "_slots")

    def __init__(self, names: dict[str, str]) -> None:
        self._slots = Slots(names)
        self._began = self._over = False

    def read(self, frame: bytes) -> list[Event]:
        """Return the events of one whole frame, [] for one that says nothing."""
        data = data_of(frame)
        if not data or data == b"[DONE]" or self._over:
            return [Idle()] if frame.startswith(b":") else []
        try:
            event: Any = parse_told(data)
        except ValueError:
            # half of one at the stream's end: that it broke off is told by what is missing
            whole = frame.endswith((b"\n\n", b"\r\n\r\n"))
            return self._fail("the engine sent an event that is no JSON", "") if whole else []
        if not is_object(event):
            return []
        kind = event.get("type")
        if not isinstance(kind, str):
            kind = event_of(frame).decode("utf-8", "replace")
        return self._event(kind, event)

    def whole(self, response: Json) -> list[Event]:
        """Return the events of an answer in one piece."""
        return self._end(response)

    def close(self) -> list[Event]:
        """Return nothing: an answer without its terminal event has not ended."""
        return []

    def _event(self, kind: str, event: Json) -> list[Event]:
        if kind in _DELTAS:
            return self._delta(kind, event)
        if kind in _DONE:
            return self._said(kind, event)
        if kind in _BEGINNINGS:
            response = event.get("response")
            return self._begin(response if is_object(response) else {}) or [Idle()]
        if kind in _TERMINAL:
            response = event.get("response")
            return self._end(response if is_object(response) else event, kind, event.get("timings"))
        if kind in ("error", "response.error") or (not kind and event.get("error")):
            inner = event.get("error")
            return self._fail(*_fault(inner if is_object(inner) else event, inner))
        item = event.get("item")
        if not is_object(item) or not isinstance(of := item.get("type"), str):
            return [Idle()]
        if kind == "response.output_item.added":
            slot, ended = self._slots.make(of, event.get("output_index"), item.get("id"), item.get("call_id"))
            return [*self._begin({}), *ended, *self._slots.describe(slot, item)]
        if kind == "response.output_item.done":
            return self._begin({}) + self._item_done(of, item, event.get("output_index"))
        return [Idle()]

    def _begin(self, response: Json) -> list[Event]:
        if self._began:
            return []
        self._began = True
        id, model = response.get("id"), response.get("model")
        return [Began(id if isinstance(id, str) else "", model if isinstance(model, str) else "")]

    def _fail(self, words: str, kind: str) -> list[Event]:
        self._over = True
        return [Broke(words, kind)]

    def _delta(self, kind: str, event: Json) -> list[Event]:
        text = event.get("delta")
        if not isinstance(text, str) or not text:
            return []
        of, part, index_name = _DELTAS[kind]
        events = [] if self._began else self._begin({})
        index, id = event.get("output_index"), event.get("item_id")
        slot = self._slots.find(of, index, id)
        if slot is None or slot.done:
            slot, ended = self._slots.make(of, index, id)
            events += ended
        if not part:
            return events + self._slots.call_delta(slot, text)
        at = event.get(index_name)
        return events + self._slots.text(slot, part, at if isinstance(at, int) else 0, text)

    def _said(self, kind: str, event: Json) -> list[Event]:
        """Take the whole text of a part: what its deltas have not said is passed on."""
        of, name = _DONE[kind]
        text, slot = event.get(name), self._slots.find(of, event.get("output_index"), event.get("item_id"))
        if not isinstance(text, str) or slot is None or slot.done:
            return []
        if of in CALLS:
            return self._begin({}) + self._slots.call_rest(slot, text)
        at = event.get("content_index")
        return self._begin({}) + self._slots.rest(slot, name, at if isinstance(at, int) else 0, text)

    def _item_done(self, kind: str, item: Json, index: Any) -> list[Event]:
        ids = (item.get("id"), item.get("call_id"))
        slot, events = self._slots.find(kind, index, *ids), list[Event]()
        if slot is None or slot.done:
            slot, events = self._slots.make(kind, index, *ids)
        events += self._slots.describe(slot, item)
        events += self._slots.complete(slot, item)
        slot.done = True
        return events + self._slots.shut(slot)

    # -- the end

    def _end(self, response: Json, kind: str = "", timings: Any = None) -> list[Event]:
        fault = response.get("error")
        if fault or kind in _TERMINAL[2:4] or response.get("status") in ("failed", "cancelled"):
            return self._begin(response) + self._fail(*_fault(fault if is_object(fault) else {}, fault))
        events = self._begin(response)
        output = objects(response.get("output"))
        for index, of, item in [(i, item.get("type"), item) for i, item in enumerate(output) if self._is_news(item)]:
            if isinstance(of, str):
                events += self._item_done(of, item, index)
        for slot in self._slots.all:
            events += self._slots.shut(slot)
        usage = read_usage(response, timings)
        if usage is not None:
            events.append(Used(usage))
        self._over = True
        return [*events, self._stop(response, kind)]

    def _is_news(self, item: Json) -> bool:
        """Return whether an item of the finished answer was never told: of words, none at all; of calls, this one."""
        kind = item.get("type")
        told = [slot for slot in self._slots.all if slot.kind == kind and (slot.pieces or slot.done)]
        if kind not in ("function_call", "custom_tool_call"):
            return not told
        return not any(slot.call_id == item.get("call_id") or not slot.call_id for slot in told)

    def _stop(self, response: Json, kind: str) -> Ended:
        details = response.get("incomplete_details")
        reason = details.get("reason") if is_object(details) else None
        if kind == "response.incomplete" or response.get("status") == "incomplete" or reason:
            return Ended(REASONS.get(str(reason), "length"))
        if any(slot.kind in CALLS and slot.pieces for slot in self._slots.all):
            return Ended("tool_calls")
        return Ended("refusal" if self._slots.refused else "stop")


def _fault(error: Json, plain: Any) -> tuple[str, str]:
    """Return (sentence, code) of an error object, or of an error that is but a sentence."""
    words = error.get("message")
    codes = [code for code in (error.get("code"), error.get("type")) if isinstance(code, str) and code != "error"]
    if not isinstance(words, str) or not words:
        words = plain if isinstance(plain, str) and plain else "the engine reported an error"
    return words, next(filter(None, codes), "")


def read_usage(response: Json, timings: Any = None) -> Usage | None:
    """Return the usage of a response object, None where it tells none; `timings` are llama.cpp's, beside it."""
    counts = response.get("usage")
    if not is_object(counts):
        return None
    into, out = counts.get("input_tokens_details"), counts.get("output_tokens_details")
    read = Usage(
        input=_count(counts, "input_tokens"),
        cached=_count(into, "cached_tokens"),
        output=_count(counts, "output_tokens"),
        cache_write=_count(into, "cache_write_tokens"),
        reasoning=_count(out, "reasoning_tokens"),
    )
    if is_object(timings):
        read.prefill_ms, read.decode_ms = _time(timings.get("prompt_ms")), _time(timings.get("predicted_ms"))
    return read


def _count(counts: Any, name: str) -> int:
    value = counts.get(name) if is_object(counts) else None
    return value if isinstance(value, int) and value > 0 else 0


def _time(value: Any) -> float | None:
    return value if isinstance(value, int | float) else None
