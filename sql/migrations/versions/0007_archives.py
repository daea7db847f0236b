"""archives: what was written to Parquet before it was let go, and how long every table is kept"""

from __future__ import annotations

from cryptoflow.warehouse.migration_files import apply

revision = "0007_archives"
down_revision = "0006_control"
branch_labels = None
depends_on = None


def upgrade() -> None:
    apply(revision, "up")


def downgrade() -> None:
    apply(revision, "down")
