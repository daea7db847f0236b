"""market history: points of charts, their revisions and reads as of an instant, what was asked for"""

from __future__ import annotations

from cryptoflow.warehouse.migration_files import apply

revision = "0005_market_history"
down_revision = "0004_velocity"
branch_labels = None
depends_on = None


def upgrade() -> None:
    apply(revision, "up")


def downgrade() -> None:
    apply(revision, "down")
