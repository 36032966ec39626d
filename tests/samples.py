"""One sample of each thing a request can hold, as every dialect that can say it does.

A thing that arrives at an upstream is looked for by its marks in the body that is sent. Used by tests/fidelity.py.
"""

from tests.asking import (
    CHAT_TOOL,
    GEMINI_CALL,
    GEMINI_HI,
    GEMINI_TOOL,
    HI,
    MESSAGES_TOOL,
    OLLAMA_CALL,
    PIXEL,
    RESPONSES_TOOL,
    SCHEMA,
    Sample,
    chat,
    everywhere,
    gemini,
    gemini_result,
    generation,
    messages,
    option,
    responses,
    said,
    user,
    with_choice,
    with_result,
)

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
