"""NVIDIA's cards: what the driver's own library (NVML, by nvidia-ml-py) says of them and their memory.

Owns that the library is imported only where a driver is, and what is said when it does not work. A card that no engine
could use is not listed. Called by seen.py; `used_by` by whoever wants to know what an engine takes of a card.
"""

import functools
import logging
from collections.abc import Collection
from pathlib import Path
from typing import Any

from flock.contract.hardware import Gpu

log = logging.getLogger(__name__)

# where a driver shows: the kernel module's files, and WSL's library, which has no module of its own
_DRIVER = ("proc/driver/nvidia/version", "dev/nvidiactl", "usr/lib/wsl/lib/libnvidia-ml.so.1")


def has_driver(root: Path = Path("/")) -> bool:
    """Say whether an NVIDIA driver is loaded."""
    return any((root / path).exists() for path in _DRIVER)


@functools.cache
def library() -> tuple[Any, str]:
    """Return the started NVML and "", or None and why not; blocking, the first time for some ten milliseconds.

    Started once for the process: starting it for every look would wake a card that sleeps each time.
    """
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception as error:  # NVMLError is of no fixed kind, and a library of another version lacks functions
        return None, str(error)
    return pynvml, ""


def cards(nvml: Any, memory_bytes: int, memory_free_bytes: int) -> tuple[tuple[Gpu, ...], tuple[str, ...]]:
    """Return the cards and notes about those that do not answer; `nvml` is pynvml or speaks like it.

    A card without memory of its own (GB10, Jetson: NVML has no such number for them) shares the machine's.
    """
    found: list[Gpu] = []
    notes: list[str] = []
    try:
        driver, count = str(nvml.nvmlSystemGetDriverVersion()), int(nvml.nvmlDeviceGetCount())
    except Exception as error:
        return (), (f"CPU only although there is an NVIDIA driver: {error}",)
    for index in range(count):
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            name = str(nvml.nvmlDeviceGetName(handle))
        except Exception as error:  # one that has fallen off the bus takes no other with it
            notes.append(f"the NVIDIA card {index} is not used: {error}")
            continue
        try:
            memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        except Exception:
            found.append(Gpu(name, "nvidia", index, memory_bytes, memory_free_bytes, unified=True, driver=driver))
        else:
            found.append(Gpu(name, "nvidia", index, int(memory.total), int(memory.free), driver=driver))
    return tuple(found), tuple(notes)


def used_by(pids: Collection[int], nvml: Any = None) -> int | None:
    """Return the bytes of card memory that these processes hold, None where nobody tells (no NVIDIA card, WSL)."""
    if nvml is None:
        if not has_driver():
            return None
        nvml, _ = library()
        if nvml is None:
            return None
    total: int | None = None
    try:
        for index in range(int(nvml.nvmlDeviceGetCount())):
            for process in nvml.nvmlDeviceGetComputeRunningProcesses(nvml.nvmlDeviceGetHandleByIndex(index)):
                if process.pid in pids and process.usedGpuMemory is not None:
                    total = (total or 0) + int(process.usedGpuMemory)
    except Exception as error:
        log.debug("NVML does not tell who uses the cards: %s", error)
        return None
    return total
