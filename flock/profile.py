"""What a peer speaks: dialects, limits by feature, and the closed sets of quirks of engines and of model families.

Values come from catalog/engines.yaml and catalog/families.yaml; nothing else may describe the manners of an engine or
of a model. Read by the plan, the filters and the forward path.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

# What a request may use that not every engine, model or native dialect has. A server half names those of a request
# (`features`), a profile those it lacks.
FEATURES = frozenset(
    {
        "audio",  # sound in a message
        "cache_control",  # cache breakpoints
        "custom_tools",  # tools that take one text, perhaps of a grammar
        "deferred_tools",  # tools that are listed to be found, not offered yet, and references to them
        "documents",  # files in a message
        "hosted_tools",  # tools that the vendor runs
        "image_urls",  # pictures given by a URL
        "images",  # pictures
        "json_object",  # an answer that is some JSON object
        "json_schema",  # an answer of a given form
        "late_system",  # system words after the conversation's beginning
        "logprobs",
        "many",  # n > 1
        "namespaces",  # tools in groups
        "prefill",  # the conversation ends with words of the assistant
        "reasoning",  # the client says how much to think
        "signed_thinking",  # thinking with a signature, or redacted
        "stateful",  # the server is to remember the conversation
        "tool_choice",  # the client says which tool is to be called
        "tools",
    }
)

# The forms in which models write tool calls as text; each is a file of dialects/filters/tool_formats.
TOOL_FORMATS = frozenset(
    {
        "deepseek",  # <｜tool▁calls▁begin｜> with a fenced JSON object (V3, R1) or a bare one (V3.1)
        "dsml",  # <｜DSML｜invoke name=…> with parameters (DeepSeek V3.2, V4)
        "function_tag",  # <function=NAME>{…}</function>
        "functools",  # functools[{…}]
        "gemma",  # <|tool_call>call:NAME{…}<tool_call|>
        "glm",  # <tool_call>NAME with <arg_key> and <arg_value>
        "granite",  # <|tool_call|>[{…}], <tool_call>[{…}]
        "harmony",  # <|channel|>commentary to=functions.NAME
        "hermes",  # <tool_call>{…}</tool_call>
        "json",  # the whole message is a JSON object
        "kimi",  # <|tool_call_begin|>functions.NAME:0
        "lfm2",  # <|tool_call_start|>[NAME(…)]<|tool_call_end|>
        "minimax",  # <minimax:tool_call> with <invoke name=…> and <parameter name=…>
        "minimax_m3",  # ]<]minimax[>[<tool_call>, a tag for each parameter
        "mistral",  # [TOOL_CALLS][{…}], [TOOL_CALLS]NAME[ARGS]{…}
        "nemotron",  # <TOOLCALL>[{…}]</TOOLCALL>
        "phi4",  # <|tool_call|>{…}<|/tool_call|>
        "python_tag",  # <|python_tag|>{…}
        "pythonic",  # the whole message is [NAME(…)]
        "qwen_xml",  # <tool_call><function=NAME><parameter=…>
        "seed",  # <seed:tool_call><function=NAME><parameter=…>
    }
)
# What is asked of a model beside a conversation → the kind of model that does it
TASKS: Mapping[str, str] = {
    "embeddings": "embedding",
    "rerank": "rerank",
    "transcriptions": "transcription",
    "translations": "transcription",
    "speech": "speech",
    "images": "image",
}
# Kinds of models; "" is one of which nothing is known, and is tried with whatever is asked of it
KINDS = frozenset({"", "chat", *TASKS.values()})
SYSTEM_ROLES = frozenset({"developer", "system", "user"})
LATE_SYSTEM = frozenset({"hoist", "keep", "user"})
COUNTS = frozenset({"", "anthropic", "llamacpp", "vllm"})
# What an engine does with words of the assistant at the end of a chat: "continues" them, "repeats" them before it goes
# on, does so only when it is "told" (continue_final_message), or begins a turn of its own ("").
PREFILLS = frozenset({"", "continues", "repeats", "told"})
# Whose rule the ids of tool calls must follow: "mistral" takes nine letters and digits, no more and no less
CALL_IDS = frozenset({"", "mistral"})


@dataclass(frozen=True, slots=True)
class Native:
    """A dialect that an engine speaks by itself from version `since` on ("" for every one), but for what it `lacks`.

    A version is compared by the numbers in it ("b8200", "0.11.1"); one that names none is taken for a recent one.
    """

    since: str = ""
    lacks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Profile:
    """How one kind of engine behaves on the wire.

    `dialects` it speaks natively, in every version and for every feature; `native` those it speaks from a version on or
    in part; `lacks` what it cannot do in any dialect. `stream_usage`: honours `stream_options.include_usage`;
    `stream_tools`: streams tool calls right; `done_sentinel`: ends a chat stream with `data: [DONE]`; `cancels`: stops
    generating when the connection closes; `parses_tools`, `parses_thinking`: takes tool calls and thinking out of the
    model's text by itself; `named_choice`: heeds a tool_choice that names a tool; `counts`: the path that counts tokens
    and its shape ("anthropic", "llamacpp", "vllm", ""); `prefill`: see PREFILLS; `start_hint`: the command that starts
    it, for `engine_unreachable`; `tasks` the tasks it does (TASKS) and the shape it does each in, a word of
    dialects/tasks ("openai", "whisper", "piper"); `request_faults`: how the sentences begin that it says with status
    500 although the request is at fault. Of chat: `limit_field` is what it calls the limit of an answer, `strict` says
    that it refuses fields that OpenAI's reference does not have, `reasons` are globs of the models that take
    `reasoning_effort` ("!" in front takes some out again), `refuses` maps globs of models, of which the first
    that fits counts, to fields that those refuse although the reference has them ("logit_bias", "messages.name"),
    `call_ids` is a word of CALL_IDS.
    """

    kind: str
    title: str
    dialects: frozenset[str]
    native: Mapping[str, Native] = field(default_factory=dict[str, Native])
    lacks: frozenset[str] = frozenset()
    stream_usage: bool = True
    stream_tools: bool = True
    done_sentinel: bool = True
    cancels: bool = True
    parses_tools: bool = False
    parses_thinking: bool = False
    named_choice: bool = True
    counts: str = ""
    prefill: str = ""
    start_hint: str = ""
    request_faults: tuple[str, ...] = ()
    limit_field: str = "max_tokens"
    strict: bool = False
    reasons: tuple[str, ...] = ("*",)
    refuses: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    call_ids: str = ""
    tasks: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Family:
    """How the models of one family write: a row of catalog/families.yaml.

    `models`: globs of model ids, matched without regard to case against the id and its last part behind a slash.
    `think_open`, `think_close`: the tags around thinking; `think_implicit`: the opening one stands in the prompt, so
    that only the closing one comes; `think_asked`: it stands there only when the request asks for thinking.
    `tool_formats`: the forms in which it writes tool calls as text, best first (names as in dialects/filters).
    `system_role`: the role its template takes for system words ("system", "developer", "user"); `late_system`: what
    its template does with system words in mid-conversation ("keep", "user", "hoist"). `thinking_on`, `thinking_off`:
    `chat_template_kwargs` that switch its thinking. `history_thinking`: whether the thinking of earlier turns is sent
    back to it. `template`: the file in the catalog's templates/ for models whose files hold no chat template;
    `tool_parser`, `reasoning_parser`: what vLLM is to be told to take its calls and its thinking out of its text.
    """

    name: str
    models: tuple[str, ...]
    think_open: str = ""
    think_close: str = ""
    think_implicit: bool = False
    think_asked: bool = False
    tool_formats: tuple[str, ...] = ()
    system_role: str = "system"
    late_system: str = "user"
    thinking_on: Mapping[str, object] = field(default_factory=dict[str, object])
    thinking_off: Mapping[str, object] = field(default_factory=dict[str, object])
    history_thinking: bool = False
    template: str = ""
    tool_parser: str = ""
    reasoning_parser: str = ""


NO_FAMILY = Family("", ())
