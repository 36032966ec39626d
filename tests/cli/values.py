"""One fixed answer to every operation, for goldens and for the door."""

from dataclasses import replace
from typing import Any

from flock.contract.cache import CacheReport, Drift, ExamineCache
from flock.contract.engines import AttachEngine, DetachEngine, Engine, ListEngines
from flock.contract.jobs import Job, ListJobs, ShowJob
from flock.contract.lifecycle import (
    Check,
    Diagnosis,
    Down,
    LogLine,
    Ready,
    RunDoctor,
    Script,
    ShowCompletion,
    ShowLogs,
    ShowVersion,
    Stopped,
    Up,
    VersionInfo,
)
from flock.contract.models import AddModel, ListModels, Model, RemoveModel
from flock.contract.op import Op
from flock.contract.requests import (
    Attempt,
    CancelRequest,
    Candidate,
    ExplainRequest,
    Explanation,
    ListRequests,
    RequestRow,
    ShowRequest,
    Span,
)
from flock.contract.secrets import ListSecrets, LockSecrets, Secret, SecretStore, ShowSecretStore, UnlockSecrets
from flock.contract.settings import (
    EditConfig,
    GetConfig,
    Places,
    SetConfig,
    Setting,
    SettingChanged,
    ShowConfig,
    ShowPlaces,
    UnsetConfig,
)
from flock.contract.status import Machine, ShowStatus, Status
from flock.contract.usage import RecentUsage, UsageRow
from tests.cli.audit_values import AUDIT_CASES
from tests.cli.catalog_values import CATALOG_CASES
from tests.cli.connect_values import CONNECT_CASES
from tests.cli.context_values import CONTEXT_CASES
from tests.cli.engine_values import ENGINE_CASES
from tests.cli.events_values import EVENTS_CASES
from tests.cli.exposing_values import EXPOSING_CASES
from tests.cli.files_values import FILES_CASES
from tests.cli.hardware_values import HARDWARE_CASES
from tests.cli.hub_values import HUB_CASES
from tests.cli.invite_values import INVITE_CASES
from tests.cli.model_values import MODEL_CASES
from tests.cli.prices_values import PRICES_CASES
from tests.cli.prompt_values import PROMPT_CASES
from tests.cli.queue_values import QUEUE_CASES
from tests.cli.screens_values import SCREENS_CASES
from tests.cli.service_values import SERVICE_CASES
from tests.cli.token_values import TOKEN_CASES
from tests.cli.top_values import TOP_CASES
from tests.cli.usage_values import USAGE_CASES
from tests.cli.vendor_values import VENDOR_CASES

# 2026-11-21T12:00:00Z
NOW = 1795262400.0
AT = "2026-11-21T11:58:30Z"
DAY_BEFORE = "2026-11-20T10:00:00Z"

OLLAMA = "http://127.0.0.1:11434"
SMOKE_NOTE = "answers one fixed sentence; add a real model: flock model add file:PATH.gguf"
SMOKE = Model("flock-smoke", "stopped", "embedded", "built-in", 131072, 700_000, False, note=SMOKE_NOTE, kind="chat")
QWEN = Model("qwen/qwen3:8b", "ready", "llamacpp-1", "file:/models/qwen3.gguf", 32768, 5_027_783_872, True, kind="chat")
LOADED, RESTING, VOICE = (
    Model("gemma4:latest", "ready", "ollama", OLLAMA, 4096, 9_600_000_000, False, kind="chat", largest_context=131072),
    Model("nomic:v1.5", "ready", "ollama", OLLAMA, None, 274_302_450, False, kind="embedding", largest_context=2048),
    Model("en_US-amy-low", "ready", "piper", "http://127.0.0.1:5000", None, None, False, kind="speech"),
)
BROKEN = Model("broken", "failed", "llamacpp-2", "file:/models/b.gguf", None, None, False, error="not a GGUF file")

OWN = Engine("llamacpp-1", "llamacpp", "own", "ready", "http://127.0.0.1:8089", (QWEN.id,), "flock", "b6800", 4242, AT)
VLLM = Engine(
    "vllm", "openai", "adopted", "unreachable", "http://gpu-box:8000", (), "attached", error="connection refused"
)
ADOPTED = Engine("vllm", "openai", "adopted", "ready", "http://gpu-box:8000", ("a", "b", "c", "d"), "attached")

RUNNING = Job("j_5d0c1f2a3b4c", "model.add", "qwen3-8b", "running", "loading", 0.4, 3, AT)
DONE = Job("j_5d0c1f2a3b4c", "model.add", "qwen3-8b", "done", "ready", 1.0, 5, AT, "2026-11-21T11:59:00Z")
FAILED = Job(
    "j_000000000001",
    "model.add",
    "b",
    "failed",
    "",
    None,
    2,
    AT,
    "2026-11-21T11:59:00Z",
    error="llama-server ended with code 1: not enough memory",
    hint="flock model add file:SMALLER.gguf",
)

