"""analytics views: customary names, status of closes, reads as of an instant"""

from __future__ import annotations

from cryptoflow.warehouse.migration_files import apply

revision = "0003_analytics_views"
down_revision = "0002_market_spine"
branch_labels = None
depends_on = None


def upgrade() -> None:
    apply(revision, "up")


def downgrade() -> None:
    apply(revision, "down")
