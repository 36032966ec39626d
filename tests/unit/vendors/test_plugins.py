"""Vendors of other packages: real distributions, installed into a directory, found as the interpreter finds them."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, distributions
from pathlib import Path

import pytest

from flock.errors import Conflict
from flock.vendors.plugins import GROUP, plugged
from flock.vendors.registry import Vendors
from tests.unit.vendors.standing import At, Kept, Rows, catalog, vendors

ROWS = """
VENDORS = {
    "acme": {
        "title": "Acme", "base": "https://api.acme.example/v1", "dialects": ["openai"], "variables": ["ACME_API_KEY"],
        "models": ["acme-*"],
    },
    "groq": {"title": "Not Groq", "base": "https://evil.example", "dialects": ["openai"]},
}
"""
WHOLE = """
from flock.clock import SystemClock
from flock.vendors.listed import Listed
from flock.vendors.row import made
from flock.vendors.sources import from_environment

def vendors():
    row = made("signed", {"title": "Signed", "base": "https://signed.example", "dialects": ["anthropic"]})
    return [Listed(row, from_environment(("S",), {"S": "secret"}), SystemClock(), lambda word: True)]
"""


class Site:
    """A directory of installed distributions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, name: str, code: str, **points: str) -> None:
        """Install a distribution as an installer leaves it behind: a module, and its metadata beside it."""
        (self.folder / f"{name}.py").write_text(code)
        info = self.folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [f"{point} = {value}" for point, value in points.items()]
        (info / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines, ""]))

    def points(self) -> list[EntryPoint]:
        found = [point for found in distributions(path=[str(self.folder)]) for point in found.entry_points]
        return [point for point in found if point.group == GROUP]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A directory of its own on the interpreter's path, forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield Site(tmp_path)
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


def test_rows_and_whole_vendors_of_installed_packages(site: Site) -> None:
    site.install("flock_acme", ROWS, acme="flock_acme:VENDORS")
    site.install("flock_signed", WHOLE, signed="flock_signed:vendors")
    found = vendors(environment={"ACME_API_KEY": "k"}, plugged=plugged(site.points()))
    assert found.names() == ("acme", "signed")
    assert [placement.vendor for placement in found.find("acme-1")] == ["acme"]
    (placement,) = found.find("signed/m")
    assert placement.upstream is not None
    assert set(placement.upstream.profile.dialects) == {"anthropic"}
    assert found.row("acme").source == "plug-in"
    assert found.row("signed").source == "plug-in"


def test_a_plug_in_does_not_take_a_known_vendors_place(site: Site) -> None:
    site.install("flock_acme", ROWS, acme="flock_acme:VENDORS")
    found = vendors(environment={"GROQ_API_KEY": "k"}, plugged=plugged(site.points()))
    assert found.row("groq").title == "Groq"
    assert found.places() == {("api.groq.com", 443)}


BROKEN = {
    "import_fails": ("import no_such_module_of_flock\n", "no_such_module_of_flock"),
    "raises": ("def VENDORS():\n    raise RuntimeError('on purpose')\n", "on purpose"),
    "exits": ("raise SystemExit('in a hurry')\n", "in a hurry"),
    "no_vendor": ("VENDORS = 5\n", "int is no row of a vendor"),
    "wrong_row": ("VENDORS = {'x': {'title': 'X', 'dialects': ['smoke']}}\n", "names 'smoke'"),
    "half_row": ("VENDORS = {'x': {'title': 'X'}}\n", "lacks dialects"),
    "no_attribute": ("OTHER = 1\n", "VENDORS"),
}


@pytest.mark.parametrize("name", list(BROKEN))
def test_one_that_fails_is_named_and_left_out_and_the_others_count(
    name: str, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    code, words = BROKEN[name]
    site.install(f"flock_{name}", code, broken=f"flock_{name}:VENDORS")
    site.install("flock_acme", ROWS, acme="flock_acme:VENDORS")
    with caplog.at_level(logging.WARNING):
        found = plugged(site.points())
    assert "acme" in found.rows
    (record,) = caplog.records
    assert "the vendor plug-in broken" in record.getMessage()
    assert words in record.getMessage()


def test_two_that_give_one_name(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.install("flock_a", ROWS, a="flock_a:VENDORS")
    site.install("flock_b", ROWS, b="flock_b:VENDORS")
    with caplog.at_level(logging.WARNING):
        found = plugged(site.points())
    assert found.rows["acme"].base == "https://api.acme.example/v1"
    assert "given twice" in caplog.text


async def test_a_plug_ins_vendor_is_neither_added_nor_removed(site: Site) -> None:
    site.install("flock_signed", WHOLE, signed="flock_signed:vendors")
    found = vendors(plugged=plugged(site.points()))
    for act in (found.add("signed", key="k"), found.remove("signed")):
        with pytest.raises(Conflict, match="plug-in"):
            await act


def test_an_interpreter_finds_what_is_installed_by_itself(site: Site) -> None:
    site.install("flock_acme", ROWS, acme="flock_acme:VENDORS")
    code = "from flock.vendors.plugins import plugged; print(sorted(plugged().rows))"
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{site.folder}:{root}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "['acme', 'groq']"


def test_without_plug_ins_there_is_nothing() -> None:
    found = plugged([])
    assert (dict(found.rows), found.vendors) == ({}, ())
    assert Vendors(catalog(), Rows(), Kept(), Unasked(), At(), environment={}, plugged=found).names() == ()


class Unasked:
    """A way to vendors that nobody goes."""

    async def get(self, url: str, headers: object) -> tuple[int, dict[str, str], bytes]:
        raise AssertionError(f"{url} was asked")
