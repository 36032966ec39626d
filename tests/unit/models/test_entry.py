"""An entry of the catalog: every field checked in a sentence that names it, and what follows from the fields."""

import json
from pathlib import Path

import pytest

from flock.errors import ConfigInvalid
from flock.models.entry import Entry, overlaid, read_entry
from flock.models.sheet import FIELDS, schema

LEAST = "id: small\ncapabilities: [chat]\nsources: {ollama: {tag: small}}\n"
WHOLE = """
id: big
name: Big 20B
family: big
released: 2026-04-22
license: Apache-2.0
license_url: https://www.apache.org/licenses/LICENSE-2.0
commercial: true
capabilities: [chat, code, tools]
params_b: 20
active_b: 3.5
context: 131072
cache: {layers: 12, kv_heads: 8, head_dim: 64}
hardware: {min_ram_gb: 16, min_vram_gb: 12}
sources:
  ollama: {tag: big:20b, size_gb: 14}
  gguf:
    - {repo: a/Big-GGUF, file: Q4/big-00001-of-00003.gguf, quant: Q4_K_M, mmproj: mmproj.gguf, size_gb: 12}
    - {repo: a/Big-GGUF, quant: Q8_0}
  mlx: {repo: b/Big-4bit, quant: 4bit}
  vllm:
    {repo: c/Big, precision: fp8, min_vram_gb: 24, min_version: 0.10.0, tool_parser: hermes, reasoning_parser: qwen3}
fallback: [small]
fallback_on_context_length: [huge]
fallback_on_content_policy: [tame]
price: {input: "0.10", output: "0.40"}
superseded_by: Bigger
top: true
note: |
  Two
  lines.
source: {cache: a paper, sources.mlx: nobody has looked}
"""


def read(tmp_path: Path, text: str, name: str = "entry.yaml") -> Entry:
    (tmp_path / name).write_text(text)
    return read_entry(tmp_path / name)


def test_the_least_that_an_entry_needs(tmp_path: Path) -> None:
    entry = read(tmp_path, LEAST)
    assert (entry.id, entry.name, entry.kind, entry.commercial, entry.shards) == ("small", "small", "chat", "", 1)
    assert [way.source for way in entry.ways] == ["ollama:small"]
    assert entry.ways[0].size_bytes is None


