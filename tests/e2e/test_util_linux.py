"""flock(1) of util-linux through our `flock`: every documented use, beside the real program, gives the same."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import flock

REPOSITORY = Path(flock.__file__).parents[1]
SYSTEM = "/usr/bin:/bin"
REAL = shutil.which("flock", path=SYSTEM) or ""
# What pip writes, and the checkout in case nothing is installed where the tests run
SCRIPT = f"""#!{sys.executable}
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
from flock.__main__ import main
if __name__ == '__main__':
    sys.argv[0] = sys.argv[0].removesuffix('.exe')
    sys.exit(main())
"""
Outcome = tuple[int, bytes, bytes]


@pytest.fixture(autouse=True, scope="module")
def other() -> None:
    """The real flock(1)."""
    if not REAL:
        assert not os.environ.get("CI"), "util-linux's flock(1) is missing on CI"
        pytest.skip("no flock(1) on this machine")


def executable(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)
    return file


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """Our console script, alone in a directory."""
    return executable(tmp_path / "bin" / "flock", SCRIPT)


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock file that exists and is free."""
    file = tmp_path / "work" / "the.lock"
    file.parent.mkdir()
    file.touch()
    return file


@pytest.fixture
def held(lock: Path) -> Iterator[Path]:
    """The lock file, locked by this process."""
    with lock.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield lock


def outcome(
    words: list[str | Path],
    cwd: Path,
    *,
    path: str = SYSTEM,
    env: dict[str, str] | None = None,
    stdin: bytes = b"",
    pass_fds: tuple[int, ...] = (),
) -> Outcome:
    """Run a command with PATH and `env` alone, and return exit code, stdout and stderr."""
    environment = {"PATH": path, **(env or {})}
    run = subprocess.run(
        words, cwd=cwd, env=environment, input=stdin, capture_output=True, timeout=60, pass_fds=pass_fds
    )
    return run.returncode, run.stdout, run.stderr


def same(ours: Path, words: list[str | Path], cwd: Path, **more: object) -> Outcome:
    """Run flock(1)'s `words` through ours and the real one under one PATH; assert that they agree."""
    path = f"{ours.parent}:{SYSTEM}"
    through = outcome([ours, *words], cwd, path=path, **more)  # type: ignore[arg-type]
    real = outcome([REAL, *words], cwd, path=path, **more)  # type: ignore[arg-type]
    assert through == real
    return through


def same_shell(ours: Path, script: str, cwd: Path) -> Outcome:
    """Run a shell script that calls `flock` by its name, under a PATH with and without ours; assert that they agree."""
    words: list[str | Path] = ["/bin/sh", "-c", script]
    through = outcome(words, cwd, path=f"{ours.parent}:{SYSTEM}")
    assert through == outcome(words, cwd)
    return through


FREE = [
    (["-n", "the.lock", "echo", "in"], 0, b"in\n"),
    (["the.lock", "echo", "a b", "c", ""], 0, b"a b c \n"),
    (["the.lock", "-c", "echo $((6 * 7)); exit 3"], 3, b"42\n"),
    (["-n", ".", "-c", "echo directory"], 0, b"directory\n"),
    (["-w", "1", "the.lock", "echo", "in"], 0, b"in\n"),
    (["--wait=.5", "the.lock", "echo", "in"], 0, b"in\n"),
    (["-xn", "-E", "42", "the.lock", "echo", "in"], 0, b"in\n"),
    (["-s", "the.lock", "echo", "in"], 0, b"in\n"),
    (["-o", "the.lock", "echo", "in"], 0, b"in\n"),
    (["-F", "the.lock", "echo", "in"], 0, b"in\n"),
    (["the.lock", "sh", "-c", "exit 7"], 7, b""),
    (["the.lock", "sh", "-c", "kill -9 $$"], 128 + 9, b""),
    (["the.lock", "/nonexistent/program"], 69, b""),
    (["./the.lock", "model", "ls"], 69, b""),
    (["/nonexistent/dir/l", "true"], 66, b""),
    (["-w", "never", "the.lock", "true"], 64, b""),
    (["-n", "the.lock"], 64, b""),
    (["77"], 65, b""),
    (["-n", "model", "echo", "in"], 0, b"in\n"),
    (["model", "-c", "echo in"], 0, b"in\n"),
]


