"""A daemon and a vendor over TLS: who is believed, what breaks how, and that the key is nowhere to be read."""

import http.client
import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.certificates import Authority
from tests.running import PATIENCE, ROOT, Flock, flock_home, running_flock, wait_for

KEY = "sk-over-tls-0123456789"
MODEL = "gpt-4o-mini"


class Vendor:
    """The fake vendor, seen from outside."""

    def __init__(self, port: int, authority: Authority) -> None:
        self.port = port
        self.authority = authority
        self.url = f"https://127.0.0.1:{port}/v1"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        context = ssl.create_default_context(cafile=str(self.authority.file))
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=PATIENCE, context=context)
        connection.request(method, path, None if body is None else json.dumps(body))
        told = json.loads(connection.getresponse().read())
        connection.close()
        return told

    def faults(self, *kinds: str) -> None:
        self.call("POST", "/control", {"faults": [{"kind": kind} for kind in kinds]})


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendor]:
    folder = tmp_path_factory.mktemp("vendor")
    authority = Authority(folder)
    words = ["--vendor", "openai", "--key", KEY, "--tls", str(authority.write(folder))]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.vendor", *words], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    yield Vendor(int(process.stdout.readline().split()[1]), authority)
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture(scope="module")
def flock(vendor: Vendor) -> Iterator[Flock]:
    """A flock that trusts the vendor's authority, and whose files never hold the key but where secrets are."""
    with running_flock(SSL_CERT_FILE=str(vendor.authority.file), FLOCK_ENGINE="embedded") as flock:
        flock.ok("vendor", "add", "openai", "--url", vendor.url, stdin=f"{KEY}\n")
        yield flock
        log = (flock.home / "logs/flock.log").read_text()
        assert KEY not in log
        assert "Traceback" not in log


@contextmanager
def post(flock: Flock, **more: Any) -> Iterator[http.client.HTTPResponse]:
    """Send a chat request and yield the answer, unread; afterwards the connection is closed."""
    connection = http.client.HTTPConnection("127.0.0.1", flock.port, timeout=PATIENCE)
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], **more}
    headers = {"Authorization": f"Bearer {flock.key}", "Content-Type": "application/json"}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
    with closing(connection):
        yield connection.getresponse()


def told(flock: Flock, **more: Any) -> tuple[int, Any]:
    with post(flock, **more) as answer:
        return answer.status, json.loads(answer.read())


def test_a_vendor_whose_authority_is_trusted_answers(flock: Flock, vendor: Vendor) -> None:
    vendor.faults()
    status, body = told(flock)
    assert (status, body["usage"]["prompt_tokens_details"]["cached_tokens"]) == (200, 3)
    with post(flock, stream=True) as answer:
        assert answer.read().endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("redirect", "answers 307 and wants the request at http://127.0.0.1:9/elsewhere"),
        ("cut_before", ""),
        ("failed", ""),
        ("huge_error", ""),
    ],
)
def test_a_vendor_that_fails_is_named(flock: Flock, vendor: Vendor, fault: str, words: str) -> None:
    vendor.faults(fault)
    status, body = told(flock, stream=True)
    vendor.faults()
    message = body["error"]["message"]
    assert status in (502, 503), message
    assert "openai" in message
    assert words in message
    assert KEY not in json.dumps(body)
    assert "secret" not in message


def test_a_client_that_leaves_stops_the_vendor(flock: Flock, vendor: Vendor) -> None:
    vendor.faults("stall")
    before = vendor.call("GET", "/seen")["closed_early"]
    with post(flock, stream=True) as answer:
        assert answer.read(1)
    wait_for(lambda: vendor.call("GET", "/seen")["closed_early"] == before + 1, "the vendor saw the client leave")


def test_a_vendor_whose_authority_nobody_knows_gets_no_key(vendor: Vendor) -> None:
    vendor.faults()
    before = len(vendor.call("GET", "/seen")["requests"])
    with flock_home(FLOCK_ENGINE="embedded") as flock:
        flock.ok("up")
        flock.ok("vendor", "add", "openai", "--url", vendor.url, "--no-test", stdin=f"{KEY}\n")
        status, body = told(flock)
        assert status == 502
        assert "the certificate of 127.0.0.1 is not valid" in body["error"]["message"]
        assert KEY not in json.dumps(body)
        assert KEY not in (flock.home / "logs/flock.log").read_text()
    assert len(vendor.call("GET", "/seen")["requests"]) == before


def test_where_the_key_lies(flock: Flock) -> None:
    """Only the store of secrets holds it: no database, no log, no configuration."""
    holding = [path for path in flock.home.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    assert len(holding) <= 1, holding
    for path in holding:
        assert path.stat().st_mode & 0o077 == 0, path
        assert is_secret(path), path


def is_secret(path: Path) -> bool:
    return "secret" in str(path.relative_to(path.parents[2]))
