"""`flock connect` and `flock disconnect` without a daemon: what is printed, written and taken back, byte for byte."""

import json
import os
import stat
from pathlib import Path

import pytest

from flock.connect.roster import Roster
from flock.connect.tool import Tool
from flock.contract.connect import ConnectClient, Connection, DisconnectClient, ListClients
from flock.errors import FlockError, InvalidRequest, MissingKey, NotFound, Unsupported, UsageError
from flock.local import tools
from flock.local.connect import masked
from flock.local.operations import Here, run
from flock.paths import find_home
from tests.unit.local.standing import ROOT

KEY = "sk-orc-" + "a" * 34
WRITTEN = {tool.id: tool for tool in Roster([ROOT / "catalog"]).all().tools if tool.support == "write"}
# a file that was there before, with what a careless edit loses: comments, order, odd spaces, no line at its end
BEFORE = {
    "json": '{\n    "z":1, "a" : [ 1,2 ],\n    "deep": {"x": null}\n}',
    "jsonc": '// mine\n{\n  /* b */ "z": 1, // c\n  "a": [1, 2],\n}\n',
    "json5": "// mine\n{z: 1, 'a': [1, 2,], /* c */ }\n",
    "toml": '# mine\nz = 1 # c\n\n[a.b]\nc = "d"\n[[e]]\nf = 1\n',
    "yaml": "# mine\nz:   1 # c\na:\n- 1\n-   2\n\nb: {c: d}\n",
    "dotenv": "# mine\nZ=1\nexport A='b c' # d\n\n",
}


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    """A user with a home, a flock that is not running, and a key."""
    monkeypatch.setenv("FLOCK_HOME", str(tmp_path / "flock"))
    (tmp_path / "home").mkdir()
    (tmp_path / "bin").mkdir()
    return Here(find_home(), {"HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "bin"), "FLOCK_TOKEN": KEY})


def with_environment(here: Here, **more: str) -> Here:
    return Here(here.home, {**here.environ, **more})


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def program(here: Here, name: str, script: str) -> None:
    put(Path(here.path) / name, f"#!/bin/sh\n{script}\n").chmod(0o755)


def connect(here: Here, client: str, model: str = "qwen/qwen3:8b", *, write: bool = True) -> Connection:
    return run(ConnectClient(client=client, model=model, write=write), here)


def files_of(here: Here, tool: Tool) -> list[Path]:
    return [tools.path_of(file, here.environ) for file in tool.files]


# -- byte for byte


@pytest.mark.parametrize("tool", WRITTEN.values(), ids=list(WRITTEN))
def test_what_was_not_there_is_not_there_afterwards(user: Here, tool: Tool) -> None:
    done = connect(user, tool.id)
    assert [edit.state for edit in done.edits] == ["written"] * len(tool.files)
    for path in files_of(user, tool):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert any(KEY in path.read_text() for path in files_of(user, tool)) or tool.also
    undone = run(DisconnectClient(client=tool.id, write=True), user)
    assert {edit.state for edit in undone.edits} == {"removed"}
    assert [path for path in files_of(user, tool) if path.exists()] == []


@pytest.mark.parametrize("tool", WRITTEN.values(), ids=list(WRITTEN))
def test_what_was_there_is_there_to_the_byte(user: Here, tool: Tool) -> None:
    before: dict[Path, bytes] = {}
    for file, path in zip(tool.files, files_of(user, tool), strict=True):
        text = '[\n  {"name": "other"} // mine\n]\n' if tool.id == "copilot-vscode" else BEFORE[file.format]
        before[put(path, text)] = text.encode()
        path.chmod(0o640)
    connect(user, tool.id)
    assert all(path.read_bytes() != was for path, was in before.items())
    again = connect(user, tool.id)
    assert {edit.state for edit in again.edits} == {"unchanged"}
    connect(user, tool.id, "other 'model'")
    run(DisconnectClient(client=tool.id, write=True), user)
    assert {path: path.read_bytes() for path in before} == before
    assert {stat.S_IMODE(path.stat().st_mode) for path in before} == {0o640}
    assert run(DisconnectClient(client=tool.id), user).edits == ()


def test_what_the_tool_wrote_meanwhile_stays(user: Here) -> None:
    path = put(user_file(user), '{\n  "env": {"A": "b"}\n}\n')
    connect(user, "claude-code")
    settings = json.loads(path.read_text())
    settings["env"]["ANTHROPIC_MODEL"] = "chosen since"
    path.write_text(json.dumps(settings | {"theme": "dark"}, indent=2) + "\n")
    shown = run(DisconnectClient(client="claude-code"), user)
    assert (shown.state, shown.edits[0].state) == ("connected", "printed")
    assert "ANTHROPIC_MODEL" in shown.edits[0].problem
    done = run(DisconnectClient(client="claude-code", write=True), user)
    assert "ANTHROPIC_MODEL" in done.edits[0].problem
    assert json.loads(path.read_text()) == {"env": {"A": "b", "ANTHROPIC_MODEL": "chosen since"}, "theme": "dark"}


def user_file(here: Here) -> Path:
    return Path(here.environ["HOME"]) / ".claude" / "settings.json"


def test_a_value_that_is_only_due_where_none_stands(user: Here) -> None:
    path = put(Path(user.environ["HOME"]) / ".continue" / "config.yaml", "name: mine\nversion: 9.9.9\n")
    connect(user, "continue")
    connect(user, "continue", "other")
    text = path.read_text()
    assert text.startswith("name: mine\nversion: 9.9.9\n")
    assert "schema: v1" in text
    run(DisconnectClient(client="continue", write=True), user)
    assert path.read_text() == "name: mine\nversion: 9.9.9\n"


def test_what_a_tool_keeps_current_goes_with_the_rest(user: Here) -> None:
    # Cline gives up a whole file of which one entry is not whole: a time left behind would cost the user all of it
    path = Path(connect(user, "cline").edits[0].path)
    found = json.loads(path.read_text())
    found["providers"]["openai-compatible"]["updatedAt"] = "2027-01-01T00:00:00.000Z"
    found["providers"]["cline"] = {"settings": {"provider": "cline"}, "updatedAt": "x"}
    path.write_text(json.dumps(found, indent=2) + "\n")
    [edit] = run(DisconnectClient(client="cline", write=True), user).edits
    assert (edit.state, edit.problem) == ("written", "")
    assert json.loads(path.read_text())["providers"] == {"cline": {"settings": {"provider": "cline"}, "updatedAt": "x"}}


# -- what cannot be written


@pytest.mark.parametrize("text", ["{", "not json", '{"env": 1}', "[]", "\x00", '{"a": 1} trailing'])
def test_a_file_that_is_not_what_it_should_be_is_left(user: Here, text: str) -> None:
    path = put(user_file(user), text)
    done = connect(user, "claude-code")
    [edit] = done.edits
    assert edit.state == "left"
    assert "settings.json" in edit.problem
    assert KEY in edit.fragment
    assert path.read_text() == text
    assert run(DisconnectClient(client="claude-code"), user).edits == ()


def test_a_read_only_file_is_left(user: Here) -> None:
    path = put(user_file(user), "{}\n")
    path.chmod(0o444)
    [edit] = connect(user, "claude-code").edits
    assert (edit.state, bool(edit.fragment)) == ("left", True)
    assert path.read_text() == "{}\n"


def test_of_two_files_none_is_written_when_one_cannot_be(user: Here) -> None:
    settings = put(Path(user.environ["HOME"]) / ".gemini" / "settings.json", "{ broken")
    done = connect(user, "gemini-cli")
    assert [edit.state for edit in done.edits] == ["left", "printed"]
    assert settings.read_text() == "{ broken"
    assert not settings.with_name(".env").exists()


def test_there_is_nothing_to_write_or_to_start(user: Here) -> None:
    for client in ("cursor", "openai-sdk", "amp", "roo-code"):
        with pytest.raises(Unsupported):
            connect(user, client)
    for client in ("zed", "amp"):
        with pytest.raises(Unsupported):
            run(ConnectClient(client=client, run=True), user)
    with pytest.raises(UsageError):
        run(ConnectClient(client="aider", run=True, write=True), user)
    with pytest.raises(UsageError):
        run(ConnectClient(client="aider", words=("x",)), user)
    for words in ((), ("no-such-program",)):
        with pytest.raises((UsageError, NotFound)):
            run(ConnectClient(client="openai-sdk", run=True, words=words), user)
    with pytest.raises(NotFound, match="aider is not installed"):
        run(ConnectClient(client="aider", run=True), user)


# -- what is printed


def test_printing_writes_nothing_and_hides_the_key_in_the_difference_alone(user: Here) -> None:
    put(user_file(user), '{"env": {"ANTHROPIC_AUTH_TOKEN": "sk-ant-somebody-elses-secret"}}')
    before = sorted(Path(user.environ["HOME"]).rglob("*"))
    shown = connect(user, "claude-code", write=False)
    assert shown.state == "installed"  # its directory is there
    [edit] = shown.edits
    assert (edit.state, KEY in edit.fragment, KEY in edit.diff) == ("printed", True, False)
    assert "somebody-elses" not in edit.diff
    assert shown.environment["ANTHROPIC_AUTH_TOKEN"] == KEY
    assert sorted(Path(user.environ["HOME"]).rglob("*")) == before


def test_keys_are_masked_in_every_format() -> None:
    for line in (
        '+  "apiKey": "%s"', "-api_key = '%s'", "+openai-api-key: %s", "+FLOCK_TOKEN=%s", '"authToken":"%s","b":1}',
        'experimental_bearer_token = "%s"',
    ):  # fmt: skip
        assert KEY not in masked(line % KEY)
        assert masked(line % KEY).startswith((line % KEY)[: line.index("%")])
    for line in ('"apiKey": "${FLOCK_TOKEN}"', '"envKey": "FLOCK_TOKEN"', "max_tokens: 131072", "+key: short"):
        assert masked(line) == line


def test_where_the_url_comes_from(user: Here) -> None:
    assert connect(user, "aider", write=False).base_url == "http://127.0.0.1:8080"
    listening = with_environment(user, FLOCK_LISTEN="[::1]:9999")
    assert connect(listening, "aider", write=False).base_url == "http://[::1]:9999"
    outside = with_environment(listening, FLOCK_EXTERNAL_URL="https://flock.example.org/")
    assert connect(outside, "aider", write=False).base_url == "https://flock.example.org"
    named = run(ConnectClient(client="aider", base_url="http://box:1/v1"), outside)
    assert named.base_url == "http://box:1"
    assert named.environment["OPENAI_API_BASE"] == "http://box:1/v1"
    with pytest.raises(InvalidRequest):
        run(ConnectClient(client="aider", base_url="box:1"), outside)


def test_where_the_key_comes_from(user: Here) -> None:
    def key(here: Here, token: str = "") -> Connection:
        return run(ConnectClient(client="openai-sdk", token=token), here)

    put(user.home.admin_key, "sk-orc-admin\n")
    assert key(user, "sk-orc-given").environment["OPENAI_API_KEY"] == "sk-orc-given"
    assert key(user).environment["OPENAI_API_KEY"] == KEY
    assert key(user).warnings == ()
    nobody = with_environment(user, FLOCK_TOKEN="")
    found = key(nobody)
    assert found.environment["OPENAI_API_KEY"] == "sk-orc-admin"
    assert "admin's key" in found.warnings[0]
    assert "flock token create" in found.warnings[0]
    user.home.admin_key.unlink()
    with pytest.raises(MissingKey):
        key(nobody)


@pytest.mark.parametrize("token", ["two words", "naïve", "a\nb", "x" * 600])
def test_what_is_no_key_is_not_repeated(user: Here, token: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        run(ConnectClient(client="aider", token=token), user)
    assert token not in f"{caught.value.sentence} {caught.value.hint}"


def test_cursor_is_not_promised_what_cannot_work(user: Here) -> None:
    for url in ("", "http://flock.example.org", "https://192.168.1.2", "https://localhost"):
        with pytest.raises(InvalidRequest, match="public https"):
            run(ConnectClient(client="cursor", base_url=url), user)
    shown = run(ConnectClient(client="cursor", base_url="https://flock.example.org"), user)
    assert any(KEY in step for step in shown.steps)


def test_what_is_known_of_a_tool_without_a_way(user: Here) -> None:
    shown = run(ConnectClient(client="windsurf"), user)
    assert (shown.support, shown.edits, shown.environment, shown.base_url) == ("none", (), {}, "")
    assert shown.notes


def test_what_leads_a_tool_elsewhere_is_named(user: Here) -> None:
    shown = connect(with_environment(user, ANTHROPIC_API_KEY="sk-ant-x"), "claude-code", write=False)
    assert "unset ANTHROPIC_API_KEY" in shown.warnings[0]
    assert "sk-ant" not in shown.warnings[0]


def test_a_file_may_come_before_its_tool(user: Here) -> None:
    assert "written all the same" in connect(user, "crush").warnings[0]


def test_a_tool_s_own_variables_lead_to_its_file(user: Here, tmp_path: Path) -> None:
    moved = with_environment(user, CODEX_HOME=str(tmp_path / "codex"), CLINE_PROVIDER_SETTINGS_PATH=str(tmp_path / "p"))
    assert connect(moved, "codex-cli").edits[0].path == str(tmp_path / "codex" / "config.toml")
    assert connect(moved, "cline").edits[0].path == str(tmp_path / "p")
    relative = with_environment(user, CODEX_HOME="codex")
    assert connect(relative, "codex-cli").edits[0].path == str(Path(user.environ["HOME"]) / ".codex" / "config.toml")


def test_the_file_of_another_system() -> None:
    file = WRITTEN["copilot-vscode"].files[0]
    shown = tools.path_of(file, {"HOME": "/Users/ada"}, "darwin")
    assert str(shown) == "/Users/ada/Library/Application Support/Code/User/chatLanguageModels.json"


# -- the list


def test_the_list_says_who_is_here_and_who_is_connected(user: Here) -> None:
    program(user, "claude", "echo '2.1.329 (Claude Code)'")
    program(user, "qwen", "exit 3")
    (Path(user.environ["HOME"]) / ".codex").mkdir()
    connect(user, "claude-code")
    rows = {row.id: row for row in run(ListClients(), user)}
    assert next(iter(rows)) == "claude-code"
    assert (rows["claude-code"].state, rows["claude-code"].version) == ("connected", "2.1.329")
    assert (rows["qwen-code"].state, rows["qwen-code"].version) == ("installed", "")
    assert rows["codex-cli"].state == "installed"
    assert rows["aider"].state == "absent"
    assert rows["amp"].support == "none"
    assert rows["amp"].note
    assert len(rows) >= 36
    assert [row.id for row in run(ListClients(connected=True), user)] == ["claude-code"]


def test_an_npm_command_is_not_started_for_its_version(user: Here, tmp_path: Path) -> None:
    package = tmp_path / "node_modules" / "@google" / "gemini-cli"
    put(package / "package.json", '{"version": "0.61.0"}')
    put(package / "dist" / "index.js", "#!/bin/sh\nexit 1\n").chmod(0o755)
    os.symlink(package / "dist" / "index.js", Path(user.path) / "gemini")
    assert next(row.version for row in run(ListClients(), user) if row.id == "gemini-cli") == "0.61.0"


def test_one_wrong_file_of_the_user_s_is_a_row_and_takes_nothing_down(user: Here) -> None:
    clients = user.home.config / "catalog" / "clients"
    put(clients / "mine.yaml", "nmae: Mine\n")
    put(clients / "aider.yaml", "{")
    rows = {row.id: row for row in run(ListClients(), user)}
    assert "mine.yaml.nmae is no field" in rows["mine"].note
    assert "aider.yaml" in rows["aider"].note
    assert "aider.yaml" in " ".join(connect(user, "aider", write=False).warnings)
    with pytest.raises(FlockError, match="nmae"):
        connect(user, "mine", write=False)


# -- disconnect


def test_a_tool_that_is_not_connected_is_no_failure(user: Here) -> None:
    for write in (False, True):
        shown = run(DisconnectClient(client="aider", write=write), user)
        assert (shown.edits, shown.state) == ((), "absent")
        assert shown.undo
    with pytest.raises(NotFound):
        run(DisconnectClient(client="adier"), user)


def test_a_tool_that_left_the_catalog_can_still_be_taken_off(user: Here) -> None:
    mine = user.home.config / "catalog" / "clients" / "mine.yaml"
    put(mine, (ROOT / "catalog/clients/aider.yaml").read_text().replace("id: aider", "id: mine"))
    path = Path(connect(user, "mine").edits[0].path)
    assert path.exists()
    mine.unlink()
    assert run(DisconnectClient(client="mine", write=True), user).edits[0].state == "removed"
    assert not path.exists()


def test_a_file_that_became_wrong_is_left(user: Here) -> None:
    path = Path(connect(user, "claude-code").edits[0].path)
    path.write_text("{")
    [edit] = run(DisconnectClient(client="claude-code", write=True), user).edits
    assert edit.state == "left"
    assert path.read_text() == "{"


def test_the_configuration_need_not_be_valid(user: Here) -> None:
    put(user.home.config_file, "listen: [\n")
    named = run(ConnectClient(client="aider", base_url="http://box:1"), user)
    assert named.base_url == "http://box:1"
    with pytest.raises(FlockError, match="configuration is not valid"):
        run(ConnectClient(client="aider"), user)
