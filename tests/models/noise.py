"""Random weights that are the same on every machine. Called by the makers of models beside it."""

import random
import struct


def noise(source: random.Random, count: int, shift: int) -> list[float]:
    """Return numbers between -1 and 1, over 2**shift; sums and quotients of powers of two, so exact everywhere."""
    scale = 1 << (15 + shift)
    return [(bits - 32768) / scale for bits in struct.unpack(f"<{count}H", source.randbytes(2 * count))]
