"""How much memory models may take."""

import os
import sys

import pytest

from flock.engines.engine import EngineSettings
from flock.engines.memory import Memory
from flock.hardware.seen import Seen, simulated

GB = 10**9


def memory(seen: Seen, **settings: int) -> Memory:
    return Memory(lambda: seen, EngineSettings(**settings))


def test_the_machine_less_the_headroom_unless_it_was_set() -> None:
    seen = simulated(24)
    assert memory(seen).budget_bytes == seen.pool_total_bytes - 2 * 2**30
    assert memory(seen, headroom_bytes=0).budget_bytes == seen.pool_total_bytes
    assert memory(seen, memory_bytes=5 * GB).budget_bytes == 5 * GB
    card = simulated(64, "nvidia:24")
    assert memory(card).budget_bytes == card.pool_total_bytes - 2 * 2**30 < 24 * 2**30


def test_what_others_take_is_not_there() -> None:
    seen = simulated(24)
    taken = seen.pool_total_bytes - seen.pool_free_bytes
    small = memory(seen, headroom_bytes=0)
    assert small.limit(0) == seen.pool_free_bytes
    # what our own hold is ours to give: the sum stays the same whoever of ours is in memory
    assert small.limit(taken) == seen.pool_total_bytes
    assert small.limit(10 * taken) == small.budget_bytes
    assert memory(seen, memory_bytes=GB).limit(0) == GB
    assert small.free_for(seen.pool_total_bytes) == 0
    assert memory(seen, memory_bytes=5 * GB).free_for(2 * GB) == 3 * GB


def test_what_an_ollama_of_flocks_own_holds_is_not_there_for_others() -> None:
    seen = simulated(24)
    beside = memory(seen, memory_bytes=5 * GB)
    beside.elsewhere = lambda: 2 * GB
    assert beside.limit(0) == 3 * GB
    assert beside.free_for(GB) == 2 * GB
    assert beside.budget_bytes == 5 * GB
    beside.elsewhere = lambda: 9 * GB
    assert beside.limit(0) == beside.free_for(0) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not tell what a process shares")
def test_what_our_processes_have_for_themselves() -> None:
    assert memory(simulated(24)).held(7, []) == 0
    assert memory(simulated(24)).held(7, [os.getpid()]) > 2**20
    assert memory(simulated(24)).held(7, [2**22 + 1]) == 0
    # on a card nobody can see whose memory is whose
    assert memory(simulated(64, "nvidia:24")).held(7, [os.getpid()]) == 7


async def test_a_look_is_taken_again() -> None:
    looks = [simulated(8), simulated(16)]
    changing = Memory(lambda: looks.pop(0), EngineSettings(headroom_bytes=0))
    before = changing.budget_bytes
    await changing.look()
    assert changing.budget_bytes > before
