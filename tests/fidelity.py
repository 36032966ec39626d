"""What becomes of each thing a request can hold on the way from each client dialect to each upstream dialect.

Owns the samples and how an outcome is told: a thing that arrives is looked for by its marker in the body that is sent,
one that does not must be named. docs/fidelity.md is generated from `page()` (make docs); tests/house/test_fidelity.py
holds that nothing vanishes in silence.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flock.dialects.openai.server import CHAT
from flock.dialects.table import SERVERS, UPSTREAMS
from flock.errors import FlockError

PATHS = {
    "openai": CHAT,
    "anthropic": "/v1/messages",
    "responses": "/v1/responses",
    "gemini": "/v1beta/models/m:generateContent",
    "ollama": "/api/chat",
}
TITLES = {
    "openai": "OpenAI chat",
    "anthropic": "Anthropic Messages",
    "responses": "Responses",
    "gemini": "Gemini",
    "ollama": "Ollama",
}
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


SAMPLES = (
    Sample(
        "system words",
        {
            "openai": chat({"role": "system", "content": "PROBE"}, HI),
            "anthropic": messages(system="PROBE"),
            "responses": responses(instructions="PROBE"),
            "gemini": gemini(systemInstruction={"parts": [{"text": "PROBE"}]}),
            "ollama": chat({"role": "system", "content": "PROBE"}, HI),
        },
        ("PROBE",),
    ),
    Sample(
        "system words in mid-conversation",
        {
            "openai": chat(HI, {"role": "system", "content": "PROBE"}),
            "anthropic": messages(HI, {"role": "system", "content": "PROBE"}),
            "responses": responses(HI, {"role": "developer", "content": "PROBE"}),
            "ollama": chat(HI, {"role": "system", "content": "PROBE"}),
        },
        ("PROBE",),
    ),
    Sample("`name` of a message", {"openai": chat({**HI, "name": "probe_name"})}, ("probe_name",)),
    Sample(
        "picture, base64",
        {
            "openai": chat(user({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}})),
            "anthropic": messages(
                user({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}})
            ),
            "responses": responses(user({"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"})),
            "gemini": gemini(said({"inlineData": {"mimeType": "image/png", "data": PIXEL}})),
            "ollama": chat({**HI, "images": [PIXEL]}),
        },
        (PIXEL,),
    ),
    Sample(
        "document, text",
        {
            "anthropic": messages(
                user({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "PROBE"}})
            )
        },
        ("PROBE",),
    ),
    Sample(
        "document, PDF",
        {
            "openai": chat(
                user(
                    {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,UFJPQkU="}}
                )
            ),
            "anthropic": messages(
                user(
                    {
                        "type": "document",
                        "source": {"type": "base64", "media_type": "application/pdf", "data": "UFJPQkU="},
                    }
                )
            ),
            "responses": responses(
                user({"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,UFJPQkU="})
            ),
            "gemini": gemini(
                said({"inlineData": {"mimeType": "application/pdf", "data": "UFJPQkU=", "displayName": "a.pdf"}})
            ),
        },
        ("UFJPQkU=",),
    ),
    Sample(
        "sound",
        {
            "openai": chat(user({"type": "input_audio", "input_audio": {"data": "UFJPQkU=", "format": "wav"}})),
            "gemini": gemini(said({"inlineData": {"mimeType": "audio/wav", "data": "UFJPQkU="}})),
        },
        ("UFJPQkU=",),
    ),
    Sample(
        "thinking of an earlier turn, signed",
        {
            "anthropic": messages(
                HI,
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "PROBE", "signature": "PROBESIG"},
                        {"type": "text", "text": "said"},
                    ],
                },
                HI,
            ),
            "responses": responses(
                HI,
                {
                    "type": "reasoning",
                    "id": "rs_1",
                    "summary": [{"type": "summary_text", "text": "PROBE"}],
                    "encrypted_content": "PROBESIG",
                },
                {"role": "assistant", "content": "said"},
                HI,
            ),
            "gemini": gemini(
                GEMINI_HI,
                {"role": "model", "parts": [{"text": "PROBE", "thought": True, "thoughtSignature": "PROBESIG"}]},
                GEMINI_HI,
            ),
        },
        ("PROBESIG",),
    ),
    Sample(
        "tool",
        {
            "openai": chat(tools=[CHAT_TOOL]),
            "anthropic": messages(tools=[MESSAGES_TOOL]),
            "responses": responses(tools=[RESPONSES_TOOL]),
            "gemini": gemini(tools=[GEMINI_TOOL]),
            "ollama": chat(tools=[CHAT_TOOL]),
        },
        ("probe_key",),
    ),
    Sample("call and result", with_result("PROBE_RESULT"), ("PROBE_RESULT",)),
    Sample(
        "result that is an error",
        {
            "anthropic": with_result("PROBE_RESULT", is_error=True)["anthropic"],
            "gemini": gemini(GEMINI_HI, GEMINI_CALL, gemini_result({"error": "PROBE_RESULT"}), tools=[GEMINI_TOOL]),
        },
        ('"is_error":true', "[tool error]", '"response":{"error":'),
    ),
    Sample(
        "picture in a result",
        {
            "anthropic": with_result(
                [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}]
            )["anthropic"],
            "gemini": gemini(
                GEMINI_HI,
                GEMINI_CALL,
                gemini_result({}, {"inlineData": {"mimeType": "image/png", "data": PIXEL}}),
                tools=[GEMINI_TOOL],
            ),
            "ollama": chat(HI, OLLAMA_CALL, {"role": "tool", "tool_name": "probe_tool", "images": [PIXEL]}),
        },
        (PIXEL,),
    ),
    Sample(
        "tool_choice: none",
        with_choice("none", {"type": "none"}, "none", {"mode": "NONE"}),
        ('"tool_choice":"none"', '"tool_choice":{"type":"none"}', '"mode":"NONE"'),
    ),
    Sample(
        "tool_choice: any tool",
        with_choice("required", {"type": "any"}, "required", {"mode": "ANY"}),
        ('"tool_choice":"required"', '"tool_choice":{"type":"any"', '"mode":"ANY"'),
    ),
    Sample(
        "tool_choice: one tool",
        with_choice(
            {"type": "function", "function": {"name": "probe_tool"}},
            {"type": "tool", "name": "probe_tool"},
            {"type": "function", "name": "probe_tool"},
            {"mode": "ANY", "allowedFunctionNames": ["probe_tool"]},
        ),
        ('"tool_choice":{', '"allowedFunctionNames":["probe_tool"]'),
    ),
    Sample(
        "one call at a time",
        {
            "openai": chat(tools=[CHAT_TOOL], parallel_tool_calls=False),
            "anthropic": messages(
                tools=[MESSAGES_TOOL], tool_choice={"type": "auto", "disable_parallel_tool_use": True}
            ),
            "responses": responses(tools=[RESPONSES_TOOL], parallel_tool_calls=False),
        },
        ('"parallel_tool_calls":false', '"disable_parallel_tool_use":true'),
    ),
    Sample(
        "tool of a grammar",
        {"responses": responses(tools=[{"type": "custom", "name": "probe_tool", "description": "d"}])},
        ("probe_tool",),
    ),
    Sample(
        "tools in a namespace",
        {"responses": responses(tools=[{"type": "namespace", "name": "probe", "tools": [RESPONSES_TOOL]}])},
        ("probe_tool",),
    ),
    Sample(
        "tool the vendor runs",
        {
            "anthropic": messages(tools=[{"type": "web_search_20250305", "name": "web_search"}]),
            "responses": responses(tools=[{"type": "web_search"}]),
            "gemini": gemini(tools=[{"googleSearch": {}}]),
        },
        ('"web_search', '"googleSearch":{'),
    ),
    Sample(
        "answer of a JSON schema",
        {
            "openai": chat(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}),
            "anthropic": messages(output_config={"format": {"type": "json_schema", "schema": SCHEMA}}),
            "responses": responses(text={"format": {"type": "json_schema", "name": "x", "schema": SCHEMA}}),
            "gemini": generation(responseMimeType="application/json", responseJsonSchema=SCHEMA),
            "ollama": chat(format=SCHEMA),
        },
        ("probe_key",),
    ),
    Sample(
        "JSON object",
        {
            "openai": chat(response_format={"type": "json_object"}),
            "gemini": generation(responseMimeType="application/json"),
            "ollama": chat(format="json"),
        },
        ("json_object", '"responseMimeType":"application/json"', '"format":"json"'),
    ),
    Sample(
        "how much to think",
        {
            "openai": chat(reasoning_effort="high"),
            "anthropic": messages(thinking={"type": "enabled", "budget_tokens": 20000}, max_tokens=30000),
            "responses": responses(reasoning={"effort": "high"}),
            "gemini": generation(thinkingConfig={"thinkingLevel": "HIGH"}),
            "ollama": chat(think="high"),
        },
        ('"reasoning_effort":', '"thinking":{', '"reasoning":{', '"effort":', '"thinkingConfig":{', '"think":'),
    ),
    everywhere(
        "max_tokens",
        1234,
        ("1234",),
        openai="max_completion_tokens",
        responses="max_output_tokens",
        gemini="maxOutputTokens",
        ollama="num_predict",
    ),
    everywhere("temperature", 0.125, ("0.125",)),
    everywhere("top_p", 0.375, ("0.375",), gemini="topP"),
    everywhere("top_k", 17, ("17",), responses="-", gemini="topK"),
    everywhere("min_p", 0.0625, ("0.0625",), anthropic="-", responses="-", gemini="-"),
    Sample(
        "stop sequences",
        {
            "openai": chat(stop=["PROBE"]),
            "anthropic": messages(stop_sequences=["PROBE"]),
            "gemini": generation(stopSequences=["PROBE"]),
            "ollama": option(stop=["PROBE"]),
        },
        ("PROBE",),
    ),
    Sample(
        "five stop sequences",
        {
            "anthropic": messages(stop_sequences=["a1", "b2", "c3", "d4", "PROBE"]),
            "gemini": generation(stopSequences=["a1", "b2", "c3", "d4", "PROBE"]),
            "ollama": option(stop=["a1", "b2", "c3", "d4", "PROBE"]),
        },
        ("PROBE",),
    ),
    everywhere("seed", 4321, ("4321",), anthropic="-", responses="-"),
    everywhere("presence_penalty", 0.875, ("0.875",), anthropic="-", responses="-", gemini="presencePenalty"),
    everywhere("frequency_penalty", 0.625, ("0.625",), anthropic="-", responses="-", gemini="frequencyPenalty"),
    everywhere("logit_bias", {"1234": 5}, ("1234",), anthropic="-", responses="-", gemini="-", ollama="-"),
    Sample("`n` above 1", {"openai": chat(n=2)}, ('"n":2',)),
    Sample(
        "logprobs",
        {"openai": chat(logprobs=True, top_logprobs=3), "ollama": chat(logprobs=True, top_logprobs=3)},
        ('"logprobs":true',),
    ),
    Sample("the window", {"ollama": option(num_ctx=12345)}, ("12345",)),
    Sample("`keep_alive`", {"ollama": chat(keep_alive="12345s")}, ("12345s",)),
    Sample("`repeat_penalty`", {"ollama": option(repeat_penalty=1.0625)}, ("1.0625",)),
    Sample(
        "verbosity", {"openai": chat(verbosity="low"), "responses": responses(text={"verbosity": "low"})}, ('"low"',)
    ),
    Sample(
        "cache breakpoints",
        {"anthropic": messages(system=[{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}])},
        ("ephemeral",),
    ),
    Sample(
        "safety settings",
        {"gemini": gemini(safetySettings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "PROBE"}])},
        ("PROBE",),
    ),
    Sample("context_management", {"anthropic": messages(context_management={"edits": []})}, ("context_management",)),
    Sample("prediction", {"openai": chat(prediction={"type": "content", "content": "PROBE"})}, ("PROBE",)),
    Sample("a field nobody knows", everywhere("probe_field", "PROBE", ()).bodies, ("PROBE",)),
    Sample(
        "conversation kept by the server",
        {
            "responses": responses(previous_response_id="resp_1"),
            "gemini": gemini(cachedContent="cachedContents/resp_1"),
        },
        ("resp_1",),
    ),
)


def outcome(sample: Sample, client: str, upstream: str) -> tuple[str, str]:
    """Return what becomes of it ("kept", "left out", "changed", "refused", "lost") and the words about it."""
    server = SERVERS[client]
    try:
        ask = server.read_ask(json.dumps(sample.bodies[client]).encode(), PATHS[client])
        out = UPSTREAMS[upstream].write_request(server.read_request(ask), "m", stream=False)
    except FlockError as error:
        return "refused", error.sentence
    sent = json.dumps(out.body, separators=(",", ":"), ensure_ascii=False)
    if any(mark in sent for mark in sample.marks):
        return "kept", ""
    if out.lost:
        return "left out", ", ".join(out.lost)
    if out.edits:
        return "changed", "; ".join(out.edits)
    return "lost", ""


def rows() -> Iterator[tuple[Sample, str, dict[str, tuple[str, str]]]]:
    """Yield each sample in each dialect that can say it, with its outcome towards each upstream dialect."""
    for sample in SAMPLES:
        for client in sample.bodies:
            yield sample, client, {upstream: outcome(sample, client, upstream) for upstream in UPSTREAMS}


_INTRO = """
# What a translation keeps

