"""The window a request is sent to an Ollama with: `options.num_ctx`, so that no prompt is cut in silence.

Pure. Owns the rule by which a window is chosen. Refuses, with ContextTooLong and both numbers, what no window has room
for. Called by the plan with what the engine told about the model (/api/ps, /api/show) and what is estimated of the
prompt.

Without `num_ctx` Ollama loads a model with 4,096 tokens on a machine with less than 24 GB of graphics memory
(docs/context-length.mdx) and drops the oldest messages of what is longer. With another one than the model is loaded
with it loads the model anew, which takes seconds to minutes: so one that fits is kept.
"""

import math

from flock.errors import ContextTooLong

# How far an estimate may be below the truth: 90 % of texts are within 23 % of a model's own count (estimate.py), and
# 1 / (1 - 0.23) is 1.3.
MARGIN = 1.3
# The smallest window asked for, and the smallest for a model that is not loaded: coding tools soon need more than 4,096
# (Claude Code's own prompt has over 12,000 tokens), and a second load costs more than the memory of a few thousand.
LEAST, FRESH = 4096, 8192
# What an answer always has, as in tokens.py: a prompt that leaves less is too long.
ROOM_MIN = 256
# What an answer without a limit has room for, as the allowance for thinking in tokens.py; it may be longer.
ROOM = 2048


def num_ctx(
    prompt: int,
    answer: int | None,
    *,
    loaded: int | None,
    largest: int | None,
    fits: int | None,
    counted: bool = False,
) -> int:
    """Return the window in tokens to send a request with.

    `prompt`: its tokens, an estimate unless they were `counted` by the model's own tokenizer; `answer`: its limit, None
    for none. `loaded`: the window the model is loaded with, None when it is not; `largest`: the largest the model has;
    `fits`: the largest memory has room for; None for either that is not known. Raises ContextTooLong.

    A loaded window stays where prompt and answer fit into it. A larger one is the next power of two that holds both,
    capped by what there is; where that leaves less for the answer than asked for the answer will be shorter, which its
    `done_reason` says, but the prompt is always whole.
    """
    needed = prompt if counted else math.ceil(prompt * MARGIN)
    wanted = needed + (ROOM if answer is None else max(answer, ROOM_MIN))
    if loaded is not None and wanted <= loaded:
        return loaded
    limits = [limit for limit in (largest, fits) if limit is not None]
    # what is loaded has its memory already, whatever is left of it
    limit = max(min(limits), loaded or 0) if limits else None
    if limit is not None and needed + ROOM_MIN > limit:
        raise _too_long(needed + ROOM_MIN, limit, largest, fits)
    window = max(_power(wanted), LEAST if loaded is not None else FRESH, loaded or 0)
    return window if limit is None else min(window, limit)


def _power(tokens: int) -> int:
    """Return the next power of two."""
    return 1 << max(0, tokens - 1).bit_length()


def _too_long(tokens: int, limit: int, largest: int | None, fits: int | None) -> ContextTooLong:
    memory = fits is not None and (largest is None or fits < largest)
    return ContextTooLong(
        f"the prompt and the least of an answer need about {tokens} tokens, and "
        + (f"memory has room for a window of {limit}" if memory else f"the model's largest window is {limit}"),
        hint="send a shorter conversation, or use a model with a larger window",
        details={"tokens": tokens, "limit": limit},
    )
