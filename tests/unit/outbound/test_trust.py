"""Certificates: who is believed, and what is said of whom is not. There is no way past them."""

import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flock.outbound.attempt import Limits
from flock.outbound.failures import TooSlow, Unreached
from flock.outbound.trust import system_context
from flock.outbound.vendors import VendorClient
from tests.fakes.certificates import Authority, load
from tests.unit.outbound.peer import Peer, running_peer, until


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def ask(peer: Peer, host: str = "127.0.0.1", limits: Limits | None = None, **environ: str) -> bytes:
    client = VendorClient(lambda: frozenset({(host, peer.port)}), environ=environ, limits=limits)
    try:
        exchange = await client.send(peer.url("/v1/x", "https", host), {"Authorization": "Bearer sk-secret"}, b"{}")
        try:
            return await exchange.body()
        finally:
            exchange.release()
    finally:
        await client.close()


async def refused(peer: Peer, host: str = "127.0.0.1", **environ: str) -> str:
    with pytest.raises(Unreached) as caught:
        await ask(peer, host, **environ)
    assert caught.value.__context__ is None  # whose objects hold the request's headers
    assert peer.seen == []
    return str(caught.value)


@pytest.fixture
async def peer(authority: Authority) -> AsyncIterator[Peer]:
    async with running_peer(authority.server()) as peer:
        yield peer


async def test_an_authority_of_the_users_own_is_believed(authority: Authority, peer: Peer) -> None:
    assert await ask(peer, SSL_CERT_FILE=str(authority.file)) == b'{"ok":true}'
    assert await ask(peer, "localhost", SSL_CERT_FILE=str(authority.file)) == b'{"ok":true}'


async def test_a_folder_of_authorities_is_believed(authority: Authority, peer: Peer, tmp_path: Path) -> None:
    folder = tmp_path / "authorities"
    folder.mkdir()
    name = subject_hash(authority.file)
    (folder / f"{name}.0").write_bytes(authority.file.read_bytes())
    assert await ask(peer, SSL_CERT_DIR=str(folder)) == b'{"ok":true}'


def subject_hash(file: Path) -> str:
    """Return the name that OpenSSL looks for in a folder: SHA-1 of the canonical subject, its first four bytes."""
    done = subprocess.run(
        ["openssl", "x509", "-subject_hash", "-noout", "-in", str(file)], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


async def test_an_authority_nobody_knows_is_refused(peer: Peer) -> None:
    said = await refused(peer)
    assert said.startswith("the certificate of 127.0.0.1 is not valid: ")
    assert "self-signed certificate in certificate chain" in said or "unable to get local issuer" in said


async def test_a_certificate_of_another_host_is_refused(authority: Authority) -> None:
    async with running_peer(authority.server("vendor.example")) as peer:
        said = await refused(peer, SSL_CERT_FILE=str(authority.file))
        assert said == (
            "the certificate of 127.0.0.1 is not valid: IP address mismatch, certificate is not valid for '127.0.0.1'"
        )
        assert "Hostname mismatch" in await refused(peer, "localhost", SSL_CERT_FILE=str(authority.file))


async def test_an_expired_certificate_is_refused(authority: Authority) -> None:
    async with running_peer(authority.server(expired=True)) as peer:
        said = await refused(peer, SSL_CERT_FILE=str(authority.file))
        assert said == "the certificate of 127.0.0.1 is not valid: certificate has expired"


async def test_the_file_for_another_process_serves_the_same(authority: Authority, tmp_path: Path) -> None:
    async with running_peer(load(authority.write(tmp_path))) as peer:
        assert await ask(peer, SSL_CERT_FILE=str(authority.file)) == b'{"ok":true}'


async def test_a_port_without_tls_is_told_as_such(authority: Authority) -> None:
    async with running_peer() as peer:
        said = await refused(peer, SSL_CERT_FILE=str(authority.file))
        assert said == "no TLS with 127.0.0.1: wrong version number"


async def test_a_handshake_that_is_never_answered_has_its_limit(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        peer = Peer(port=silent.getsockname()[1])
        with pytest.raises(TooSlow) as caught:
            await ask(peer, limits=Limits(connect=0.1, tls=0.1), SSL_CERT_FILE=str(authority.file))
    assert str(caught.value) == f"127.0.0.1:{peer.port} gave no connection within 0.2 s"
    assert caught.value.sent is False


async def test_leaving_midway_closes_a_tls_connection_at_once(authority: Authority, peer: Peer) -> None:
    client = VendorClient(lambda: frozenset({("127.0.0.1", peer.port)}), environ={"SSL_CERT_FILE": str(authority.file)})
    exchange = await client.send(peer.url("/endless", "https"), {}, b"{}")
    exchange.pause()
    before = -1
    while before != peer.written:  # until nothing more is taken: the pause reaches through TLS
        before = peer.written
        for _ in range(20):
            other = await client.send(peer.url("/", "https"), {}, b"{}")
            await other.body()
            other.release()
    exchange.release()
    await until(lambda: peer.closed)
    await client.close()


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
async def test_a_store_that_cannot_be_read_is_named(peer: Peer, tmp_path: Path, name: str) -> None:
    place = tmp_path / "no.pem"
    if name == "SSL_CERT_FILE":
        assert await refused(peer, **{name: str(place)}) == f"{name}={place} cannot be used: No such file or directory"
        place.write_text("no certificate")
        assert (await refused(peer, **{name: str(place)})).startswith(f"{name}={place} cannot be used: ")
    else:
        assert (await refused(peer, **{name: str(place)})).startswith("the certificate of 127.0.0.1 is not valid: ")


def test_every_context_verifies(authority: Authority) -> None:
    contexts = [system_context({}), system_context({"SSL_CERT_FILE": str(authority.file)}, "darwin")]
    if not ssl.get_default_verify_paths().cafile and not ssl.get_default_verify_paths().capath:
        contexts = contexts[1:]
    for context in contexts:
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname


def test_on_macos_the_keychain_is_asked() -> None:
    context = system_context({}, "darwin")
    assert type(context).__module__.startswith("truststore")
    assert context.verify_mode is ssl.CERT_REQUIRED
