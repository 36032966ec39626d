"""The two doors of a running daemon: who is let in where, and that both say the same."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flock import __version__
from flock.client.calls import encode
from flock.contract.audit import ListHistory, RecentAudit, SummarizeAudit, UndoAct, VerifyAudit
from flock.contract.cache import ExamineCache
from flock.contract.catalog import ListPicks, SearchCatalog, ShowModelInfo
from flock.contract.connect import Invite
from flock.contract.engines import (
    AttachEngine,
    CheckEngines,
    DetachEngine,
    InstallEngine,
    ListEngines,
    RestartEngine,
    ShowEngine,
    ShowEngineLog,
)
from flock.contract.events import FollowEvents, ShowTop
from flock.contract.exposing import CreateBackup
from flock.contract.files import FetchFile, ListCache, PruneCache
from flock.contract.hardware import ShowHardware
from flock.contract.hub import SearchHub, ShowHubRepository
from flock.contract.jobs import CancelJob, ListJobs, ShowJob
from flock.contract.lifecycle import Down
from flock.contract.limits import SimulateLimits
from flock.contract.models import (
    AddModel,
    ConfigureModel,
    ListModels,
    ListResidents,
    LoadModel,
    RemoveModel,
    ScanDirectory,
    SetDefaultModel,
    UnloadModel,
    ValidateModel,
)
from flock.contract.op import Op, Scope, Where, ensure_declared, to_argv
from flock.contract.presets import ListPresets, RemovePreset, SavePreset
from flock.contract.prices import ListPrices, RemovePrice, SetPrice, ShowSavings, UpdatePrices
from flock.contract.queue import ShowQueue
from flock.contract.requests import CancelRequest, ExplainRequest, ListRequests, ShowRequest
from flock.contract.secrets import ListSecrets, LockSecrets, ShowSecretStore, UnlockSecrets
from flock.contract.settings import GetConfig, SetConfig, ShowConfig, UnsetConfig
from flock.contract.status import ShowStatus
from flock.contract.tokens import (
    CreateToken,
    EditToken,
    ExpireToken,
    ListTokens,
    RenewToken,
    RevokeToken,
    RotateToken,
    ShowMe,
    ShowToken,
)
from flock.contract.usage import BreakDownUsage, RecentUsage, SummarizeUsage, VerifyUsage
from flock.contract.vendors import AddVendor, CheckVendor, ListVendorModels, ListVendors, RemoveVendor, ShowVendor
from flock.paths import user_name
from tests.daemon.conftest import Door, bearer
from tests.running import Flock, flock_home

# What can be asked again and again and gives the same
READING: list[Op[Any]] = [
    RecentAudit(),
    RecentAudit(limit=1, actor="nobody"),
    RecentAudit(action="token.*", since="2026-01-01"),
    SummarizeAudit(since="2026-01-01", until="2026-01-02"),
    VerifyAudit(),
    ListHistory(),
    ExamineCache(),
    ListCache(),
    ListEngines(),
    ListJobs(),
    ListModels(),
    ListPresets(),
    ListRequests(),
    ListRequests(running=True),
    ShowRequest(id="last"),
    ExplainRequest(),
    ShowConfig(),
    GetConfig(key="auth.require_keys"),
    ListTokens(all=True),
    ShowToken(id="admin"),
    ListSecrets(),
    ShowSecretStore(),
    RecentUsage(limit=3),
    SummarizeUsage(since="2026-01-01", until="2099-01-01"),
    BreakDownUsage(by="user,model,vendor,key", bucket="hour", since="2026-01-01", until="2099-01-01"),
    RecentUsage(user="nobody"),
    ListPrices(),
    ListPrices(vendor="groq"),
    ShowQueue(),
    ListVendors(all=True),
    ShowVendor(name="groq"),
]
EVERY: list[Op[Any]] = [
    *READING,
    VerifyUsage(),
    SearchCatalog(query="qwen", sort="released"),
    ShowModelInfo(id="qwen3-8b"),
    ListPicks(),
    ListResidents(),
    LoadModel(id="x"),
    UnloadModel(id="x"),
    ShowStatus(),
    ShowHardware(),
    ShowTop(),
    FollowEvents(),  # without a key it is no stream but a refusal, as all others
    CancelRequest(id="req_1"),
    ShowJob(id="j_1"),
    Down(),
    AttachEngine(url="http://127.0.0.1:1"),
    DetachEngine(name="x"),
    ShowEngine(name="x"),
    ShowEngineLog(name="x"),
    RestartEngine(name="x"),
    InstallEngine(kind="nonsense"),
    CheckEngines(name="x"),
    AddModel(source="file:/x.gguf"),
    RemoveModel(id="x"),
    CancelJob(id="j_1"),
    ConfigureModel(id="x"),
    SetDefaultModel(id="x"),
    ScanDirectory(directory="/x"),
    ValidateModel(id="x"),
    SavePreset(name="x", model="x"),
    RemovePreset(name="x"),
    UndoAct(id=1_000_000),
    SimulateLimits(file="limits.yaml", limits="default: {rpm: 1}"),
    SetPrice(model="openai/gpt-5", input="1", output="1"),
    RemovePrice(model="openai/gpt-5"),
    UpdatePrices(),
    ShowSavings(compare_with="openai/gpt-5"),
    SetConfig(key="listen", value="1"),
    UnsetConfig(key="listen"),
    CreateBackup(keep=-1),
    CreateToken(name="x"),
    Invite(name="x", base_url="https://flock.example.org"),
    EditToken(id="k_1", rpm=1),
    RenewToken(id="k_1", ttl="7d"),
    ExpireToken(id="k_1"),
    RotateToken(id="k_1"),
    RevokeToken(id="k_1"),
    ShowMe(),
    LockSecrets(),
    UnlockSecrets(),
    CheckVendor(name="groq"),
    ListVendorModels(name="groq"),
    PruneCache(),
    FetchFile(repo="ada/tiny", file="tiny.gguf"),
    SearchHub(words=("tiny",)),
    ShowHubRepository(repo="ada/tiny"),
    AddVendor(name="groq"),
    RemoveVendor(name="groq"),
]


def name(op: Op[Any]) -> str:
    return " ".join(to_argv(op))


def asked(door: Door, op: Op[Any], headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    call = encode(op)
    status, told, body = door.ask(call.method, call.path, call.body, headers)
    return status, dict(told), body


@pytest.fixture(scope="module", autouse=True)
def one_request(flock: Flock, public: Door) -> None:
    """Let there be one request to list and to explain."""
    chat = {"messages": [{"role": "user", "content": "Hello"}]}
    status, _, _ = public.ask("POST", "/v1/chat/completions", chat, bearer(flock.key))
    assert status == 200


def test_every_operation_with_a_route_is_tried_here() -> None:
    routed = {n for n, op in ensure_declared().items() if op.spec.path}
    assert {op.spec.name for op in EVERY} == routed
    assert all(ensure_declared()[n].spec.where is not Where.LOCAL for n in routed)


@pytest.mark.parametrize("op", READING, ids=name)
def test_the_command_and_both_doors_give_the_same_bytes(op: Op[Any], flock: Flock, public: Door, private: Door) -> None:
    over_tcp = asked(public, op, bearer(flock.key))
    over_unix = asked(private, op, {})
    assert over_tcp[0] == over_unix[0] == 200
    assert over_tcp[2] == over_unix[2]
    assert flock.ok(*to_argv(op), "--json").encode() == over_tcp[2] + b"\n"
    for _, headers, _ in (over_tcp, over_unix):
        assert headers["content-type"] == "application/json"
        assert headers["x-flock-version"] == __version__


def test_status_is_the_same_but_for_the_time(flock: Flock, public: Door) -> None:
    status, _, body = asked(public, ShowStatus(), bearer(flock.key))
    shown = flock.json("status")
    told = json.loads(body)
    assert status == 200
    for moving in ("uptime_seconds",):
        assert shown.pop(moving) >= told.pop(moving)
    for found in (shown, told):  # what engines take is measured anew now and then
        for row in (*found["engines"], *found["models"]):
            row.pop("memory_bytes")
            row.pop("measured", None)
    assert shown == told
    assert (shown["pid"], shown["api_url"], shown["home"]) == (flock.pid, f"{flock.url}/v1", str(flock.home))


@pytest.mark.parametrize("op", EVERY, ids=name)
def test_without_an_admin_key_the_public_door_does_nothing(op: Op[Any], public: Door, user_key: str) -> None:
    refused: list[tuple[dict[str, str], int, str]] = [
        ({}, 401, "missing_api_key"),
        (bearer("sk-orc-wrong"), 401, "invalid_api_key"),
    ]
    if op.spec.scope is Scope.USER:  # what every key may see of itself
        assert asked(public, op, bearer(user_key))[0] == 200
    else:
        refused.append((bearer(user_key), 403, "forbidden"))
    for headers, status, code in refused:
        got, told, body = asked(public, op, headers)
        assert (got, json.loads(body)["error"]["code"]) == (status, code)
        assert json.loads(body)["error"]["hint"]
        assert ("x-should-retry" in told) == (status == 401)


def test_a_refused_act_stands_in_the_audit(flock: Flock, public: Door, user_key: str) -> None:
    asked(public, RevokeToken(id="k_of_somebody"), bearer(user_key))
    newest = flock.json("audit", "--actor", "alice", "--limit", "1")[0]
    assert (newest["action"], newest["target"], newest["outcome"]) == ("token.revoke", "k_of_somebody", "forbidden")


@pytest.mark.parametrize("header", ["Origin", "Referer"])
def test_browsers_are_kept_from_the_private_door(header: str, private: Door) -> None:
    for op in (ListTokens(), CreateToken(name="mallory")):
        status, _, body = asked(private, op, {header: "http://evil.example"})
        assert (status, json.loads(body)["error"]["code"]) == (403, "forbidden")
    assert "mallory" not in private.ask("GET", "/admin/v1/tokens")[2].decode()


CHAT = {"messages": [{"role": "user", "content": "x"}], "max_tokens": 2}


def test_the_private_door_asks_models_for_no_key_and_its_user_is_on_record(private: Door, public: Door) -> None:
    """Whatever a request says of itself: the user is whoever the kernel says is at the other end."""
    named = {"X-Flock-User": "root", "Authorization": "Bearer sk-orc-nobodys", "X-Forwarded-For": "192.0.2.1"}
    status, headers, body = private.ask("POST", "/v1/chat/completions", CHAT | {"user": "mallory"}, named)
    assert (status, json.loads(body)["object"]) == (200, "chat.completion")
    assert public.ask("POST", "/v1/chat/completions", CHAT)[0] == 401
    assert private.ask("GET", "/v1/models")[0] == private.ask("GET", "/api/tags")[0] == 200
    told = private.ask("GET", f"/admin/v1/requests/{headers['x-flock-request-id']}/explanation")[2]
    explained = json.loads(told)
    assert (explained["user"], explained["key_id"]) == (user_name(), "")
    rows = json.loads(private.ask("GET", "/admin/v1/usage/recent?limit=1")[2])
    assert [(r["request_id"], r["user"], r["key_id"]) for r in rows] == [(explained["id"], user_name(), "")]
    assert "mallory" not in told.decode()


@pytest.mark.parametrize("header", ["Origin", "Referer"])
def test_browsers_ask_no_model_at_the_private_door(header: str, private: Door) -> None:
    evil = {header: "http://evil.example"}
    for path in ("/v1/chat/completions", "/v1/messages", "/v1/messages/count_tokens", "/v1/embeddings", "/api/chat"):
        status, _, body = private.ask("POST", path, CHAT | {"model": "", "max_tokens": 2}, evil)
        assert status == 403, (path, body)
    assert private.ask("GET", "/v1/models", None, evil)[0] == private.ask("GET", "/api/tags", None, evil)[0] == 403


def test_a_prompt_may_be_as_large_at_the_private_door_as_at_the_public_one(private: Door) -> None:
    body = CHAT | {"messages": [{"role": "user", "content": "word " * 250_000}]}
    status, _, told = private.ask("POST", "/v1/chat/completions", body)
    assert (status, json.loads(told)["error"]["code"]) == (400, "context_length_exceeded")


def test_a_priority_that_is_none_and_a_cost_that_is_none_are_refused(private: Door) -> None:
    for name, words in (("X-Flock-Priority", "lwo"), ("X-Flock-Max-Cost", "much"), ("X-Flock-Max-Cost", "-1")):
        status, headers, body = private.ask("POST", "/v1/chat/completions", CHAT, {name: words})
        assert (status, headers["x-flock-attempts"]) == (400, "0")
        assert words in json.loads(body)["error"]["message"]


def test_a_request_of_low_priority_says_so_on_record(private: Door) -> None:
    status, headers, _ = private.ask("POST", "/v1/chat/completions", CHAT, {"X-Flock-Priority": "low"})
    assert status == 200
    told = private.ask("GET", f"/admin/v1/requests/{headers['x-flock-request-id']}/explanation")[2]
    assert [note for note in json.loads(told)["notes"] if note.startswith("low priority")]


def test_only_the_owner_can_open_the_private_door(flock: Flock) -> None:
    socket = flock.home / "run" / "flock.sock"
    assert socket.stat().st_mode & 0o777 == 0o600
    assert socket.parent.stat().st_mode & 0o777 == 0o700
    assert (flock.home / "admin.key").stat().st_mode & 0o777 == 0o600


# becomes somebody else only when everything is loaded: they may not be able to read it
STRANGER = """
import http.client, os, socket, sys
socket.socket(socket.AF_UNIX).close()
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
peer = socket.socket(socket.AF_UNIX)
try:
    peer.connect(sys.argv[1])
