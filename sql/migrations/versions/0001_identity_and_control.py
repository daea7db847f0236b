"""identity of assets, raw answers, records of the platform"""

from __future__ import annotations

from cryptoflow.warehouse.migration_files import apply

revision = "0001_identity_and_control"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    apply(revision, "up")


def downgrade() -> None:
    apply(revision, "down")
