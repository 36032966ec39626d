"""`flock connect` with the real tools: written, run, taken back; and run without any file.

Each tool gets a home of its own, is connected by the command line, answers one question through a real daemon, and is
taken off again: then exactly what flock wrote is gone, and what the tool wrote is there. What the settings are, the
catalog says; here stands only how each tool is asked a question and kept from other hosts.
"""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from flock.paths import private_dir
from tests.clients.client import NODE, shut_in
from tests.clients.tools import TOOLS
from tests.running import ROOT, Flock, running_flock

MODEL = "flock-smoke"
SAYS = "the path works"
ASK = "Say hello"
# the start of a tool, one request, its end, on a machine that does other things too
RUN_SECONDS = 150.0
TIMEOUT = pytest.mark.timeout(3 * RUN_SECONDS)
# a package manager's directory and its lock are no settings
IGNORED = ("node_modules", "package-lock.json", "bun.lock", "__pycache__")


@dataclass(frozen=True, slots=True)
class Subject:
    """A tool: its id, the mark of its installation, how it is asked, and its switches against other hosts.

    `before` are files of the user's, by their path in the home: they must be as they were afterwards. `runs` is whether
    --run can start it, `ask` how it is asked then where that differs.
    """

    id: str
    installed_as: str
    ask: tuple[str, ...]
    quiet: dict[str, str]
    before: dict[str, str]
    runs: bool = True


