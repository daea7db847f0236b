"""live feeds of trades: how far they are whole, and when they were out"""

from __future__ import annotations

from cryptoflow.warehouse.migration_files import apply

revision = "0009_candle_feeds"
down_revision = "0008_candles"
branch_labels = None
depends_on = None


def upgrade() -> None:
    apply(revision, "up")


def downgrade() -> None:
    apply(revision, "down")
