"""The schema, the layers, and every sentence about a wrong setting."""

import shlex
from pathlib import Path

import pytest

from flock import configfile
from flock.config import (
    SETTINGS,
    Listen,
    check_file,
    get_setting,
    load,
    set_setting,
    show_settings,
    unset_setting,
)
from flock.configvalues import FUTURE
from flock.errors import ConfigInvalid
from flock.paths import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "config").mkdir(mode=0o700)
    return Home(tmp_path / "config", tmp_path / "data", tmp_path / "logs", tmp_path / "run")


def written(home: Home, text: str) -> Home:
    home.config_file.write_text(text)
    return home


def refused(home: Home, environ: dict[str, str] | None = None) -> ConfigInvalid:
    with pytest.raises(ConfigInvalid) as caught:
        load(home, environ or {})
    return caught.value


# -- layers


def test_defaults(home: Home) -> None:
    config = load(home, {})
    assert config.listen == Listen("127.0.0.1", 8080)
    assert config.max_body_bytes == 32 * 1024 * 1024
    assert config.auth.require_keys is True
    assert (config.gateway.keepalive_seconds, config.gateway.first_token_seconds) == (10.0, 900.0)
    assert (config.gateway.stall_seconds, config.gateway.connect_seconds) == (120.0, 3.0)
    assert {layer.name for layer in config.origins.values()} == {"default"}


def test_default_then_file_then_environment_then_flag(home: Home) -> None:
    written(home, "listen: 127.0.0.1:1111\nlog_level: debug\nrouter:\n  default_model: a\n")
    environ = {"FLOCK_LISTEN": ":2222", "FLOCK_DEFAULT_MODEL": "b"}
    config = load(home, environ, {"listen": "127.0.0.1:3333"})
    assert (config.listen.port, config.router.default_model, config.log_level) == (3333, "b", "debug")
    origins = config.origins
    assert origins["listen"].name == "flag"
    assert (origins["router.default_model"].name, origins["router.default_model"].origin) == (
        "environment",
        "FLOCK_DEFAULT_MODEL",
    )
    assert (origins["log_level"].name, origins["log_level"].origin) == ("file", str(home.config_file))
    assert origins["log_level"].line == 2
    assert origins["external_url"].name == "default"
    assert config.origin("router.default_model") == "FLOCK_DEFAULT_MODEL"
    assert config.origin("log_level") == "log_level"


def test_an_empty_variable_is_none(home: Home) -> None:
    assert load(home, {"FLOCK_LISTEN": " ", "FLOCK_REQUIRE_KEYS": ""}).listen.port == 8080


def test_values_are_read_only(home: Home) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(home, {}).log_level = "debug"  # type: ignore[misc]


def test_every_variable_of_the_documentation_is_there() -> None:
    assert {spec.variable for spec in SETTINGS.values() if spec.variable} == {
        *("FLOCK_LISTEN", "FLOCK_DATA_DIR", "FLOCK_LOG_LEVEL", "FLOCK_EXTERNAL_URL", "FLOCK_ENGINE"),
        *("FLOCK_OLLAMA_ENDPOINT", "FLOCK_VLLM_ENDPOINT", "FLOCK_MLX_ENDPOINT", "FLOCK_LLAMACPP_ENDPOINT"),
        *("FLOCK_WHISPER_ENDPOINT", "FLOCK_PIPER_ENDPOINT"),
        *(f"FLOCK_{kind}_PATH" for kind in ("LLAMACPP", "MLX", "VLLM", "SGLANG", "WHISPER", "PIPER", "OLLAMA")),
        *("FLOCK_ENGINE_MEMORY", "FLOCK_ENGINE_HEADROOM", "FLOCK_MODELS_DIR", "FLOCK_JIT", "FLOCK_EXCLUSIVE"),
        "HF_ENDPOINT",
        *("FLOCK_REQUIRE_KEYS", "FLOCK_DEFAULT_MODEL", "FLOCK_CATALOG_DIR", "FLOCK_MAX_BODY_BYTES"),
        *("FLOCK_TRUST_PROXY_HEADERS", "FLOCK_PRICES_TABLES"),
    }


