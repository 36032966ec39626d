"""Make a model that thinks before it answers, for real engines that take thinking out of text by themselves.

Its template knows `enable_thinking`, as Qwen's does: without it the answer comes at once. Owns the template and the
words; the weights are a table as in tools/chain_model.py. Called by tests/e2e/test_thinking.py.
"""

from pathlib import Path

from tests.models import make

chain = make.chain_model

THOUGHT, ANSWER = "Weather is asked", "It rains today."
_WORDS = ("<think>", "\nWeather", " is", " asked", "\n</think>", "\n\nIt", " rains", " today.")
_CALL = (chain.CALL, f'\n{{"name": "{make.TOOL}", "arguments": ', make.TOOL_ARGUMENTS, "}\n</tool_call>")

# what the template says of thinking: that of earlier turns, and whether this turn is to begin with some
_PAST = (
    "{%- if message.reasoning_content -%}"
    "{{- '<think>\\n' -}}{{- message.reasoning_content -}}{{- '\\n</think>\\n\\n' -}}"
    "{%- endif -%}"
)
# a prompt that ends with this goes on as behind thinking
_CLOSED = ">"
_OFF = (
    "{%- if enable_thinking is defined and enable_thinking is false -%}"
    "{{- '<think>\\n\\n</think" + _CLOSED + "' -}}"
    "{%- endif -%}"
)


def template() -> str:
    """Return the template of tools/chain_model.py with thinking in it."""
    turn, start = "{{- text(message.content) -}}\n{%- if message.tool_calls", "{{- '<|im_start|>assistant\\n' -}}\n"
    assert turn in chain.TEMPLATE
    assert start in chain.TEMPLATE
    found = chain.TEMPLATE.replace(turn, _PAST + turn).replace(start, start + _OFF)
    return found.replace("@TOOL@", make.TOOL)


class _Thinking(make.Gguf):
    def set(self, key: str, value: bool | int | float | str) -> None:
        super().set(key, template() if key == "tokenizer.chat_template" else value)


def write_think(path: Path) -> None:
    """Write a model that says THOUGHT in its tags and then ANSWER, and calls make.TOOL where that is offered."""
    tokens = chain.vocabulary([*_WORDS, "".join(_WORDS), *_CALL], ())
    number = {token: index for index, token in enumerate(tokens)}
    table = chain.chain_table(tokens, _WORDS, _CALL)
    table.states[number[_CLOSED]] = table.states[number["\n</think>"]]
    model = _Thinking("llama")
    chain.write_sizes(model, "tiny-think", len(tokens), make.SCRIPT)
    chain.write_tokenizer(model, tokens, (), make.TOOL)
    rows = [[float(chain.sign(state, column)) for column in range(chain.STATES)] for state in range(chain.STATES)]
    model.tensor("token_embd.weight", len(tokens), chain.STATES, [x for state in table.states for x in rows[state]])
    model.tensor("output_norm.weight", 0, chain.STATES, [1.0] * chain.STATES)
    scores = [chain.output_row(index, chain.rank(token), table) for index, token in enumerate(tokens)]
    model.tensor("output.weight", len(tokens), chain.STATES, [x for row in scores for x in row])
    chain.write_layers(model, make.SCRIPT)
    model.write(path)
