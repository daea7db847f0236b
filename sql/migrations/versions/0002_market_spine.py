"""market spine: snapshots, closes, revisions, dirty buckets, slots"""

from __future__ import annotations

from cryptoflow.warehouse.migration_files import apply

revision = "0002_market_spine"
down_revision = "0001_identity_and_control"
branch_labels = None
depends_on = None


def upgrade() -> None:
    apply(revision, "up")


def downgrade() -> None:
    apply(revision, "down")
