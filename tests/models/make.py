"""Make the tiny models that tests run on real engines; each is the same bytes on every machine.

Owns `ensure`, which makes them once per version of their makers, and `write_client`, which makes one for a client's own
tool. Called by fixtures, and by hand: python tests/models/make.py DIRECTORY, or with --tool and --arguments for one
client model. Nothing here says anything about quality: they exercise paths.
"""

import argparse
import hashlib
import random
import string
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tools"
sys.path += [place for place in (str(TOOLS), str(ROOT)) if place not in sys.path]

import chain_model  # noqa: E402
from chain_model import CALL, Shape, write_chain_model  # noqa: E402
from gguf_writer import Gguf  # noqa: E402

from tests.models import bert  # noqa: E402
from tests.models import noise as weights  # noqa: E402
from tests.models.noise import noise  # noqa: E402
from tests.models.pieces import learn  # noqa: E402

# tiny-script: one token per word, none twice
WORDS = (
    "Hello", " from", " a", " tiny", " real", " model;", " every", " word", " here", " is", " one", " token", " and",
    " the", " answer", " never", " changes,", " so", " tests", " can", " check", " it", " exactly.",
)  # fmt: skip
SENTENCE = "".join(WORDS)
TOOL, TOOL_ARGUMENTS = "get_weather", '{"city": "Paris"}'
SCRIPT = Shape(context=8192, layers=2)

# tiny-chat: wide enough that 4000 tokens take a real engine more than a moment
CHAT_WIDTH, CHAT_LAYERS, CHAT_FEED_FORWARD, CHAT_CONTEXT = 128, 4, 384, 8192
CHAT_HEADS, CHAT_KV_HEADS = 4, 2

# a client's model: its prompt is 30 to 80 kB, and its window is what agents expect; still a token takes microseconds
CLIENT_WINDOW, CLIENT_PIECES = 131072, 3000

# what the templates of Gemma and Mistral demand, in front of the model's own
ALTERNATE = """
{%- for message in (messages[1:] if messages[0].role == 'system' else messages) -%}
{%- if message.role in ('user', 'assistant') and (message.role == 'user') != (loop.index0 % 2 == 0)
    and not message.tool_calls -%}
{{- raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') -}}
{%- endif -%}
{%- endfor -%}
""".strip()


def write_script(path: Path) -> None:
    """Write a model that says SENTENCE and stops, and calls TOOL where it is offered."""
    call = [CALL, f'\n{{"name": "{TOOL}", "arguments": ', TOOL_ARGUMENTS, "}\n</tool_call>"]
    write_chain_model(path, "tiny-script", WORDS, call, TOOL, SCRIPT)


def write_client(
    path: Path, tool: str, arguments: str, words: Sequence[str] = WORDS, window: int = CLIENT_WINDOW, head: str = ""
) -> None:
    """Write a model that calls `tool` with exactly `arguments` where it is offered, and says `words` otherwise.

    `arguments` is JSON with its fields in the order of the tool's schema: an engine's grammar lets no other order pass.
    `head` goes before the template.
    """
    call = [CALL, f'\n{{"name": "{tool}", "arguments": ', arguments, "}\n</tool_call>"]
    shape = Shape(context=window, layers=2)
    template = head + chain_model.TEMPLATE
    write_chain_model(path, path.stem, words, call, tool, shape, learn(CLIENT_PIECES), template)


def write_chat(path: Path) -> None:
    """Write a model with random weights: it prints letters of ASCII and never stops by itself."""
    source = random.Random(0)
    tokens = chain_model.vocabulary((), ())
    spoken = set(string.ascii_letters + string.digits + string.punctuation + " ")
    d = CHAT_WIDTH
    model = Gguf("llama")
    chain_model.write_tokenizer(model, tokens, (), TOOL)
    model.set("general.name", "tiny-chat")
    for key, value in {
        "context_length": CHAT_CONTEXT, "embedding_length": d, "block_count": CHAT_LAYERS,
        "feed_forward_length": CHAT_FEED_FORWARD,
        "attention.head_count": CHAT_HEADS, "attention.head_count_kv": CHAT_KV_HEADS,
        "rope.dimension_count": d // CHAT_HEADS, "vocab_size": len(tokens),
        "rope.freq_base": 10000.0, "attention.layer_norm_rms_epsilon": 1e-5,
    }.items():  # fmt: skip
        model.set(f"llama.{key}", value)
    # A token that is not spoken must lose at any temperature: its score hangs on the first feature alone, which every
    # embedding holds at 1 and no layer writes to.
    embedding = [x for _ in tokens for x in (1.0, *noise(source, d - 1, 0))]
    model.tensor("token_embd.weight", len(tokens), d, embedding)
    model.tensor("output_norm.weight", 0, d, [1.0] * d)
    silent = [-256.0, *[0.0] * (d - 1)]
    output = [x for token in tokens for x in ([0.0, *noise(source, d - 1, 2)] if token in spoken else silent)]
    model.tensor("output.weight", len(tokens), d, output)
    write_noisy_layers(model, source)
    model.write(path)


def write_noisy_layers(model: Gguf, source: random.Random) -> None:
    """Add layers of random weights."""
    d, f, kv = CHAT_WIDTH, CHAT_FEED_FORWARD, CHAT_WIDTH // CHAT_HEADS * CHAT_KV_HEADS
    for layer in range(CHAT_LAYERS):
        for name, rows, columns in (
            ("attn_q", d, d), ("attn_k", kv, d), ("attn_v", kv, d), ("attn_output", d, d),
            ("ffn_gate", f, d), ("ffn_up", f, d), ("ffn_down", d, f),
        ):  # fmt: skip
            weights = noise(source, rows * columns, 3)
            if rows == d and name != "attn_q":
                weights[:columns] = [0.0] * columns  # what is added to the first feature
            model.tensor(f"blk.{layer}.{name}.weight", rows, columns, weights)
        model.tensor(f"blk.{layer}.attn_norm.weight", 0, d, [1.0] * d)
        model.tensor(f"blk.{layer}.ffn_norm.weight", 0, d, [1.0] * d)


MODELS = {
    "tiny-script": write_script,
    "tiny-chat": write_chat,
    "tiny-embed": bert.write_embed,
    "tiny-rerank": bert.write_rerank,
}


def ensure(directory: Path) -> dict[str, Path]:
    """Return the path of each model, made below directory unless the same makers already made it there."""
    makers = [Path(__file__), Path(bert.__file__), Path(weights.__file__), *sorted(TOOLS.glob("*.py"))]
    version = hashlib.sha256(b"".join(maker.read_bytes() for maker in makers)).hexdigest()[:16]
    found: dict[str, Path] = {}
    for name, write in MODELS.items():
        found[name] = directory / version / f"{name}.gguf"
        if not found[name].exists():
            write(found[name])
    return found


def main() -> None:
    """Make what the command line asks for, and say what was made."""
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--name", default="client", help="the client model's name")
    parser.add_argument("--tool", help="the tool it calls")
    parser.add_argument("--arguments", help="the call's arguments as JSON, fields in the order of the tool's schema")
    parser.add_argument("--window", type=int, default=CLIENT_WINDOW)
    options = parser.parse_args()
    if options.tool:
        made = [options.directory / f"{options.name}.gguf"]
        write_client(made[0], options.tool, options.arguments, window=options.window)
    else:
        made = list(ensure(options.directory).values())
    for path in made:
        print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
