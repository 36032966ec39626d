"""Fake vendors and a flock in front of them, with keys for them in its environment: what the tests of vendors stand on.

All vendors are one process, each at its own port (tests/fakes/vendor.py); a catalog of the flock's own says where. What
a vendor saw is the proof of most tests: paths, headers, and digests of what must not be compared in the clear.
"""

import contextlib
import hashlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from flock.vendors.row import VendorRow, load_vendors
from tests.e2e.parts import Told, ask, explained, settings, usage
from tests.running import PATIENCE, ROOT, Flock, flock_home, wait_for

# those that every fake knows; a flock has the first, or both
KEYS = ("sk-vendor-first-0123456789abcdef", "sk-vendor-second-0123456789abcdef")
AZURE = "https://box.openai.azure.com"
VERSION = "2023-06-01"
USER: dict[str, Any] = {"role": "user", "content": "hi"}


def catalog() -> dict[str, VendorRow]:
    """Return flock's own vendors, templates among them."""
    return load_vendors([ROOT / "catalog"])[0]


def digest(text: str) -> str:
    """Return a sha256, as the fakes tell of keys."""
    return hashlib.sha256(text.encode()).hexdigest()


@contextlib.contextmanager
def fakes(*names: str, keys: tuple[str, ...] = KEYS) -> Iterator[dict[str, int]]:
    """Run the fakes of some vendors and yield their ports."""
    words = [word for name in names for word in ("--vendor", name)] + [w for key in keys for w in ("--key", key)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.vendor", *words], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    try:
        yield {name: int(process.stdout.readline().split()[1]) for name in names}
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def there(url: str, port: int) -> str:
    """Return a vendor's URL at the port of its fake."""
    return urlunsplit(urlsplit(url)._replace(scheme="http", netloc=f"127.0.0.1:{port}"))


def overlay(row: VendorRow, port: int) -> dict[str, Any]:
    """Return what a catalog of one's own says to have a vendor at the port of its fake."""
    moved: dict[str, Any] = {"base": there(row.base or AZURE, port)}
    if row.bases:
        moved["bases"] = {place: there(url, port) for place, url in row.bases.items()}
    for name in ("list", "check"):
        if (url := getattr(row, name)).startswith("https://"):
            moved[name] = there(url, port)
    return moved


@dataclass
class Standing:
    """A flock in front of fakes."""

    flock: Flock
    ports: dict[str, int]
    before: dict[str, int] = field(default_factory=dict)

    # -- the vendors

    def call(self, vendor: str, path: str, body: Any = None) -> Any:
        """Ask a fake beside its own paths."""
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[vendor]}{path}", data, timeout=PATIENCE) as answer:
            return json.load(answer)

    def seen(self, vendor: str) -> list[dict[str, Any]]:
        """Return what a vendor was asked since the test began (`forget`), looks at its list left out."""
        found = self.call(vendor, "/seen")["requests"][self.before.get(vendor, 0) :]
        return [request for request in found if request["method"] == "POST"]

    def forget(self) -> None:
        """Have every vendor do right again, and let what was seen so far be the past."""
        for vendor in self.ports:
            self.faults(vendor)
            self.before[vendor] = len(self.call(vendor, "/seen")["requests"])

    def faults(self, vendor: str, *faults: dict[str, Any] | str) -> None:
        """Have a vendor's next answers go wrong; a word is a fault that comes once."""
        found = [{"kind": fault} if isinstance(fault, str) else fault for fault in faults]
        self.call(vendor, "/control", {"faults": found})

    def left(self, vendor: str) -> int:
        """Return how many answers of a vendor the other side did not wait for."""
        return int(self.call(vendor, "/seen")["closed_early"])

    # -- the flock

    def ask(
        self, path: str, body: dict[str, Any], key: str | None = None, headers: Mapping[str, str] = {}, /, **more: Any
    ) -> Told:
        """Send one request, with the admin's key unless told otherwise ("" for none)."""
        shown = self.flock.key if key is None else key
        return ask(self.flock.port, shown, body | more, path, headers)

    def chat(self, model: str, **more: Any) -> Told:
        """Send one chat."""
        return self.ask("/v1/chat/completions", {"model": model, "messages": [USER], **more})

    def messages(self, model: str, **more: Any) -> Told:
        """Send one request in Anthropic's dialect, with the header that its clients always send."""
        body = {"model": model, "max_tokens": 99, "messages": [USER], **more}
        return self.ask("/v1/messages", body, None, {"anthropic-version": VERSION})

    def explained(self, told: Told) -> dict[str, Any]:
        """Return why a request went where it went, once it has ended."""
        return explained(self.flock, told.id)

    def usage(self, told: Told) -> dict[str, Any]:
        """Return the row of a request, once it is written."""
        return self.row(told.id)

    def row(self, request_id: str) -> dict[str, Any]:
        """Return the row of a request by its id, once it is written."""
        return wait_for(lambda: usage(self.flock).get(request_id), f"{request_id} is counted")

    def log(self) -> str:
        """Return the daemon's log."""
        return (self.flock.home / "logs/flock.log").read_text()


def moved(home: Path, ports: Mapping[str, int]) -> None:
    """Write the catalog that has vendors at the ports of their fakes, for a flock that does not run yet."""
    rows = catalog()
    folder = home / "catalog"
    folder.mkdir(parents=True, exist_ok=True)
    sheet = {"vendors": {name: overlay(rows[name], port) for name, port in ports.items()}}
    (folder / "vendors.yaml").write_text(json.dumps(sheet["vendors"]))


@contextlib.contextmanager
def standing(*names: str, keys: int = 1, config: str = "", **environ: str) -> Iterator[Standing]:
    """Yield a flock that has keys for these vendors in its environment; it must not have met what it did not expect.

    `config` is what its configuration says; a variable given in `environ` stands in place of a key.
    """
    rows = catalog()
    with fakes(*names) as ports:
        for name in names:
            for number, key in enumerate(KEYS[:keys], 1):
                environ.setdefault(rows[name].variables[0] + (f"_{number}" if number > 1 else ""), key)
        # what vendors cost is asked of the tables where a test is about that (test_prices.py): a second of a core each
        environ.setdefault("FLOCK_PRICES_TABLES", "false")
        with flock_home(FLOCK_ENGINE="embedded", **environ) as flock:
            moved(flock.home, ports)
            settings(flock, config)
            flock.ok("up")
            yield Standing(flock, ports)
            log = (flock.home / "logs/flock.log").read_text()
            assert "Traceback" not in log
            assert not [key for key in KEYS if key in log]
