"""The completion scripts are current, and the real shells complete with them."""

import dataclasses
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from flock.cli import app, completion, tree
from flock.contract.op import ensure_declared, lister
from flock.paths import find_home
from tests.cli.test_terminal import Screen

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "completions"
EVIL = "ev il$(touch pwned)"

CASES = [
    (["mo"], ["model"]),
    (["model", "re"], ["remove"]),
    (["model", "pr"], ["preset"]),
    (["model", "preset", ""], ["ls", "remove", "save"]),
    (["model", "preset", "s"], ["save"]),
    (["model", "preset", "save", "--mo"], ["--model"]),
    (["model", "preset", "ls", "s"], []),
    (["model", "load", "--pin", "qwen3"], ["qwen3-8b"]),
    (["engine", "install", "v"], ["vllm"]),
    (["model", "add", "alp"], ["alpha-3b"]),
    (["model", "info", ""], ["alpha-3b"]),
    (["vendor", "show", "g"], ["groq"]),
    (["model", "remove", ""], [EVIL, "qwen/a:b", "qwen3-8b"]),
    (["model", "remove", "--yes", "qwen3"], ["qwen3-8b"]),
    (["token", "revoke", ""], ["k_1"]),
    (["engine", "detach", "v"], ["vllm"]),
    (["doctor", ""], ["cache"]),
    (["doctor", "--j"], ["--json"]),
    (["doctor", "cache", "--j"], ["--json"]),
    (["request", "show", ""], ["req_1"]),
    (["request", "explain", ""], ["last", "req_1"]),
    (["explain", "r"], ["req_1"]),
    (["job", "show", ""], ["j_1"]),
    (["completion", ""], ["bash", "fish", "zsh"]),
    (["usage", "--ver"], []),
    (["usage", "--li"], ["--limit"]),
    (["usage", "--limit", ""], []),
    (["up", "--no-w"], ["--no-wizard"]),
    (["model", "remove", "qwen3-8b", "q"], []),
    # words of closed sets
    (["model", "search", "--sort", ""], ["name", "released", "size"]),
    (["usage", "--by", "u"], ["user"]),
    (["usage", "breakdown", "--bucket", "d"], ["day"]),
    (["savings", "--by", "mo"], ["model", "month"]),
    (["model", "add", "--engine", "v"], ["vllm"]),
    (["model", "config", "--kv-type", "q"], ["q4_0", "q8_0"]),
    (["invite", "bob", "--format", "j"], ["json"]),
    (["events", "--kind", "eng"], ["engine.state"]),
    (["tui", "mo"], ["models", "monitor"]),
    (["tui", "--theme", ""], ["dark", "light", "none"]),
    (["connect", "claude"], ["claude-code"]),
    (["connect", "curl", "--mod"], ["--model"]),
    (["connect", "curl", "--model", "qwen3"], ["qwen3-8b"]),
    (["disconnect", "codex"], ["codex-cli"]),
    # ids
    (["model", "preset", "remove", ""], ["tools"]),
    (["model", "config", "x", "--preset", ""], ["tools"]),
    (["run", "hello", "-m", "qwen3"], ["qwen3-8b"]),
    (["token", "edit", ""], ["k_1"]),
    (["config", "get", "li"], ["listen"]),
    (["price", "remove", "op"], ["openai/gpt-5"]),
    (["context", "use", ""], ["local", "studio"]),
    # what every command takes
    (["--co"], ["--context"]),
    (["--context", ""], ["studio"]),
    (["--host", "stu"], ["studio"]),
    (["--host", "ssh://ada@box", "mod"], ["model"]),
    (["--host", "ssh://ada@box", "model", "re"], ["remove"]),
    (["model", "ls", "--context", "s"], ["studio"]),
    (["model", "ls", "--no-i"], ["--no-input"]),
    (["expose", "--host", ""], []),
    (["model", "config", "--context", ""], []),
    (["model", "config", "qwen3-8b", "--kv-t"], ["--kv-type"]),
    # a number behind --watch is its own
    (["job", "show", "--watch", ""], ["j_1"]),
    (["job", "show", "-w", "5", "j"], ["j_1"]),
    (["model", "ls", "--wa"], ["--watch"]),
]


