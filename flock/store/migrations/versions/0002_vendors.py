"""Paid vendors: their table, which keys may use them, what a call cost; and which engines have a key."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the table and the columns; every row there is gets what it meant before."""
    op.create_table(
        "vendors",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("keys", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
    )
    op.add_column("keys", sa.Column("vendors", sa.Text, nullable=False, server_default=""))
    op.add_column("engines", sa.Column("has_key", sa.Integer, nullable=False, server_default="0"))
    op.add_column("usage", sa.Column("vendor", sa.Text, nullable=False, server_default=""))
    op.add_column("usage", sa.Column("cost_usd", sa.Text))