@pytest.mark.parametrize(("words", "code", "stdout"), FREE, ids=lambda value: str(value))
def test_a_free_lock(words: list[str | Path], code: int, stdout: bytes, ours: Path, lock: Path) -> None:
    assert same(ours, words, lock.parent)[:2] == (code, stdout)


HELD = [
    (["-n", "the.lock", "echo", "in"], 1),
    (["-n", "the.lock", "-c", "echo in"], 1),
    (["--nonblock", "--conflict-exit-code=9", "the.lock", "echo", "in"], 9),
    (["-w", "0.01", "the.lock", "echo", "in"], 1),
    (["-w.01", "-E", "42", "the.lock", "echo", "in"], 42),
    (["--timeout", "0", "-E42", "the.lock", "echo", "in"], 42),
    (["-sn", "the.lock", "echo", "in"], 1),
    (["--verbose", "-n", "the.lock", "echo", "in"], 1),
]


@pytest.mark.parametrize(("words", "code"), HELD, ids=lambda value: str(value))
def test_a_held_lock(words: list[str | Path], code: int, ours: Path, held: Path) -> None:
    assert same(ours, words, held.parent)[:2] == (code, b"")


def test_shared_locks_are_held_together(ours: Path, lock: Path) -> None:
    with lock.open() as stream:
        fcntl.flock(stream, fcntl.LOCK_SH)
        assert same(ours, ["-s", "-n", lock, "echo", "in"], lock.parent)[:2] == (0, b"in\n")
        assert same(ours, ["-x", "-n", lock, "echo", "in"], lock.parent)[:2] == (1, b"")


def test_the_lock_is_held_while_the_command_runs(ours: Path, lock: Path) -> None:
    script = f"flock the.lock -c '{REAL} -n the.lock true; echo $?; {REAL} -n other true; echo $?'"
    assert same_shell(ours, script, lock.parent) == (0, b"1\n0\n", b"")


@pytest.mark.parametrize("name", ["new.lock", "newlock", "NEW", "lock", "directory/new"])
def test_a_lock_file_is_created(name: str, ours: Path, lock: Path) -> None:
    (lock.parent / "directory").mkdir()
    run = outcome([ours, name, "echo", "in"], lock.parent, path=f"{ours.parent}:{SYSTEM}")
    assert run == (0, b"in\n", b"")
    assert (lock.parent / name).read_bytes() == b""


def test_verbose_says_that_it_got_the_lock(ours: Path, lock: Path) -> None:
    words: list[str | Path] = ["--verbose", "the.lock", "echo", "in"]
    through = outcome([ours, *words], lock.parent, path=f"{ours.parent}:{SYSTEM}")
    real = outcome([REAL, *words], lock.parent)
    # "flock: getting lock took 0.000004 seconds" and then "flock: executing echo"
    assert through[0] == real[0] == 0
    assert [line.split(b" took ")[0] for line in (through[1] + through[2]).splitlines()] == [
        line.split(b" took ")[0] for line in (real[1] + real[2]).splitlines()
    ]


def test_the_descriptor_form_on_a_free_lock(ours: Path, lock: Path) -> None:
    script = f"( flock -n 9 || exit 1; echo in; {REAL} -n the.lock true; echo $? ) 9>the.lock"
    assert same_shell(ours, script, lock.parent) == (0, b"in\n1\n", b"")


def test_the_descriptor_form_on_a_held_lock(ours: Path, held: Path) -> None:
    script = "( flock -n 9 || exit 1; echo in ) 9>the.lock"
    assert same_shell(ours, script, held.parent) == (1, b"", b"")


