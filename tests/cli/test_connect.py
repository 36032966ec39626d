"""`flock connect` as a process: the question, the exit code, the key's ways in, and a tool that runs with it."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flock.cli import app
from tests.cli.conftest import Opener
from tests.cli.invite_values import ALICE, CARD
from tests.cli.running import ROOT, by_name
from tests.running import wait_for

KEY = "sk-orc-" + "a" * 34


@pytest.fixture
def user(tmp_path: Path) -> dict[str, str]:
    """The environment of a user with a home and tools of their own."""
    (tmp_path / "user").mkdir()
    (tmp_path / "bin").mkdir()
    return {
        "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin",
        "HOME": str(tmp_path / "user"),
        "FLOCK_HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(ROOT),
        "FLOCK_TOKEN": KEY,
        "LANG": "C.UTF-8",
    }


def flock(user: dict[str, str], *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flock", *words],
        env=user,
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def program(user: dict[str, str], name: str, script: str) -> None:
    file = Path(user["PATH"].partition(":")[0]) / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def settings(user: dict[str, str]) -> Path:
    return Path(user["HOME"]) / ".claude" / "settings.json"


# -- the question and the exit code


def test_where_nobody_can_be_asked_yes_is_needed(user: dict[str, str]) -> None:
    done = flock(user, "connect", "claude-code", "--write")
    assert done.returncode == 6
    assert "flock connect --yes --write claude-code" in done.stderr
    assert "+    " in done.stderr  # the difference was shown
    assert KEY not in done.stderr + done.stdout
    assert not settings(user).exists()
    written = flock(user, "connect", "claude-code", "--write", "--yes")
    assert (written.returncode, written.stdout) == (0, f"written {settings(user)}\n")
    assert KEY in settings(user).read_text()
    again = flock(user, "connect", "claude-code", "--write")
    assert (again.returncode, again.stdout) == (0, f"nothing to change in {settings(user)}\n")
    assert flock(user, "disconnect", "claude-code", "--write").returncode == 6
    taken = flock(user, "disconnect", "claude-code", "--write", "--yes", "--json")
    assert taken.returncode == 0
    assert json.loads(taken.stdout)["edits"][0]["state"] == "removed"
    assert not settings(user).exists()
    nothing = flock(user, "disconnect", "claude-code", "--write")
    assert (nothing.returncode, "not connected" in nothing.stdout) == (0, True)


def test_a_file_that_is_left_alone_is_exit_code_1(user: dict[str, str]) -> None:
    settings(user).parent.mkdir()
    settings(user).write_text("{")
    done = flock(user, "connect", "claude-code", "--write", "--yes")
    assert done.returncode == 1
    assert "left as it is" in done.stdout
    assert KEY in done.stdout
    assert settings(user).read_text() == "{"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("connect",), 2, "needs CLIENT"),
        (("disconnect",), 2, "needs CLIENT"),
        (("connect", "claud"), 5, "flock connect claude-code"),
        (("connect", "cursor"), 2, "public https"),
        (("connect", "amp", "--write"), 2, "nobody knows a way"),
        (("connect", "aider", "--run", "--write"), 2, "choose one"),
        (("connect", "aider", "--", "x"), 2, "--run"),
        (("connect", "aider", "--run"), 5, "is not installed"),
        (("connect", "openai-sdk", "--run"), 2, "behind --"),
    ],
)
def test_what_does_not_make_sense(user: dict[str, str], words: tuple[str, ...], code: int, said: str) -> None:
    done = flock(user, *words)
    assert done.returncode == code
    assert said in done.stderr
    assert done.stdout == ""


def test_the_list_under_both_its_names(user: dict[str, str]) -> None:
    rows = json.loads(flock(user, "connect", "ls", "--json").stdout)
    assert {"id", "name", "state", "version"} <= set(rows[0])
    listed = flock(user, "connect", "--list", "--json")
    assert (listed.returncode, json.loads(listed.stdout)) == (0, rows)
    assert flock(user, "connect", "ls", "--quiet").stdout.split() == [row["id"] for row in rows]


# -- the key's ways in


def test_a_key_on_the_command_line_is_warned_of_and_one_from_a_pipe_is_not(user: dict[str, str]) -> None:
    seen = flock(user, "connect", "aider", "--token", "sk-orc-seen", "--json")
    assert json.loads(seen.stdout)["environment"]["OPENAI_API_KEY"] == "sk-orc-seen"
    assert "stood on a command line" in seen.stderr
    piped = flock(user, "connect", "aider", "--token", "-", "--json", stdin="sk-orc-piped\n")
    assert json.loads(piped.stdout)["environment"]["OPENAI_API_KEY"] == "sk-orc-piped"
    assert piped.stderr == ""
    assert flock(user, "connect", "aider", "--token", "-", stdin="").returncode == 2
    refused = flock(user, "connect", "aider", "--token", "sk-orc-seen", "--write")
    assert refused.returncode == 6
    assert "--token=-" in refused.stderr
    assert "sk-orc-seen" not in refused.stderr


# -- a tool that runs with it


def test_a_tool_has_the_settings_in_its_environment_and_its_exit_code_is_ours(user: dict[str, str]) -> None:
    program(
        user,
        "claude",
        'echo "$ANTHROPIC_BASE_URL|$ANTHROPIC_AUTH_TOKEN|$ANTHROPIC_MODEL|$ANTHROPIC_API_KEY|$*"; exit 7',
    )
    astray = user | {"ANTHROPIC_API_KEY": "sk-ant-x"}
    words = (
        "connect",
        "claude-code",
        "--run",
        "--model",
        "m",
        "--base-url",
        "http://box:1",
        "--",
        "-p",
        "a b",
        "--json",
    )
    done = flock(astray, *words)
    assert (done.returncode, done.stdout) == (7, f"http://box:1|{KEY}|m||-p a b --json\n")
    assert list(Path(user["HOME"]).iterdir()) == []


def test_a_program_of_the_user_s_own(user: dict[str, str]) -> None:
    done = flock(
        user, "connect", "openai-sdk", "--run", "--", "sh", "-c", 'printf %s "$OPENAI_BASE_URL $OPENAI_API_KEY"'
    )
    assert (done.returncode, done.stdout) == (0, f"http://127.0.0.1:8080/v1 {KEY}")


def test_a_tool_that_needs_a_file_gets_one_of_its_own_for_as_long_as_it_runs(user: dict[str, str]) -> None:
    program(user, "cn", 'echo "$2"; ls -ld "$2" | cut -c1-10; cat "$2"; test -n "$FLOCK_TOKEN"')
    done = flock(user, "connect", "continue", "--run", "--", "-p", "x")
    assert done.returncode == 0, done.stderr
    path, mode, *text = done.stdout.splitlines()
    assert mode == "-rw-------"
    assert Path(path).is_relative_to(user["FLOCK_HOME"])
    assert "apiKey: ${{ secrets.FLOCK_TOKEN }}" in "\n".join(text).replace('"', "")
    assert KEY not in done.stdout
    assert not Path(path).parent.exists()


@pytest.mark.parametrize(
    ("name", "number"), [("cn", signal.SIGTERM), ("claude", signal.SIGTERM), ("cn", signal.SIGHUP)]
)
def test_a_signal_reaches_the_tool(user: dict[str, str], tmp_path: Path, name: str, number: int) -> None:
    mark = tmp_path / "mark"
    program(user, name, f"trap 'echo got; exit 9' TERM HUP; echo $$ > {mark}; while :; do sleep 0.05; done")
    argv = [sys.executable, "-m", "flock", "connect", {"cn": "continue", "claude": "claude-code"}[name], "--run"]
    with subprocess.Popen(argv, env=user, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        wait_for(lambda: mark.exists() and mark.read_text().strip(), "the tool runs")
        process.send_signal(number)
        said, _ = process.communicate(timeout=60)
    assert (process.returncode, said) == (9, "got\n")
    assert list((Path(user["FLOCK_HOME"]) / "run").glob("connect-*")) == []


def test_a_tool_that_a_signal_ended(user: dict[str, str]) -> None:
    program(user, "cn", "kill -KILL $$")
    assert flock(user, "connect", "continue", "--run").returncode == 128 + signal.SIGKILL


def test_the_key_is_in_no_argument_of_any_process(user: dict[str, str], tmp_path: Path) -> None:
    for name in ("codex", "cn", "cline", "pi", "opencode", "gemini", "hermes", "qwen", "aider", "copilot"):
        program(user, name, 'printf "%s\\n" "$0" "$@"')
    for client in ("codex-cli", "continue", "cline", "pi", "opencode", "gemini-cli", "hermes", "qwen-code", "aider"):
        done = flock(user, "connect", client, "--run")
        assert done.returncode == 0, done.stderr
        assert KEY not in done.stdout


def test_what_is_ignored_here_is_not_ignored_there(user: dict[str, str]) -> None:
    # Python ignores SIGPIPE, and a program that inherits that never ends when its reader does
    program(user, "claude", "grep SigIgn /proc/self/status 2>/dev/null || echo SigIgn: 0")
    said = flock(user, "connect", "claude-code", "--run").stdout
    assert int(said.split()[1], 16) & 1 << (signal.SIGPIPE - 1) == 0


# -- invite


def test_the_card_goes_to_standard_output_and_the_rest_beside_it(
    opened: Opener, capsys: pytest.CaptureFixture[str]
) -> None:
    door = opened(by_name)
    assert app.main(["invite", "alice", "--quota", "200000", "--clients", "openai-sdk"]) == 0
    shown, told = capsys.readouterr()
    assert shown == CARD
    assert "never again" in told
    assert ALICE.token not in told
    assert len(door.heard) == 1


def test_format_json_is_the_answer_itself(opened: Opener, capsys: pytest.CaptureFixture[str]) -> None:
    opened(by_name)
    for words in (["--format", "json"], ["--json"]):
        assert app.main(["invite", "alice", *words]) == 0
        said = json.loads(capsys.readouterr().out)
        wanted = [
            "name",
            "token_id",
            "token",
            "scope",
            "base_url",
            "quota_daily",
            "created_at",
            "snippets",
            "clients_order",
        ]
        assert [key for key in wanted if key not in said] == []
    assert app.main(["invite", "alice", "--format", "json", "--quiet"]) == 0
    assert capsys.readouterr().out == f"{ALICE.token}\n"
