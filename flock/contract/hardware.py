"""The hardware: what decides which models fit."""

from dataclasses import dataclass

from flock.contract.op import Op, operation


@dataclass(frozen=True, slots=True)
class Gpu:
    """A graphics card. `vendor` is nvidia, amd or apple; `unified`: its memory is the machine's; `free_bytes` is null
    where nobody tells; `driver` its driver's version, "" when unknown. `index` is the driver's number of it.
    """

    name: str
    vendor: str
    index: int
    total_bytes: int
    free_bytes: int | None
    unified: bool = False
    driver: str = ""


@dataclass(frozen=True, slots=True)
class Hardware:
    """This machine as models see it; sizes in bytes.

    `memory_class_gb` is its memory as people say it (16 for a "16 GB" box of 15.5 GiB). `pool` is where models lie:
    "memory", "unified" or "gpu"; `budget_bytes` is what they may take in all, `headroom_bytes` what is left to others,
    `resident_bytes` what flock's own take now. `models_dir` is where fetched files lie.
    """

    cpu: str
    arch: str
    cores: int
    memory_bytes: int
    memory_free_bytes: int
    memory_class_gb: int
    gpus: tuple[Gpu, ...]
    pool: str
    budget_bytes: int
    headroom_bytes: int
    resident_bytes: int
    models_dir: str
    disk_total_bytes: int
    disk_free_bytes: int
    notes: tuple[str, ...] = ()


@operation("hardware.show", "hardware", "GET /admin/v1/hardware", examples=("hardware", "hardware --json"))
class ShowHardware(Op[Hardware]):
    """Show what this machine has for models: memory, graphics, disk."""
