"""exchange data: symbols, trades, candles, what is known about them"""

from __future__ import annotations

from cryptoflow.warehouse.migration_files import apply

revision = "0008_candles"
down_revision = "0011_last_samples"
branch_labels = None
depends_on = None


def upgrade() -> None:
    apply(revision, "up")


def downgrade() -> None:
    apply(revision, "down")