@pytest.fixture(autouse=True)
def ids(home: Path) -> None:
    """What the daemon leaves for the shells."""
    place = find_home().completions
    place.mkdir(parents=True)
    assert place == home / "run" / "ids"
    for noun, words in {
        "models": ["qwen/a:b", "qwen3-8b", EVIL],
        "tokens": ["k_1"],
        "engines": ["vllm"],
        "requests": ["req_1"],
        "jobs": ["j_1"],
        "catalog": ["alpha-3b"],
        "vendors": ["groq"],
        "presets": ["tools"],
        "settings": ["listen"],
        "prices": ["openai/gpt-5"],
        "contexts": ["studio"],
    }.items():
        (place / noun).write_text("".join(f"{w}\n" for w in words))


def need(shell: str) -> str:
    path = shutil.which(shell)
    if path is None:
        cause = f"{shell} is not installed: apt-get install {shell}"
        pytest.fail(cause) if os.environ.get("CI") else pytest.skip(cause)
    return path


def run(shell: str, *arguments: str, cwd: Path) -> list[str]:
    done = subprocess.run(
        [need(shell), *arguments],
        env=dict(os.environ),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout.splitlines()


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_the_committed_scripts_are_current(shell: str) -> None:
    assert completion.script(shell) == (SCRIPTS / f"flock.{shell}").read_text("utf-8")


def test_write(tmp_path: Path) -> None:
    completion.write(tmp_path)
    assert sorted(p.name for p in tmp_path.glob("flock.*")) == ["flock.bash", "flock.fish", "flock.zsh"]


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_no_script_starts_python(shell: str) -> None:
    assert "python" not in completion.script(shell).replace("completion.py", "")


BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
_flock "$1"
for word in "${COMPREPLY[@]}"; do printf '%s\\n' "$word"; done
"""


def bash(*words: str, cwd: Path, program: str = "flock") -> list[str]:
    script = str(SCRIPTS / "flock.bash")
    found = run("bash", "--norc", "-c", BASH, "bash", script, program, *words, cwd=cwd)
    return sorted(found)


@pytest.mark.parametrize(("words", "expected"), CASES, ids=lambda v: " ".join(v))
@pytest.mark.parametrize("program", ["flock", "flockctl"])
def test_bash(program: str, words: list[str], expected: list[str], tmp_path: Path) -> None:
    quoted = [w.replace(EVIL, r"ev\ il\$\(touch\ pwned\)") for w in expected]
    assert bash(*words, cwd=tmp_path, program=program) == sorted(quoted)


def test_bash_puts_together_what_it_broke_at_colons(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").touch()
    assert bash("model", "remove", "qwen/a", ":", cwd=tmp_path) == ["b"]
    assert bash("model", "add", "fi", cwd=tmp_path) == ["file:"]
    assert bash("model", "add", "file", ":", "a", cwd=tmp_path) == ["a.gguf"]
    assert bash("model", "scan", "a", cwd=tmp_path) == ["a.gguf"]
    assert bash("model", "add", "--name", "=", "x", "file", ":", "./a", cwd=tmp_path) == ["./a.gguf"]


def test_bash_gives_files_to_the_other_flock(tmp_path: Path) -> None:
    (tmp_path / "my.lock").touch()
    assert bash("my", cwd=tmp_path) == ["my.lock"]
    assert bash("other", "my", cwd=tmp_path) == ["my.lock"]
    assert bash("my", cwd=tmp_path, program="flockctl") == []


def test_bash_names_every_first_word(tmp_path: Path) -> None:
    assert bash("", cwd=tmp_path) == sorted(tree.WORDS)


@pytest.mark.parametrize(("words", "expected"), CASES, ids=lambda v: " ".join(v))
@pytest.mark.parametrize("program", ["flock", "flockctl"])
def test_fish(program: str, words: list[str], expected: list[str], tmp_path: Path) -> None:
    source = f"source {SCRIPTS}/flock.fish; complete -C $argv[1]"
    found = run("fish", "--no-config", "-c", source, " ".join([program, *words]), cwd=tmp_path)
    assert sorted(line.partition("\t")[0] for line in found) == expected


def test_fish_completes_files(tmp_path: Path) -> None:
    (tmp_path / "my.gguf").touch()
    source = f"source {SCRIPTS}/flock.fish; complete -C $argv[1]"
    for line, expected in (
        ("flock model add file:m", ["file:my.gguf"]),
        ("flock model add fi", ["file:"]),
        ("flock my", ["my.gguf"]),
        ("flock model scan m", ["my.gguf"]),
    ):
        found = run("fish", "--no-config", "-c", source, line, cwd=tmp_path)
        assert [word.partition("\t")[0] for word in found] == expected


@pytest.mark.parametrize(
    ("typed", "becomes"),
    [
        ("flock mode", "flock model "),
        ("flock model rem", "flock model remove "),
        ("flock model remove qwen3", "flock model remove qwen3-8b "),
        ("flock model remove qwen/", "flock model remove qwen/a:b "),
        ("flock usage --li", "flock usage --limit "),
        ("flockctl explain re", "flockctl explain req_1 "),
        ("flock model add fi", "flock model add file:"),
        ("flock model add file:my", "flock model add file:my.gguf "),
        ("flock my", "flock my.gguf "),
        ("flock model pre", "flock model preset "),
        ("flock model preset sa", "flock model preset save "),
        ("flock model scan my", "flock model scan my.gguf "),
    ],
)
def test_zsh(typed: str, becomes: str, tmp_path: Path) -> None:
    (tmp_path / "my.gguf").touch()
    screen = Screen(need("zsh"), "-f", "-i", TERM="dumb", PS1="", HOME=str(tmp_path))
    setup = f"cd {tmp_path}; PS1=; autoload -U compinit; compinit -u -D; source {SCRIPTS}/flock.zsh"
    screen.type(f'{setup}; unsetopt beep; show() {{ print -r -- "<$BUFFER>"; BUFFER=; }}; zle -N show\n')
    screen.type("bindkey '^O' show; echo rea''dy\n")
    screen.until("ready")
    screen.type(f"{typed}\t\x0f")
    screen.until(f"<{becomes}>")
    screen.type("exit\n")
    assert screen.end() == 0
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
@pytest.mark.parametrize("variables", [("HOME",), ("HOME", "FLOCK_DATA_DIR"), ("HOME", "FLOCK_DATA_DIR", "FLOCK_HOME")])
def test_the_shells_look_where_the_daemon_writes(
    shell: str, variables: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FLOCK_HOME")
    for name in (*variables, "XDG_DATA_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "a place" / name))
    place = find_home().completions
    place.mkdir(parents=True)
    (place / "jobs").write_text("j_here\n")
    call = "__flock_ids" if shell == "fish" else "_flock_ids"
    quiet = {"bash": ["--norc"], "fish": ["--no-config"], "zsh": ["-f"]}[shell]
    stub = "compdef() { :; }; " if shell == "zsh" else ""
    assert run(shell, *quiet, "-c", f"{stub}source '{SCRIPTS}/flock.{shell}'; {call} jobs", cwd=tmp_path) == ["j_here"]


def test_contexts_are_listed_without_a_daemon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["context", "add", "lab", "ssh://ada@lab"]) == 0
    assert app.main(["context", "add", "attic", "ssh://ada@attic"]) == 0
    assert (find_home().completions / "contexts").read_text() == "attic\nlab\n"
    assert bash("--context", "", cwd=tmp_path) == ["attic", "lab"]
    assert app.main(["context", "remove", "attic", "--yes"]) == 0
    assert bash("context", "use", "", cwd=tmp_path) == ["lab", "local"]


def test_the_scripts_run_where_there_is_no_python(tmp_path: Path) -> None:
    """PATH has nothing at all: only what is built into the shells is used."""
    for shell, quiet in (("bash", ["--norc"]), ("zsh", ["-f"])):
        stub = "compdef() { :; }; " if shell == "zsh" else ""
        script = f"{stub}source '{SCRIPTS}/flock.{shell}'; _flock_words model load; _flock_ids models"
        done = subprocess.run(
            [need(shell), *quiet, "-c", script],
            env={**os.environ, "PATH": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert {"--pin", "qwen3-8b", "--context"} <= set(done.stdout.splitlines())


def test_every_closed_set_and_every_id_is_completed() -> None:
    """What a declaration says of a field, the scripts offer."""
    text = completion.script("bash")
    for op in ensure_declared().values():
        for item in dataclasses.fields(op):  # type: ignore[arg-type]
            choices = item.metadata.get("choices", ())
            assert " ".join(choices) in text, (op.spec.name, item.name)
            listing = lister(item.metadata["help"])
            assert (
                not listing or completion.takes(op.spec.name, item.name) or listing[0] in ("hub", "history", "backup")
            )
