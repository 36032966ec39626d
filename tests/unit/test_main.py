"""The line between flock's own grammar and that of util-linux's flock(1)."""

from pathlib import Path

import pytest

from flock import __main__ as entry


def program(file: Path, text: str = "#!/bin/sh\n") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)
    return file


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current directory with a few things in it, and programs in `bin`."""
    for name in ("ls", "rm", "rsync", "bash", "backup", "edit", "path", "true"):
        program(tmp_path / "bin" / name)
    work = tmp_path / "work"
    (work / "spool").mkdir(parents=True)
    for name in ("lockfile", "model", "text.txt", "9x"):
        (work / name).touch()
    (work / "dangling").symlink_to("nowhere")
    program(work / "run.sh")
    monkeypatch.chdir(work)
    return tmp_path


OTHERS = [
    # its options, in every spelling
    "-n lockfile true", "-xn lockfile true", "-nx /tmp/l true", "-s lockfile -c true", "-w5 lockfile true",
    "-w 5 lockfile true", "-nE42 l true", "-E 42 l true", "-u 9", "-o l true", "-F l true", "-e l true", "-c true",
    "--shared l true", "--exclusive l true", "--unlock 9", "--nb l true", "--nonblock l true", "--wait=5 l true",
    "--nonblocking l true", "--wait 5 l true", "--timeout 5 l true", "--conflict-exit-code 3 l true", "--close l x",
    "--command x", "--no-fork l x", "--verbose l x", "--fcntl l x", "--start=3 l x", "--length 7 l x",
    "--excl l true", "--conf=3 l true", "--non l true", "-h -n l true", "--version -n l true", "-- lockfile true",
    "-n model ls", "-n job backup", "-x status true", "-nh", "--verbose status",
    # a descriptor, a path, something that exists
    "9", "200", "9 true", "/tmp/lock true", "./model ls", "spool true", "spool/ true", "lockfile", "lockfile true",
    "lockfile nosuch", "lockfile -c true", "dangling true", "text.txt true", "~/x true", "var/lock/x ls",
    # a lock file that does not exist yet
    "newlock.lck true", "newlock.lck nosuch", "newlock.lck ls", "newlock rsync -a x y", "newlock -c true",
    "newlock ./run.sh", "newlock bash x.sh", "lock ls", "lock bash run.sh", "tmp rm -rf x", "db rsync", "LOCK ls",
    "jobs rsync -a", "jobs bash run.sh", "node1 backup", "backups backup", "modle backup", "log ls", "état true",
    # named like a verb of ours, and followed by what means nothing in ours
    "job -c true", "model ./run.sh --all", "logs ./run.sh",
]  # fmt: skip

OURS = [
    "", "-h", "--help", "-V", "--version", "--help model", "-h model", "--", "-- model ls", "--version --json",
    "--host box status", "--host=ssh://a/b model ls", "--json status", "--quiet", "--hos", "--he", "-z lockfile",
    *entry.VERBS, "model ls", "model", "model add file:/a/b.gguf", "token create x --json", "config edit",
    "config path", "logs -f", "logs -n 5", "explain 17", "help model", "job backup", "completion bash",
    "status --json", "config set listen 127.0.0.1:80", "up --foreground", "job ./text.txt", "job -c", "job -c a b",
    # typos and guesses
    "modle ls", "models ls", "modle rm x", "models rm qwen", "tokne edit", "confgi path", "Model ls", "comletion bash",
    "modle", "stauts", "stauts --json", "explian 17", "modle add x", "pull qwen", "run qwen", "newlock nosuch",
    "run ./text.txt", "newlock", "newlock -n", "newlock -c", "-", "lokcfile", "newlock /nosuch/program",
    "engin attach http://a",
]  # fmt: skip


@pytest.mark.parametrize("line", OTHERS)
def test_the_grammar_of_the_file_lock_is_the_others(line: str, place: Path) -> None:
    assert entry.is_file_lock(line.split(), f"/nonexistent:{place / 'bin'}")


@pytest.mark.parametrize("line", OURS)
def test_everything_else_is_ours(line: str, place: Path) -> None:
    assert not entry.is_file_lock(line.split(), f"/nonexistent:{place / 'bin'}")


@pytest.mark.parametrize(
    ("words", "others"), [(["", "true"], True), (["new lock", "true"], True), (["new", ""], False)]
)
def test_odd_words(words: list[str], others: bool, place: Path) -> None:
    assert entry.is_file_lock(words, str(place / "bin")) is others


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("model", True),
        ("modle", True),
        ("mdl", True),
        ("models", True),
        ("modles", True),
        ("modules", False),
        ("md", False),
        ("m", False),
    ],
)
def test_a_near_miss_is_two_slips(word: str, near: bool) -> None:
    assert entry._is_near(word, ("model",)) is near


@pytest.mark.parametrize(("word", "near"), [("job", True), ("jbo", True), ("jobs", True), ("tab", False), ("b", False)])
def test_a_short_word_may_miss_by_one(word: str, near: bool) -> None:
    assert entry._is_near(word, ("job",)) is near


def test_nouns_are_verbs_and_the_actions_are_not() -> None:
    assert set(entry._NOUNS) < set(entry.VERBS)
    assert not set(entry._SHELLS) & set(entry.VERBS)
    assert len(set(entry.VERBS)) == len(entry.VERBS)
