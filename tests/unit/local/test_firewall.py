"""Which command opens a port, by what the machine seems to have."""

import sys
from pathlib import Path

import pytest

from flock.local.firewall import commands


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has one firewall of its own")
def test_which_firewall(tmp_path: Path) -> None:
    nothing: list[str] = list(commands(8080, tmp_path, lambda name: None))
    assert nothing == []
    (tmp_path / "etc/ufw").mkdir(parents=True)
    (tmp_path / "etc/ufw/ufw.conf").write_text("ENABLED=no\n")
    assert list(commands(8080, tmp_path, lambda name: f"/usr/sbin/{name}")) == []
    (tmp_path / "etc/ufw/ufw.conf").write_text("ENABLED=yes\n")
    assert list(commands(8080, tmp_path, lambda name: f"/usr/sbin/{name}")) == ["sudo ufw allow 8080/tcp"]
    (tmp_path / "etc/ufw/ufw.conf").write_text("")
    (tmp_path / "run/firewalld").mkdir(parents=True)
    assert "--add-port=8080/tcp" in next(commands(8080, tmp_path, lambda name: f"/usr/bin/{name}"))
