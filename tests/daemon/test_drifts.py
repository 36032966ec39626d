"""`flock doctor cache` after real requests: what changed between two turns of a session, and what it cost."""

from tests.daemon.conftest import Door, bearer
from tests.running import Flock


def turn(public: Door, flock: Flock, front: str, *words: str, session: str = "s-1") -> None:
    roles = ["system", *(["user", "assistant"] * len(words))]
    messages = [{"role": r, "content": w} for r, w in zip(roles, (front, *words), strict=False)]
    status, _, body = public.ask(
        "POST",
        "/v1/chat/completions",
        {"messages": messages, "stream": True},
        {**bearer(flock.key), "X-Session-Id": session},
    )
    assert status == 200, body


def test_the_byte_that_changed_is_named(flock: Flock, public: Door) -> None:
    turn(public, flock, "It is 10:41. Be brief.", "Hello")
    turn(public, flock, "It is 10:41. Be brief.", "Hello", "Hi", "Again")
    assert flock.json("doctor", "cache")["drifts"] == []

    turn(public, flock, "It is 10:42. Be brief.", "Hello", "Hi", "Again", "Yes", "More")
    turn(public, flock, "It is 10:43. Be brief.", "Hello", session="")
    report = flock.json("doctor", "cache")
    assert (report["sessions"], report["turns"]) == (1, 2)
    (drift,) = report["drifts"]
    assert (drift["session"], drift["path"], drift["offset"]) == ("s-1", "messages[0].content", 10)
    assert (drift["same"], drift["was"], drift["now"]) == ("It is 10:4", "1. Be brief.", "2. Be brief.")
    assert drift["kept_share"] < 0.5
    assert drift["again_tokens"] > 0
    assert drift["seconds"] is not None
    assert "time" in drift["advice"]
    assert drift["request_id"] in flock.ok("doctor", "cache")