def test_everything_an_entry_may_have(tmp_path: Path) -> None:
    entry = read(tmp_path, WHOLE)
    assert (entry.released, entry.commercial, entry.top, entry.note) == ("2026-04-22", "yes", True, "Two lines.")
    assert entry.kv_bytes_per_token == 2 * 2 * 12 * 8 * 64
    assert (entry.min_memory_gb, entry.min_gpu_gb, entry.context) == (16, 12, 131072)
    assert (entry.fallback, entry.fallback_on_context_length) == (("small",), ("huge",))
    assert (entry.fallback_on_content_policy, entry.price) == (("tame",), ("0.10", "0.40"))
    assert entry.unsure == {"cache": "a paper", "sources.mlx": "nobody has looked"}
    gguf, second, mlx, vllm, ollama = entry.ways
    assert gguf.files == tuple(f"Q4/big-0000{n}-of-00003.gguf" for n in (1, 2, 3))
    assert (gguf.source, gguf.projector) == ("hf:a/Big-GGUF:Q4/big-00001-of-00003.gguf", "mmproj.gguf")
    assert (gguf.size_bytes, gguf.guessed) == (12_000_000_000, False)
    # 20 billion weights of 8.5 bits
    assert (second.source, second.guessed) == ("hf:a/Big-GGUF:Q8_0", True)
    assert second.size_bytes == pytest.approx(21.25e9, rel=0.001)
    assert (mlx.format, mlx.source) == ("mlx", "hf:b/Big-4bit")
    assert (vllm.format, vllm.gpu_bytes, vllm.tool_parser) == ("safetensors", 24_000_000_000, "hermes")
    assert (ollama.source, ollama.size_bytes) == ("ollama:big:20b", 14_000_000_000)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("[embedding]", "embedding"),
        ("[rerank]", "rerank"),
        ("[audio, transcription]", "transcription"),
        ("[audio, speech]", "speech"),
        ("[vision, chat]", "chat"),
    ],
)
def test_what_an_entry_is_for(tmp_path: Path, text: str, kind: str) -> None:
    assert read(tmp_path, LEAST.replace("[chat]", text)).kind == kind


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("family: Two Words", "family must be one word in small letters, such as qwen, not 'Two Words'"),
        ("name: 5", "name must be text, not 5"),
        ("released: yesterday", "released must be a day, a month or a year such as 2026-04-22, not 'yesterday'"),
        ("released: 2026-13", "released must be a day, a month or a year"),
        ("released: true", "released must be a day"),
        ("license_url: http://x", "license_url must be an https URL"),
        ("commercial: 5", "commercial must be true, false or the condition in words, not 5"),
        ("capabilities: [chat, flying]", "capabilities names 'flying'; the capabilities are audio, chat, code"),
        ("capabilities: chat", "capabilities must be a list of capabilities"),
        ("params_b: -1", "params_b must be a number above 0, not -1"),
        ("params_b: .inf", "params_b must be a number above 0"),
        ("params_b: true", "params_b must be a number above 0, not True"),
        ("context: 1.5", "context must be a whole number above 0, not 1.5"),
        ("cache: {layers: 1}", "cache lacks head_dim, kv_heads"),
        ("cache: 5", "cache must be a mapping of fields"),
        ("hardware: {ram: 5}", "hardware.ram is no field; the fields are min_ram_gb, min_vram_gb"),
        ("sources: {ollama: {tag: gpt-oss:120b-cloud}}", "sources.ollama.tag must be a tag that Ollama runs here"),
        ("sources: {ollama: {tag: glm-5.1:cloud}}", "sources.ollama.tag must be a tag that Ollama runs here"),
        ("sources: {gguf: {repo: a/b, quant: Q4_0}}", "sources.gguf must be a list"),
        ("sources: {gguf: [{repo: a/b}]}", "sources.gguf[0] lacks quant"),
        ("sources: {gguf: [{repo: just-a-name, quant: Q4_0}]}", "sources.gguf[0].repo must be a repository OWNER/NAME"),
        ("sources: {gguf: [{repo: a/b, quant: Q, file: ../x}]}", "sources.gguf[0].file must be a path within"),
        ("sources: {gguf: [{repo: a/b, quant: Q, file: /x}]}", "sources.gguf[0].file must be a path within"),
        ("sources: {gguf: [{repo: a/b, quant: Q, file: a/../x}]}", "sources.gguf[0].file must be a path within"),
        ("sources: {vllm: {repo: a/b}}", "sources.vllm lacks precision"),
        ("sources: {vllm: {repo: a/b, precision: bf16, min_version: 0.1}}", "min_version must be text, not 0.1"),
        ("sources: {exl2: {repo: a/b}}", "sources.exl2 is no field; the fields are ollama, gguf, mlx, vllm"),
        ("price: {input: 0.1, output: '1'}", 'price.input must be an amount as text, such as "0.25", not 0.1'),
        ("price: {input: '1'}", "price lacks output"),
        ("fallback: [Big]", "fallback[0] must be an id of the catalog"),
        ("top: yes please", "top must be true or false"),
        ("sizee: 5", "sizee is no field; the fields are id, name, family"),
        ("source: {sizee: word}", "source marks 'sizee', which is no field"),
        ("source: [a]", "source must map fields to where the word comes from"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, line: str, words: str) -> None:
    key = line.partition(":")[0]
    kept = "".join(f"{other}\n" for other in LEAST.splitlines() if not other.startswith(f"{key}:"))
    with pytest.raises(ConfigInvalid) as caught:
        read(tmp_path, f"{kept}{line}\n")
    assert words in caught.value.sentence
    assert "entry.yaml" in caught.value.sentence


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no catalog entry"),
        ("id: [\n", "entry.yaml:2:1 is not YAML"),
        ("- a\n", "must be a mapping of fields"),
        ("id: small\n", "lacks capabilities, sources"),
        ("id: small\ncapabilities: [chat]\nsources: {}\n", "has no source"),
        ("id: small\ncapabilities: [code]\nsources: {ollama: {tag: a}}\n", "can neither chat nor embedding"),
        (f"{LEAST}sharding: {{required: true}}\n", "must be sharded and says not over how many machines"),
    ],
)
def test_a_file_that_is_no_entry(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        read(tmp_path, text)
    assert words in caught.value.sentence


def test_an_overlay_goes_field_by_field_and_into_maps() -> None:
    below = {
        "id": "a",
        "context": 1,
        "sources": {"ollama": {"tag": "x"}, "mlx": {"repo": "a/b"}},
        "cache": {"layers": 1},
    }
    over = {"context": 2, "sources": {"ollama": {"tag": "y"}}, "cache": {"kv_heads": 3}}
    merged = overlaid(below, over)
    assert merged["context"] == 2
    assert merged["sources"] == {"ollama": {"tag": "y"}, "mlx": {"repo": "a/b"}}
    # the three numbers of a cache only mean something together
    assert merged["cache"] == {"kv_heads": 3}
    assert below["sources"]["ollama"] == {"tag": "x"}


def test_the_schema_knows_every_field_and_says_what_it_is() -> None:
    made = json.loads(json.dumps(schema()))
    assert set(made["properties"]) == set(FIELDS)
    assert made["required"] == ["capabilities", "id", "sources"]
    assert made["additionalProperties"] is False
    assert all(field["description"] for field in made["properties"].values())
    gguf = made["properties"]["sources"]["properties"]["gguf"]
    assert gguf["items"]["required"] == ["quant", "repo"]
