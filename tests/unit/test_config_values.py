"""The values of settings as people write them: addresses, sizes, URLs, directories."""

import pytest

from flock.config import parse_listen
from flock.configvalues import alias_pairs, parse_aliases, parse_origins, parse_size, parse_url


@pytest.mark.parametrize(
    ("words", "host", "port", "loopback"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080, True),
        (":9090", "127.0.0.1", 9090, True),
        ("9090", "127.0.0.1", 9090, True),
        (9090, "127.0.0.1", 9090, True),
        ("localhost:1", "localhost", 1, True),
        ("127.9.9.9:1", "127.9.9.9", 1, True),
        ("[::1]:8080", "::1", 8080, True),
        ("[::]:8080", "::", 8080, False),
        ("0.0.0.0:8080", "0.0.0.0", 8080, False),
        ("192.168.1.5:65535", "192.168.1.5", 65535, False),
        ("gpu-box.lan:80", "gpu-box.lan", 80, False),
    ],
)
def test_listen(words: object, host: str, port: int, loopback: bool) -> None:
    found = parse_listen(words)
    assert (found.host, found.port, found.loopback) == (host, port, loopback)
    assert parse_listen(found.text) == found


def test_listen_as_a_url() -> None:
    assert parse_listen("0.0.0.0:80").url == "http://127.0.0.1:80"
    assert parse_listen("[::]:80").url == "http://[::1]:80"
    assert parse_listen("[fe80::1]:80").url == "http://[fe80::1]:80"


@pytest.mark.parametrize(
    "words",
    [
        *("", ":", "0", ":0", "65536", "-1", "host", "host:", "::1:8080", "1.2.3:80", "300.1.1.1:80", "[::g]:80"),
        *("[1.2.3.4]:1", "a b:80", "http://127.0.0.1:80", "*:80", "-a:80", "host:80a", "host:٣"),
        *(True, None, 1.5, ["x"], {"a": 1}),
    ],
)
def test_no_listen(words: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_listen(words)


@pytest.mark.parametrize(
    ("words", "size"),
    [(1024, 1024), ("1024", 1024), ("64MiB", 64 * 1024**2), ("50MB", 50_000_000), ("1.5 KiB", 1536), ("1gib", 1024**3)],
)
def test_sizes(words: object, size: int) -> None:
    assert parse_size(words) == size


@pytest.mark.parametrize("words", [0, -1, True, 1.5, "", "12", "MiB", "1 TiB", "2GiB", "1e6", "64 MiB x", None])
def test_no_sizes(words: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_size(words)


@pytest.mark.parametrize("words", ["ftp://a", "http://", "http://a:x", "http://a b", "http://u:p@a", "http://a/?x", 5])
def test_no_urls(words: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_url(words)


def test_urls() -> None:
    assert parse_url("127.0.0.1:8000") == "http://127.0.0.1:8000"
    assert parse_url("https://gpu.example/v1/") == "https://gpu.example/v1"


def test_aliases() -> None:
    assert alias_pairs("claude-*haiku*=a, b*=default,") == [("claude-*haiku*", "a"), ("b*", "default")]
    assert parse_aliases(" x=y ,z = w") == "x=y, z=w"
    assert parse_aliases("") == ""


@pytest.mark.parametrize("words", ["x", "=y", "x=", "x y=z", "x=y z", "x=y\nz=w", 5])
def test_no_aliases(words: object) -> None:
    with pytest.raises(ValueError, match="not"):
        parse_aliases(words)


def test_origins() -> None:
    assert parse_origins("https://a.example/, http://localhost:3000") == "https://a.example, http://localhost:3000"
    assert (parse_origins("*"), parse_origins("")) == ("*", "")


@pytest.mark.parametrize("words", ["a.example", "https://a.example/path", "https://", "file:///x", True])
def test_no_origins(words: object) -> None:
    with pytest.raises(ValueError, match="not"):
        parse_origins(words)