_CLAUDE = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"}
_OPENCODE = {f"OPENCODE_DISABLE_{name}": "1" for name in ("AUTOUPDATE", "MODELS_FETCH", "DEFAULT_PLUGINS")}
_KILO = {f"KILO_DISABLE_{name}": "1" for name in ("MODELS_FETCH", "DEFAULT_PLUGINS", "AUTOUPDATE", "SESSION_INGEST")}
_AIDER = ("--no-git", "--no-pretty", "--yes-always", "--no-check-update", "--analytics-disable", "--no-gitignore")
SUBJECTS = (
    Subject("claude-code", "claude-code", ("-p", ASK), _CLAUDE, {".claude/settings.json": '{\n  "theme": "dark"\n}\n'}),
    Subject(
        "codex-cli",
        "codex",
        ("exec", "--skip-git-repo-check", "--disable", "plugins", "--disable", "apps", ASK),
        {},
        {".codex/config.toml": "# mine\ncheck_for_update_on_startup = false\n\n[analytics]\nenabled = false\n"},
    ),
    Subject(
        "opencode",
        "opencode",
        ("run", ASK),
        _OPENCODE,
        # without a schema it writes one into the file itself
        {".config/opencode/opencode.json": '{\n  // mine\n  "$schema": "https://opencode.ai/config.json",\n}\n'},
    ),
    Subject(
        "qwen-code",
        "qwen-code",
        ("-p", ASK),
        {},
        {".qwen/settings.json": '{"privacy": {"usageStatisticsEnabled": false}, "general": {"a": 1}}'},
    ),
    Subject(
        "gemini-cli",
        "gemini-cli",
        ("--skip-trust", "-p", ASK),
        {},
        {".gemini/settings.json": '{"privacy": {"usageStatisticsEnabled": false}}\n', ".gemini/.env": "# mine\nA=b\n"},
    ),
    Subject(
        "continue",
        "continue",
        ("-p", ASK),
        {"CONTINUE_TELEMETRY_ENABLED": "0"},
        {".continue/config.yaml": "name: mine # mine\nversion: 1.0.0\nschema: v1\n"},
    ),
    Subject("cline", "cline", (ASK,), {"CLINE_SESSION_BACKEND_MODE": "local"}, {}),
    Subject(
        "kilo",
        "kilo",
        ("run", "--pure", "--auto", ASK),
        _KILO | {"KILO_TELEMETRY_LEVEL": "off"},
        {".config/kilo/kilo.json": '{\n  "share": "disabled"\n}\n'},
    ),
    Subject(
        "aider",
        "aider",
        (*_AIDER, "--no-show-model-warnings", "--message", ASK),
        {"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        {".aider.conf.yml": "# mine\nmap-tokens: 0\n"},
    ),
    Subject("pi", "pi", ("-p", ASK), {"PI_OFFLINE": "1"}, {".pi/agent/settings.json": '{\n  "theme": "dark"\n}\n'}),
    Subject("copilot-cli", "copilot", ("-p", ASK), {"COPILOT_OFFLINE": "true"}, {}),
    Subject("droid", "droid", ("exec", "-m", "custom:flock-0", ASK), {}, {}, runs=False),
    Subject("hermes", "hermes", ("chat", "-q", ASK), {}, {".hermes/.env": "# mine\nA=b\n"}),
)
WRITTEN = [subject for subject in SUBJECTS if subject.id != "copilot-cli"]
RUN = [subject for subject in SUBJECTS if subject.runs]


def parameters(subjects: list[Subject]) -> list[object]:
    return [pytest.param(one, id=one.id, marks=pytest.mark.engine(one.installed_as)) for one in subjects]


@pytest.fixture(scope="module")
def flock() -> Iterator[Flock]:
    with running_flock(FLOCK_ENGINE_PREFERRED="embedded") as flock:
        flock.environment["FLOCK_TOKEN"] = flock.json("token", "create", "tools")["token"]
        yield flock


@pytest.fixture
def home() -> Iterator[Path]:
    """A home of the test's own, outside of any repository: aider would write its history into that."""
    with TemporaryDirectory(prefix="connect-", ignore_cleanup_errors=True) as directory:
        (Path(directory) / "work").mkdir()
        yield Path(directory)


def environment(subject: Subject, home: Path) -> dict[str, str]:
    """Return the environment of a tool: nothing of the user's, and no way to another host."""
    places = [NODE, *dict.fromkeys(path.parent for path in TOOLS.values()), "/usr/local/bin", "/usr/bin", "/bin"]
    return {
        "PATH": os.pathsep.join(map(str, places)),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "NO_COLOR": "1",
        "CI": "1",
        "DO_NOT_TRACK": "1",
        **shut_in(),
        **subject.quiet,
    }


def command(flock: Flock, subject: Subject, home: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run flock as that user: the same daemon, another home."""
    # the watch over what flock contacts is not for the tool that takes its place
    out = ("PATH", "HOME", *flock.egress.environment)
    own = {name: value for name, value in flock.environment.items() if name not in out}
    own |= environment(subject, home)
    with TemporaryDirectory(prefix="connect-", dir=of_this_user_alone()) as safe:
        if subject.id == "gemini-cli" and "--run" in words:
            # Gemini CLI reads no settings below a directory that others may write to, as /tmp is: another flock's home
            own |= {"FLOCK_HOME": safe, "FLOCK_EXTERNAL_URL": flock.url}
        return run([sys.executable, "-P", "-m", "flock", *words], home, own)


def of_this_user_alone() -> Path:
    """Return a directory that nobody else may write to, nor to any above it: the checkout's, else one of the home's."""
    for place in (ROOT / ".engines" / "homes", Path.home() / ".cache" / "flock-tests"):
        private_dir(place)
        if not any(above.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH) for above in (place, *place.parents)):
            return place
    pytest.skip("every directory here lies below one that others may write to")


def run(argv: list[str], home: Path, environ: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    options = {"cwd": home / "work", "env": environ, "timeout": RUN_SECONDS, "check": False}
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, **options)


def files(home: Path) -> dict[str, bytes]:
    """Return what stands in a home, by path."""
    found = (path for path in home.rglob("*") if path.is_file() and not set(IGNORED) & set(path.parts))
    return {str(path.relative_to(home)): path.read_bytes() for path in found}


def laid(subject: Subject, home: Path) -> dict[str, bytes]:
    for name, text in subject.before.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    return files(home)


def well(done: "subprocess.CompletedProcess[str]") -> str:
    said = f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    assert done.returncode == 0, f"{done.args} ended with {done.returncode}:\n{said}"
    return done.stdout


@TIMEOUT
@pytest.mark.parametrize("subject", parameters(WRITTEN))
def test_connect_and_disconnect_leave_every_byte(subject: Subject, flock: Flock, home: Path) -> None:
    before = laid(subject, home)
    well(command(flock, subject, home, "connect", subject.id, "--model", MODEL, "--write", "--yes"))
    assert files(home) != before
    well(command(flock, subject, home, "disconnect", subject.id, "--write", "--yes"))
    assert files(home) == before


@TIMEOUT
@pytest.mark.parametrize("subject", parameters(WRITTEN))
def test_connected_run_and_taken_off(subject: Subject, flock: Flock, home: Path) -> None:
    before = laid(subject, home)
    well(command(flock, subject, home, "connect", subject.id, "--model", MODEL, "--write", "--yes"))
    ours = {name: text for name, text in files(home).items() if before.get(name) != text}
    ran = run([str(TOOLS[subject.installed_as]), *subject.ask], home, environment(subject, home))
    assert SAYS in well(ran)
    since = files(home)
    done = command(flock, subject, home, "disconnect", subject.id, "--write", "--yes", "--json")
    edits = json.loads(well(done))["edits"]
    after = files(home)
    assert [edit["problem"] for edit in edits if edit["problem"]] == []
    for name, text in since.items():
        if name not in ours:
            assert after[name] == text, f"{name} is the tool's own, and was touched"
        elif text == ours[name]:  # the tool left it as it was
            assert after.get(name) == before.get(name)
        elif name in after:  # both wrote into it, and what is left is the tool's
            assert b"flock" not in after[name].replace(b"flock-smoke", b""), after[name].decode()
    left = [edit["path"] for edit in edits if Path(edit["path"]).exists()]
    assert not any(flock.url.encode() in Path(path).read_bytes() for path in left)


@TIMEOUT
@pytest.mark.parametrize("subject", parameters(RUN))
def test_run_without_a_file(subject: Subject, flock: Flock, home: Path) -> None:
    before = laid(subject, home)
    ran = command(flock, subject, home, "connect", subject.id, "--model", MODEL, "--run", "--", *subject.ask)
    assert SAYS in well(ran)
    # a tool may write its own settings anew at its start; none of flock's are among them
    left = {name: text for name, text in files(home).items() if name in before}
    assert left.keys() == before.keys()
    assert [name for name, text in left.items() if b"flock" in text or flock.url.encode() in text] == []
    assert list((flock.home / "run").glob("connect-*")) == []
    rows = json.loads(well(command(flock, subject, home, "connect", "ls", "--json")))
    assert next(row["state"] for row in rows if row["id"] == subject.id) == "installed"


SDKS = {
    "openai-sdk": f"from openai import OpenAI; print(OpenAI().chat.completions.create(model='{MODEL}', "
    f"messages=[{{'role': 'user', 'content': '{ASK}'}}]).choices[0].message.content)",
    "anthropic-sdk": f"from anthropic import Anthropic; print(Anthropic().messages.create(model='{MODEL}', "
    f"max_tokens=99, messages=[{{'role': 'user', 'content': '{ASK}'}}]).content[0].text)",
}


@pytest.mark.parametrize("client", SDKS)
def test_a_library_finds_its_variables(client: str, flock: Flock, home: Path) -> None:
    subject = Subject(client, "", (), {}, {})
    words = ("--model", MODEL, "--run", "--", sys.executable, "-c", SDKS[client])
    assert SAYS in well(command(flock, subject, home, "connect", client, *words))


def test_the_line_that_is_printed_for_curl_is_answered(flock: Flock, home: Path) -> None:
    subject = Subject("curl", "", (), {}, {})
    printed = well(command(flock, subject, home, "connect", "curl", "--model", MODEL, "--json"))
    [line] = json.loads(printed)["commands"]
    answer = json.loads(well(run(["sh", "-c", line], home, environment(subject, home))))
    assert SAYS in answer["choices"][0]["message"]["content"]
    # the same with `flock invite`, for somebody else
    own = flock.json("invite", "alice", "--clients", "curl", "--base-url", "http://flock.test:1")
    there = own["snippets"]["curl"].replace("http://flock.test:1", flock.url)
    assert own["token"] in there
    invited = json.loads(well(run(["sh", "-c", there.replace("auto", MODEL)], home, environment(subject, home))))
    assert SAYS in invited["choices"][0]["message"]["content"]


def test_every_program_is_connected() -> None:
    assert {subject.installed_as for subject in SUBJECTS} == set(TOOLS)
