"""What this machine has for models: processor, memory, graphics; and machines that are only imagined.

Owns the one look at the hardware, and which memory models lie in. Reads files and the drivers' libraries; spawns
nothing. What it cannot see it leaves out, with a note where that surprises. Called by core/ (`hardware`, `status`), by
engines/memory.py for what is free now, and by models/ for what fits.
"""

import functools
import math
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flock.contract.hardware import Gpu
from flock.hardware import amd, apple, nvidia, pci
from flock.hardware.files import field, number, read
from flock.hardware.memory import GIB, memory_class, total_and_free

__all__ = ["Seen", "look", "memory_class", "simulated"]

# A card with less memory holds no model worth serving beside its cache; models lie in the machine's memory then.
_POOL_LEAST = 3 * GIB


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at a machine; sizes in bytes. `memory_bytes` is what this process may use: a container's limit counts.
    `notes` say what is there and cannot be used.
    """

    cpu: str
    arch: str
    os: str
    cores: int
    memory_bytes: int
    memory_free_bytes: int
    memory_class_gb: int
    gpus: tuple[Gpu, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def cards(self) -> tuple[Gpu, ...]:
        """The cards with memory of their own that is large enough for models."""
        return tuple(gpu for gpu in self.gpus if not gpu.unified and gpu.total_bytes >= _POOL_LEAST)

    @property
    def pool(self) -> str:
        """Where models lie: "gpu" for cards, "unified" for memory that processor and graphics share, else "memory"."""
        if self.cards:
            return "gpu"
        return "unified" if any(gpu.unified for gpu in self.gpus) else "memory"

    @property
    def pool_total_bytes(self) -> int:
        """How large that memory is: all cards together, since engines lay a model's layers over several."""
        if self.pool == "gpu":
            return sum(gpu.total_bytes for gpu in self.cards)
        if self.pool == "unified":
            return min(self.memory_bytes, max(gpu.total_bytes for gpu in self.gpus if gpu.unified))
        return self.memory_bytes

    @property
    def pool_free_bytes(self) -> int:
        """How much of it is free now; all of a card that does not tell."""
        if self.pool == "gpu":
            return sum(gpu.total_bytes if gpu.free_bytes is None else gpu.free_bytes for gpu in self.cards)
        return min(self.memory_free_bytes, self.pool_total_bytes)


def look(root: Path = Path("/"), nvml: Any = None) -> Seen:
    """Look at this machine; blocking, a few milliseconds (the first time longer where NVIDIA's driver is).

    `root` is where /proc and /sys are, for tests; `nvml` speaks like pynvml, which is taken where a driver is. What
    does not change while a process lives is looked at once.
    """
    facts = _facts(root)
    total, free = total_and_free(root)
    cards, notes, why = _nvidia(root, nvml, total, free)
    gpus = (*cards, *amd.cards(root))
    if facts.apple:
        total = apple.memory(apple.sysctl) or total
        gpus = (apple.graphics(facts.cpu, total, free, apple.sysctl),)
    notes = (*notes, *pci.unused(root, {gpu.vendor for gpu in gpus}, why))
    return Seen(facts.cpu, facts.arch, facts.os, facts.cores, total, free, memory_class(total), gpus, notes)


@dataclass(frozen=True, slots=True)
class _Facts:
    cpu: str
    arch: str
    os: str
    cores: int
    apple: bool


@functools.cache
def _facts(root: Path) -> _Facts:
    system, arch = platform.system(), platform.machine()
    is_mac = root == Path("/") and system == "Darwin"
    cpu = apple.cpu(apple.sysctl) if is_mac else field(root / "proc/cpuinfo", "model name", "Model", "Hardware")
    title = f"{system} {platform.release()}"
    return _Facts(cpu or platform.processor() or arch, arch, title, _cores(root), is_mac and arch == "arm64")


def _cores(root: Path) -> int:
    """Return how many processors this process may keep busy: its affinity, and a container's quota of time."""
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = read(root / "sys/fs/cgroup/cpu.max").strip().partition(" ")
    if not quota.isdecimal():  # "max", or the first generation's files
        quota = str(number(root / "sys/fs/cgroup/cpu/cpu.cfs_quota_us") or "")
        period = str(number(root / "sys/fs/cgroup/cpu/cpu.cfs_period_us") or "")
    if quota.isdecimal() and period.isdecimal() and int(period) > 0:
        own = min(own, max(1, math.ceil(int(quota) / int(period))))
    return own


def _nvidia(root: Path, nvml: Any, total: int, free: int) -> tuple[tuple[Gpu, ...], tuple[str, ...], dict[str, str]]:
    """Return the cards, notes, and why there are none when a driver says so."""
    if nvml is None:
        if not nvidia.has_driver(root):
            return (), (), {}
        nvml, trouble = nvidia.library() if root == Path("/") else (None, "its library was not asked")
        if nvml is None:
            why = f"the driver does not work: {trouble}; nvidia-smi says more"
            seen_on_bus = any(read(d / "vendor").strip() == "0x10de" for d in root.glob("sys/bus/pci/devices/*"))
            # a virtual machine may hide the bus; the driver is there all the same, and so is the surprise
            notes = () if seen_on_bus else (f"CPU only although there is an NVIDIA driver: {why}",)
            return (), notes, {"nvidia": why}
    cards, notes = nvidia.cards(nvml, total, free)
    return cards, notes, {}


def simulated(gigabytes: int, gpu: str = "") -> Seen:
    """Return an imagined machine of 8 cores for `--dry-run` and tests: a "16 GB" one has 15.5 GiB, 1 GiB in use.

    `gpu` "" has none; "apple" shares the memory; "nvidia" or "amd" is a card of as many GB as the machine,
    "nvidia:24" one of 24 GB.
    """
    total = int(gigabytes * GIB * 0.97)
    free = max(total - GIB, total // 2)
    vendor, _, words = gpu.partition(":")
    gpus: tuple[Gpu, ...] = ()
    if vendor == "apple":
        gpus = (apple.graphics("Apple (simulated)", total, free, lambda _name: b""),)
    elif vendor:
        own = int(int(words or gigabytes) * GIB * 0.99)
        gpus = (Gpu(f"{vendor.upper()} (simulated)", vendor, 0, own, own - GIB // 2, driver="simulated"),)
    arch, system = ("arm64", "Darwin") if vendor == "apple" else ("x86_64", "Linux")
    return Seen("simulated", arch, system, 8, total, free, memory_class(total), gpus)
