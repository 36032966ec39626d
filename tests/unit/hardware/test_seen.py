"""What is seen of a machine: the kernel's files laid out as they are, NVIDIA's library answered by a stand-in."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from flock.contract.hardware import Gpu
from flock.hardware import apple, nvidia
from flock.hardware.seen import Seen, look, memory_class, simulated

GIB = 2**30
MEMINFO = "MemTotal:       65536000 kB\nMemFree:         1000000 kB\nMemAvailable:   50000000 kB\n"


def lay(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def test_this_machine() -> None:
    seen = look()
    assert 0 < seen.memory_free_bytes <= seen.memory_bytes
    assert seen.cores > 0
    assert seen.cpu
    assert seen.os
    assert seen.pool_free_bytes <= seen.pool_total_bytes
    assert look().cpu == seen.cpu


@pytest.mark.parametrize(
    ("gib", "said"),
    [
        *((15.5, 16), (14.9, 16), (7.6, 8), (7.45, 8), (23.5, 24), (62.6, 64), (79.2, 80), (503, 512), (1007, 1024)),
        *((3.8, 4), (13.9, 13), (100, 100), (0.4, 1), (11.0, 11)),
    ],
)
def test_memory_is_called_as_people_call_it(gib: float, said: int) -> None:
    assert memory_class(int(gib * GIB)) == said


# -- memory of containers


def test_memory_of_a_whole_machine(tmp_path: Path) -> None:
    seen = look(lay(tmp_path, {"proc/meminfo": MEMINFO, "proc/self/cgroup": "0::/\n"}))
    assert (seen.memory_bytes, seen.memory_free_bytes) == (65_536_000 * 1024, 50_000_000 * 1024)
    assert seen.memory_class_gb == 64
    assert seen.pool == "memory"


def test_container_of_the_second_generation(tmp_path: Path) -> None:
    lay(
        tmp_path,
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": f"{8 * GIB}\n",
            "sys/fs/cgroup/memory.current": f"{3 * GIB}\n",
            # read once and not needed any more: the kernel gives it back before it refuses anybody
            "sys/fs/cgroup/memory.stat": f"anon 5\ninactive_file {GIB}\n",
            "sys/fs/cgroup/cpu.max": "150000 100000\n",
        },
    )
    seen = look(tmp_path)
    assert (seen.memory_bytes, seen.memory_free_bytes, seen.memory_class_gb) == (8 * GIB, 6 * GIB, 8)
    assert seen.cores <= 2


def test_limit_of_a_group_around_counts(tmp_path: Path) -> None:
    lay(
        tmp_path,
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "0::/user.slice/flock.service\n",
            "sys/fs/cgroup/user.slice/memory.max": f"{16 * GIB}\n",
            "sys/fs/cgroup/user.slice/memory.current": f"{15 * GIB}\n",
            "sys/fs/cgroup/user.slice/flock.service/memory.max": "max\n",
        },
    )
    seen = look(tmp_path)
    assert (seen.memory_bytes, seen.memory_free_bytes) == (16 * GIB, GIB)


def test_container_of_the_first_generation(tmp_path: Path) -> None:
    lay(
        tmp_path,
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "9:name=systemd:/\n4:memory:/docker/abc\n0::/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{4 * GIB}\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{GIB}\n",
        },
    )
    seen = look(tmp_path)
    assert (seen.memory_bytes, seen.memory_free_bytes) == (4 * GIB, 3 * GIB)


def test_a_limit_larger_than_the_machine_is_none(tmp_path: Path) -> None:
    files = {"proc/self/cgroup": "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}
    assert look(lay(tmp_path, {"proc/meminfo": MEMINFO, **files})).memory_bytes == 65_536_000 * 1024


# -- NVIDIA


@dataclass
class Card:
    name: str
    total: int
    free: int
    used: dict[int, int] = field(default_factory=dict[int, int])
    silent: bool = False
    broken: bool = False


@dataclass
class Told:
    total: int = 0
    free: int = 0
    pid: int = 0
    usedGpuMemory: int | None = 0


class Library:
    """Speaks as pynvml does."""

    def __init__(self, *cards: Card, fails: str = "") -> None:
        self.cards = cards
        self.fails = fails

    def nvmlSystemGetDriverVersion(self) -> str:
        if self.fails:
            raise RuntimeError(self.fails)
        return "580.65"

    def nvmlDeviceGetCount(self) -> int:
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Card:
        if self.cards[index].broken:
            raise RuntimeError("GPU is lost")
        return self.cards[index]

    def nvmlDeviceGetName(self, card: Card) -> str:
        return card.name

    def nvmlDeviceGetMemoryInfo(self, card: Card) -> Told:
        if card.silent:
            raise RuntimeError("Not Supported")
        return Told(card.total, card.free)

    def nvmlDeviceGetComputeRunningProcesses(self, card: Card) -> list[Told]:
        return [Told(pid=pid, usedGpuMemory=used or None) for pid, used in card.used.items()]


def test_nvidia_cards_with_their_memory(tmp_path: Path) -> None:
    library = Library(Card("RTX 4090", 24 * GIB, 20 * GIB), Card("RTX 3060", 12 * GIB, 11 * GIB))
    seen = look(tmp_path, nvml=library)
    assert seen.gpus == (
        Gpu("RTX 4090", "nvidia", 0, 24 * GIB, 20 * GIB, driver="580.65"),
        Gpu("RTX 3060", "nvidia", 1, 12 * GIB, 11 * GIB, driver="580.65"),
    )
    assert (seen.pool, seen.pool_total_bytes, seen.pool_free_bytes) == ("gpu", 36 * GIB, 31 * GIB)
    assert not seen.notes


def test_a_card_without_memory_of_its_own_shares_the_machines(tmp_path: Path) -> None:
    lay(tmp_path, {"proc/meminfo": MEMINFO})
    seen = look(tmp_path, nvml=Library(Card("GB10", 0, 0, silent=True)))
    assert seen.pool == "unified"
    assert seen.pool_total_bytes == seen.memory_bytes


def test_a_lost_card_takes_no_other_with_it(tmp_path: Path) -> None:
    seen = look(tmp_path, nvml=Library(Card("A", 0, 0, broken=True), Card("B", 8 * GIB, 8 * GIB)))
    assert [gpu.name for gpu in seen.gpus] == ["B"]
    assert seen.notes == ("the NVIDIA card 0 is not used: GPU is lost",)


def test_a_driver_that_does_not_work_is_noted(tmp_path: Path) -> None:
    seen = look(tmp_path, nvml=Library(fails="Driver/library version mismatch"))
    assert seen.gpus == ()
    assert seen.notes == ("CPU only although there is an NVIDIA driver: Driver/library version mismatch",)
    lay(tmp_path, {"proc/driver/nvidia/version": "NVRM version: 580\n"})
    assert look(tmp_path).notes[0].startswith("CPU only although there is an NVIDIA driver")


def test_what_processes_hold_of_the_cards() -> None:
    library = Library(Card("A", 9, 9, {1: 100, 2: 50, 3: 0}), Card("B", 9, 9, {1: 11}))
    assert nvidia.used_by({1}, library) == 111
    assert nvidia.used_by({1, 2}, library) == 161
    assert nvidia.used_by({3, 4}, library) is None  # WSL tells nothing
    assert nvidia.used_by({1}, Library(Card("A", 9, 9, broken=True))) is None


# -- AMD, Apple, and cards that nothing can use


def amd(root: Path, number: int, **files: str) -> None:
    lay(root, {f"sys/class/drm/card{number}/device/{name}": content for name, content in files.items()})


def test_amd_cards_with_their_memory(tmp_path: Path) -> None:
    vram = {"mem_info_vram_total": "17163091968\n", "mem_info_vram_used": "163091968\n"}
    amd(tmp_path, 1, vendor="0x1002\n", product_name="Radeon PRO W7800\n", **vram)
    amd(tmp_path, 0, vendor="0x8086\n")
    lay(tmp_path, {"sys/class/drm/card1-DP-1/status": "connected"})
    seen = look(tmp_path)
    assert seen.gpus == (Gpu("AMD Radeon PRO W7800", "amd", 1, 17_163_091_968, 17_000_000_000),)
    assert seen.pool == "gpu"


def test_amd_graphics_within_a_processor_share_the_machines_memory(tmp_path: Path) -> None:
    lay(tmp_path, {"proc/meminfo": MEMINFO})
    vram = {"mem_info_vram_total": str(GIB // 2), "mem_info_vram_used": str(GIB // 4)}
    gtt = {"mem_info_gtt_total": str(30 * GIB), "mem_info_gtt_used": str(2 * GIB)}
    amd(tmp_path, 0, vendor="0x1002", **vram, **gtt)
    (gpu,) = look(tmp_path).gpus
    assert (gpu.unified, gpu.total_bytes, gpu.free_bytes) == (True, 30 * GIB + GIB // 2, 28 * GIB + GIB // 4)
    assert look(tmp_path).pool == "unified"


def pci(root: Path, address: str, vendor: str, kind: str = "0x030000", driver: str = "") -> None:
    lay(root, {f"sys/bus/pci/devices/{address}/vendor": vendor, f"sys/bus/pci/devices/{address}/class": kind})
    if driver:
        lay(root, {f"sys/bus/pci/drivers/{driver}/bind": ""})
        (root / f"sys/bus/pci/devices/{address}/driver").symlink_to(root / f"sys/bus/pci/drivers/{driver}")


@pytest.mark.parametrize(
    ("vendor", "driver", "said"),
    [
        ("0x10de", "", "CPU only although there is an NVIDIA card at PCI 0000:01:00.0: no driver serves it"),
        ("0x10de", "nouveau", "the driver nouveau serves it, which computes nothing"),
        ("0x1002", "radeon", "the kernel's amdgpu has to be loaded"),
        ("0x1002", "amdgpu", "does not tell its memory"),
    ],
)
def test_a_card_that_nothing_can_use_is_noted(tmp_path: Path, vendor: str, driver: str, said: str) -> None:
    pci(tmp_path, "0000:01:00.0", vendor, driver=driver)
    pci(tmp_path, "0000:01:00.1", vendor, kind="0x040300")  # its sound
    pci(tmp_path, "0000:00:02.0", "0x8086")
    seen = look(tmp_path)
    assert seen.gpus == ()
    (note,) = seen.notes
    assert said in note


def test_a_card_that_is_used_is_not_noted(tmp_path: Path) -> None:
    pci(tmp_path, "0000:01:00.0", "0x10de", driver="nvidia")
    assert look(tmp_path, nvml=Library(Card("A", 8 * GIB, 8 * GIB))).notes == ()


@pytest.mark.parametrize(
    ("gib", "wired", "allowed"), [(16, 0, 16 * 2 / 3), (64, 0, 48), (64, 57344, 56), (16, 32768, 16)]
)
def test_apple_graphics_hold_what_metal_or_the_user_allows(gib: int, wired: int, allowed: float) -> None:
    told: dict[str, Any] = {"iogpu.wired_limit_mb": wired.to_bytes(4, "little")}
    gpu = apple.graphics("Apple M2", gib * GIB, 40 * GIB, lambda name: told.get(name, b""))
    assert (gpu.unified, gpu.total_bytes) == (True, int(allowed * GIB))
    assert gpu.free_bytes == min(40 * GIB, gpu.total_bytes)


# -- pools and imagined machines


def test_a_small_card_holds_no_models() -> None:
    seen = Seen("c", "x86_64", "Linux", 8, 32 * GIB, 30 * GIB, 32, (Gpu("GT 1030", "nvidia", 0, 2 * GIB, 2 * GIB),))
    assert (seen.pool, seen.pool_total_bytes) == ("memory", 32 * GIB)


def test_a_card_that_does_not_tell_what_is_free_counts_whole() -> None:
    seen = Seen("c", "x86_64", "Linux", 8, 32 * GIB, 30 * GIB, 32, (Gpu("W7800", "amd", 0, 32 * GIB, None),))
    assert seen.pool_free_bytes == 32 * GIB


@pytest.mark.parametrize("gigabytes", [8, 16, 24, 64, 512])
def test_imagined_machines_are_of_their_class(gigabytes: int) -> None:
    plain, mac, card = simulated(gigabytes), simulated(gigabytes, "apple"), simulated(gigabytes, "nvidia:24")
    assert {seen.memory_class_gb for seen in (plain, mac, card)} == {gigabytes}
    assert [seen.pool for seen in (plain, mac, card)] == ["memory", "unified", "gpu"]
    assert memory_class(card.pool_total_bytes) == 24
    assert all(0 < seen.pool_free_bytes < seen.pool_total_bytes for seen in (plain, card))
    assert simulated(gigabytes, "amd").gpus[0].vendor == "amd"