@pytest.mark.parametrize("key", SETTINGS)
def test_the_example_of_every_setting_is_taken(home: Home, key: str) -> None:
    changed = set_setting(home, {}, key, SETTINGS[key].example)
    assert load(home, {}).setting(key).value == changed.value
    assert load(home, {}).origins[key].name == "file"
    variable = SETTINGS[key].variable
    if variable:
        assert load(home, {variable: SETTINGS[key].example}).setting(key).value == changed.value


@pytest.mark.parametrize(
    ("words", "value"),
    [("1", True), ("true", True), ("YES", True), ("on", True), ("0", False), ("False", False), ("no", False)],
)
def test_switches(home: Home, words: str, value: bool) -> None:
    assert load(home, {"FLOCK_REQUIRE_KEYS": words}).auth.require_keys is value


def test_directories(home: Home) -> None:
    assert load(written(home, "data_dir: ~/flock\n"), {}).data_dir == str(Path("~/flock").expanduser())
    assert load(home, {"FLOCK_DATA_DIR": "here"}).data_dir == str(Path("here").absolute())
    assert "absolute" in refused(written(home, "data_dir: here\n")).sentence


# -- sentences


@pytest.mark.parametrize(
    ("text", "sentence", "hint"),
    [
        (
            "# why\nlisten: host\n",
            'listen is "host" in {file}:2, and must be host:port, [IPv6]:port or a port from 1 to 65535',
            "flock config set listen 127.0.0.1:8080",
        ),
        (
            "auth:\n  require_keys: yes\n",
            'auth.require_keys is "yes" in {file}:2, and must be true or false',
            "flock config set auth.require_keys true",
        ),
        (
            "max_body_bytes: [1]\n",
            "max_body_bytes is [1] in {file}:1, and must be a size from 1024 bytes to 1 GiB, such as 64MiB or 50MB",
            "flock config set max_body_bytes 64MiB",
        ),
        (
            "gateway:\n  stall_seconds: -1\n",
            "gateway.stall_seconds is -1 in {file}:2, and must be seconds from 0 to 86400",
            "flock config set gateway.stall_seconds 120",
        ),
        (
            "log_level: loud\n",
            'log_level is "loud" in {file}:1, and must be debug, info, warning or error',
            "flock config set log_level info",
        ),
        (
            "listen:\n",
            "listen is null in {file}:1, and must be host:port, [IPv6]:port or a port from 1 to 65535",
            "flock config set listen 127.0.0.1:8080",
        ),
        (
            "lisen: 127.0.0.1:81\n",
            "there is no setting 'lisen' in {file}:1; the nearest is listen",
            "flock config unset lisen; flock config set listen 127.0.0.1:81",
        ),
        (
            "default_model: my model\n",
            "there is no setting 'default_model' in {file}:1; the nearest is router.default_model",
            "flock config unset default_model; flock config set router.default_model 'my model'",
        ),
        (
            "router:\n  fallback:\n    bedrock_region: x\n",
            "router.fallback.bedrock_region in {file}:3 belongs to clouds, which this version does not have",
            "flock config unset router.fallback.bedrock_region",
        ),
        (
            "router.default_model: {a: 1}\n",
            "router.default_model.a in {file}:1",
            "flock config edit",
        ),
        (
            "router.default_model: a\n",
            "router.default_model in {file}:1 must stand as default_model below router",
            "flock config unset router.default_model; flock config set router.default_model a",
        ),
        (
            "router: 5\n",
            "router in {file}:1 is a section: settings such as default_model stand below it",
            "flock config unset router",
        ),
        ("zebra: 1\n", "there is no setting 'zebra' in {file}:1", "flock config unset zebra"),
        ("a: 1\nlisten: [\n", "{file}:3:1 is not YAML: ", "flock config edit"),
        ("listen: 1\nlisten: 2\n", "{file}:2:1 is not YAML: found duplicate key", "flock config edit"),
        ("- a\n", "{file}:1 holds no settings (KEY: VALUE lines)", "flock config edit"),
        ("a: \x00\n", "{file} is not YAML: unacceptable character", "flock config edit"),
        ("a: !!python/object:os.system x\n", "{file}:1:4 is not YAML: could not determine", "flock config edit"),
        ("a: " + "[" * 5000, "{file}", "flock config edit"),
    ],
)
def test_what_is_wrong_in_the_file(home: Home, text: str, sentence: str, hint: str) -> None:
    error = refused(written(home, text))
    if text.startswith("router.default_model: {"):  # a strange spelling needs no more than a place
        assert str(home.config_file) in error.sentence
        return
    assert error.sentence.startswith(sentence.format(file=home.config_file))
    assert error.hint == hint


