"""A configuration and a diagnosis that have something of everything, for the pages of settings and of the doctor."""

from typing import Any

from flock.contract.lifecycle import Check, Diagnosis
from flock.contract.settings import Setting, SettingChanged
from tests.tui.canned import Canned

FILE = "/home/ada/.config/flock/config.yaml"


def _setting(key: str, value: Any, layer: str = "default", **more: Any) -> Setting:
    origin = {"file": FILE, "environment": more.get("variable", "")}.get(layer, "")
    return Setting(key, value, layer, origin, more.pop("summary"), more.pop("restart", True), **more)


SETTINGS = [
    _setting(
        "listen",
        "0.0.0.0:8080",
        "flag",
        summary="where flock listens; a port alone means this machine only, beyond it a key is needed",
        allowed="host:port, [IPv6]:port or a port from 1 to 65535",
        variable="FLOCK_LISTEN",
    ),
    _setting("external_url", "", summary="the URL others reach flock by, for printed commands", allowed="a URL"),
    _setting(
        "log_level",
        "error",
        "environment",
        summary="how much the log says",
        allowed="debug, info, warning or error",
        variable="FLOCK_LOG_LEVEL",
    ),
    _setting(
        "max_body_bytes",
        33554432,
        summary="the largest request body",
        allowed="a size from 1024 bytes to 1 GiB, such as 64MiB or 50MB",
        variable="FLOCK_MAX_BODY_BYTES",
        next=67108864,
    ),
    _setting("auth.require_keys", True, summary="whether every request needs an API key", allowed="true or false"),
    _setting("auth.bad_keys_per_minute", 60, summary="how many wrong keys an address may show in a minute"),
    _setting(
        "router.default_model",
        "qwen3-8b",
        "file",
        summary="the model that answers when a request names none; empty: the first one that was added; auto: for each "
        "request the one that suits it",
        allowed="a model's id, auto, or nothing",
        variable="FLOCK_ROUTER_DEFAULT_MODEL",
        restart=False,
    ),
    _setting("router.aliases", "claude-*=default", summary="names that stand for a model"),
    _setting("engine.headroom", 2147483648, summary="how much memory is left to everybody else"),
    _setting(
        "loading.jit",
        True,
        "file",
        summary="whether a model loads with the first request for it",
        allowed="true or false",
        next=False,
    ),
    _setting("loading.idle_seconds", 300.0, summary="after how long without a request a model leaves memory; 0: never"),
    _setting("loading.queue_limit", 256, summary="how many requests may wait for one model"),
    _setting("gateway.first_token_seconds", 900.0, summary="how long an engine may take to its first token"),
    _setting("gateway.stall_seconds", 120.0, summary="how long an engine may fall silent in mid-answer; 0: no limit"),
]

CHECKS = (
    Check("daemon", "ok", "flock 1.4.0 runs, process 4194001"),
    Check("port", "serious", "port 8080 is taken by nginx (process 17)", "flock config set listen 127.0.0.1:8090"),
    Check("directories", "serious", "/srv/flock is not writable for ada", "chmod u+rwx /srv/flock"),
    Check("disk", "warning", "2.1 GB free at /srv/flock: a model takes more", "/opt/flock/bin/flock model ls"),
    Check(
        "command",
        "warning",
        "neither name leads to this flock in this shell: flock is /usr/bin/flock (util-linux's file lock); flockctl is "
        "not found",
        'export PATH=/opt/flock/bin:"$PATH"',
    ),
    Check("reach", "note", "only this machine reaches flock (127.0.0.1:8080)", "flock expose"),
    Check("python", "ok", "Python 3.12.3 at /opt/flock/bin/python"),
    Check("socket", "ok", "/home/ada/.local/share/flock/run/flock.sock"),
    Check("secrets", "ok", "in the keyring (Secret Service), 3 secrets"),
    Check("engine", "ok", "llama-server at /usr/local/bin/llama-server, b6901"),
    Check("models", "ok", "4 models"),
)
FOUND = Diagnosis(CHECKS, 2)


def filled(**more: Any) -> Canned:
    """Return a flock with these settings and findings."""
    changed = SettingChanged("loading.idle_seconds", 600.0, FILE, True)
    answers: dict[str, Any] = {"config__show": SETTINGS, "daemon__doctor": FOUND, "config__set": changed}
    return Canned(**{**answers, **more})
