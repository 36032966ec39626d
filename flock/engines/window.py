"""How large a window an engine of ours gets, and how many requests at once.

Owns that choice: a pure function of the model's header and the machine's memory. Refuses nothing: a model that does
not fit is refused elsewhere. Called by supervisor.py.
"""

from dataclasses import dataclass

from flock.engines.gguf_header import GgufHeader

# What agents need to work at all; a larger default would take memory that most chats never use.
WINDOW_MAX = 32_768
# When the model does not tell its window: llama.cpp's own smallest useful one.
WINDOW_UNKNOWN = 4_096
# An encoder takes a text in one piece, and its attention over that piece is held in memory all at once: what bge-m3 and
# most others were trained for.
WHOLE_MAX, WHOLE_UNKNOWN, WHOLE_LEAST = 8_192, 512, 512
# Best first. Two slots at half the window serve more people than one at the whole.
_CHOICES = ((1, 4), (1, 2), (2, 2), (1, 1), (2, 1), (4, 1), (8, 1), (16, 1))


@dataclass(frozen=True, slots=True)
class Window:
    """`context` tokens for each of `slots` requests at once; `cache_mib` for prompts kept after their request; 0 for
    `threads`, `batch` and `micro_batch` (tokens computed at once) leaves them to the engine.
    """

    context: int
    slots: int
    cache_mib: int
    threads: int = 0
    batch: int = 0
    micro_batch: int = 0


def choose_window(header: GgufHeader, memory_bytes: int) -> Window:
    """Return the largest choice whose f16 key/value cache fits in a quarter of the machine's memory.

    The rest is for the weights, the prompt cache (a sixteenth, at most 2 GiB: llama.cpp's own default of 8 GiB would
    not fit on small machines) and everybody else. A model that embeds or reranks gets another one: see `_whole`.
    """
    if header.kind != "chat":
        return _whole(header, memory_bytes)
    whole = min(header.context_length or WINDOW_UNKNOWN, WINDOW_MAX)
    cache_mib = min(memory_bytes // 16 // 2**20, 2048)
    context, slots = whole, 1
    for divisor, slots in _CHOICES:
        context = max(whole // divisor, min(whole, 2048))
        if context * slots * header.kv_bytes_per_token <= memory_bytes // 4:
            break
    return Window(context, slots, cache_mib)


def _whole(header: GgufHeader, memory_bytes: int) -> Window:
    """Return the window of a model that embeds or reranks, with batches as large as a whole text.

    llama.cpp refuses a text longer than a micro batch for these ("input is too large to process"). What it holds then
    is a 4-byte number per head and pair of tokens where it has no flash attention: at most a quarter of the memory.
    They keep no prompts after their request.
    """
    context = min(header.context_length or WHOLE_UNKNOWN, WHOLE_MAX)
    while context > WHOLE_LEAST and 4 * max(header.heads, 1) * context**2 > memory_bytes // 4:
        context = max(context // 2, WHOLE_LEAST)
    slots = next((n for n in (4, 2) if context * n * header.kv_bytes_per_token <= memory_bytes // 4), 1)
    return Window(context, slots, 0, batch=context, micro_batch=context)
