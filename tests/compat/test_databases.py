"""Databases of every release load, migrations keep a snapshot, and both ways to a schema lead to the same tables."""

import asyncio
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from flock.clock import SystemClock
from flock.contract.op import Scope
from flock.contract.tokens import Budget
from flock.core.key_changes import token_of
from flock.policy.keys import Keys
from flock.store import migrate, schema
from flock.store.entries import ModelEntry, PresetEntry, VendorEntry
from flock.store.store import Store

HERE = Path(__file__).parent
DUMPS = sorted((HERE / "databases").glob("*.sql"))

LATER = '''"""A revision of the future, for tests."""
import sqlalchemy as sa
from alembic import op
revision = "9999"
down_revision = "{last}"
def upgrade():
    op.create_table("later", sa.Column("id", sa.Integer, primary_key=True))
    op.add_column("models", sa.Column("note", sa.Text))
    op.execute("UPDATE models SET note = 'migrated'")
    {more}
'''


def load(dump: Path, path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(dump.read_text())
    connection.close()


def tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return every table's columns and indexes as SQLite sees them."""
    connection = sqlite3.connect(path)
    try:
        names = [r[0] for r in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        shape: dict[str, list[tuple[object, ...]]] = {}
        for name in names:
            shape[name] = connection.execute(f"PRAGMA table_info({name})").fetchall()
            for _, index, unique, *_ in connection.execute(f"PRAGMA index_list({name})").fetchall():
                columns = [r[2] for r in connection.execute(f"PRAGMA index_info({index})")]
                shape[name].append((index, unique, *columns))
            shape[name].sort(key=str)
        return shape
    finally:
        connection.close()


def future(tmp_path: Path, more: str = "pass") -> Path:
    """Return a directory of scripts with one revision more than today's."""
    scripts = tmp_path / "scripts"
    (scripts / "versions").mkdir(parents=True)
    for script in (migrate.SCRIPTS / "env.py", *(migrate.SCRIPTS / "versions").glob("*.py")):
        (scripts / script.relative_to(migrate.SCRIPTS)).write_text(script.read_text())
    (scripts / "versions" / "9999_later.py").write_text(later(more))
    return scripts


def later(more: str = "pass") -> str:
    return LATER.format(last=schema.REVISIONS[-1], more=more)


def test_there_is_a_dump_of_every_revision() -> None:
    assert [dump.stem for dump in DUMPS] == list(schema.REVISIONS)


@pytest.mark.parametrize("dump", DUMPS, ids=lambda d: d.stem)
async def test_a_database_of_each_release_loads(dump: Path, tmp_path: Path) -> None:
    path = tmp_path / "flock.db"
    load(dump, path)
    store = await Store.open(path, SystemClock())
    assert [key.name for key in await store.keys.all()] == ["first-admin", "alice"]
    assert [model.id for model in await store.models.all()] == ["qwen3-8b"]
    assert [engine.name for engine in await store.engines.all()] == ["vllm"]
    assert [row.output_tokens for row in await store.usage.recent(10)] == [45]
    assert [row.action for row in await store.audit.recent(10)] == ["token.create"]
    assert await store.decisions.get("req_0000000000000001") == b'{"id":"req_0000000000000001"}'
    await store.close()


def test_scripts_and_schema_agree(tmp_path: Path) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(migrate.SCRIPTS))
    revisions = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(revisions)) == schema.REVISIONS

    created, migrated = tmp_path / "created.db", tmp_path / "migrated.db"
    migrate.prepare(created)
    engine = migrate._engine(migrated)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()
    assert tables(created) == tables(migrated)


def test_a_migration_keeps_a_snapshot(tmp_path: Path) -> None:
    path = tmp_path / "flock.db"
    load(DUMPS[0], path)
    scripts = future(tmp_path)
    migrate.prepare(path, scripts, (*schema.REVISIONS, "9999"))
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT note FROM models").fetchall() == [("migrated",)]
    assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]
    connection.close()
    snapshot = tmp_path / "flock.db.before-9999"
    assert stat.S_IMODE(snapshot.stat().st_mode) == 0o600
    assert "later" not in tables(snapshot)
    migrate.prepare(path, scripts, (*schema.REVISIONS, "9999"))


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "flock.db"
    load(DUMPS[0], path)
    before = tables(path)
    scripts = future(tmp_path, more="raise RuntimeError('halfway')")
    with pytest.raises(RuntimeError, match="halfway"):
        migrate.prepare(path, scripts, (*schema.REVISIONS, "9999"))
    assert tables(path) == before
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
    connection.close()
    assert (tmp_path / "flock.db.before-9999").exists()
    (scripts / "versions" / "9999_later.py").write_text(later())
    migrate.prepare(path, scripts, (*schema.REVISIONS, "9999"))
    assert "later" in tables(path)


