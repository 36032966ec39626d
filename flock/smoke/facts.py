"""What is known about the built-in smoke model: where its file lies, what it says, how to run it.

Owns the numbers that the model's maker (tools/smoke_model.py) writes into the file and that the engine passes on;
tests/house/test_smoke_model.py holds them against a real llama.cpp. Standard library only, because the build hook
loads this file by its path. Refuses nothing. Called by the catalog, the engine that serves it, and whatever shows it.
"""

from pathlib import Path

NAME = "flock-smoke"
PATH = Path(__file__).parent / "flock-smoke.gguf"

# One entry per token, each with its leading space and each different from the others: the model's only state is the
# last token, so a word said twice would loop.
WORDS = (
    "This", " is", " flock's", " built-in", " smoke", " model:", " it", " proves", " that", " the", " path", " works",
    " and", " knows", " nothing;", " add", " a", " real", " one", " with:", " flock model", " add file:PATH.gguf",
)  # fmt: skip
SENTENCE = "".join(WORDS)

# The one tool it can call, and with what: offered any other tool it says its sentence.
TOOL = "get_weather"
TOOL_ARGUMENTS = '{"city": "Paris"}'

# tokens per slot, prompt and answer together
CONTEXT = 131_072

# How to run it, in llama.cpp's words. Measured with xllamacpp 2026.10.11549 on x86_64: 77 MB resident after the start
# (16 MB of it keys and values), ready in 0.05 s, 106 MB after a prompt of 61,000 tokens, which takes 4 s. More threads
# make nothing faster, since one layer of width 64 is less work than waking them; an n_ubatch of 512 holds 30 MB more;
# cache_ram_mib would keep old prompts, which are cheaper to read again.
SLOTS = 4
THREADS = 1
BATCH = 512
MICRO_BATCH = 64
CACHE_RAM_MIB = 0