def test_the_descriptor_form_without_options_and_read_only(ours: Path, lock: Path) -> None:
    script = f"exec 4<the.lock; flock 4 && {REAL} -n the.lock true; echo $?"
    assert same_shell(ours, script, lock.parent) == (0, b"1\n", b"")


def test_unlocking_a_descriptor(ours: Path, lock: Path) -> None:
    script = f"exec 9>the.lock; flock 9; {REAL} -n the.lock true; echo $?; flock -u 9; {REAL} -n the.lock true; echo $?"
    assert same_shell(ours, script, lock.parent) == (0, b"1\n0\n", b"")


def test_the_manuals_boilerplate_for_scripts(ours: Path, lock: Path) -> None:
    text = '#!/bin/sh\n[ "${FLOCKER}" != "$0" ] && exec env FLOCKER="$0" flock -en "$0" "$0" "$@" || :\necho "in $*"\n'
    script = executable(lock.parent / "job.sh", text)
    assert same_shell(ours, f"{script} a b", lock.parent) == (0, b"in a b\n", b"")
    with script.open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        assert same_shell(ours, f"{script} a b", lock.parent) == (1, b"", b"")


def test_stdin_reaches_the_command(ours: Path, lock: Path) -> None:
    text = bytes(range(256)) * 1000
    assert same(ours, ["the.lock", "cat"], lock.parent, stdin=text)[1] == text


def test_arguments_of_any_bytes_reach_the_command(ours: Path, lock: Path) -> None:
    name = os.fsdecode(b"\xff\xfe caf\xe9")
    assert same(ours, ["the.lock", "printf", "%s", name], lock.parent)[1] == os.fsencode(name)


@pytest.mark.parametrize("locale", [{}, {"LANG": "C"}, {"LC_CTYPE": "C.UTF-8"}, {"LC_ALL": "POSIX", "A": "a\nb=c"}])
def test_the_environment_is_the_callers(locale: dict[str, str], ours: Path, lock: Path) -> None:
    found = same(ours, ["the.lock", "env", "-0"], lock.parent, env=locale)[1]
    entries = dict(entry.split("=", 1) for entry in found.decode().split("\0") if entry)
    assert entries == {"PATH": f"{ours.parent}:{SYSTEM}", **locale}


def test_an_empty_environment(ours: Path, lock: Path) -> None:
    words: list[str | Path] = ["/usr/bin/env", "-i", ours, "-n", "the.lock", "/usr/bin/env"]
    assert outcome(words, lock.parent) == (0, b"", b"")


def test_from_env_i_with_a_path(ours: Path, lock: Path) -> None:
    words = f'env -i PATH="{ours.parent}:{SYSTEM}" flock -n the.lock echo in'
    assert outcome(["/bin/sh", "-c", words], lock.parent) == (0, b"in\n", b"")


def test_descriptors_are_the_callers(ours: Path, lock: Path) -> None:
    with lock.open() as stream:
        words: list[str | Path] = ["/tmp", "sh", "-c", "for f in /proc/$$/fd/*; do echo ${f##*/}; done"]
        found = same(ours, words, lock.parent, pass_fds=(stream.fileno(),))[1]
        assert str(stream.fileno()).encode() in found.split()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/self/status is Linux's")
def test_signals_are_the_callers(ours: Path, lock: Path) -> None:
    """Python ignores SIGPIPE, which would reach the command and break `producer | head -1` in it."""
    same(ours, ["the.lock", "grep", "^Sig[BIC]", "/proc/self/status"], lock.parent)


def test_a_broken_pipe_ends_the_command(ours: Path, lock: Path) -> None:
    script = "flock the.lock sh -c '(yes; echo $? >&2) | head -n 1'"
    assert same_shell(ours, script, lock.parent)[0] == 0


