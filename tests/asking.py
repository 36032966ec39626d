"""How each client dialect says the things a request can hold: the makers of bodies for the samples of fidelity.

Owns the spellings, and nothing of what becomes of them. Used by tests/samples.py.
"""

from dataclasses import dataclass
from typing import Any

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SCHEMA = {"type": "object", "properties": {"probe_key": {"type": "string"}}}

Json = dict[str, Any]


@dataclass(frozen=True)
class Sample:
    """One thing: how each dialect says it, and the words by which it is known in what is sent on.

    `marks`: any of them in the body means that it arrived.
    """

    title: str
    bodies: dict[str, Json]
    marks: tuple[str, ...]


def chat(*messages: Json, **fields: Any) -> Json:
    """Return a chat request."""
    return {"model": "m", "messages": list(messages) or [{"role": "user", "content": "hi"}], **fields}


def messages(*turns: Json, **fields: Any) -> Json:
    """Return an Anthropic request."""
    return {"model": "m", "max_tokens": 99, "messages": list(turns) or [{"role": "user", "content": "hi"}], **fields}


def responses(*items: Json, **fields: Any) -> Json:
    """Return a Responses request."""
    return {"model": "m", "input": list(items) or "hi", **fields}


def gemini(*contents: Json, **fields: Any) -> Json:
    """Return a Gemini request."""
    return {"contents": list(contents) or [{"role": "user", "parts": [{"text": "hi"}]}], **fields}


def generation(**config: Any) -> Json:
    """Return a Gemini request with these settings."""
    return gemini(generationConfig=config)


def option(**options: Any) -> Json:
    """Return an Ollama request with these options; it says the rest as a chat request does."""
    return chat(options=options)


def everywhere(name: str, value: Any, marks: tuple[str, ...], **spelled: str) -> Sample:
    """Return the sample of a field that every dialect has at its top, perhaps under another name; "-" for none."""
    makers = {"openai": chat, "anthropic": messages, "responses": responses, "gemini": generation, "ollama": option}
    bodies = {d: make(**{spelled.get(d, name): value}) for d, make in makers.items() if spelled.get(d) != "-"}
    return Sample(name, bodies, marks)


def said(*parts: Json) -> Json:
    """Return a user's turn of parts, as Gemini has it."""
    return {"role": "user", "parts": list(parts)}


def user(*parts: Json) -> Json:
    """Return a user's turn of parts."""
    return {"role": "user", "content": list(parts)}


FUNCTION = {"name": "probe_tool", "description": "d", "parameters": SCHEMA}
CHAT_TOOL = {"type": "function", "function": FUNCTION}
MESSAGES_TOOL = {"name": "probe_tool", "description": "d", "input_schema": SCHEMA}
RESPONSES_TOOL = {"type": "function", **FUNCTION}
CHAT_CALL = {
    "role": "assistant",
    "tool_calls": [
        {
            "id": "call_probe1",
            "type": "function",
            "function": {"name": "probe_tool", "arguments": '{"probe_key":"probe_arg"}'},
        }
    ],
}
MESSAGES_CALL = {
    "role": "assistant",
    "content": [{"type": "tool_use", "id": "call_probe1", "name": "probe_tool", "input": {"probe_key": "probe_arg"}}],
}
GEMINI_TOOL = {"functionDeclarations": [{"name": "probe_tool", "description": "d", "parametersJsonSchema": SCHEMA}]}
GEMINI_CALL = {
    "role": "model",
    "parts": [{"functionCall": {"id": "call_probe1", "name": "probe_tool", "args": {"probe_key": "probe_arg"}}}],
}
GEMINI_HI = {"role": "user", "parts": [{"text": "hi"}]}
OLLAMA_CALL = {
    "role": "assistant",
    "content": "",
    "tool_calls": [{"id": "call_probe1", "function": {"name": "probe_tool", "arguments": {"probe_key": "probe_arg"}}}],
}
RESPONSES_CALL = {
    "type": "function_call",
    "call_id": "call_probe1",
    "name": "probe_tool",
    "arguments": '{"probe_key":"probe_arg"}',
}
HI = {"role": "user", "content": "hi"}


def with_result(content: Any, chat_content: Any = None, **fields: Any) -> dict[str, Json]:
    """Return a conversation in which the tool was called and gave this."""
    result = {"type": "tool_result", "tool_use_id": "call_probe1", "content": content, **fields}
    told = {"role": "tool", "tool_call_id": "call_probe1", "content": chat_content or content}
    return {
        "openai": chat(HI, CHAT_CALL, told, tools=[CHAT_TOOL]),
        "anthropic": messages(HI, MESSAGES_CALL, user(result), tools=[MESSAGES_TOOL]),
        "responses": responses(
            HI,
            RESPONSES_CALL,
            {"type": "function_call_output", "call_id": "call_probe1", "output": chat_content or content},
            tools=[RESPONSES_TOOL],
        ),
        "gemini": gemini(
            GEMINI_HI, GEMINI_CALL, gemini_result({"result": chat_content or content}), tools=[GEMINI_TOOL]
        ),
        "ollama": chat(HI, OLLAMA_CALL, {**told, "tool_name": "probe_tool"}, tools=[CHAT_TOOL]),
    }


def gemini_result(response: Json, *parts: Json) -> Json:
    """Return the content in which a Gemini client tells what the tool gave."""
    more = {"parts": list(parts)} if parts else {}
    told = {"id": "call_probe1", "name": "probe_tool", "response": response, **more}
    return {"role": "user", "parts": [{"functionResponse": told}]}


def with_choice(chat_choice: Any, messages_choice: Any, responses_choice: Any, calling: Json) -> dict[str, Json]:
    """Return a request that offers the tool and says which is to be called."""
    return {
        "openai": chat(tools=[CHAT_TOOL], tool_choice=chat_choice),
        "anthropic": messages(tools=[MESSAGES_TOOL], tool_choice=messages_choice),
        "responses": responses(tools=[RESPONSES_TOOL], tool_choice=responses_choice),
        "gemini": gemini(tools=[GEMINI_TOOL], toolConfig={"functionCallingConfig": calling}),
    }
