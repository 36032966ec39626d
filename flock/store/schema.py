"""The tables of flock's database and the revisions they went through.

Owns the shape of what is stored. Times are seconds since the epoch, booleans 0 or 1. A change here needs a script in
`migrations/versions` and its revision at the end of REVISIONS; tests/compat pins that both lead to the same tables.
"""

from sqlalchemy import Column, Float, Index, Integer, LargeBinary, MetaData, Table, Text

# oldest first; compared as plain text with `alembic_version`, so that alembic is imported only when a migration is due
REVISIONS = ("0001", "0002", "0003", "0004")

METADATA = MetaData()

# the columns are the fields of entries.KeyEntry; `models` and `vendors` are globs between commas, `budgets` an array
# of [dollars, window], `tags` a JSON object; 0 is no limit; `old_digest` is the secret's before the last rotation
KEYS = Table(
    "keys",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("hint", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("last_used_at", Float),
    Column("revoked_at", Float),
    Column("vendors", Text, nullable=False, server_default=""),
    Column("owner", Text, nullable=False, server_default=""),
    Column("note", Text, nullable=False, server_default=""),
    Column("expires_at", Float),
    Column("models", Text, nullable=False, server_default=""),
    Column("rpm", Integer, nullable=False, server_default="0"),
    Column("tpm", Integer, nullable=False, server_default="0"),
    Column("quota", Integer, nullable=False, server_default="0"),
    Column("budgets", Text, nullable=False, server_default="[]"),
    Column("tags", Text, nullable=False, server_default="{}"),
    Column("share", Integer, nullable=False, server_default="1"),
    Column("old_digest", LargeBinary),
    Column("old_until", Float),
)

# what a minute's limits remember of a key: `value` is when it would be unused again (epoch seconds)
METERS = Table(
    "meters",
    METADATA,
    Column("key_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Float, nullable=False),
)

# dollars that running requests hold, in billionths: written before a paid vendor is asked, gone with its usage row.
# What is left at a start belongs to requests that a crash ended: their usage row is made of it
HOLDS = Table(
    "holds",
    METADATA,
    Column("request_id", Text, primary_key=True),
    Column("at", Float, nullable=False),
    Column("user", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("vendor", Text, nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("nano_usd", Integer, nullable=False),
)

# prices that were set; `model` may be a glob; `card` is a JSON object. Of vendor "local" it is watts and usd_per_kwh
PRICES = Table(
    "prices",
    METADATA,
    Column("vendor", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("card", Text, nullable=False),
    Column("created_at", Float, nullable=False),
)

# the columns are in the order of entries.ModelEntry; `config` and `facts` are JSON objects, `files` a JSON array
MODELS = Table(
    "models",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("path", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("source", Text, nullable=False, server_default=""),
    Column("engine", Text, nullable=False, server_default=""),
    Column("config", Text, nullable=False, server_default="{}"),
    Column("facts", Text, nullable=False, server_default="{}"),
    Column("files", Text, nullable=False, server_default="[]"),
    Column("pinned", Integer, nullable=False, server_default="0"),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("loaded", Integer, nullable=False, server_default="0"),
    Column("peak_bytes", Integer),
    Column("peak_of", Text, nullable=False, server_default=""),
    Column("last_used_at", Float),
)

# settings of models under a name; `config` is a JSON object
PRESETS = Table(
    "presets",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("config", Text, nullable=False),
    Column("created_at", Float, nullable=False),
)

ENGINES = Table(
    "engines",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("has_key", Integer, nullable=False, server_default="0"),
)

# vendors the user added; `settings` is a JSON object of fields of a vendor's row, `keys` how many the secrets hold
VENDORS = Table(
    "vendors",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("settings", Text, nullable=False),
    Column("keys", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
)

# one row per settled request; the columns after `id` are in the order of `usage_row()`
USAGE = Table(
    "usage",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("request_id", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("user", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("input_tokens", Integer, nullable=False),
    Column("cached_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Column("estimated", Integer, nullable=False),
    Column("latency_ms", Float, nullable=False),
    Column("ttft_ms", Float),
    Column("status", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("stream", Integer, nullable=False),
    Column("vendor", Text, nullable=False, server_default=""),
    Column("cost_usd", Text),
    Column("written_tokens", Integer, nullable=False, server_default="0"),
    Column("reasoning_tokens", Integer, nullable=False, server_default="0"),
    Column("engine_ms", Float, nullable=False, server_default="0"),
    Index("usage_by_user", "user"),
    Index("usage_by_time", "at"),
)

# the rows of usage summed up, an hour (epoch seconds / 3600, UTC) at a time; the writer keeps them in one transaction.
# `nano_usd` are billionths of a dollar; the histograms are those of store/histogram.py
HOURS = Table(
    "usage_hours",
    METADATA,
    Column("hour", Integer, primary_key=True),
    Column("user", Text, primary_key=True),
    Column("key_id", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("vendor", Text, primary_key=True),
    Column("requests", Integer, nullable=False),
    Column("errors", Integer, nullable=False),
    Column("cancelled", Integer, nullable=False),
    Column("input_tokens", Integer, nullable=False),
    Column("cached_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Column("nano_usd", Integer, nullable=False),
    Column("priced", Integer, nullable=False),
    Column("unpriced", Integer, nullable=False),
    Column("engine_ms", Float, nullable=False),
    Column("latency", LargeBinary, nullable=False),
    Column("ttft", LargeBinary, nullable=False),
)

# numbers that outlive a start, by name. `unsummed`: rows of usage up to this id came from releases that kept no sums
# and are still to be added to them (store/hours.py); gone when that is done
MARKS = Table(
    "marks",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Integer, nullable=False),
)

# who did what; `details` is a JSON object, `before` what undoing it needs, as one, or ""; `hash` is the chain's
AUDIT = Table(
    "audit",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("before", Text, nullable=False, server_default=""),
    Column("hash", Text, nullable=False, server_default=""),
    Index("audit_by_actor", "actor"),
)

# why each request went where it went; `record` is the JSON of a contract Explanation; old ones are pruned
DECISIONS = Table(
    "decisions",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("request_id", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("record", LargeBinary, nullable=False),
    Index("decisions_by_request", "request_id"),
)
