"""Contract of alerts: what was broken, from when to when, and who was told."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from cryptoflow.contracts.contract import Contract, Retention, column, table

ALERT_STATES: Final = ("suspected", "open", "healed", "passed")
ALERT_SEVERITIES: Final = ("warning", "broken")

alerts: Final = table(
    "alerts",
    Contract(
        description="Each thing that was broken, from when to when, with cause, extent and cure, and who was told.",
        one_row_per="subject and time at which it was first seen broken",
        clock="last_seen_at",
        cadence=None,
        retention=Retention(days=90),
        owner="platform",
    ),
    column("subject", sa.Text(), "What is broken.", primary_key=True),
    column("since", sa.DateTime(timezone=True), "When it was first seen broken.", primary_key=True),
    column(
        "state",
        sa.Text(),
        "suspected: seen too seldom in a row to be told; open; healed; passed: it went before it was told.",
        one_of=ALERT_STATES,
    ),
    column("severity", sa.Text(), "The gravest that it was seen.", one_of=ALERT_SEVERITIES),
    column("seen", sa.Integer(), "Looks in which it was broken.", unit="looks", minimum=1),
    column("well", sa.Integer(), "Looks in a row in which it was well again.", unit="looks", minimum=0),
    column("cause", sa.Text(), "What is wrong, in the words of who looked."),
    column("extent", sa.Text(), "How much, and for how long."),
    column("cure", sa.Text(), "What to do."),
    column("last_seen_at", sa.DateTime(timezone=True), "When it was last seen broken."),
    column("ended_at", sa.DateTime(timezone=True), "When it was held to be over; NULL while it is not.", nullable=True),
    column("last_told_at", sa.DateTime(timezone=True), "When somebody was last told; NULL: nobody.", nullable=True),
    column("told_to", pg.ARRAY(sa.Text()), "Who was told that it is broken.", server_default="{}"),
    column("told_over_to", pg.ARRAY(sa.Text()), "Who was told that it is over.", server_default="{}"),
    sa.Index(None, "last_seen_at"),
    schema="ops",
)