STATUS = Status(
    version="0.1.0",
    pid=4194999,
    started_at=DAY_BEFORE,
    uptime_seconds=93_600.0,
    home="/home/ada/.config/flock",
    socket="/home/ada/.local/share/flock/run/flock.sock",
    api_url="http://127.0.0.1:8080/v1",
    health_url="http://127.0.0.1:8080/healthz",
    admin_key_file="/home/ada/.config/flock/admin.key",
    require_keys=True,
    draining=False,
    default_model=QWEN.id,
    machine=Machine("box", "Debian 12", "x86_64", "AMD Ryzen 7", 8, 33_554_432_000, ("NVIDIA RTX 4070",)),
    engines=(OWN, VLLM),
    models=(QWEN, SMOKE),
    requests_running=2,
    requests_total=12_345,
)

READY = Ready(
    action="started",
    status=STATUS,
    admin_key="sk-orc-EXAMPLE",
    admin_key_file=STATUS.admin_key_file,
    curl="sed 's/^/Authorization: Bearer /' /home/ada/.config/flock/admin.key | curl -sS -H @- "
    'http://127.0.0.1:8080/v1/chat/completions -d \'{"model":"qwen3-8b"}\'',
    at_reboot="flock does not start by itself after a reboot yet",
    path_line='export PATH=/home/ada/.local/bin:"$PATH"',
    next_steps=("flock token create ada", "flock status"),
)

ROW = RequestRow("req_01", AT, "ada", QWEN.id, "chat", "llamacpp-1", "ended", "ok", 321, 4321.5)
EXPLAINED = Explanation(
    id="req_01",
    at=AT,
    user="ada",
    key_id="k_1",
    endpoint="chat",
    requested_model="qwen",
    model=QWEN.id,
    stream=True,
    stage="ended",
    outcome="ok",
    status=200,
    error="",
    plan="splice",
    edits=("model", "stream_options"),
    vendor="groq",
    cost_usd="0.0042",
    upstream="llamacpp-1",
    engine="llamacpp",
    why="the only one ready",
    candidates=(
        Candidate("llamacpp-1", "llamacpp", 0, "ready, nothing queued"),
        Candidate("vllm", "openai", 1, "unreachable", rejected=True),
    ),
    attempts=(Attempt("llamacpp-1", 3.0, 203.0, 4321.5, 200),),
    spans=(
        Span("queue", 0.0, 3.0),
        Span("load", 3.0, 1000.0, "llama-server started"),
        Span("prefill", 1003.0, 200.0, "812 tokens"),
        Span("decode", 1203.0, 3118.5, "321 tokens, 103/s"),
    ),
    input_tokens=812,
    cached_tokens=500,
    output_tokens=321,
    bytes_in=4096,
    bytes_out=65536,
    lost=("logit_bias",),
    notes=("the engine was asleep",),
)

LISTEN = Setting("listen", "127.0.0.1:8080", "file", "/home/ada/.config/flock/config.yaml", "Where it listens", True)
KEYS = Setting("auth.require_keys", True, "default", "", "Whether requests need a key", False)
PLACES = Places(
    config="/home/ada/.config/flock/config.yaml",
    data="/home/ada/.local/share/flock",
    logs="/home/ada/.local/state/flock/log",
    socket=STATUS.socket,
    admin_key=STATUS.admin_key_file,
    database="/home/ada/.local/share/flock/flock.db",
    secrets="/home/ada/.config/flock/secrets.json",
    models="/home/ada/.local/share/flock/models",
)

STORE = SecretStore(
    kind="file",
    backend="",
    why_no_keyring="there is none in the daemon's environment",
    path="/home/ada/.config/flock/secrets.json",
    mode="0600",
    encrypted=False,
    locked=False,
    in_keyring=0,
    in_file=2,
)
IN_KEYRING = replace(STORE, kind="keyring", backend="SecretService", why_no_keyring="", in_keyring=3, in_file=0)
SEALED = replace(STORE, kind="locked file", encrypted=True)
SECRETS = [
    Secret("vendor:groq", "keyring", AT),
    Secret("vendor:openai", "environment", AT),
    Secret("vllm", "file", None),
]

USED = UsageRow(
    "req_01", AT, "ada", "k_1", QWEN.id, "chat", "llamacpp-1", 812, 321, False, 4321.5, 1203.0, 200, "ok", True
)
GUESSED = UsageRow("req_02", AT, "bob", "k_2", "a", "completions", "vllm", 9, 1, True, 50.0, None, 502, "error", False)

PAID = UsageRow(
    "req_03", AT, "ada", "k_1", "gpt-5", "chat", "openai", 812, 321, False, 900.5, 203.0, 200, "ok", True, "openai",
    "0.0042",
)  # fmt: skip
UNPRICED = UsageRow(
    "req_04", AT, "ada", "k_1", "groq/a", "chat", "groq", 9, 1, False, 50.0, None, 200, "ok", False, "groq"
)

CHANGED = SettingChanged("listen", "127.0.0.1:9090", PLACES.config, True, hidden_by="FLOCK_LISTEN")

