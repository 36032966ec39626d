"""The fixed answers to the operation of the hardware; values.py has those of all others."""

from typing import Any

from flock.contract.hardware import Gpu, Hardware, ShowHardware
from flock.contract.op import Op

PLAIN = Hardware(
    cpu="AMD Ryzen 7 7700",
    arch="x86_64",
    cores=16,
    memory_bytes=33_281_593_344,
    memory_free_bytes=28_000_000_000,
    memory_class_gb=32,
    gpus=(),
    pool="memory",
    budget_bytes=31_134_109_696,
    headroom_bytes=2_147_483_648,
    resident_bytes=5_500_000_000,
    models_dir="/home/ada/.local/share/flock/models",
    disk_total_bytes=500_000_000_000,
    disk_free_bytes=120_000_000_000,
)
CARDS = Hardware(
    cpu="Intel Xeon Gold 6430",
    arch="x86_64",
    cores=64,
    memory_bytes=270_000_000_000,
    memory_free_bytes=250_000_000_000,
    memory_class_gb=256,
    gpus=(
        Gpu("NVIDIA GeForce RTX 4090", "nvidia", 0, 25_757_220_864, 20_000_000_000, driver="580.65.06"),
        Gpu("AMD Radeon PRO W7800", "amd", 1, 34_342_961_152, None),
    ),
    pool="gpu",
    budget_bytes=57_952_698_368,
    headroom_bytes=2_147_483_648,
    resident_bytes=0,
    models_dir="/srv/models",
    disk_total_bytes=4_000_000_000_000,
    disk_free_bytes=3_100_000_000_000,
)
MAC = Hardware(
    cpu="Apple M2 Pro",
    arch="arm64",
    cores=12,
    memory_bytes=34_359_738_368,
    memory_free_bytes=20_000_000_000,
    memory_class_gb=32,
    gpus=(Gpu("Apple M2 Pro", "apple", 0, 22_906_492_245, 20_000_000_000, unified=True),),
    pool="unified",
    budget_bytes=20_759_008_597,
    headroom_bytes=2_147_483_648,
    resident_bytes=9_000_000_000,
    models_dir="/Users/ada/Library/Application Support/flock/models",
    disk_total_bytes=1_000_000_000_000,
    disk_free_bytes=410_000_000_000,
)
UNUSED = Hardware(
    cpu="Intel Core i7-12700",
    arch="x86_64",
    cores=20,
    memory_bytes=16_642_998_272,
    memory_free_bytes=12_000_000_000,
    memory_class_gb=16,
    gpus=(),
    pool="memory",
    budget_bytes=14_000_000_000,
    headroom_bytes=2_642_998_272,
    resident_bytes=0,
    models_dir="/home/ada/.local/share/flock/models",
    disk_total_bytes=500_000_000_000,
    disk_free_bytes=120_000_000_000,
    notes=(
        "CPU only although there is an NVIDIA card at PCI 0000:01:00.0: the driver nouveau serves it, which computes "
        "nothing; NVIDIA's own has to be installed, and nvidia-smi says whether it works",
    ),
)

HARDWARE_CASES: dict[str, tuple[Op[Any], Any]] = {
    "hardware.show": (ShowHardware(), PLAIN),
    "hardware.show-cards": (ShowHardware(), CARDS),
    "hardware.show-mac": (ShowHardware(), MAC),
    "hardware.show-unused": (ShowHardware(), UNUSED),
}
