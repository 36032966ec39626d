"""Models from anywhere: where each came from, how it is loaded, what it takes; and presets of how to load."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns and the table; models that are there are files of the user's own, loaded as flock chooses."""
    for name, default in (("source", ""), ("engine", ""), ("config", "{}"), ("facts", "{}"), ("files", "[]")):
        op.add_column("models", sa.Column(name, sa.Text, nullable=False, server_default=default))
    for name in ("pinned", "priority", "loaded"):
        op.add_column("models", sa.Column(name, sa.Integer, nullable=False, server_default="0"))
    op.add_column("models", sa.Column("peak_bytes", sa.Integer))
    op.add_column("models", sa.Column("peak_of", sa.Text, nullable=False, server_default=""))
    op.add_column("models", sa.Column("last_used_at", sa.Float))
    op.create_table(
        "presets",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("config", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
    )
