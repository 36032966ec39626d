"""What a key may use, what it used, what it cost: limits, prices, sums by the hour, and a chain through the audit."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add columns and tables; keys that are there have no limits, and rows of usage no sums yet."""
    columns = (
        *(_text("owner"), _text("note"), sa.Column("expires_at", sa.Float), _text("models")),
        *(
            _whole("rpm"),
            _whole("tpm"),
            _whole("quota"),
            _text("budgets", "[]"),
            _text("tags", "{}"),
            _whole("share", "1"),
        ),
        *(sa.Column("old_digest", sa.LargeBinary), sa.Column("old_until", sa.Float)),
    )
    for column in columns:
        op.add_column("keys", column)
    op.create_table(
        "meters",
        sa.Column("key_id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Float, nullable=False),
    )
    op.create_table(
        "holds",
        sa.Column("request_id", sa.Text, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("user", "key_id", "model", "endpoint", "vendor")),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("tokens", "nano_usd")),
    )
    op.create_table(
        "prices",
        sa.Column("vendor", sa.Text, primary_key=True),
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("card", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
    )
    for name in ("written_tokens", "reasoning_tokens"):
        op.add_column("usage", _whole(name))
    op.add_column("usage", sa.Column("engine_ms", sa.Float, nullable=False, server_default="0"))
    op.create_index("usage_by_time", "usage", ["at"])
    counts = ("requests", "errors", "cancelled", "input_tokens", "cached_tokens", "output_tokens", "nano_usd", "priced")
    op.create_table(
        "usage_hours",
        sa.Column("hour", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.Text, primary_key=True) for name in ("user", "key_id", "model", "vendor")),
        *(sa.Column(name, sa.Integer, nullable=False) for name in (*counts, "unpriced")),
        sa.Column("engine_ms", sa.Float, nullable=False),
        *(sa.Column(name, sa.LargeBinary, nullable=False) for name in ("latency", "ttft")),
    )
    op.create_table(
        "marks",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Integer, nullable=False),
    )
    # ten million rows would hold up the start for minutes: the writer sums them up while flock runs
    op.execute("INSERT INTO marks SELECT 'unsummed', max(id) FROM usage HAVING max(id) IS NOT NULL")
    for name in ("before", "hash"):
        op.add_column("audit", _text(name))


def _text(name: str, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=default)


def _whole(name: str, default: str = "0") -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, server_default=default)
