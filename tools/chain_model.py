"""Make a llama-architecture model whose weights are a table: after this token comes that one.

Every token belongs to a state; its embedding is that state's row of a Hadamard matrix (entries 1 and -1, rows exactly
orthogonal), attention and feed-forward add nothing, and the output matrix turns the state back into a score for each
next token. All weights are small dyadic fractions, so every platform computes the same scores, and the wanted token
stands so far above the rest that sampling at any usual temperature picks it. Called by smoke_model.py and
tests/models; refuses a chain that says the same token twice.
"""

import functools
import string
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from gguf_writer import Gguf

STATES = 64  # states that a chain can have, and the width of the model: a Hadamard matrix exists for powers of two
# The cue must not be one of the names that llama.cpp takes for an end of turn, such as <|call|>.
END, START, CUE = "<|im_end|>", "<|im_start|>", "<|use_tool|>"
CALL = "<tool_call>"
TEXT_END = "<|endoftext|>"
CONTROL = (TEXT_END, START, END, CUE)
NORMAL_TYPE, CONTROL_TYPE, UNUSED_TYPE = 1, 3, 5  # llama_token_type

# A score is a natural logarithm of odds, so a lead of 4 is 150 to one at llama.cpp's temperature of 0.8, and every
# rank below leads the next by at least that: what is wanted always comes, and what comes instead is always the same.
WANTED, SECOND, THIRD, NEVER = 640, 600, 560, -640
# Where a grammar masks what is wanted the order decides. It closes JSON as early as the schema allows: the end, a
# bracket, a quote, the tag after a call, a comma, and only then what makes the text longer; white space comes last.
ORDER = '}]"<,:' + string.digits + "{[" + string.ascii_letters + "!#$%&'()*+-./;=>?@\\^_`|~"
RANK = {END: 480} | {character: 476 - 4 * place for place, character in enumerate(ORDER)}
SPACE, BREAK, OTHER = 8, 4, -64

