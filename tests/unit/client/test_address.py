"""Addresses of other machines: what is read, what comes back, and what never becomes a word of a command line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.client.address import Http, Ssh, is_address, parse
from flock.errors import UsageError

READ = {
    "ssh://box": Ssh("", "box", 0),
    "ssh://ada@studio.lan": Ssh("ada", "studio.lan", 0),
    "ssh://ada@box:2222": Ssh("ada", "box", 2222),
    "ssh://ada@[fe80::1%eth0]:22": Ssh("ada", "fe80::1%eth0", 22),
    "ssh://svc$@box": Ssh("svc$", "box", 0),
    "http://127.0.0.1:8080": Http(False, "127.0.0.1", 8080, ""),
    "https://flock.example.com": Http(True, "flock.example.com", 443, ""),
    "https://flock.example.com/team/llm": Http(True, "flock.example.com", 443, "/team/llm"),
    "http://[::1]:8080": Http(False, "::1", 8080, ""),
}


@pytest.mark.parametrize("words", READ)
def test_what_is_read_is_written_the_same(words: str) -> None:
    assert parse(words) == READ[words]
    assert parse(words).url == words


def test_what_people_have_at_hand() -> None:
    assert parse(" HTTPS://flock.example.com/v1/ ").url == "https://flock.example.com"
    assert parse("https://flock.example.com:443/llm/").url == "https://flock.example.com/llm"
    assert Ssh("ada", "fe80::1", 22).name == "ada@[fe80::1]:22"
    assert Ssh("ada", "fe80::1", 22).target == "ada@fe80::1"
    assert is_address("ssh://box")
    assert not is_address("studio")


WRONG = [
    *("ssh://", "ssh://-box", "ssh://-oProxyCommand=x@box", "ssh://a b@box", "ssh://ada@", "ssh://ada@-box"),
    *("ssh://box:0", "ssh://box:65536", "ssh://box:", "ssh://box:22x", "ssh://box:²", "ssh://box/path", "ssh://a@b@-c"),
    *("ssh://[::1", "ssh://[::1]x", "ssh://::1", "ssh://[box]", "ssh://[-oX]", "ssh://b;x", "ssh://$(x)", "ssh://`x`"),
    *(
        "box",
        "ftp://box",
        "http://",
        "http://ada@box",
        "http://box/a b",
        "http://box/?q",
        "http://box/../x?",
        "http://box#x",
    ),
    *("ssh://box\n", "ssh://bo\nx", "ssh://[::1%;x]"),
]


@pytest.mark.parametrize("words", [w for w in WRONG if w != "ssh://box\n"])
def test_what_is_no_address(words: str) -> None:
    with pytest.raises(UsageError, match="is no address of a flock"):
        parse(words)


def test_a_password_is_refused_and_not_repeated() -> None:
    for words in ("ssh://ada:hunter2@box", "https://ada:hunter2@flock.example.com"):
        with pytest.raises(UsageError) as found:
            parse(words)
        assert "hunter2" not in found.value.sentence + found.value.hint


@given(st.text(min_size=1, max_size=30), st.sampled_from(["ssh://", "ssh://ada@", "ssh://ada@box:", "https://"]))
def test_whatever_is_typed_what_comes_out_is_plain(words: str, before: str) -> None:
    try:
        place = parse(before + words)
    except UsageError:
        return
    if isinstance(place, Ssh):
        assert not place.target.startswith("-")
        assert not set(place.target) & set(" \t\r\n;&|<>()`'\"\\*?!#~=/")
        assert 0 <= place.port < 65536
    assert parse(place.url) == place
