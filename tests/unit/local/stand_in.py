"""A process in the daemon's place: keeps the promise of the ready pipe, holds the lock, answers at the socket.

Run as `python stand_in.py MODE [VERSION]` with FLOCK_HOME set. MODE is ready, first (a first key was made), error, die
or silent.
"""

import fcntl
import json
import os
import socketserver
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import Any

from flock import __version__
from flock.contract import codec
from flock.contract.lifecycle import Stopped
from flock.contract.models import Model
from flock.contract.status import Finding, Machine, Status
from flock.errors import Conflict, StartFailed
from flock.paths import find_home, private_dir


def status(version: str) -> Status:
    """Return the status of a daemon with the smoke model only."""
    home = find_home()
    return Status(
        version=version,
        pid=os.getpid(),
        started_at="2026-01-01T00:00:00Z",
        uptime_seconds=1.0,
        home=str(home.config),
        socket=str(home.socket),
        api_url=os.environ.get("STAND_IN_URL", "http://127.0.0.1:8080") + "/v1",
        health_url="http://127.0.0.1:8080/healthz",
        admin_key_file=str(home.admin_key),
        require_keys=True,
        draining=False,
        default_model="flock-smoke",
        machine=Machine("box", "Linux", "x86_64", "cpu", 2, 8_000_000_000),
        engines=(),
        models=(Model("flock-smoke", "ready", "embedded", "built-in", 131072, 100_000, True),),
        requests_running=0,
        requests_total=0,
    )


class Handler(BaseHTTPRequestHandler):
    """The few routes that `flock up` and `flock doctor` ask for."""

    version = __version__

    def address_string(self) -> str:
        """Return a name for the log; a Unix socket has no address."""
        return "local"

    def answer(self, value: Any) -> None:
        """Send a value as JSON."""
        body = codec.dumps(value)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        """Answer health, status and usage."""
        if self.path == "/healthz":
            self.answer({"status": "ok", "version": self.version, "pid": os.getpid()})
        elif self.path == "/admin/v1/status":
            self.answer(status(self.version))
        elif self.path == "/admin/v1/status?examine=true":
            finding = Finding("limits", "ok", "1 key with a quota or a budget: counters are what usage adds up to")
            self.answer(replace(status(self.version), findings=(finding,)))
        else:
            self.answer([])

    def do_POST(self) -> None:
        """Answer the shutdown, then end."""
        self.answer(Stopped(running=True, pid=os.getpid()))
        self.wfile.flush()
        threading.Thread(target=self.server.shutdown, daemon=True).start()


def tell(word: dict[str, Any]) -> None:
    """Write the one line and close the pipe; without a pipe say nothing."""
    number = os.environ.get("FLOCK_READY_FD")
    if number:
        with os.fdopen(int(number), "w") as pipe:
            pipe.write(json.dumps(word) + "\n")


def main() -> None:
    """Do what MODE says."""
    mode, version = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else __version__
    home = find_home()
    with open(home.run / "starts", "a", encoding="utf-8") as starts:
        starts.write(f"{os.getpid()}\n")
    if mode == "error":
        tell({"error": StartFailed("port 8080 is taken", hint="flock config set listen 127.0.0.1:8081").to_plain()})
        sys.exit(1)
    if mode == "die":
        sys.exit("line one\nValueError: the last line")
    if mode == "silent":
        threading.Event().wait()
    lock = os.open(home.lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        tell({"error": Conflict("flock already runs here").to_plain()})
        sys.exit(1)
    os.ftruncate(lock, 0)
    os.write(lock, f"{os.getpid()}\n".encode())
    if mode == "first":
        private_dir(home.config)
        home.admin_key.write_text("sk-orc-test-key\n", "utf-8")
        home.admin_key.chmod(0o600)
    Handler.version = version
    home.socket.unlink(missing_ok=True)
    with socketserver.ThreadingUnixStreamServer(str(home.socket), Handler) as server:
        server.daemon_threads = True
        tell({"ready": True, "first_key": mode == "first"})
        server.serve_forever(poll_interval=0.02)
    home.socket.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
