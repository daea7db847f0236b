"""how much room there was where the data are, so that the day on which it ends can be told"""

from __future__ import annotations

from cryptoflow.warehouse.migration_files import apply

revision = "0013_room"
down_revision = "0012_quarantine_batches"
branch_labels = None
depends_on = None


def upgrade() -> None:
    apply(revision, "up")


def downgrade() -> None:
    apply(revision, "down")
