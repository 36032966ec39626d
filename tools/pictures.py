"""Draw the full screen for the README and the guides: docs/pictures/*.svg, and the dashboard as PNG too.

Run by `make docs`. A real daemon in a directory of its own, two tiny models that llama.cpp serves, keys of three
people, requests that run while the pictures are taken: nothing on them is made up. They differ from run to run, so no
test compares them.
"""

import asyncio
import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.models.make import ensure  # noqa: E402
from tests.running import free_port  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
# columns and lines of each picture: what a laptop's terminal has
SIZE = (112, 34)
# Those that show no path of the machine they were taken on
PAGES = ("home", "monitor", "tokens", "usage")
# Requests that have ended before the first picture is taken: enough for figures and curves to say something
ENDED = 40
# What a page asks for has come by then
SETTLED_SECONDS = 3.0
PEOPLE = ("ada", "grace", "linus")
# as long as people's answers are; the tiny models never end by themselves
TOKENS = 3000
WAIT_SECONDS = 60.0


class Flock:
    """A daemon in a directory of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environ = {**os.environ, "FLOCK_HOME": str(home), "FLOCK_LISTEN": f"127.0.0.1:{free_port()}"}

    def run(self, *words: str) -> Any:
        """Run a command and return what it printed as JSON."""
        argv = [sys.executable, "-m", "flock", *words, "--json"]
        done = subprocess.run(argv, env=self.environ, cwd=ROOT, capture_output=True, text=True, check=True)
        return json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else None

    def port(self) -> int:
        """Return where the public door is."""
        return int(self.run("status")["api_url"].rsplit(":", 1)[1].partition("/")[0])


def ask(port: int, key: str, model: str, tokens: int, stop: threading.Event) -> None:
    """Stream one answer, until it ends or `stop` is set."""
    body = {"model": model, "stream": True, "max_tokens": tokens, "messages": [{"role": "user", "content": "Hello"}]}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_SECONDS)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        answer = connection.getresponse()
        while not stop.is_set() and answer.readline():
            pass
    connection.close()


@contextlib.contextmanager
def traffic(port: int, keys: list[str]) -> Iterator[None]:
    """Have people ask, over and over."""
    stop = threading.Event()

    def person(at: int, key: str) -> None:
        turn = 0
        while not stop.is_set():
            ask(port, key, "tiny-chat" if (at + turn) % 3 else "tiny-script", TOKENS // (1 + turn % 3), stop)
            turn += 1

    threads = [threading.Thread(target=person, args=(at, key), daemon=True) for at, key in enumerate(keys)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(WAIT_SECONDS)


async def take(home: Path, pages: list[str]) -> dict[str, str]:
    """Open the screen in front of the daemon, go through the pages, and return their pictures as SVG by name."""
    os.environ["FLOCK_HOME"] = str(home)
    from flock.cli import call
    from flock.tui.app import FlockApp

    found: dict[str, str] = {}
    app = FlockApp(lambda: (call.reach(), call.perform))
    async with app.run_test(size=SIZE) as pilot:
        while not app.begun or len(app.state.ended) < ENDED:
            await pilot.pause(0.1)
        for page in pages:
            app.open(page)
            for theme in ("light", "dark") if page == "home" else ("dark",):
                app.theme = theme
                await pilot.pause(SETTLED_SECONDS)
                found[page if theme == "dark" else f"{page}-{theme}"] = clean(app.export_screenshot(title="flock"))
    return found


def clean(svg: str) -> str:
    """Return a picture without fonts from the network: whoever looks has a monospaced one."""
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.S)
    svg = svg.replace("Fira Code", "ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono")
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"


def png(svg: str) -> bytes:
    """Return a picture as PNG, twice as fine as a screen shows it."""
    import resvg_py

    drawn = resvg_py.svg_to_bytes(
        svg_string=svg.replace("ui-monospace, SFMono-Regular, Menlo, Consolas, ", ""),
        zoom=1,
        font_family="DejaVu Sans Mono",
        monospace_family="DejaVu Sans Mono",
    )
    return bytes(drawn)


def main() -> int:
    """Write the pictures and return 0; names after the command choose some of them."""
    chosen = sys.argv[1:] or list(PAGES)
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="flock-pictures-") as directory:
        flock = Flock(Path(directory) / "home")
        models = ensure(Path(directory) / "models")
        flock.run("up", "--no-wizard")
        try:
            for name in ("tiny-chat", "tiny-script"):
                flock.run("model", "add", f"file:{models[name]}", "--name", name)
            flock.run("model", "default", "tiny-chat")
            limits = ("--rpm", "120", "--quota", "2000000")
            keys = [flock.run("token", "create", person, *limits)["token"] for person in PEOPLE]
            with traffic(flock.port(), keys):
                taken = asyncio.run(take(flock.home, chosen))
            for name, svg in taken.items():
                (PICTURES / f"{name}.svg").write_text(svg, "utf-8")
                if name == "home":
                    (PICTURES / "home.png").write_bytes(png(svg))
                print(f"pictures: docs/pictures/{name}.svg", file=sys.stderr)
        finally:
            subprocess.run([sys.executable, "-m", "flock", "down"], env=flock.environ, cwd=ROOT, check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
