"""Graphics cards that are plugged in, whether or not anything can use them: what the PCI bus lists.

Owns the note about a card without a usable driver, since a flock that quietly computes on the processor beside a card
is the complaint users make most. Called by seen.py.
"""

from collections.abc import Collection
from pathlib import Path

from flock.hardware.files import read

_VENDORS = {"0x10de": "nvidia", "0x1002": "amd"}
_TITLES = {"nvidia": "NVIDIA", "amd": "AMD"}
# PCI class codes: 0x0300 VGA, 0x0302 3D, 0x0380 other display (pci-ids.ucw.cz/read/PD/03)
_DISPLAY = ("0x0300", "0x0302", "0x0380")


def unused(root: Path, used: Collection[str], why: dict[str, str]) -> tuple[str, ...]:
    """Return a note for each plugged-in card of a vendor of whom no card can be used.

    `used` are the vendors with a usable card; `why` what is known about the others, by vendor.
    """
    notes: list[str] = []
    for device in sorted(root.glob("sys/bus/pci/devices/*")):
        vendor = _VENDORS.get(read(device / "vendor").strip(), "")
        if not vendor or vendor in used or not read(device / "class").strip().startswith(_DISPLAY):
            continue
        bound = (device / "driver").resolve().name if (device / "driver").exists() else ""
        notes.append(
            f"CPU only although there is an {_TITLES[vendor]} card at PCI {device.name}: "
            + (why.get(vendor) or _reason(vendor, bound))
        )
    return tuple(notes)


def _reason(vendor: str, bound: str) -> str:
    if vendor == "nvidia":
        has = f"the driver {bound} serves it, which computes nothing" if bound else "no driver serves it"
        return f"{has}; NVIDIA's own has to be installed, and nvidia-smi says whether it works"
    if bound == "amdgpu":
        return "its driver amdgpu does not tell its memory"
    has = f"the driver {bound} serves it" if bound else "no driver serves it"
    return f"{has}; the kernel's amdgpu has to be loaded"