# ChatML with the Hermes way to write tools, which llama.cpp knows how to parse. Only a user's turn in which the one
# known tool is on offer ends with the cue that the call follows.
TEMPLATE = """
{%- macro text(content) -%}
{%- if content is string -%}{{- content -}}
{%- elif content -%}
{%- for part in content -%}{%- if part.type == 'text' -%}{{- part.text -}}{%- endif -%}{%- endfor -%}
{%- endif -%}
{%- endmacro -%}
{%- set known = namespace(tool=false) -%}
{%- if tools -%}
{{- '<|im_start|>system\\n# Tools\\n\\nFunction signatures are within <tools></tools> XML tags:\\n<tools>' -}}
{%- for tool in tools -%}
{{- '\\n' -}}{{- tool | tojson -}}
{%- if tool.function and tool.function.name == '@TOOL@' -%}{%- set known.tool = true -%}{%- endif -%}
{%- endfor -%}
{{- '\\n</tools>\\n\\nFor each function call, return a json object with function name and arguments within ' -}}
{{- '<tool_call></tool_call> XML tags:\\n<tool_call>\\n{"name": <function-name>, "arguments": <args-json-object>}' -}}
{{- '\\n</tool_call><|im_end|>\\n' -}}
{%- endif -%}
{%- for message in messages -%}
{%- if message.role == 'tool' -%}
{{- '<|im_start|>user\\n<tool_response>\\n' -}}{{- text(message.content) -}}{{- '\\n</tool_response><|im_end|>\\n' -}}
{%- else -%}
{{- '<|im_start|>' -}}{{- message.role -}}{{- '\\n' -}}{{- text(message.content) -}}
{%- if message.tool_calls -%}
{%- for call in message.tool_calls -%}
{%- if call.function -%}{%- set call = call.function -%}{%- endif -%}
{{- '\\n<tool_call>\\n{"name": "' -}}{{- call.name -}}{{- '", "arguments": ' -}}
{%- if call.arguments is string -%}{{- call.arguments -}}{%- else -%}{{- call.arguments | tojson -}}{%- endif -%}
{{- '}\\n</tool_call>' -}}
{%- endfor -%}
{%- endif -%}
{{- '<|im_end|>\\n' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|im_start|>assistant\\n' -}}
{%- if known.tool and messages[-1].role == 'user' -%}{{- '<|use_tool|>' -}}{%- endif -%}
{%- endif -%}
""".strip()


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a chain model; one key-value pair costs 4 bytes per head dimension, layer and token."""

    context: int
    layers: int = 1
    head: int = 8  # dimensions of the only attention head
    feed_forward: int = 32


def byte_letters() -> list[str]:
    """Return the letter that stands for each byte in a byte-level vocabulary (GPT-2's bytes_to_unicode)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


LETTERS = byte_letters()


def spelled(text: str) -> str:
    """Return text as a byte-level vocabulary writes it."""
    return "".join(LETTERS[byte] for byte in text.encode())


def rank(token: str) -> int:
    """Score a token that no chain asks for."""
    if token in CONTROL:
        return RANK.get(token, NEVER)
    return RANK.get(token, SPACE if token == " " else BREAK if token == "\n" else OTHER)


def vocabulary(words: Sequence[str], merges: Sequence[tuple[str, str]]) -> list[str]:
    """Return the tokens as plain text: 256 bytes (as latin-1), merges, words, control tokens."""
    tokens = [chr(byte) for byte in range(256)]
    return list(dict.fromkeys([*tokens, *(left + right for left, right in merges), *words, *CONTROL]))


@dataclass(frozen=True, slots=True)
class Table:
    """The state of each token, and for each state the score of each token that it asks for."""

    states: list[int]
    scores: dict[int, dict[int, int]]


def chain_table(tokens: Sequence[str], words: Sequence[str], call: Sequence[str]) -> Table:
    """Return the table of a model that says words, or call after the cue; state 0 is every token of neither."""
    number = {token: index for index, token in enumerate(tokens)}
    said = "".join(words)
    steps: dict[str, dict[str, int]] = {here: {after: WANTED} for here, after in pairwise([*words, END])}
    steps |= {here: {after: WANTED} for here, after in pairwise([CUE, *call, END])}
    if len(steps) != len(words) + len(call) + 1:
        raise ValueError("a chain says the same token twice")
    # A call is required, and of a tool that is not known here: from the line break on the grammar leads.
    steps[words[-1]][CALL] = SECOND
    steps[CALL]["\n"] = SECOND
    # A string in JSON holds the whole sentence as one token, which is no part of the chain of words.
    steps['"'] = {said: WANTED, words[0]: SECOND}
    steps[said] = {END: WANTED, '"': SECOND, said: THIRD}
    if len(steps) >= STATES:
        raise ValueError(f"{len(steps)} states, and {STATES - 1} are the most")
    states = [0] * len(tokens)
    scores = {0: {number[words[0]]: WANTED}}  # whatever came before, the sentence starts
    for state, (here, after) in enumerate(steps.items(), 1):
        states[number[here]] = state
        scores[state] = {number[token]: score for token, score in after.items()}
    return Table(states, scores)


def sign(row: int, column: int) -> int:
    """Return an entry of Sylvester's Hadamard matrix."""
    return -1 if (row & column).bit_count() % 2 else 1


def output_row(token: int, base: int, table: Table) -> list[float]:
    """Return the weights that score one token: base in every state that does not ask for it."""
    scores = [table.scores.get(state, {}).get(token, base) for state in range(STATES)]
    return [sum(score * sign(state, column) for state, score in enumerate(scores)) / STATES for column in range(STATES)]


def write_tokenizer(
    model: Gguf, tokens: Sequence[str], merges: Sequence[tuple[str, str]], tool: str, template: str = TEMPLATE
) -> None:
    """Set the keys of a byte-level BPE tokenizer and the chat template."""
    number = {token: index for index, token in enumerate(tokens)}
    model.set("tokenizer.ggml.model", "gpt2")
    model.set("tokenizer.ggml.pre", "qwen2")
    model.set_list("tokenizer.ggml.tokens", LETTERS + [t if t in CONTROL else spelled(t) for t in tokens[256:]])
    model.set_list("tokenizer.ggml.token_type", [CONTROL_TYPE if t in CONTROL else NORMAL_TYPE for t in tokens])
    model.set_list("tokenizer.ggml.merges", [f"{spelled(left)} {spelled(right)}" for left, right in merges])
    model.set("tokenizer.ggml.bos_token_id", number[TEXT_END])
    model.set("tokenizer.ggml.eos_token_id", number[END])
    model.set("tokenizer.ggml.padding_token_id", number[TEXT_END])
    model.set("tokenizer.ggml.add_bos_token", False)
    model.set("tokenizer.chat_template", template.replace("@TOOL@", tool))


def write_sizes(model: Gguf, name: str, tokens: int, shape: Shape) -> None:
    """Set the keys that give the architecture's sizes."""
    model.set("general.name", name)
    model.set("general.type", "model")
    model.set("general.file_type", 0)  # all F32
    for key, value in {
        "context_length": shape.context,
        "embedding_length": STATES,
        "block_count": shape.layers,
        "feed_forward_length": shape.feed_forward,
        "attention.head_count": 1,
        "attention.head_count_kv": 1,
        "attention.key_length": shape.head,
        "attention.value_length": shape.head,
        "rope.dimension_count": shape.head,
        "vocab_size": tokens,
        "rope.freq_base": 10000.0,
        "attention.layer_norm_rms_epsilon": 1e-5,
    }.items():
        model.set(f"llama.{key}", value)


def write_layers(model: Gguf, shape: Shape) -> None:
    """Add layers whose attention and feed-forward return exactly nothing."""
    d, h, f = STATES, shape.head, shape.feed_forward
    for layer in range(shape.layers):
        for name, rows, columns in (
            ("attn_q", h, d), ("attn_k", h, d), ("attn_v", h, d), ("attn_output", d, h),
            ("ffn_gate", f, d), ("ffn_up", f, d), ("ffn_down", d, f),
        ):  # fmt: skip
            model.tensor(f"blk.{layer}.{name}.weight", rows, columns, [0.0] * (rows * columns))
        model.tensor(f"blk.{layer}.attn_norm.weight", 0, d, [1.0] * d)
        model.tensor(f"blk.{layer}.ffn_norm.weight", 0, d, [1.0] * d)


def write_chain_model(
    path: Path, name: str, words: Sequence[str], call: Sequence[str], tool: str, shape: Shape,
    merges: Sequence[tuple[str, str]] = (), template: str = TEMPLATE,
) -> None:  # fmt: skip
    """Write a model that answers `words` and, when `tool` is offered, `call`."""
    tokens = vocabulary([*words, "".join(words), *call], merges)
    table = chain_table(tokens, words, call)
    model = Gguf("llama")
    write_sizes(model, name, len(tokens), shape)
    write_tokenizer(model, tokens, merges, tool, template)
    rows = [[float(sign(state, column)) for column in range(STATES)] for state in range(STATES)]
    model.tensor("token_embd.weight", len(tokens), STATES, [x for state in table.states for x in rows[state]])
    model.tensor("output_norm.weight", 0, STATES, [1.0] * STATES)
    # thousands of tokens that nothing asks for have equal rows
    asked = {index for scores in table.scores.values() for index in scores}
    alike = functools.cache(lambda base: output_row(-1, base, table))
    rows_out = (output_row(n, rank(t), table) if n in asked else alike(rank(t)) for n, t in enumerate(tokens))
    model.tensor("output.weight", len(tokens), STATES, [x for row in rows_out for x in row])
    write_layers(model, shape)
    model.write(path)