Where an engine speaks the client's dialect, requests are relayed as they came, unknown fields included. Where it does
not, this is what becomes of each thing a request can hold. **kept**: it arrives, in the upstream's own form. **left
out**: it has no equivalent; the request is served without it, and the response header `X-Flock-Lost` and `flock
explain` name it. **changed**: said in another way, which `flock explain` names. **refused**: a 400 that names it, since
an answer without it would be another answer.

Some engines cannot do a thing in any dialect ([catalog/engines.yaml](../catalog/engines.yaml), `lacks`); such a request
goes to another engine that has the model, or is refused.

| a request's | from a client of | to OpenAI chat | to Anthropic Messages | to Responses | to Gemini | to Ollama |
|---|---|---|---|---|---|---|
"""


def page() -> str:
    """Return docs/fidelity.md without its first line."""
    lines: list[str] = []
    last = ""
    for sample, client, found in rows():
        title = sample.title if sample.title != last else ""
        last = sample.title
        cells = [_cell(*found[upstream]) for upstream in ("openai", "anthropic", "responses", "gemini", "ollama")]
        lines.append(f"| {title} | {TITLES[client]} | {' | '.join(cells)} |")
    return _INTRO.lstrip("\n") + "\n".join(lines) + "\n"


def _cell(kind: str, words: str) -> str:
    return f"{kind}: {words}".replace("|", "\\|") if kind in ("left out", "changed") and words else kind