except PermissionError:
    sys.exit(77)
peer.sendall(b"GET /admin/v1/tokens HTTP/1.1\\r\\nHost: flock\\r\\nConnection: close\\r\\n\\r\\n")
answer = http.client.HTTPResponse(peer)
answer.begin()
print(answer.status, answer.read().decode())
"""


def as_nobody(socket: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-I", "-c", STRANGER, str(socket)]
    return subprocess.run(argv, capture_output=True, text=True, cwd="/", timeout=60, check=False)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_user_is_refused_even_where_the_modes_let_them_in() -> None:
    with flock_home() as flock:
        flock.ok("up")
        socket = flock.home / "run" / "flock.sock"
        assert as_nobody(socket).returncode == 77
        for path in (flock.home.parent, flock.home, socket.parent):
            path.chmod(0o755)
        socket.chmod(0o666)
        told = as_nobody(socket)
        assert told.returncode == 0, told.stderr
        status, _, body = told.stdout.partition(" ")
        error = json.loads(body)["error"]
        assert (status, error["code"]) == ("403", "forbidden")
        assert error["message"].startswith(f"this flock belongs to root, and you are {user_name(65534)}")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "the body is not JSON"),
        (b"[]", "the body must be a JSON object"),
        (b'{"name": 5}', "name must be a string, not 5"),
        (b'{"name": "x", "admin": "yes"}', "admin must be true or false"),
        (b"\xff\xfe", "the body is not JSON"),
        (b"[" * 50_000, "the body is not JSON"),
    ],
    ids=["cut", "array", "wrong type", "wrong switch", "not UTF-8", "deep"],
)
def test_bad_bodies_are_refused_with_the_place(body: bytes, words: str, private: Door) -> None:
    before = private.ask("GET", "/admin/v1/tokens?all=true")[2]
    status, _, told = private.ask("POST", "/admin/v1/tokens", body)
    error = json.loads(told)["error"]
    assert (status, error["code"]) == (400, "invalid_request")
    assert words in error["message"]
    assert private.ask("GET", "/admin/v1/tokens?all=true")[2] == before


def test_too_large_bodies_wrong_queries_and_unknown_places(private: Door, public: Door, flock: Flock) -> None:
    status, _, told = private.ask("POST", "/admin/v1/tokens", b" " * 1_100_000)
    assert (status, json.loads(told)["error"]["code"]) == (413, "request_too_large")
    status, _, told = private.ask("GET", "/admin/v1/usage/recent?limit=many")
    assert (status, json.loads(told)["error"]["message"]) == (400, 'limit must be a whole number, not "many"')
    for door, headers in ((private, {}), (public, bearer(flock.key))):
        status, _, told = door.ask("GET", "/admin/v1/nothing", None, headers)
        assert (status, json.loads(told)["error"]["code"]) == (404, "not_found")
        for path, methods in (
            ("/admin/v1/tokens", "GET, POST"),
            ("/admin/v1/models/org/name:7b", "DELETE"),
            ("/healthz", "GET, HEAD"),
        ):
            status, told_headers, told = door.ask("PATCH", path, b"{}", headers)
            assert (status, json.loads(told)["error"]["code"]) == (405, "method_not_allowed")
            assert told_headers["allow"] == methods


def test_health_ready_and_metrics(public: Door) -> None:
    status, headers, body = public.ask("GET", "/healthz")
    assert (status, json.loads(body)["status"]) == (200, "ok")
    assert headers["x-flock-instance"]
    status, _, body = public.ask("GET", "/readyz")
    assert (status, json.loads(body)["status"]) == (200, "ready")
    status, headers, body = public.ask("GET", "/metrics")
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    assert b'flock_requests_total{model="flock-smoke",outcome="ok",protocol="openai"} ' in body
    assert b'flock_model_loaded{model="flock-smoke"} 1.0' in body
