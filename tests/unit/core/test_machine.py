"""What the kernel's files say about a machine; the cards this one lacks are laid out as their drivers do."""

from pathlib import Path

from flock.core.machine import gpus, machine


def test_this_machine() -> None:
    found = machine()
    assert found.memory_bytes > 0
    assert found.cores > 0
    assert found.hostname
    assert found.os


def test_nvidia_cards_are_named_by_their_driver(tmp_path: Path) -> None:
    card = tmp_path / "proc/driver/nvidia/gpus/0000:01:00.0/information"
    card.parent.mkdir(parents=True)
    card.write_text("Model: \t\t NVIDIA GeForce RTX 4070\nIRQ:   \t\t 150\n")
    assert gpus(tmp_path) == ("NVIDIA GeForce RTX 4070",)


def test_amd_cards_show_their_memory(tmp_path: Path) -> None:
    card = tmp_path / "sys/class/drm/card0/device"
    card.mkdir(parents=True)
    (card / "vendor").write_text("0x1002\n")
    (card / "mem_info_vram_total").write_text("17163091968\n")
    (card / "product_name").write_text("Radeon PRO W7800\n")
    intel = tmp_path / "sys/class/drm/card1/device"
    intel.mkdir(parents=True)
    (intel / "vendor").write_text("0x8086\n")
    assert gpus(tmp_path) == ("AMD Radeon PRO W7800, 17.2 GB",)


def test_no_cards(tmp_path: Path) -> None:
    assert gpus(tmp_path) == ()
