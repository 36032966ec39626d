"""Thought signatures come back with the call they came with, whichever dialect the client speaks (pitfall 53)."""

import json
import re
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.dialects.gemini.signatures import SKIP, pack, unpack
from flock.dialects.ir import Json
from flock.dialects.table import SERVERS, UPSTREAMS
from tests.unit.dialects import pairs
from tests.unit.dialects.gemini.reading import asked, sent
from tests.unit.dialects.seen import streamed

SAFE = re.compile(r"[a-zA-Z0-9_-]+")
_ids = st.from_regex(r"[a-zA-Z0-9_-]{1,64}", fullmatch=True)


@pytest.mark.pitfall(53)
@given(_ids, st.binary(min_size=1).map(lambda data: b64encode(data).decode()) | st.text(min_size=1, max_size=40))
def test_an_id_carries_a_signature_byte_for_byte(id: str, signature: str) -> None:
    packed = pack(id, signature)
    assert SAFE.fullmatch(packed)
    if signature.isprintable():
        assert unpack(packed) == (id, signature)


@given(_ids)
def test_an_id_without_one_is_left_alone(id: str) -> None:
    assert pack(id, "") == id
    assert unpack(id) == (id, "")


@pytest.mark.parametrize("id", ["", "x_gts1_!", "x_gts1_A", "toolu_01", "call_gts1_", "a" * 80])
def test_what_is_no_packed_id(id: str) -> None:
    assert unpack(id) == (id, "")


CLIENTS = ("openai", "anthropic", "responses", "gemini")


def _second_turn(client: str, id: str, name: str, arguments: Json, signature: str) -> Json:
    """Return what a client sends when the tool has answered."""
    given = json.dumps(arguments)
    if client == "openai":
        call = {"id": id, "type": "function", "function": {"name": name, "arguments": given}}
        result = {"role": "tool", "tool_call_id": id, "content": "sun"}
        said = [{"role": "user", "content": "hi"}, {"role": "assistant", "tool_calls": [call]}, result]
        return {"model": "m", "messages": said}
    if client == "anthropic":
        call = {"type": "tool_use", "id": id, "name": name, "input": arguments}
        result = {"type": "tool_result", "tool_use_id": id, "content": "sun"}
        said = [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [result]},
        ]
        return {"model": "m", "max_tokens": 9, "messages": said}
    if client == "responses":
        call = {"type": "function_call", "call_id": id, "name": name, "arguments": given}
        result = {"type": "function_call_output", "call_id": id, "output": "sun"}
        return {"model": "m", "input": [{"role": "user", "content": "hi"}, call, result]}
    part = {"functionCall": {"id": id, "name": name, "args": arguments}, "thoughtSignature": signature}
    result = {"functionResponse": {"id": id, "name": name, "response": {"result": "sun"}}}
    return {
        "contents": [
            {"role": "user", "parts": [{"text": "hi"}]},
            {"role": "model", "parts": [part]},
            {"role": "user", "parts": [result]},
        ]
    }


@pytest.mark.pitfall(53)
@pytest.mark.parametrize("case", ["tool", "no_args"])
@pytest.mark.parametrize("client", CLIENTS)
def test_a_signature_goes_to_the_client_and_comes_back(client: str, case: str) -> None:
    data = pairs.stream(("gemini", case))
    signature = json.loads(re.findall(rb'"thoughtSignature": (".*?")', data)[0])
    told = pairs.sent(pairs.crossing("gemini", client), [data])
    ((id, name, arguments),) = streamed(client, told).calls
    if client == "gemini":
        assert json.dumps(signature).encode() in told
    else:
        assert SAFE.fullmatch(id)
    body = json.dumps(_second_turn(client, id, name, arguments, signature)).encode()
    path = pairs.PATHS[client]
    request = SERVERS[client].read_request(SERVERS[client].read_ask(body, path))
    out = UPSTREAMS["gemini"].write_request(request, "gemini-3-pro-preview", stream=True)
    call, result = out.body["contents"][1]["parts"][0], out.body["contents"][2]["parts"][0]
    assert call["thoughtSignature"] == signature
    own_id = re.findall(rb'"id": "(fc_.*?)"', data)[0].decode()
    assert call["functionCall"] == {"id": own_id, "name": name, "args": arguments}
    assert result["functionResponse"]["id"] == own_id
    assert not any("signature" in edit for edit in out.edits)


@pytest.mark.pitfall(53)
def test_another_engine_gets_an_id_it_takes() -> None:
    id = pack("fc_1", b64encode(bytes(range(200))).decode())
    for upstream in ("openai", "anthropic", "responses"):
        body = json.dumps(_second_turn("openai", id, "f", {}, "")).encode()
        request = SERVERS["openai"].read_request(SERVERS["openai"].read_ask(body, pairs.PATHS["openai"]))
        out = json.dumps(UPSTREAMS[upstream].write_request(request, "m", stream=False).body)
        (short,) = set(re.findall(r'"(?:id|call_id|tool_use_id|tool_call_id)": "(fc_.*?)"', out))
        assert len(short) <= 64
        assert SAFE.fullmatch(short)


def _calls(model: str, *, later: str = "", client: str = "openai") -> list[Json]:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    second = {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}}
    results = [{"role": "tool", "tool_call_id": id, "content": "x"} for id in ("c1", "c2")]
    said = [{"role": "user", "content": "hi"}, {"role": "assistant", "tool_calls": [call, second]}, *results]
    if later:
        said.append({"role": "user", "content": later})
    body = json.dumps({"model": "m", "messages": said}).encode()
    request = SERVERS[client].read_request(SERVERS[client].read_ask(body, pairs.PATHS[client]))
    parts: list[Json] = UPSTREAMS["gemini"].write_request(request, model, stream=True).body["contents"][1]["parts"]
    return parts


@pytest.mark.pitfall(53)
def test_another_models_call_goes_with_googles_word_for_it_only_where_it_is_looked_at() -> None:
    first, second = _calls("gemini-3-pro-preview")
    assert first["thoughtSignature"] == SKIP
    assert "thoughtSignature" not in second  # of parallel calls the first one is signed
    assert not any("thoughtSignature" in part for part in _calls("gemini-3-pro-preview", later="thanks"))
    assert not any("thoughtSignature" in part for part in _calls("gemini-2.5-flash"))
    assert not any("thoughtSignature" in part for part in _calls("some-model"))


@pytest.mark.pitfall(53)
def test_a_client_of_this_dialect_is_not_corrected() -> None:
    contents = [
        {"role": "user", "parts": [{"text": "hi"}]},
        {"role": "model", "parts": [{"functionCall": {"id": "a", "name": "f", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"id": "a", "name": "f", "response": {}}}]},
    ]
    assert sent(asked({"contents": contents})).body["contents"] == contents


@pytest.mark.pitfall(46)
def test_nobody_elses_signature_is_sent() -> None:
    body = {
        "model": "m",
        "max_tokens": 9,
        "messages": [
            {"role": "user", "content": "hi"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "EqQBforeign"},
                    {"type": "text", "text": "yes"},
                ],
            },
            {"role": "user", "content": "so?"},
        ],
    }
    server = SERVERS["anthropic"]
    request = server.read_request(server.read_ask(json.dumps(body).encode(), "/v1/messages"))
    out = sent(request)
    assert "EqQBforeign" not in json.dumps(out.body)
    assert out.lost == ["thinking of earlier turns"]
