"""When Claude Code compacts in windows of the usual sizes, as counted in runs of the real one (2.1.329).

Its own prompt had 12,203 tokens, or 20,203 with a long prompt of the user's; the longest that its shell prints is 7,671
tokens, what asks for a summary 1,630, and a long summary 5,013.
"""

import orjson
import pytest

from flock.dialects import tokens
from flock.dialects.ask import Ask
from flock.dialects.ir import Usage
from flock.dialects.switches import Switches

# at this usage it compacts; that of a million less 33,000
COMPACTS = 967_000
PROMPT, LONG_PROMPT, ROUND, ORDER, SUMMARY = 12_203, 20_203, 7_671, 1_630, 5_013
# it gives up when it has to compact within three turns of the last time
TURNS = 4


def ask(prompt: int) -> Ask:
    """Return a request of Claude Code's whose own prompt has so many tokens."""
    body = {"system": [{"type": "text", "text": "x" * (4 * prompt - 50)}], "messages": []}
    headers = {"user-agent": "claude-cli/2.1.329 (external, cli)"}
    return Ask("anthropic", "messages", "/", orjson.dumps(body), body, "claude-flock-m", False, False, headers)


def compacts_at(window: int, prompt: int = PROMPT) -> int:
    """Return the real usage from which on it compacts, the whole window where it is told the truth."""
    scaled = tokens.scale(ask(prompt), window, Switches())
    if scaled is None:
        return window
    return next(real for real in range(window // 2, window) if scaled(Usage(input=real)).input >= COMPACTS)


@pytest.mark.parametrize("window", [60_000, 65_536, 131_072, 262_144])
def test_a_long_round_and_a_long_summary_still_fit(window: int) -> None:
    """The last answer was told as just too little to compact; then the longest round comes."""
    assert compacts_at(window) + ROUND + ORDER + SUMMARY <= window


@pytest.mark.parametrize(("window", "used"), [(32_768, 0.74), (65_536, 0.77), (131_072, 0.88)])
def test_most_of_the_window_is_used(window: int, used: float) -> None:
    assert compacts_at(window) / window >= used


@pytest.mark.parametrize(("window", "each"), [(32_768, 1_000), (65_536, 4_000), (131_072, ROUND)])
def test_after_a_summary_there_are_turns_before_the_next(window: int, each: int) -> None:
    """The last round is kept beside the summary."""
    assert PROMPT + SUMMARY + each + TURNS * each < compacts_at(window)


def test_32k_have_room_for_a_summary_after_rounds_of_a_thousand_tokens() -> None:
    assert compacts_at(32_768) + 1_000 + ORDER + SUMMARY <= 32_768


@pytest.mark.parametrize(("window", "scaled"), [(32_768, False), (40_000, True), (65_536, True), (131_072, True)])
def test_where_its_own_prompt_leaves_no_turns_it_is_told_the_truth(window: int, scaled: bool) -> None:
    """It would compact after every other turn, and give up; so it uses the whole window, and a refusal stops it."""
    assert (tokens.scale(ask(LONG_PROMPT), window, Switches()) is not None) is scaled


def test_a_window_smaller_than_its_prompt_is_told_as_it_is() -> None:
    assert tokens.scale(ask(PROMPT), 8_192, Switches()) is None