# every operation, and the answer it gets; the key names the golden files
CASES: dict[str, tuple[Op[Any], Any]] = {
    "cache.examine": (
        ExamineCache(),
        CacheReport(
            3,
            41,
            (
                Drift(
                    session="0f3a9c1d-2e4b-5a68-9c1d-2e4b5a680f3a",
                    client="claude-cli/2.1.329",
                    model="qwen3-8b",
                    at=AT,
                    request_id="req_0f3a9c1d2e4b5a68",
                    path="messages[0].content",
                    offset=79,
                    same="2.1.329.589; cc_entrypoint=cli; cch=",
                    was="3431e;\nYou are",
                    now="dccbe;\nYou are",
                    kept_bytes=47331,
                    prompt_bytes=86240,
                    kept_share=0.5488,
                    again_tokens=8987,
                    engine_cached_tokens=10900,
                    seconds=5.42,
                    drifts=3,
                    seconds_in_all=16.3,
                    advice="have flock leave it out: flock config set translation.prefix_normaliser true",
                ),
                Drift(
                    session="ses_7",
                    client="",
                    model="",
                    at=AT,
                    request_id="req_2e4b5a680f3a9c1d",
                    path="tools[3]",
                    offset=0,
                    same="",
                    was='{"type"',
                    now="",
                    kept_bytes=100,
                    prompt_bytes=101,
                    kept_share=0.9901,
                    again_tokens=None,
                    engine_cached_tokens=None,
                    seconds=None,
                    drifts=1,
                    seconds_in_all=0.0,
                    advice="nothing",
                ),
            ),
        ),
    ),
    "cache.examine-none": (ExamineCache(), CacheReport(0, 0, ())),
    "config.edit": (EditConfig(), PLACES),
    "config.get": (GetConfig(key="listen"), LISTEN),
    "config.path": (ShowPlaces(), PLACES),
    "config.path-admin-key": (ShowPlaces(admin_key=True), PLACES),
    "config.path-all": (ShowPlaces(all=True), PLACES),
    "config.set": (SetConfig(key="listen", value="127.0.0.1:9090"), CHANGED),
    "config.show": (ShowConfig(), [LISTEN, KEYS]),
    "config.unset": (UnsetConfig(key="listen"), SettingChanged("listen", "127.0.0.1:8080", PLACES.config, False)),
    "daemon.completion": (ShowCompletion(shell="bash"), Script("complete -F _flock flock\n")),
    "daemon.doctor": (
        RunDoctor(),
        Diagnosis(
            (
                Check("names", "ok", "`flock` is this one"),
                Check("port", "serious", "8080 is taken by nginx (17)", "flock config set listen 127.0.0.1:8090"),
                Check("disk", "warning", "2 GB are left"),
                Check("loopback", "note", "only this machine reaches it"),
            ),
            serious=1,
        ),
    ),
    "daemon.logs": (ShowLogs(), [LogLine("first"), LogLine("second \x1b[2Jline")]),
    "daemon.stop": (Down(), Stopped(True, 4194999, 0.4)),
    "daemon.stop-absent": (Down(), Stopped(False)),
    "daemon.up": (Up(), READY),
    "daemon.version": (ShowVersion(), VersionInfo("0.1.0", "3.11.7", "Linux x86_64", "/usr/bin/flockctl", "")),
    "engine.attach": (AttachEngine(url="http://gpu-box:8000"), ADOPTED),
    "engine.detach": (DetachEngine(name="vllm"), VLLM),
    "engine.ls": (ListEngines(), [OWN, VLLM]),
    "job.ls": (ListJobs(), [RUNNING, FAILED]),
    "job.show": (ShowJob(id=FAILED.id), FAILED),
    "model.add": (AddModel(source="file:/models/qwen3.gguf"), DONE),
    "model.ls": (ListModels(), [QWEN, SMOKE, LOADED, RESTING, VOICE, BROKEN]),
    "model.ls-empty": (ListModels(), []),
    "model.remove": (RemoveModel(id=QWEN.id), QWEN),
    "request.cancel": (CancelRequest(id="req_01"), replace(ROW, stage="generating", outcome="")),
    "request.explain": (ExplainRequest(), EXPLAINED),
    "request.ls": (ListRequests(), [ROW]),
    "request.show": (ShowRequest(id="req_01"), ROW),
    "secret.lock": (LockSecrets(), SEALED),
    "secret.ls": (ListSecrets(), SECRETS),
    "secret.status": (ShowSecretStore(), IN_KEYRING),
    "secret.unlock": (UnlockSecrets(for_good=True), STORE),
    "status.show": (ShowStatus(), STATUS),
    "usage.recent": (RecentUsage(), [USED, GUESSED, PAID, UNPRICED]),
    **SCREENS_CASES,
    **AUDIT_CASES,
    **CATALOG_CASES,
    **CONNECT_CASES,
    **CONTEXT_CASES,
    **ENGINE_CASES,
    **EVENTS_CASES,
    **EXPOSING_CASES,
    **FILES_CASES,
    **HARDWARE_CASES,
    **HUB_CASES,
    **INVITE_CASES,
    **MODEL_CASES,
    **PRICES_CASES,
    **PROMPT_CASES,
    **QUEUE_CASES,
    **SERVICE_CASES,
    **TOKEN_CASES,
    **TOP_CASES,
    **USAGE_CASES,
    **VENDOR_CASES,
}
