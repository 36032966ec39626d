"""kill -9: nothing that was settled more than a second before is missing, and the file opens again."""

import asyncio
import signal
import sys
import time
from pathlib import Path

import pytest

from flock.clock import SystemClock
from flock.store.store import Store

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("after", [1, 700, 3000])
async def test_rows_settled_a_second_before_a_kill_are_there(path: Path, after: int) -> None:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.unit.store.writing_child", "settle", str(path)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdout is not None
    settled: dict[int, float] = {}
    async with asyncio.timeout(60):
        while len(settled) < after or max(settled.values()) - min(settled.values()) < 1.5:
            number, moment = (await child.stdout.readline()).split()
            settled[int(number)] = float(moment)
    killed = time.monotonic()
    child.send_signal(signal.SIGKILL)
    rest = await child.stdout.read()
    await child.wait()
    for line in rest.splitlines(keepends=True):
        if line.endswith(b"\n"):
            number, moment = line.split()
            settled[int(number)] = float(moment)

    store = await Store.open(path, SystemClock())
    kept = {int(row.request_id[4:], 16) for row in await store.usage.recent(len(settled) + 10)}
    explained = len(await store.decisions.latest(len(settled) + 10))
    await store.close()
    old = {number for number, moment in settled.items() if moment < killed - 1.0}
    assert old
    assert old <= kept
    assert explained == len(kept), "usage and decision of a request are committed together"