def test_a_file_that_is_not_text(home: Home) -> None:
    home.config_file.write_bytes(b"listen: 1\n# \xff\n")
    assert refused(home).sentence == f"{home.config_file}:2 is not UTF-8 text"


def test_every_problem_is_in_the_details(home: Home) -> None:
    error = refused(written(home, "listen: x\nlog_level: y\nzebra: 1\n"), {"FLOCK_ENGINE": "z"})
    assert error.sentence.endswith("(and 3 more)")
    assert len(error.details["problems"]) == 4


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("FLOCK_LISTEN", "nope", "listen must be host:port"),
        ("FLOCK_LISTEN", ":0", "listen must be host:port"),
        ("FLOCK_REQUIRE_KEYS", "perhaps", "auth.require_keys must be true or false"),
        ("FLOCK_ENGINE", "triton", "engine.preferred must be llamacpp, embedded, mlx, vllm, sglang or ollama"),
        ("FLOCK_MAX_BODY_BYTES", "5", "max_body_bytes must be a size"),
    ],
)
def test_what_is_wrong_in_the_environment(home: Home, variable: str, value: str, allowed: str) -> None:
    error = refused(home, {variable: value})
    assert error.sentence.startswith(f'{variable} is "{value}", and {allowed}')
    assert error.hint == f"unset {variable}"


def test_a_password_in_a_url_is_not_repeated(home: Home) -> None:
    error = refused(home, {"FLOCK_VLLM_ENDPOINT": "http://me:geheim@127.0.0.1:8000"})
    assert "geheim" not in error.sentence + error.hint + str(error.details)


def test_any_free_port_is_for_the_program_itself(home: Home) -> None:
    assert load(home, {}, {"listen": "127.0.0.1:0"}).listen.port == 0
    assert "must be" in refused(written(home, "listen: 127.0.0.1:0\n")).sentence


@pytest.mark.parametrize(
    "key",
    [
        *("storage.type", "storage.dsn", "storage.models_dir", "mesh.backend", "mesh.auth_key"),
        *("router.fallback.bedrock_region", "router.sticky_sessions", "router.latency_fallback_p95_seconds"),
        *("observability.otlp_endpoint", "observability.callbacks", "placement.exclusive"),
        *("mesh", "storage", "auth.join_token", "observability.response_cache.enabled"),
    ],
)
def test_settings_of_features_to_come(home: Home, key: str) -> None:
    with pytest.raises(ConfigInvalid, match=r"belongs to .*, which this version does not have"):
        set_setting(home, {}, key, "x")
    with pytest.raises(ConfigInvalid, match="belongs to"):
        get_setting(home, {}, key)


def test_no_setting_is_both_there_and_to_come() -> None:
    assert not FUTURE.keys() & SETTINGS.keys()


def test_an_unknown_key_names_the_nearest(home: Home) -> None:
    with pytest.raises(ConfigInvalid, match=r"the nearest is router\.default_model") as caught:
        get_setting(home, {}, "router.defualt_model")
    assert caught.value.hint == "flock config get router.default_model"


# -- show, get, set, unset


def test_show(home: Home) -> None:
    written(home, "engine:\n  preferred: embedded\n")
    rows = {row.key: row for row in show_settings(home, {"FLOCK_LISTEN": "[::1]:1"})}
    assert list(rows) == list(SETTINGS)
    assert (rows["listen"].value, rows["listen"].layer, rows["listen"].origin) == (
        "[::1]:1",
        "environment",
        "FLOCK_LISTEN",
    )
    assert (rows["engine.preferred"].value, rows["engine.preferred"].layer) == ("embedded", "file")
    assert (rows["data_dir"].value, rows["data_dir"].layer) == (str(home.data), "default")
    assert all(row.summary and row.restart for row in rows.values())
    assert get_setting(home, {}, "engine.preferred") == rows["engine.preferred"]


def test_set_and_unset(home: Home) -> None:
    changed = set_setting(home, {"FLOCK_LISTEN": "1"}, "listen", "9090")
    assert (changed.value, changed.hidden_by, changed.restart) == ("127.0.0.1:9090", "FLOCK_LISTEN", True)
    assert changed.file == str(home.config_file)
    assert load(home, {}).listen.port == 9090
    assert home.config_file.stat().st_mode & 0o777 == 0o600
    changed = unset_setting(home, {}, "listen")
    assert (changed.value, changed.hidden_by) == ("127.0.0.1:8080", "")
    assert load(home, {}).origins["listen"].name == "default"
    unset_setting(home, {}, "listen")


