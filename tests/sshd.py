"""A real sshd on loopback, with keys and configuration of its own, and the `ssh` of somebody who logs in to it.

Who logs in is the user who runs the tests. Nothing of that user's own ssh is read or written.
"""

import contextlib
import os
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from tests.running import ROOT, free_port, wait_for


def script(path: Path, text: str) -> Path:
    """Write an executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def flock_script(path: Path, environment: Mapping[str, str]) -> Path:
    """Write a script that is flock in this environment, whatever sshd hands on."""
    names = {"PYTHONPATH": str(ROOT), **environment}
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in names.items() if name != "PATH")
    return script(path, f'{exports}exec {shlex.quote(sys.executable)} -P -m flock "$@"')


class Box:
    """A box behind ssh. `bin` is on the PATH of who logs in, `home` is their home; `client` has an `ssh` that knows it
    as `box`, and as `inner` behind a jump over itself.
    """

    def __init__(self, top: Path, port: int) -> None:
        self.port = port
        self.home = top / "far"
        self.bin = top / "far-bin"
        self.client = top / "near-bin"
        self.known = top / "known"
        self.config = top / "ssh_config"
        self.log = top / "sshd.log"
        self.server: psutil.Popen | None = None

    def connections(self) -> list[psutil.Process]:
        """Return the processes of sshd that serve somebody."""
        assert self.server is not None
        with contextlib.suppress(psutil.Error):
            return self.server.children(recursive=True)
        return []


@contextlib.contextmanager
def running_box(top: Path, path: str = "/usr/bin:/bin") -> Iterator[Box]:
    """Run it; left out where there is no sshd, but never where CI runs."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    ssh = shutil.which("ssh")
    if program is None or ssh is None:
        cause = "sshd is not installed (Debian: openssh-server)"
        pytest.fail(cause) if os.environ.get("CI") else pytest.skip(cause)
    for name in ("host", "user", "stranger"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(top / name)], check=True)
    (top / "authorized").write_text((top / "user.pub").read_text())
    box = Box(top, free_port())
    for folder in (box.home, box.bin, box.client):
        folder.mkdir()
    kind, key = (top / "host.pub").read_text().split()[:2]
    box.known.write_text(f"[127.0.0.1]:{box.port} {kind} {key}\n")
    (top / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{box.port}\nHostKey {top}/host\nPidFile none\nAuthorizedKeysFile {top}/authorized\n"
        "StrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\n"
        f"KbdInteractiveAuthentication no\nSetEnv HOME={box.home} PATH={box.bin}:{path}\n"
    )
    box.config.write_text(
        f"Host box 127.0.0.1 inner\n  HostName 127.0.0.1\n  Port {box.port}\nHost inner\n  ProxyJump box\n"
        f"Host shut\n  HostName 127.0.0.1\n  Port {free_port()}\nHost stranger\n  IdentityFile {top}/stranger\n"
        f"  HostName 127.0.0.1\n  Port {box.port}\nHost nowhere\n  HostName nowhere.invalid\n"
        f"Host unknown\n  HostName 127.0.0.1\n  Port {box.port}\n  UserKnownHostsFile none\n"
        f"Host shared\n  HostName 127.0.0.1\n  Port {box.port}\n  ControlMaster auto\n  ControlPersist yes\n"
        f"  ControlPath {top}/c-%C\nHost *\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {box.known}\n  GlobalKnownHostsFile none\n"
        f"Match !originalhost stranger\n  IdentityFile {top}/user\n"
    )
    script(box.client / "ssh", f'exec {ssh} -F {box.config} "$@"')
    if os.getuid() == 0:
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # where its unprivileged half is locked in
    with box.log.open("w") as log:
        box.server = psutil.Popen([program, "-D", "-e", "-f", str(top / "sshd_config")], stderr=log)
    try:

        def listens() -> bool:
            assert box.server is not None
            assert box.server.poll() is None, box.log.read_text()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", box.port)) == 0

        wait_for(listens, "sshd listens")
        yield box
    finally:
        left = box.connections()
        box.server.terminate()
        box.server.wait()
        for process in left:  # a connection's own process outlives the listening one
            with contextlib.suppress(psutil.Error):
                process.kill()
