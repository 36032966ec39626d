"""Write one model for all clients at once in the form that MLX-LM and vLLM read, since a start of those takes long.

The chain of tests/models/hf.py with a call for each client's tool: the template looks for a known tool among those on
offer and ends with that tool's cue. An order without any tool on offer is answered by the text that aider reads.
Called by tests/clients/real_backends.py.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from tests.models import hf, make
from tests.models.pieces import learn

chain = make.chain_model
END_OF_CALL = "}\n</tool_call>"
EDIT = "<|edit_file|>"
# what the template of one tool says, and what it says for several
ONE = "{%- if tool.function and tool.function.name == '@TOOL@' -%}{%- set known.tool = true -%}{%- endif -%}"
SEVERAL = (
    "{%- if tool.function and tool.function.name in cues -%}"
    "{%- set known.tool = cues[tool.function.name] -%}{%- endif -%}"
)
ONE_CUE = "{%- if known.tool and messages[-1].role == 'user' -%}{{- '<|use_tool|>' -}}{%- endif -%}"
SEVERAL_CUES = (
    "{%- if known.tool and messages[-1].role == 'user' -%}{{- known.tool -}}"
    "{%- elif not tools and 'write the file' in text(messages[-1].content) -%}{{- '" + EDIT + "' -}}{%- endif -%}"
)


def template(cues: Mapping[str, str]) -> str:
    """Return the chat template for these tools and their cues."""
    found = chain.TEMPLATE
    assert ONE in found, "the template of tools/chain_model.py reads otherwise now"
    assert ONE_CUE in found, "the template of tools/chain_model.py reads otherwise now"
    return "{%- set cues = " + json.dumps(cues) + " -%}" + found.replace(ONE, SEVERAL).replace(ONE_CUE, SEVERAL_CUES)


def chains(calls: Mapping[str, str], edit: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return (tool → cue, token → the token that follows) of a model that makes these calls or says `edit`."""
    cues: dict[str, str] = {}
    follows = dict(pairwise([*make.WORDS, chain.END])) | dict(pairwise([EDIT, *edit, chain.END]))
    for number, (tool, arguments) in enumerate(calls.items(), 1):
        cues[tool] = f"<|use_tool_{number}|>"
        # one token decides the next, so the tag that every call begins with is cut at another place for each tool
        begin, rest = chain.CALL[: number + 1], chain.CALL[number + 1 :]
        named = f'{rest}\n{{"name": "{tool}", "arguments": '
        follows |= dict(pairwise([cues[tool], begin, named, arguments, END_OF_CALL, chain.END]))
    return cues, follows


def write(directory: Path, name: str, calls: Mapping[str, str], edit: Sequence[str]) -> Path:
    """Write a model that makes `calls` (tool → arguments as JSON) and says make.SENTENCE or `edit`; return its path."""
    cues, follows = chains(calls, edit)
    merges = learn(make.CLIENT_PIECES)
    added = [*cues.values(), EDIT]
    said = [token for token in follows if token not in added]
    tokens = [*chain.vocabulary(said, merges), *added]
    number = {token: index for index, token in enumerate(tokens)}
    states = [0] * len(tokens)
    scores = {0: {number[make.WORDS[0]]: chain.WANTED}}
    for state, (here, after) in enumerate(follows.items(), 1):
        assert state < chain.STATES, "more tokens than a chain can have"
        states[number[here]] = state
        scores[state] = {number[after]: chain.WANTED}
    files = hf.settings(tokens)
    files["config.json"]["max_position_embeddings"] = make.CLIENT_WINDOW
    files["tokenizer_config.json"]["model_max_length"] = make.CLIENT_WINDOW
    files["tokenizer_config.json"]["chat_template"] = hf.HINT + template(cues)
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    tokenizer = files["tokenizer.json"]
    tokenizer["added_tokens"] += [{"id": number[cue], "content": cue, **flags, "special": True} for cue in added]
    spelled = chain.LETTERS + [t if t in (*chain.CONTROL, *added) else chain.spelled(t) for t in tokens[256:]]
    tokenizer["model"]["vocab"] = {token: index for index, token in enumerate(spelled)}
    tokenizer["model"]["merges"] = [[chain.spelled(left), chain.spelled(right)] for left, right in merges]
    made = directory / name
    made.mkdir(parents=True, exist_ok=True)
    for file, value in files.items():
        (made / file).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", "utf-8")
    hf.write_safetensors(made / "model.safetensors", hf.tensors(tokens, chain.Table(states, scores)))
    return made
