"""quality: results of expectations, statistics of tables, alerts"""

from __future__ import annotations

from cryptoflow.warehouse.migration_files import apply

revision = "0010_quality"
down_revision = "0009_candle_feeds"
branch_labels = None
depends_on = None


def upgrade() -> None:
    apply(revision, "up")


def downgrade() -> None:
    apply(revision, "down")
