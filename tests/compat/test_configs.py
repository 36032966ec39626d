"""Configurations of every release load and mean what they meant."""

from pathlib import Path

from flock.config import SETTINGS, Config, Listen, load
from flock.paths import Home

CONFIGS = Path(__file__).parent / "configs"


def loaded(version: str, tmp_path: Path) -> Config:
    home = Home(tmp_path, tmp_path / "data", tmp_path / "logs", tmp_path / "run")
    home.config_file.write_text((CONFIGS / f"{version}.yaml").read_text())
    return load(home, {})


def test_0_1_0(tmp_path: Path) -> None:
    config = loaded("0.1.0", tmp_path)
    assert {key: layer.name for key, layer in config.origins.items()} == dict.fromkeys(SETTINGS, "file")
    assert config.listen == Listen("127.0.0.1", 9090)
    assert config.external_url == "https://llm.example.org"
    assert config.data_dir == str(Path("~/flock-data").expanduser())
    assert config.max_body_bytes == 64 * 1024 * 1024
    assert config.engine.vllm_endpoint == "http://gpu-box:8000"
    assert config.engine.llamacpp_endpoint == "http://[::1]:8089"
    assert config.engine.piper_endpoint == "http://127.0.0.1:5000"
    assert (config.gateway.first_token_seconds, config.gateway.stall_seconds) == (0.0, 12.5)
    assert config.router.alias_pairs() == [("claude-*haiku*", "qwen3-4b"), ("claude-*", "default")]
    assert config.gateway.cors_origins == "https://chat.example.org, http://localhost:3000"
    assert (config.engine.memory, config.engine.headroom, config.engine.probe_failures) == (48 * 2**30, 0, 3)
    assert (config.engine.mlx_path, config.engine.hub_endpoint) == (
        "/opt/mlx/bin/mlx_lm.server",
        "https://hub.example.org",
    )
    assert (config.loading.bound_seconds, config.loading.queue_limit, config.loading.exclusive) == (12.5, 64, False)
    switches = config.translation
    assert (switches.context_scaling, switches.fetch_images, switches.answer_noops) == (False, False, True)
