"""What this machine is: system, processor, memory, graphics.

Reads what the kernel shows in files, so that nothing is spawned and no vendor's library is needed. What it cannot see
it leaves out. Called by core/daemon.py.
"""

import platform
import socket
from pathlib import Path

import psutil

from flock.contract.status import Machine
from flock.text import size

# PCI vendor id of AMD, as sysfs spells it
_AMD = "0x1002"


def machine(root: Path = Path("/")) -> Machine:
    """Return what this machine is; `root` is where /proc and /sys are looked for."""
    return Machine(
        hostname=socket.gethostname(),
        os=f"{platform.system()} {platform.release()}",
        arch=platform.machine(),
        cpu=_field(root / "proc/cpuinfo", "model name") or platform.processor(),
        cores=psutil.cpu_count() or 1,
        memory_bytes=psutil.virtual_memory().total,
        gpus=gpus(root),
    )


def gpus(root: Path) -> tuple[str, ...]:
    """Return the graphics cards: NVIDIA's by the driver's /proc files, AMD's by sysfs with their memory.

    A card whose driver is not loaded is not listed: no engine could use it.
    """
    nvidia = [_field(p, "Model") for p in sorted(root.glob("proc/driver/nvidia/gpus/*/information"))]
    amd: list[str] = []
    for card in sorted(root.glob("sys/class/drm/card[0-9]*/device")):
        memory = _read(card / "mem_info_vram_total").strip()
        if _read(card / "vendor").strip() == _AMD and memory.isdecimal():
            amd.append(f"AMD {_read(card / 'product_name').strip() or 'GPU'}, {size(int(memory))}")
    return tuple(f for f in [*nvidia, *amd] if f)


def _field(path: Path, name: str) -> str:
    """Return the value of the first "name: value" line of a file, "" where there is none."""
    for line in _read(path).splitlines():
        key, colon, value = line.partition(":")
        if colon and key.strip() == name:
            return value.strip()
    return ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
