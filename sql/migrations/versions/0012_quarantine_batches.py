"""answers that changed their nature wait whole in quarantine, and what is decided of them"""

from __future__ import annotations

from cryptoflow.warehouse.migration_files import apply

revision = "0012_quarantine_batches"
down_revision = "0010_quality"
branch_labels = None
depends_on = None


def upgrade() -> None:
    apply(revision, "up")


def downgrade() -> None:
    apply(revision, "down")