def test_the_values_in_force_stay_while_the_file_changes(home: Home) -> None:
    config = load(home, {})
    config.set_in_file("log_level", "debug")
    assert config.setting("log_level").value == "info"
    assert load(home, {}).log_level == "debug"
    config.unset_in_file("log_level")
    assert load(home, {}).log_level == "info"


def test_unset_without_a_file_makes_none(home: Home) -> None:
    unset_setting(home, {}, "listen")
    assert not home.config_file.exists()


def test_a_wrong_value_changes_nothing(home: Home) -> None:
    written(home, "log_level: info # mine\n")
    with pytest.raises(ConfigInvalid, match='log_level is "loud", and must be'):
        set_setting(home, {}, "log_level", "loud")
    with pytest.raises(ConfigInvalid):
        set_setting(home, {}, "listen", "0")
    assert home.config_file.read_text() == "log_level: info # mine\n"


def test_an_edit_beside_a_problem_leaves_the_problem(home: Home) -> None:
    written(home, "lisen: 1\n")
    set_setting(home, {}, "log_level", "debug")
    assert home.config_file.read_text() == "lisen: 1\nlog_level: debug\n"
    assert "'lisen'" in refused(home).sentence


def test_an_edit_that_would_break_the_file_is_refused(home: Home) -> None:
    written(home, "router: 5\n")
    with pytest.raises(ConfigInvalid, match="without touching other lines"):
        set_setting(home, {}, "router.default_model", "a")
    assert home.config_file.read_text() == "router: 5\n"


def test_every_complaint_can_be_mended_by_its_hint(home: Home) -> None:
    text = "lisen: 127.0.0.1:81\nlog_level: loud\nmesh:\n  backend: lan\nrouter.default_model: a\nzebra: [1]\n"
    written(home, text + "translation:\n  think_tags: perhaps\n")
    for _ in range(10):
        try:
            check_file(home)
            break
        except ConfigInvalid as error:
            for command in error.hint.split("; "):
                program, config, verb, key, *value = shlex.split(command)
                assert (program, config) == ("flock", "config")
                if verb == "set":
                    set_setting(home, {}, key, *value)
                else:
                    assert verb == "unset"
                    unset_setting(home, {}, key)
    config = load(home, {})
    assert (config.listen.port, config.router.default_model, config.log_level) == (81, "a", "info")


def test_a_hint_with_spaces_in_it_runs_as_it_stands(home: Home) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        set_setting(home, {}, "router.aliases", "haiku")
    *command, value = shlex.split(caught.value.hint)
    assert command == ["flock", "config", "set", "router.aliases"]
    assert set_setting(home, {}, "router.aliases", value).value == value


def test_the_minimal_file_says_the_defaults(home: Home) -> None:
    assert configfile.write_minimal(home.config_file)
    assert not configfile.write_minimal(home.config_file)
    config = load(home, {})
    assert config.listen == Listen("127.0.0.1", 8080)
    assert home.config_file.stat().st_mode & 0o777 == 0o600


def test_what_the_next_start_takes_up_is_told_beside_what_is_in_force(home: Home) -> None:
    running = load(home, {"FLOCK_LOG_LEVEL": "error"}, {"listen": "127.0.0.1:9"})
    assert not [one for one in running.in_force() if one.next is not None]
    for key, words in (("loading.jit", "false"), ("log_level", "debug"), ("listen", "127.0.0.1:7")):
        running.set_in_file(key, words)
    found = {one.key: one for one in running.in_force()}
    # what a variable or a flag sets stays as it is, whatever the file says
    assert {key: one.next for key, one in found.items() if one.next is not None} == {"loading.jit": False}
    assert found["loading.jit"].value is True
    assert (found["log_level"].variable, found["log_level"].allowed) == (
        "FLOCK_LOG_LEVEL",
        "debug, info, warning or error",
    )
    running.unset_in_file("loading.jit")
    assert running.in_force("loading.jit")[0].next is None
    home.config_file.write_text("listen: [\n")
    assert running.in_force("loading.jit")[0].next is None
