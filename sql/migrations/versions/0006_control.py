"""control: allowances told by providers, recorded plans, newest samples, ranks asked in a slot"""

from __future__ import annotations

from cryptoflow.warehouse.migration_files import apply

revision = "0006_control"
down_revision = "0005_market_history"
branch_labels = None
depends_on = None


def upgrade() -> None:
    apply(revision, "up")


def downgrade() -> None:
    apply(revision, "down")
