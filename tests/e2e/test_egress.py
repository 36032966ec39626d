"""Nothing but the configured addresses is contacted: a daemon with everything in it, and every connection it makes.

All other flocks of the tests are watched in the same way for what leaves the machine (tests/running.py). Here the set
is exact: engines, vendors, the ports of flock's own engines, flock's own door. Where the system lets processes be
traced, the kernel's word is compared with the library's.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.parts import environment
from tests.egress import Contact, Watch, library
from tests.running import ROOT, Flock, fake_upstream, flock_home, running_flock, wait_for

KEY = "sk-egress-key"
# none of these may be contacted, nor looked up: private, the cloud's own, a name of the inside, no picture's scheme
PICTURES = (
    "http://10.0.0.1/a.png",
    "http://169.254.169.254/latest/meta-data",
    "http://db.internal/a.png",
    "http://[::ffff:192.168.0.1]/a.png",
    "file:///etc/passwd",
)


@pytest.fixture(autouse=True)
def needed() -> None:
    """Skip where nothing can be watched; where all engines are asked for, that is a failure."""
    if library() is None:
        cause = "connections cannot be watched here: that needs Linux and a C compiler"
        if os.environ.get("FLOCK_TEST_ENGINES") == "all":
            pytest.fail(cause)
        pytest.skip(cause)


@contextmanager
def fake_vendor(name: str) -> Iterator[int]:
    """Run a fake vendor and yield its port."""
    words = ["--vendor", name, "--key", KEY]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.vendor", *words], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline().split()[1])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def ask(flock: Flock, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    """POST a request with the admin's key and return (status, answer)."""
    headers = {"Authorization": f"Bearer {flock.key}", "Content-Type": "application/json"}
    request = urllib.request.Request(flock.url + path, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def chat(flock: Flock, model: str, content: Any = "hi", **more: Any) -> tuple[int, Any]:
    body = {"model": model, "messages": [{"role": "user", "content": content}], "max_tokens": 8, **more}
    return ask(flock, "/v1/chat/completions", body)


def use(flock: Flock) -> None:
    """Do everything that could make a daemon contact somebody."""
    for model in ("tiny-script", "ok", "gpt-4o-mini", "claude-haiku-4-5"):
        status, told = chat(flock, model)
        assert (status, model, told) == (200, model, told)
    status, told = ask(flock, "/v1/embeddings", {"model": "text-embedding-3-small", "input": "hi"})
    assert (status, told) == (200, told)
    for url in PICTURES:
        status, told = chat(flock, "ok", [{"type": "image_url", "image_url": {"url": url}}])
        assert status == 400, told
    assert chat(flock, "no-such-model")[0] == 404
    flock.run("doctor")
    flock.ok("vendor", "test", "openai")
    flock.ok("vendor", "models", "anthropic")
    flock.ok("status")


def own_ports(flock: Flock) -> set[int]:
    """Return the ports of a flock's own engines."""
    endpoints = [engine["endpoint"] for engine in flock.json("engine", "ls") if engine["ownership"] == "own"]
    return {int(endpoint.rpartition(":")[2]) for endpoint in endpoints if endpoint}


@contextmanager
def furnished(model: Path) -> Iterator[tuple[Flock, set[int]]]:
    """Yield a flock with an engine of its own, an attached one and two vendors, and the ports of all of them."""
    with ExitStack() as stack:
        engine = stack.enter_context(fake_upstream())
        vendors = {name: stack.enter_context(fake_vendor(name)) for name in ("openai", "anthropic")}
        # what a proxy's variables say is for vendors on the internet, and never for these
        proxied = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:1")
        flock = stack.enter_context(running_flock(**environment(), **proxied, FLOCK_ENGINE="embedded"))
        smoke = own_ports(flock)  # of the built-in model, which makes room for others
        flock.ok("engine", "attach", f"http://127.0.0.1:{engine}", "--name", "fake")
        flock.ok("model", "add", f"file:{model}")
        for name, port in vendors.items():
            flock.ok("vendor", "add", name, "--url", f"http://127.0.0.1:{port}/v1", stdin=f"{KEY}\n")
        yield flock, {engine, *vendors.values(), *smoke}


def test_only_what_is_configured_is_contacted(models: dict[str, Path]) -> None:
    with furnished(models["tiny-script"]) as (flock, ports):
        use(flock)
        # its own door is what doctor knocks at; the last is where an Ollama would be (tests/running.py)
        allowed = ports | own_ports(flock) | {flock.port, 9}
        assert flock.egress.ports() == {("127.0.0.1", port) for port in allowed}
        # an address that is written out is no look-up
        assert {contact.host for contact in flock.egress.contacts() if contact.kind == "name"} <= {"127.0.0.1"}
        assert flock.egress.outside() == []


def traces() -> str:
    """Return the path of an strace that works here, "" for none: it may be missing, or tracing be forbidden."""
    found = shutil.which("strace") or ""
    argv = [found, "-f", "--seccomp-bpf", "-o", "/dev/null", "true"]
    tried = found and subprocess.run(argv, capture_output=True, check=False)
    return found if tried and tried.returncode == 0 else ""


# connect(7, {sa_family=AF_INET, sin_port=htons(8091), sin_addr=inet_addr("127.0.0.1")}, 16) = 0
_FOUR = re.compile(r'sa_family=AF_INET, sin_port=htons\((\d+)\), sin_addr=inet_addr\("([^"]+)"\)')
_SIX = re.compile(r'sa_family=AF_INET6, sin6_port=htons\((\d+)\).*?inet_pton\(AF_INET6, "([^"]+)"')


def test_the_kernel_saw_no_more_than_the_library(tmp_path: Path) -> None:
    strace = traces()
    if not strace:
        pytest.skip("strace is not installed, or processes may not be traced here")
    record = tmp_path / "calls"
    with flock_home(**environment(), FLOCK_ENGINE="embedded") as flock, fake_upstream() as engine:
        argv = [strace, "-f", "--seccomp-bpf", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", str(record)]
        daemon = subprocess.Popen(
            [*argv, sys.executable, "-P", "-m", "flock", "up", "--foreground"],
            env=flock.environment, cwd=flock.home.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            wait_for(lambda: flock.run("status").returncode == 0, "the daemon serves")
            wait_for(lambda: chat(flock, "flock-smoke")[0] == 200, "the embedded engine answers")
            flock.ok("engine", "attach", f"http://127.0.0.1:{engine}", "--name", "fake")
            assert chat(flock, "ok")[0] == 200
        finally:
            flock.run("down", "--grace", "0")
            daemon.wait()
        calls = record.read_text()
        seen = {(host, int(port)) for port, host in [*_FOUR.findall(calls), *_SIX.findall(calls)]}
        assert ("127.0.0.1", engine) in seen
        assert seen <= flock.egress.ports()


@pytest.mark.parametrize(
    ("kind", "host", "inside"),
    [
        ("inet", "127.0.0.1", True),
        ("inet", "127.8.0.1", True),
        ("inet", "::1", True),
        ("inet", "::ffff:127.0.0.1", True),
        ("inet", "0.0.0.0", True),
        ("inet", "10.0.0.1", False),
        ("inet", "169.254.169.254", False),
        ("inet", "::ffff:10.0.0.1", False),
        ("inet", "fe80::1", False),
        ("name", "localhost", True),
        ("name", "127.0.0.1", True),
        ("name", "2130706433", True),
        ("name", "0x7f.1", True),
        ("name", "167772161", False),
        ("name", "api.openai.com", False),
        ("family-40", "?", False),
    ],
)
def test_what_is_inside(kind: str, host: str, inside: bool) -> None:
    assert Contact(1, "connect", kind, host, 0).inside is inside


def test_a_process_and_its_children_are_seen() -> None:
    watch = Watch()
    # a broadcast address takes no connection, so that nothing leaves this machine
    outside = "import socket; s = socket.socket(); print(s.connect_ex(('255.255.255.255', 9)))"
    script = (
        "import socket, subprocess, sys\n"
        "socket.getaddrinfo('localhost', 1)\n"
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))\n"
        f"subprocess.run([sys.executable, '-c', {outside!r}], check=True)\n"
    )
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], env=dict(os.environ) | watch.environment, check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    told = {(contact.call, contact.host, contact.port) for contact in watch.contacts()}
    assert {("getaddrinfo", "localhost", 0), ("sendto", "127.0.0.1", 9), ("connect", "255.255.255.255", 9)} <= told
    assert [contact.host for contact in watch.outside()] == ["255.255.255.255"]
    assert len({contact.pid for contact in watch.contacts()}) == 2
