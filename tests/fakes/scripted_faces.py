"""The three dialects of the scripted engine: how a request is read and an answer is written in each.

Pure: values in, bytes out. A face reads a body into Asked, writes an Answer as one JSON value or as the frames of a
stream, and says what an endless stream repeats. Called by scripted.py.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from tests.fakes.scripted_answers import Answer, Asked, Call, Tool, Turn

Body = dict[str, Any]


def text_of(content: Any) -> str:
    """Return the text of a message's content in any dialect: a string, or a list of parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(p if isinstance(p, str) else str(p.get("text") or text_of(p.get("content"))) for p in parts)


def pieces(text: str) -> list[str]:
    """Return text in pieces of a few letters, as a model says it."""
    return [text[i : i + 7] for i in range(0, len(text), 7)]


def sse(data: Any, event: str = "") -> bytes:
    """Return one frame."""
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)}\n\n".encode()


class Face(Protocol):
    """One dialect."""

    path: str

    def read(self, body: Body) -> Asked:
        """Return what a body asks."""
        ...

    def whole(self, asked: Asked, said: Answer, tokens: tuple[int, int]) -> Body:
        """Return an answer in one piece."""
        ...

    def frames(self, asked: Asked, said: Answer, tokens: tuple[int, int]) -> Iterator[bytes]:
        """Yield an answer as a stream."""
        ...

    def more(self) -> bytes:
        """Return the frame of text that an endless stream repeats after the first frames of `frames`."""
        ...

    def refusal(self, status: int, message: str) -> Body:
        """Return an error's body."""
        ...


