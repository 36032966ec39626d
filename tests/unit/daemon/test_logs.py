"""Nothing that looks like a key reaches the log."""

import pytest

from flock.daemon.logs import redact


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("GET /v1/models?key=sk-orc-abc123def456 HTTP/1.1", "GET /v1/models?key=••• HTTP/1.1"),
        ("GET /x?a=1&key=plain&b=2", "GET /x?a=1&key=•••&b=2"),
        ("Authorization: Bearer abc.def-1", "Authorization: Bearer •••"),
        ("key sk-orc-0123456789abcdef here", "key ••• here"),
        ("nothing here", "nothing here"),
    ],
)
def test_keys_are_redacted(words: str, shown: str) -> None:
    assert redact(words) == shown