def wait_until_replaced(process: subprocess.Popen[bytes]) -> None:
    """Wait until `process` has become the real flock(1)."""
    for _ in range(2000):
        assert process.poll() is None, process.communicate()
        if os.path.realpath(f"/proc/{process.pid}/exe") == os.path.realpath(REAL):
            return
        try:
            process.wait(0.01)
        except subprocess.TimeoutExpired:
            continue
    pytest.fail("the process never became flock(1)")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/PID/exe is Linux's")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_while_waiting_ends_it(number: signal.Signals, ours: Path, held: Path) -> None:
    words = [ours, "the.lock", "touch", "ran"]
    with subprocess.Popen(words, cwd=held.parent, env={"PATH": SYSTEM}, stderr=subprocess.PIPE) as process:
        wait_until_replaced(process)
        process.send_signal(number)
        assert process.wait(60) == -number
    assert not (held.parent / "ran").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/PID/exe is Linux's")
def test_a_waiting_one_gets_the_lock_when_it_is_released(ours: Path, lock: Path) -> None:
    with lock.open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        words = [ours, "-w", "60", "the.lock", "echo", "in"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(words, cwd=lock.parent, env={"PATH": SYSTEM}, **pipes) as process:
            wait_until_replaced(process)
            fcntl.flock(stream, fcntl.LOCK_UN)
            assert (*process.communicate(timeout=60), process.returncode) == (b"in\n", b"", 0)


def test_the_decision_imports_nothing() -> None:
    code = (
        "import sys; start = set(sys.modules); from flock.__main__ import is_file_lock; "
        "is_file_lock(['newlock', 'ls'], '/usr/bin:/bin'); is_file_lock(['modle', 'ls'], '/usr/bin:/bin'); "
        "print(*sorted(set(sys.modules) - start))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout.split() == ["flock", "flock.__main__"]


def test_nothing_of_ours_is_imported(ours: Path, lock: Path) -> None:
    words: list[str | Path] = [sys.executable, "-X", "importtime", ours, "newlock", "true"]
    code, _, stderr = outcome(words, lock.parent, path=f"{ours.parent}:{SYSTEM}")
    found = {line.rpartition("|")[2].strip() for line in stderr.decode().splitlines()}
    assert code == 0
    assert {name for name in found if name.split(".")[0] == "flock"} == {"flock", "flock.__main__", "flock.handover"}
    assert not found & {"typer", "aiohttp", "rich", "asyncio", "json", "dataclasses", "typing", "pathlib", "subprocess"}


@pytest.mark.parametrize("name", ["flock", "flockctl"])
@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version_is_ours_and_imports_nothing(name: str, option: str, ours: Path, lock: Path) -> None:
    script = executable(ours.parent / name, SCRIPT)
    words: list[str | Path] = [sys.executable, "-X", "importtime", script, option]
    code, stdout, stderr = outcome(words, lock.parent)
    found = {line.rpartition("|")[2].strip() for line in stderr.decode().splitlines()}
    assert (code, stdout) == (0, f"flock {flock.__version__}\n".encode())
    assert {item for item in found if item.split(".")[0] == "flock"} == {"flock", "flock.__main__"}


def test_flockctl_and_python_m_never_hand_over(ours: Path, lock: Path) -> None:
    script = executable(ours.parent / "flockctl", SCRIPT)
    for start in ([script], [sys.executable, "-m", "flock"]):
        words: list[str | Path] = [*start, "-n", "the.lock", "touch", "ran"]
        code, _, _ = outcome(words, lock.parent, env={"PYTHONPATH": str(REPOSITORY), "HOME": str(lock.parent)})
        assert code not in (0, 69)
        assert not (lock.parent / "ran").exists()


def test_links_and_other_copies_of_ours_are_passed_over(ours: Path, lock: Path, tmp_path: Path) -> None:
    link = tmp_path / "link" / "flock"
    link.parent.mkdir()
    link.symlink_to(ours)
    mark = tmp_path / "the copy ran"
    copy = executable(
        tmp_path / "copy" / "flock", SCRIPT.replace("sys\n", f"sys\nopen({str(mark)!r}, 'w').close()\n", 1)
    )
    path = f"{link.parent}:{ours.parent}:{copy.parent}"
    words: list[str | Path] = ["-n", "the.lock", "echo", "in"]
    for script in (link, ours):
        assert outcome([script, *words], lock.parent, path=f"{path}:{SYSTEM}") == (0, b"in\n", b"")
        code, stdout, stderr = outcome([script, *words], lock.parent, path=path)
        assert (code, stdout, stderr.count(b"\n")) == (69, b"", 1)
        assert stderr.startswith(b"flock: these arguments are for the file lock flock(1)")
    assert not mark.exists()
    assert outcome([copy, *words], lock.parent, path=f"{path}:{SYSTEM}") == (0, b"in\n", b"")


def test_a_program_that_cannot_run_is_passed_over(ours: Path, lock: Path, tmp_path: Path) -> None:
    for place, text in (("a", "no first line\n"), ("b", "#!/nonexistent/interpreter\n")):
        executable(tmp_path / place / "flock", text)
    path = f"{tmp_path}/a:{tmp_path}/b"
    assert outcome([ours, "the.lock", "env"], lock.parent, path=path)[0] == 69
    path += f":{SYSTEM}"
    assert outcome([ours, "the.lock", "env"], lock.parent, path=path) == (0, f"PATH={path}\n".encode(), b"")


@pytest.mark.parametrize(
    ("call", "starts"),
    [
        ('exec "{ours}" "$@"', 2),  # the process stays the same: known at the first return
        ('"{ours}" "$@"', 5),  # another process, as a command under a lock would be: known at the fourth return
        ('env A=1 sh -c \'"$0" "$@"; exit $?\' "{ours}" "$@"', 5),
    ],
)
def test_a_launcher_that_leads_back_to_ours_does_not_go_round(
    call: str, starts: int, ours: Path, lock: Path, tmp_path: Path
) -> None:
    """A pyenv shim or a wrapper of the user's comes first on PATH and starts ours."""
    log = tmp_path / "starts"
    shim = executable(tmp_path / "shims" / "flock", f"#!/bin/sh\necho >>'{log}'\n{call.format(ours=ours)}\n")
    words: list[str | Path] = [shim, "-n", "the.lock", "sh", "-c", "echo in; exit 3"]
    assert outcome(words, lock.parent, path=f"{shim.parent}:{SYSTEM}") == (3, b"in\n", b"")
    assert len(log.read_text().splitlines()) == starts


def test_a_launcher_of_the_real_one_is_used_also_under_itself(ours: Path, lock: Path, tmp_path: Path) -> None:
    launcher = executable(tmp_path / "site" / "flock", f'#!/bin/sh\nexec {REAL} "$@"\n')
    path = f"{ours.parent}:{launcher.parent}"
    words: list[str | Path] = [ours, "./a", ours, "./b", ours, "./c", "/bin/echo", "in"]
    assert outcome(words, lock.parent, path=path) == (0, b"in\n", b"")


def test_no_other_flock_behind_a_launcher_ends_with_the_sentence(ours: Path, lock: Path, tmp_path: Path) -> None:
    shim = executable(tmp_path / "shims" / "flock", f'#!/bin/sh\n"{ours}" "$@"\n')
    code, stdout, stderr = outcome([shim, "-n", "the.lock", "/bin/echo", "in"], lock.parent, path=str(shim.parent))
    assert (code, stdout, stderr.count(b"\n")) == (69, b"", 1)


def test_the_sentence_is_lost_where_stderr_is_closed(ours: Path, lock: Path) -> None:
    run = outcome(["/bin/sh", "-c", f"'{ours}' -n the.lock true 2>&-"], lock.parent, path=str(ours.parent))
    assert run == (69, b"", b"")


def test_closed_descriptors_stay_closed(ours: Path, lock: Path) -> None:
    script = "flock the.lock sh -c 'for n in 0 1 2; do test -e /proc/$$/fd/$n && echo $n >&2; done; true' 0<&- 1>&-"
    same_shell(ours, script, lock.parent)