class Chat:
    """OpenAI chat completions."""

    path = "/v1/chat/completions"

    def read(self, body: Body) -> Asked:
        turns = [Turn(m["role"], text_of(m.get("content"))) for m in body["messages"]]
        tools = [Tool(t["function"]["name"], t["function"].get("parameters", {})) for t in body.get("tools") or []]
        usage = (body.get("stream_options") or {}).get("include_usage") is True
        return Asked(body["model"], turns, tools, body.get("stream") is True, usage)

    def usage(self, tokens: tuple[int, int]) -> Body:
        return {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}

    def whole(self, asked: Asked, said: Answer, tokens: tuple[int, int]) -> Body:
        message: Body = {"role": "assistant", "content": said.text or None}
        if said.thought:
            message["reasoning_content"] = said.thought
        if said.calls:
            message["tool_calls"] = [self.call(call, call.arguments) for call in said.calls]
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if said.calls else "stop"}
        head = {"id": "chatcmpl-scripted", "object": "chat.completion", "created": 1, "model": asked.model}
        return {**head, "choices": [choice], "usage": self.usage(tokens)}

    def call(self, call: Call, arguments: str) -> Body:
        return {"id": call.id, "type": "function", "function": {"name": call.tool.name, "arguments": arguments}}

    def chunk(self, delta: Body, finish: str | None = None) -> bytes:
        head = {"id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": 1, "model": "scripted"}
        return sse({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    def frames(self, asked: Asked, said: Answer, tokens: tuple[int, int]) -> Iterator[bytes]:
        yield self.chunk({"role": "assistant", "content": "" if said.text else None})
        for piece in pieces(said.thought):
            yield self.chunk({"reasoning_content": piece})
        for piece in pieces(said.text):
            yield self.chunk({"content": piece})
        for index, call in enumerate(said.calls):
            yield self.chunk({"tool_calls": [{"index": index, **self.call(call, "")}]})
            for piece in pieces(call.arguments):
                yield self.chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
        yield self.chunk({}, "tool_calls" if said.calls else "stop")
        if asked.usage:
            yield sse({"id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": 1, "model": "scripted",
                       "choices": [], "usage": self.usage(tokens)})  # fmt: skip
        yield sse("[DONE]")

    def more(self) -> bytes:
        return self.chunk({"content": "and "})

    def refusal(self, status: int, message: str) -> Body:
        return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}


class Anthropic:
    """Anthropic Messages."""

    path = "/v1/messages"

    def read(self, body: Body) -> Asked:
        turns = [Turn("system", text_of(body.get("system")))]
        for message in body["messages"]:
            content = message["content"]
            results = [p for p in content if p.get("type") == "tool_result"] if isinstance(content, list) else []
            turns.append(Turn(message["role"], text_of(content)))
            turns += [Turn("tool", text_of(p.get("content"))) for p in results]
        tools = [Tool(t["name"], t.get("input_schema", {})) for t in body.get("tools") or []]
        # reminders of the system may come after what counts
        while turns[-1].role == "system" and len(turns) > 1:
            turns.pop()
        return Asked(body["model"], turns, tools, body.get("stream") is True)

    def usage(self, tokens: tuple[int, int]) -> Body:
        cache = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
        return {"input_tokens": tokens[0], "output_tokens": tokens[1], **cache}

    def message(self, asked: Asked, content: Sequence[Body], stop: str | None, tokens: tuple[int, int]) -> Body:
        head = {"id": "msg_scripted", "type": "message", "role": "assistant", "model": asked.model}
        return {**head, "content": content, "stop_reason": stop, "stop_sequence": None, "usage": self.usage(tokens)}

    def whole(self, asked: Asked, said: Answer, tokens: tuple[int, int]) -> Body:
        if said.calls:
            blocks = [{**self.call(call), "input": json.loads(call.arguments)} for call in said.calls]
            return self.message(asked, blocks, "tool_use", tokens)
        return self.message(asked, [{"type": "text", "text": said.text}], "end_turn", tokens)

    def call(self, call: Call) -> Body:
        return {"type": "tool_use", "id": call.id, "name": call.tool.name, "input": {}}

    def event(self, kind: str, **fields: Any) -> bytes:
        return sse({"type": kind, **fields}, kind)

    def frames(self, asked: Asked, said: Answer, tokens: tuple[int, int]) -> Iterator[bytes]:
        yield self.event("message_start", message=self.message(asked, [], None, (tokens[0], 1)))
        yield self.event("ping")
        if said.text:
            yield self.event("content_block_start", index=0, content_block={"type": "text", "text": ""})
            for piece in pieces(said.text):
                yield self.event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
            yield self.event("content_block_stop", index=0)
        for index, call in enumerate(said.calls):
            yield self.event("content_block_start", index=index, content_block=self.call(call))
            for piece in pieces(call.arguments):
                delta = {"type": "input_json_delta", "partial_json": piece}
                yield self.event("content_block_delta", index=index, delta=delta)
            yield self.event("content_block_stop", index=index)
        stop = {"stop_reason": "tool_use" if said.calls else "end_turn", "stop_sequence": None}
        yield self.event("message_delta", delta=stop, usage=self.usage(tokens))
        yield self.event("message_stop")

    def more(self) -> bytes:
        return self.event("content_block_delta", index=0, delta={"type": "text_delta", "text": "and "})

    def refusal(self, status: int, message: str) -> Body:
        return {"type": "error", "error": {"type": "invalid_request_error", "message": message}}


class Responses:
    """OpenAI Responses."""

    path = "/v1/responses"

    def read(self, body: Body) -> Asked:
        items = body["input"] if isinstance(body["input"], list) else [{"role": "user", "content": body["input"]}]
        turns = [Turn("system", body.get("instructions") or "")]
        for item in items:
            kind = item.get("type", "message")
            if kind == "message":
                turns.append(Turn(item["role"], text_of(item["content"])))
            elif kind.endswith("_output"):
                turns.append(Turn("tool", text_of(item.get("output"))))
            elif kind.endswith("_call"):
                turns.append(Turn("assistant", ""))
        return Asked(body["model"], turns, list(self.tools(body.get("tools") or [])), body.get("stream") is True)

    def tools(self, listed: Sequence[Body], space: str = "") -> Iterator[Tool]:
        for tool in listed:
            if tool["type"] == "namespace":
                yield from self.tools(tool["tools"], tool["name"])
            elif tool["type"] in ("function", "custom"):
                yield Tool(tool["name"], tool.get("parameters") or {}, tool["type"], space)

    def text(self, said: Answer) -> Body:
        part = {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}
        head = {"type": "message", "id": "msg_scripted", "role": "assistant", "status": "completed"}
        return {**head, "content": [part]}

    def call(self, call: Call) -> Body:
        custom = call.tool.kind == "custom"
        item = {"type": "custom_tool_call" if custom else "function_call", "id": f"fc_{call.id}", "call_id": call.id}
        space = {"namespace": call.tool.space} if call.tool.space else {}
        named = {"status": "completed", "name": call.tool.name, "input" if custom else "arguments": call.arguments}
        return {**item, **named, **space}

    def whole(self, asked: Asked, said: Answer, tokens: tuple[int, int]) -> Body:
        usage = {"input_tokens": tokens[0], "output_tokens": tokens[1], "total_tokens": sum(tokens)}
        details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
        head = {"id": "resp_scripted", "object": "response", "created_at": 1, "status": "completed", "error": None}
        output = [self.call(call) for call in said.calls] or [self.text(said)]
        return {**head, "model": asked.model, "output": output, "usage": {**usage, **details}}

    def frames(self, asked: Asked, said: Answer, tokens: tuple[int, int]) -> Iterator[bytes]:
        whole = self.whole(asked, said, tokens)
        for number, (kind, fields) in enumerate(self.events(whole, said)):
            yield sse({"type": kind, "sequence_number": number, **fields}, kind)

    def events(self, whole: Body, said: Answer) -> Iterator[tuple[str, Body]]:
        begun = {**whole, "status": "in_progress", "output": [], "usage": None}
        yield "response.created", {"response": begun}
        yield "response.in_progress", {"response": begun}
        for index, item in enumerate(whole["output"]):
            yield from self.spelled(index, item, said)
            yield "response.output_item.done", {"output_index": index, "item": item}
        yield "response.completed", {"response": whole}

    def spelled(self, index: int, item: Body, said: Answer) -> Iterator[tuple[str, Body]]:
        place = {"item_id": item["id"], "output_index": index}
        field = {"message": "content", "function_call": "arguments"}.get(item["type"], "input")
        empty = {**item, field: [] if field == "content" else "", "status": "in_progress"}
        yield "response.output_item.added", {"output_index": index, "item": empty}
        if field == "content":
            part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
            at = {**place, "content_index": 0}
            yield "response.content_part.added", {**at, "part": part}
            for piece in pieces(said.text):
                yield "response.output_text.delta", {**at, "delta": piece, "logprobs": []}
            yield "response.output_text.done", {**at, "text": said.text, "logprobs": []}
            yield "response.content_part.done", {**at, "part": {**part, "text": said.text}}
            return
        word = "function_call_arguments" if field == "arguments" else "custom_tool_call_input"
        for piece in pieces(item[field]):
            yield f"response.{word}.delta", {**place, "delta": piece}
        yield f"response.{word}.done", {**place, field: item[field]}

    def more(self) -> bytes:
        kind = "response.output_text.delta"
        at = {"item_id": "msg_scripted", "output_index": 0, "content_index": 0}
        return sse({"type": kind, "sequence_number": 99, **at, "delta": "and ", "logprobs": []}, kind)

    def refusal(self, status: int, message: str) -> Body:
        return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}


FACES: dict[str, type[Chat] | type[Anthropic] | type[Responses]] = {
    "chat": Chat, "anthropic": Anthropic, "responses": Responses,
}  # fmt: skip
