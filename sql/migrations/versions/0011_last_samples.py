"""which sample of each provider counts in a minute"""

from __future__ import annotations

from cryptoflow.warehouse.migration_files import apply

revision = "0011_last_samples"
down_revision = "0007_archives"
branch_labels = None
depends_on = None


def upgrade() -> None:
    apply(revision, "up")


def downgrade() -> None:
    apply(revision, "down")
