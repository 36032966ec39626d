"""Apple's machines: one memory for processor and graphics, and how much of it the graphics may hold.

Owns the sysctl names. Called by seen.py on a Mac.
"""

import ctypes
import ctypes.util
from collections.abc import Callable

from flock.contract.hardware import Gpu

MIB = 2**20
# What Metal lets graphics hold by default: two thirds up to 36 GB, three quarters above (llama.cpp prints it at start).
# https://developer.apple.com/documentation/metal/mtldevice/recommendedmaxworkingsetsize
_LARGE = 37 * 2**30
_SMALL_SHARE, _LARGE_SHARE = 2 / 3, 3 / 4

# sysctl by name: bytes of the value, b"" when there is none of that name
Sysctl = Callable[[str], bytes]


def sysctl(name: str) -> bytes:
    """Return the raw value of a sysctl, b"" when there is none (sysctlbyname(3); no process is started)."""
    libc = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True)
    size = ctypes.c_size_t(0)
    if libc.sysctlbyname(name.encode(), None, ctypes.byref(size), None, ctypes.c_size_t(0)) != 0:
        return b""
    room = ctypes.create_string_buffer(size.value)
    if libc.sysctlbyname(name.encode(), room, ctypes.byref(size), None, ctypes.c_size_t(0)) != 0:
        return b""
    return room.raw[: size.value]


def cpu(ask: Sysctl) -> str:
    """Return the processor's name ("Apple M2 Pro"), "" when it is not told."""
    return ask("machdep.cpu.brand_string").rstrip(b"\0").decode("utf-8", "replace")


def memory(ask: Sysctl) -> int:
    """Return the machine's memory in bytes, 0 when it is not told."""
    return int.from_bytes(ask("hw.memsize"), "little")


def graphics(name: str, memory_bytes: int, free_bytes: int, ask: Sysctl) -> Gpu:
    """Return Apple's graphics: part of the machine's memory, up to what the user or else Metal allows."""
    wired = int.from_bytes(ask("iogpu.wired_limit_mb"), "little") * MIB
    allowed = wired or int(memory_bytes * (_LARGE_SHARE if memory_bytes >= _LARGE else _SMALL_SHARE))
    total = min(allowed, memory_bytes)
    return Gpu(name or "Apple GPU", "apple", 0, total, min(free_bytes, total), unified=True)
