"""slots that were not observed are found without reading those that were"""

from __future__ import annotations

from cryptoflow.warehouse.migration_files import apply

revision = "0014_unobserved_slots"
down_revision = "0013_room"
branch_labels = None
depends_on = None


def upgrade() -> None:
    apply(revision, "up")


def downgrade() -> None:
    apply(revision, "down")
