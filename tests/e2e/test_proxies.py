"""flock behind real proxies, as docs/opening.md sets them up: streams pass at once, large requests too, wrong keys are
counted by who sent them.
"""

import contextlib
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.parts import CHAT, Client, Told, body
from tests.running import PATIENCE, ROOT, Flock, fake_upstream, flock_home, free_port, wait_for

GUIDE = (ROOT / "docs/opening.md").read_text()
SBIN = "/usr/sbin:/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin"
NGINX = shutil.which("nginx", path=SBIN)
CADDY = shutil.which("caddy", path=SBIN)
REFUSED_AFTER = 5


def recipe(language: str) -> str:
    """Return the guide's block in a language."""
    found = re.search(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    assert found is not None
    return found[1]


@contextlib.contextmanager
def running(argv: list[str], port: int, place: Path) -> Iterator[int]:
    """Run a server until the end of the block, once its port answers."""
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log, env={"HOME": str(place), "PATH": SBIN})
    try:

        def answers() -> bool:
            assert process.poll() is None, (place / "log").read_text()
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), PATIENCE).close()
                return True
            return False

        wait_for(answers, f"{argv[0]} listens")
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE)


@contextlib.contextmanager
def nginx(flock: Flock, place: Path) -> Iterator[int]:
    """Run nginx with the guide's recipe; the certificate and the port are this test's."""
    assert NGINX is not None
    port = free_port()
    openssl = shutil.which("openssl")
    assert openssl is not None
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=llm.example.org"),
            *("-keyout", str(place / "key.pem"), "-out", str(place / "cert.pem")),
        ],
        check=True,
        capture_output=True,
    )
    old = "listen 443 ssl;\n    http2 on;"
    text = recipe("nginx")
    assert old in text
    # the older spelling of the guide's note, which every nginx takes
    text = text.replace(old, f"listen 127.0.0.1:{port} ssl http2;")
    text = text.replace("/etc/ssl/llm.example.org/fullchain.pem", str(place / "cert.pem"))
    text = text.replace("/etc/ssl/llm.example.org/privkey.pem", str(place / "key.pem"))
    text = text.replace("127.0.0.1:8080", f"127.0.0.1:{flock.port}")
    scratch = "".join(
        f"{name}_temp_path {place}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = place / "nginx.conf"
    file.write_text(
        f"pid {place}/pid;\nerror_log stderr;\ndaemon off;\nmaster_process off;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{scratch}{text}}}\n"
    )
    with running([NGINX, "-p", str(place), "-c", str(file)], port, place):
        yield port


@contextlib.contextmanager
def caddy(flock: Flock, place: Path) -> Iterator[int]:
    """Run Caddy with the guide's recipe; without a name it asks nobody for a certificate."""
    assert CADDY is not None
    port = free_port()
    text = recipe("caddy").replace("llm.example.org {", f"http://127.0.0.1:{port} {{")
    file = place / "Caddyfile"
    file.write_text("{\n\tadmin off\n}\n" + text.replace("127.0.0.1:8080", f"127.0.0.1:{flock.port}"))
    with running([CADDY, "run", "--config", str(file), "--adapter", "caddyfile"], port, place):
        yield port


Proxy = Callable[[Flock, Path], "contextlib.AbstractContextManager[int]"]
PROXIES: dict[str, tuple[Proxy, bool]] = {"nginx": (nginx, True), "caddy": (caddy, False)}


class Behind:
    """A flock and what stands before it."""

    def __init__(self, flock: Flock, port: int, fake: int, tls: bool) -> None:
        self.flock, self.port, self.fake, self.tls = flock, port, fake, tls

    def client(self, key: str) -> Client:
        """Return a connection to the proxy."""
        made = Client(self.port, key)
        if self.tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.set_alpn_protocols(["http/1.1"])
            made.sock = made.connection.sock = context.wrap_socket(made.sock)
        return made


@pytest.fixture(scope="module", params=PROXIES)
def behind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    proxy, tls = PROXIES[request.param]
    place = tmp_path_factory.mktemp(request.param)
    with fake_upstream() as fake, flock_home(FLOCK_TRUST_PROXY_HEADERS="true") as flock:
        flock.home.mkdir()
        (flock.home / "config.yaml").write_text(f"auth:\n  bad_keys_per_minute: {REFUSED_AFTER}\n")
        flock.ok("up")
        flock.ok("engine", "attach", f"http://127.0.0.1:{fake}", "--name", "fake")
        with proxy(flock, place) as port:
            yield Behind(flock, port, fake, tls)


def test_words_pass_while_the_model_still_thinks(behind: Behind) -> None:
    with closing(behind.client(behind.flock.key)) as client, closing(Client(behind.fake)) as go:
        told = client.send(body("waits-midway", stream=True)).head()
        assert told.status == 200
        client.until(b'"content":')  # the engine has not ended: it waits for this test
        go.connection.request("GET", "/go")
        go.connection.getresponse().read()
        assert client.rest(told).clean


def test_a_large_request_passes(behind: Behind) -> None:
    words = "x" * (20 * 1024 * 1024)
    large = {"model": "ok", "messages": [{"role": "user", "content": words}]}
    with closing(behind.client(behind.flock.key)) as client:
        told = client.send(large).rest(client.head())
    assert told.status == 200, told.body[:500]


def test_long_headers_pass(behind: Behind) -> None:
    with closing(behind.client(behind.flock.key)) as client:
        told = client.send(body("ok"), headers={"X-Codex-Turn-Metadata": "m" * 16_000}).head()
        assert client.rest(told).status == 200


def wrong(behind: Behind, forwarded: str) -> Told:
    with closing(behind.client("sk-orc-wrong")) as client:
        return client.send(body("ok"), CHAT, {"X-Forwarded-For": forwarded}).rest(client.head())


def test_a_guesser_locks_nobody_out_and_cannot_pretend_to_be_another(behind: Behind) -> None:
    """What a client says of its own address is not believed: each guess names another, and all are one."""
    answers = [wrong(behind, f"198.51.100.{number}") for number in range(REFUSED_AFTER + 3)]
    assert [told.status for told in answers] == [401] * REFUSED_AFTER + [429] * 3
    refused = answers[-1]
    assert refused.error["code"] == "too_many_attempts"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    with closing(behind.client(behind.flock.key)) as client:
        assert client.send(body("ok")).rest(client.head()).status == 200
    rows = [row for row in behind.flock.json("audit") if row["outcome"] == "too_many_attempts"]
    assert len(rows) == 1
    assert rows[0]["target"] == "127.0.0.1"
