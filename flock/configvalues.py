"""The values a setting can have: addresses, sizes, URLs, paths, and the settings of features that do not exist yet.

Pure functions from what a user wrote to a value; each raises ValueError and leaves the sentence to config.py, which
knows the key, the layer and the line. Called by config.py.
"""

import ipaddress
import os
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

# bodies are held in memory: more than this is a mistake of units, less refuses ordinary requests
SMALLEST_BODY, LARGEST_BODY = 1024, 1024**3
# a day; a longer limit is spelled 0, which means none
LONGEST_SECONDS = 86400.0
_UNITS = {
    "": 1,
    "b": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "kib": 1024,
    "mib": 1024**2,
    "gib": 1024**3,
}
_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,6})?) ?([kmg]?i?b)?", re.IGNORECASE)
_HOST_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Listen:
    """An address to listen on; `host` is a name or a bare IPv4 or IPv6 address."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        if self.host.lower() == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def host_text(self) -> str:
        """The host as it stands before a port: IPv6 in brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def text(self) -> str:
        """Host and port as people write them."""
        return f"{self.host_text}:{self.port}"

    @property
    def url(self) -> str:
        """The base URL for a client on this machine; "every address" is reached over loopback."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host_text)
        return f"http://{host}:{self.port}"

    def __str__(self) -> str:
        """Return host and port."""
        return self.text


def parse_listen(words: object, *, port_zero: bool = False) -> Listen:
    """Read "host:port", "[IPv6]:port", ":port" or a port; without a host it means loopback.

    Port 0, any free one, is for the program's own use (`port_zero`). Raises ValueError.
    """
    if isinstance(words, Listen):
        return words
    if isinstance(words, bool) or not isinstance(words, str | int):
        raise ValueError("not an address")
    text = str(words).strip()
    host, _, port = text.rpartition(":")
    if not re.fullmatch(r"[0-9]{1,5}", port) or not (0 if port_zero else 1) <= int(port) <= 65535:
        raise ValueError("no port between 1 and 65535")
    return Listen(_host(host), int(port))


def _host(host: str) -> str:
    if not host:
        return "127.0.0.1"
    if host.startswith("[") and host.endswith("]"):
        return str(ipaddress.IPv6Address(host[1:-1]))
    if re.fullmatch(r"[0-9.]+", host):
        return str(ipaddress.IPv4Address(host))
    if not _HOST_NAME.fullmatch(host):
        raise ValueError("not a host")
    return host


def parse_size(words: object) -> int:
    """Read bytes from a whole number or "64MiB", "50 MB"; kB, MB, GB count in thousands. Raises ValueError."""
    if isinstance(words, bool) or not isinstance(words, str | int):
        raise ValueError("not a size")
    size = _bytes(str(words))
    if not SMALLEST_BODY <= size <= LARGEST_BODY:
        raise ValueError("too small or too large")
    return size


def parse_memory(words: object) -> int:
    """Read bytes of memory as `parse_size` does, of any size; 0 and "" are 0. Raises ValueError."""
    if isinstance(words, bool) or not isinstance(words, str | int):
        raise ValueError("not a size")
    return _bytes(str(words)) if str(words).strip() else 0


def parse_count(words: object) -> int:
    """Read a whole number from 1 to a million. Raises ValueError."""
    if isinstance(words, bool) or not isinstance(words, int) or not 1 <= words <= 1_000_000:
        raise ValueError("not a count")
    return words


def parse_limit(words: object) -> int:
    """Read a whole number from 0, which stands for no limit, to a million. Raises ValueError."""
    return 0 if words == 0 and not isinstance(words, bool) else parse_count(words)


def _bytes(words: str) -> int:
    found = _SIZE.fullmatch(words.strip())
    if found is None:
        raise ValueError("not a size")
    return round(float(found[1]) * _UNITS[(found[2] or "").lower()])


def parse_url(words: object) -> str:
    """Read an http or https URL, or host:port for http; the slash at the end goes. "" stays. Raises ValueError."""
    if not isinstance(words, str):
        raise ValueError("not a URL")
    text = words.strip()
    if not text:
        return ""
    full = text if "://" in text else f"http://{text}"
    parts = urlsplit(full)
    # .port raises ValueError for one that is none; a password in a setting would be shown by `config show`
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0 or "@" in parts.netloc:
        raise ValueError("not a URL")
    if parts.query or parts.fragment or re.search(r"[\s\x00-\x1f\x7f]", full):
        raise ValueError("not a base URL")
    return full.rstrip("/")


def parse_directory(words: object) -> str:
    """Read an absolute directory, "~" for the home directory; "" stays. Raises ValueError."""
    if not isinstance(words, str) or "\0" in words:
        raise ValueError("not a path")
    text = words.strip()
    if not text:
        return ""
    full = os.path.expanduser(text)
    if not os.path.isabs(full):
        raise ValueError("not absolute")
    return os.path.normpath(full)


def parse_name(words: object) -> str:
    """Read an id of a model: one line, at most 200 characters; "" stays. Raises ValueError."""
    if not isinstance(words, str) or len(words) > 200 or not (words.isprintable() or not words):
        raise ValueError("not a name")
    return words.strip()


def parse_seconds(words: object) -> float:
    """Read a number of seconds from 0 to a day. Raises ValueError."""
    if isinstance(words, bool) or not isinstance(words, int | float) or not 0 <= words <= LONGEST_SECONDS:
        raise ValueError("not a number of seconds")
    return float(words)


def parse_switch(words: object) -> bool:
    """Read true or false. Raises ValueError."""
    if not isinstance(words, bool):
        raise ValueError("neither true nor false")
    return words


def parse_aliases(words: object) -> str:
    """Read "PATTERN=MODEL" pairs between commas; a model may be "default". "" stays. Raises ValueError."""
    if not isinstance(words, str) or not (words.isprintable() or not words):
        raise ValueError("not aliases")
    return ", ".join(f"{pattern}={model}" for pattern, model in alias_pairs(words))


def alias_pairs(words: str) -> list[tuple[str, str]]:
    """Return (pattern, model) of aliases as they are written. Raises ValueError."""
    found: list[tuple[str, str]] = []
    for pair in filter(None, (part.strip() for part in words.split(","))):
        pattern, _, model = (side.strip() for side in pair.partition("="))
        if not pattern or not model or " " in pattern + model:
            raise ValueError("not PATTERN=MODEL")
        found.append((pattern, model))
    return found


def parse_origins(words: object) -> str:
    """Read web origins between commas, or "*" for every one; "" stays. Raises ValueError."""
    if not isinstance(words, str):
        raise ValueError("not origins")
    found = [part.strip().rstrip("/") for part in words.split(",") if part.strip()]
    for origin in found:
        parts = urlsplit(origin)
        if origin != "*" and (not parts.hostname or not parts.scheme or origin != f"{parts.scheme}://{parts.netloc}"):
            raise ValueError("not an origin")
    return ", ".join(found)


# the words of FLOCK_REQUIRE_KEYS and of the command line; YAML itself knows true and false only
SWITCHES = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


def from_words(words: str, kind: str) -> Any:
    """Return what a variable's or an argument's words stand for: a bool for "switch", a number for "seconds", "count".

    Words that do not fit come back as they are; the setting's own check then refuses them.
    """
    text = words.strip()
    if kind == "switch":
        return SWITCHES.get(text.lower(), text)
    if kind in ("seconds", "count"):
        for number in (int, float) if kind == "seconds" else (int,):
            try:
                return number(text)
            except ValueError:
                continue
    return text


# settings of the predecessor and of features to come → the feature they belong to; a name that ends in "." is a section
FUTURE: dict[str, str] = {
    "block_private_targets": "address rules for outbound calls",
    "storage.": "shared databases",
    "auth.admin_token": "keys from the configuration",
    "auth.join_token": "nodes",
    "auth.": "other ways of signing in",
    "router.fallback.": "clouds",
    "router.sticky_sessions": "sticky sessions",
    "router.sticky_session_ttl_seconds": "sticky sessions",
    "router.latency_fallback_p95_seconds": "fallback by latency",
    "router.placement_allowed_fails": "nodes",
    "router.placement_cooldown_seconds": "nodes",
    "router.heartbeat_max_age_seconds": "nodes",
    "router.hedge_replicas": "hedged requests",
    "placement.": "loading and unloading models by memory",
    "observability.otlp_endpoint": "traces",
    "observability.callbacks": "callbacks",
    "observability.guardrails": "guardrails",
    "observability.response_cache": "the response cache",
    "observability.": "observability",
    "mesh.": "the mesh",
    "node.": "nodes",
    "nodes.": "nodes",
    "scheduler.": "the scheduler",
    "sharding.": "sharded models",
    "replication.": "replicated models",
    "vendors.": "vendors",
    "models.": "models in the configuration",
}


def future(key: str) -> str:
    """Return the feature a key belongs to that this version does not have, "" for none."""
    for name, feature in FUTURE.items():
        if key == name or key == name.rstrip(".") or (name.endswith(".") and key.startswith(name)):
            return feature
        if key.startswith(name + "."):
            return feature
    return ""
