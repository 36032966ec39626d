"""AMD's cards: what the kernel's amdgpu driver shows of them in /sys, without a vendor's library.

Memory: docs.kernel.org/gpu/amdgpu/driver-misc.html ("GPU Memory Usage Information"). A processor with graphics has a
small piece of memory set aside and takes the rest of the machine's (GTT) as it needs. Called by seen.py.
"""

from pathlib import Path

from flock.contract.hardware import Gpu
from flock.hardware.files import number, read

# PCI vendor id, as sysfs spells it
VENDOR = "0x1002"
# What is set aside for graphics within a processor is 64 MB to 4 GB by most firmware, and cards begin at 4 GB. One
# whose shared part is larger than its own and whose own is at most this has none of its own to speak of.
_SET_ASIDE = 4 * 2**30


def cards(root: Path) -> tuple[Gpu, ...]:
    """Return AMD's cards whose driver tells their memory; `root` is where /sys is."""
    found: list[Gpu] = []
    version = read(root / "sys/module/amdgpu/version").strip()
    for card in sorted(root.glob("sys/class/drm/card[0-9]*/device"), key=_index):
        total, used = number(card / "mem_info_vram_total"), number(card / "mem_info_vram_used")
        if read(card / "vendor").strip() != VENDOR or not total:
            continue
        free = None if used is None else max(total - used, 0)
        shared = number(card / "mem_info_gtt_total") or 0
        unified = total <= _SET_ASIDE and shared > total
        if unified:
            shared_used = number(card / "mem_info_gtt_used")
            free = None if free is None or shared_used is None else free + max(shared - shared_used, 0)
            total += shared
        name = read(card / "product_name").strip()
        found.append(Gpu(f"AMD {name or 'GPU'}", "amd", _index(card), total, free, unified=unified, driver=version))
    return tuple(found)


def _index(device: Path) -> int:
    # connectors are called card0-DP-1 and have no memory file
    words = device.parent.name.removeprefix("card")
    return int(words) if words.isdecimal() else 10**6
