"""The way into local operations: every LOCAL and EITHER operation has a handler, no other has."""

from pathlib import Path

import pytest

from flock.contract.lifecycle import ShowCompletion, ShowVersion
from flock.contract.op import Where, ensure_declared
from flock.contract.status import ShowStatus
from flock.errors import InternalError, UsageError
from flock.local import completion, operations
from flock.local.operations import Here, handles, run


def test_every_local_operation_has_a_file() -> None:
    here = {name for name, op in ensure_declared().items() if op.spec.where is not Where.DAEMON}
    assert set(operations._FILES) == here


def test_a_daemon_operation_is_refused(here: Here) -> None:
    with pytest.raises(InternalError, match=r"status\.show"):
        run(ShowStatus(), here)
    with pytest.raises(ValueError, match=r"status\.show"):
        handles(ShowStatus)(lambda op, here: None)


def test_version_without_a_daemon(here: Here) -> None:
    info = run(ShowVersion(), here)
    assert info.daemon == ""
    assert info.command


def test_completion(here: Here, tmp_path: Path) -> None:
    (tmp_path / "flock.bash").write_text("complete me")
    assert completion.script("bash", (tmp_path / "nowhere", tmp_path)).text == "complete me"
    with pytest.raises(InternalError, match="zsh"):
        completion.script("zsh", (tmp_path,))
    with pytest.raises(UsageError, match="bash, zsh, fish"):
        run(ShowCompletion(shell="powershell"), here)