def test_a_start_without_a_migration_does_not_import_alembic(tmp_path: Path) -> None:
    path = tmp_path / "flock.db"
    program = f"""
import asyncio, sys
from pathlib import Path
from flock.clock import SystemClock
from flock.store.store import Store
async def main():
    for _ in range(2):
        store = await Store.open(Path({str(path)!r}), SystemClock())
        await store.keys.all()
        await store.close()
asyncio.run(main())
assert "sqlalchemy" in sys.modules
print([name for name in sys.modules if name.split(".")[0] in ("alembic", "mako", "pydantic", "aiohttp")])
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=HERE.parents[1], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.strip() == "[]"


def test_two_starts_one_after_the_other_share_the_file(tmp_path: Path) -> None:
    async def start() -> int:
        store = await Store.open(tmp_path / "flock.db", SystemClock())
        found = len(await store.keys.all())
        await store.close()
        return found

    assert [asyncio.run(start()), asyncio.run(start())] == [0, 0]


async def test_an_old_database_learns_of_vendors(tmp_path: Path) -> None:
    path = tmp_path / "flock.db"
    load(HERE / "databases" / "0001.sql", path)
    store = await Store.open(path, SystemClock())
    assert await store.vendors.all() == []
    assert {key.vendors for key in await store.keys.all()} == {""}
    assert [engine.has_key for engine in await store.engines.all()] == [False]
    await store.close()
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT vendor, cost_usd FROM usage").fetchall() == [("", None)]
    connection.close()


async def test_what_0002_wrote_of_vendors_is_read(tmp_path: Path) -> None:
    path = tmp_path / "flock.db"
    load(HERE / "databases" / "0002.sql", path)
    store = await Store.open(path, SystemClock())
    base = {"base": "https://api.groq.com/openai/v1"}
    assert await store.vendors.all() == [VendorEntry("groq", base, 2, 1795262400.0)]
    assert [key.vendors for key in await store.keys.all()] == ["", "groq,open*"]
    assert [engine.has_key for engine in await store.engines.all()] == [True]
    await store.close()


@pytest.mark.parametrize("revision", ["0001", "0002"])
async def test_models_of_old_databases_are_files_loaded_as_flock_chooses(revision: str, tmp_path: Path) -> None:
    path = tmp_path / "flock.db"
    load(HERE / "databases" / f"{revision}.sql", path)
    store = await Store.open(path, SystemClock())
    assert await store.models.all() == [ModelEntry("qwen3-8b", "/models/qwen3-8b-q4_k_m.gguf", 1763690002.0)]
    assert await store.presets.all() == []
    await store.close()


async def test_what_0003_wrote_of_models_is_read(tmp_path: Path) -> None:
    path = tmp_path / "flock.db"
    load(HERE / "databases" / "0003.sql", path)
    store = await Store.open(path, SystemClock())
    file = "/data/models/hub/qwen3-8b-q4_k_m.gguf"
    facts = {"family": "qwen3", "quant": "Q4_K_M", "license": "apache-2.0", "sha256": {file: "ab" * 32}}
    model = ModelEntry(
        id="qwen3-8b",
        path=file,
        created_at=1763690002.0,
        source="catalog:qwen3-8b",
        engine="llamacpp",
        config={"context": 8192, "kv_type": "q8_0"},
        facts=facts,
        files=(file,),
        pinned=True,
        priority=5,
        loaded=True,
        peak_bytes=7_300_000_000,
        peak_of="llamacpp 8192x2 q8_0",
        last_used_at=1795262300.5,
    )
    assert await store.models.all() == [model]
    assert await store.presets.all() == [
        PresetEntry("tools", {"context": 32768, "tool_parser": "hermes"}, 1795262400.0)
    ]
    await store.close()


@pytest.mark.parametrize("revision", ["0001", "0002", "0003"])
async def test_keys_of_old_databases_have_no_limits(revision: str, tmp_path: Path) -> None:
    path = tmp_path / "flock.db"
    load(HERE / "databases" / f"{revision}.sql", path)
    store = await Store.open(path, SystemClock())
    keys = Keys(SystemClock(), required=True)
    keys.load(await store.keys.all())
    (admin,) = keys.all()  # alice was revoked
    assert (admin.id, admin.scope, admin.user) == ("k_aaaaaaaaaaaa", Scope.ADMIN, "first-admin")
    assert (admin.models, admin.expires_at, admin.budgets, admin.share) == ((), None, (), 1)
    assert admin.rpm == admin.tpm == admin.quota == 0
    for entry in await store.keys.all():
        shown = token_of(entry, 1795262400.0)
        assert (shown.rpm, shown.tpm, shown.quota, shown.budgets) == (None, None, None, ())
        assert (shown.models, shown.expires_at, shown.owner, shown.tags) == ((), None, "", ())
    await store.close()


async def test_what_0004_wrote_of_keys_is_read(tmp_path: Path) -> None:
    path = tmp_path / "flock.db"
    load(HERE / "databases" / "0004.sql", path)
    store = await Store.open(path, SystemClock())
    entry = (await store.keys.all())[0]
    shown = token_of(entry, 1795262400.0)
    assert (shown.owner, shown.note, shown.state, shown.share) == ("alice", "laptop", "active", 2)
    assert (shown.rpm, shown.tpm, shown.quota) == (60, 100_000, 2_000_000)
    assert shown.budgets == (Budget("5", "day"), Budget("100", "month"))
    assert (shown.models, shown.tags) == (("qwen3-8b", "gemma*"), ("team=web",))
    assert (shown.expires_at, shown.old_until) == ("2096-10-02T07:06:40.000Z", "2026-11-21T12:01:40.000Z")
    await store.close()


@pytest.mark.parametrize("dump", DUMPS[:3], ids=lambda d: d.stem)
async def test_old_acts_are_unchained_and_the_first_new_one_covers_them(dump: Path, tmp_path: Path) -> None:
    path = tmp_path / "flock.db"
    load(dump, path)
    store = await Store.open(path, SystemClock())
    walk = await store.audit.walk()
    assert (walk.broken_at, walk.problem, walk.rows, walk.unchained) == (None, "", 1, 1)
    store.writer.audit("root", "token.create", "bob", "ok", {})
    await store.writer.flush()
    walk = await store.audit.walk("", store.writer.chain.head)
    assert (walk.broken_at, walk.problem, walk.rows, walk.unchained) == (None, "", 2, 1)
    await store.close()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE audit SET actor = 'eve' WHERE hash = ''")
    connection.close()
    store = await Store.open(path, SystemClock())
    assert (await store.audit.walk()).broken_at == 2
    await store.close()
