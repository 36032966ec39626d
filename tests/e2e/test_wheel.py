"""The built wheel, installed elsewhere with pipx, is the whole product: no checkout, no settings."""

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from flock.smoke import facts
from tests.running import ROOT, free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def run(*command: str | Path, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, **more
    )  # type: ignore[call-overload,no-any-return]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build from the source distribution, which shows that it has all a wheel needs."""
    target = tmp_path_factory.mktemp("dist")
    built = run(sys.executable, "-m", "build", "--no-isolation", "--outdir", target, ROOT)
    assert built.returncode == 0, built.stdout + built.stderr
    (made,) = target.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the bin directory of a pipx installation of the wheel with the versions the lock file lists."""
    top = tmp_path_factory.mktemp("elsewhere")
    pins = re.findall(r"^[a-z0-9].*?==[^ ;]+", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    (top / "constraints.txt").write_text("\n".join(pins) + "\n")
    done = run(
        *(sys.executable, "-m", "pipx", "install", "--python", sys.executable),
        *(f"--pip-args=--constraint {top / 'constraints.txt'}", f"{wheel}[embedded]"),
        cwd=top,
        env={**os.environ, "PIPX_HOME": str(top / "pipx"), "PIPX_BIN_DIR": str(top / "bin")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return top / "bin"


@pytest.fixture
def environment(installed: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    names = {"HOME": str(tmp_path), "PATH": f"{installed}:/usr/bin:/bin", "FLOCK_LISTEN": f"127.0.0.1:{free_port()}"}
    yield names
    run(installed / "flock", "down", env=names, cwd=tmp_path)


def test_it_holds_the_data_and_nothing_of_the_checkout(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "flock/smoke/flock-smoke.gguf" in names
    for folder in ("catalog", "completions", "dashboards"):
        own = {f"flock/data/{path.relative_to(ROOT)}" for path in (ROOT / folder).rglob("*") if path.is_file()}
        assert own
        assert own <= set(names)
    outside = {name.split("/")[0] for name in names} - {"flock"}
    assert all(name.endswith(".dist-info") for name in outside), outside
    assert any(re.fullmatch(r"flockllm-.*\.dist-info/licenses/LICENSE", name) for name in names)
    # nothing that Python runs by itself at every start of any program: that is how stolen packages steal
    assert not [name for name in names if name.endswith((".pth", "sitecustomize.py", "usercustomize.py"))]


def test_both_names_are_installed(installed: Path, environment: dict[str, str]) -> None:
    for name in ("flock", "flockctl"):
        assert run(installed / name, "--version", env=environment).stdout.startswith("flock ")


def test_up_serves_the_smoke_model_and_down_stops_it(
    installed: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    up = run(installed / "flock", "up", env=environment, cwd=tmp_path)
    assert up.returncode == 0, up.stderr
    (line,) = [line.strip() for line in (up.stdout + up.stderr).splitlines() if "| curl " in line]
    answer = run("/bin/sh", "-c", line, env=environment, cwd=tmp_path)
    assert facts.SENTENCE in answer.stdout, answer.stdout + answer.stderr
    down = run(installed / "flock", "down", env=environment, cwd=tmp_path)
    assert down.returncode == 0, down.stderr
    health = run("curl", "-fsS", f"http://{environment['FLOCK_LISTEN']}/healthz", env={"PATH": os.environ["PATH"]})
    assert health.returncode == 7  # could not connect
