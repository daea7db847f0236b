"""Contracts of what is known about candles: missing minutes, files fetched, comparisons, certificates, work to do.

What does not belong here: candles themselves (candles).
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from cryptoflow.cadence import CANDLE_INTERVALS, Grain
from cryptoflow.contracts.candles import COARSE_INTERVALS, FIGURES
from cryptoflow.contracts.contract import FOR_EVER, Contract, column, table

# Of a minute without a row. A minute with one needs no words: it was observed.
MISSING_STATES: Final = ("confirmed_empty", "source_has_none", "feed_down", "throttled", "pending", "not_due")
PART_KINDS: Final = ("monthly", "daily", "rest", "file")
PART_STATES: Final = ("pending", "running", "done", "absent", "failed")
COMPARED_FIELDS: Final = ("presence", *FIGURES)


def _symbol_id(**options: Any) -> sa.Column[Any]:
    return column(
        "symbol_id",
        sa.Integer(),
        "The symbol, as in candles.symbols.",
        sa.ForeignKey("candles.symbols.symbol_id"),
        **options,
    )


dirty_candles: Final = table(
    "dirty_candles",
    Contract(
        description="Larger candles whose finer ones changed and which were not built anew since.",
        one_row_per="interval, symbol and bucket to build anew",
        clock="marked_at",
        cadence=None,
        retention=FOR_EVER,
        owner="platform",
    ),
    column("interval", sa.Text(), "Interval of the candle.", one_of=COARSE_INTERVALS, primary_key=True),
    column("open_time", sa.DateTime(timezone=True), "Start of the bucket.", primary_key=True),
    column("symbol_id", sa.Integer(), "The symbol, as in candles.symbols.", primary_key=True),
    column("marked_at", sa.DateTime(timezone=True), "When it was first marked.", server_default=sa.func.now()),
    schema="candles",
)

candle_slots: Final = table(
    "candle_slots",
    Contract(
        description="Spans of minutes without a candle, and why there is none. A candle that is there outranks it.",
        one_row_per="symbol and span of minutes of one state and reason; spans do not overlap",
        clock="starts",
        cadence=Grain.MINUTE,
        retention=FOR_EVER,
        owner="market-data",
    ),
    _symbol_id(primary_key=True),
    column("starts", sa.DateTime(timezone=True), "First minute.", primary_key=True),
    column("ends", sa.DateTime(timezone=True), "First minute after it."),
    column(
        "span",
        pg.TSTZRANGE(),
        "The period [starts, ends).",
        sa.Computed("tstzrange(starts, ends, '[)')", persisted=True),
        nullable=True,
    ),
    column("state", sa.Text(), "Why minutes without a candle have none.", one_of=MISSING_STATES),
    column("reason", sa.Text(), "Why, in words.", nullable=True),
    column("times_asked", sa.Integer(), "How often the source was asked for it.", minimum=0),
    column("told_at", sa.DateTime(timezone=True), "When this was last said.", server_default=sa.func.now()),
    sa.CheckConstraint("ends > starts", name="period"),
    pg.ExcludeConstraint(("symbol_id", "="), ("span", "&&"), name="ex_candle_slots_one_state_per_minute"),
    schema="candles",
)

candle_certificates: Final = table(
    "candle_certificates",
    Contract(
        description="What a day of minutes of a symbol held when it was certified, with a hash over its rows.",
        one_row_per="symbol and day",
        clock="day",
        cadence=Grain.DAY,
        retention=FOR_EVER,
        owner="market-data",
    ),
    _symbol_id(primary_key=True),
    column("day", sa.DateTime(timezone=True), "Start of the UTC day.", primary_key=True),
    column("expected_minutes", sa.Integer(), "Minutes in which it could trade.", unit="minutes", minimum=0),
    column("observed_minutes", sa.Integer(), "Minutes with a final candle.", unit="minutes", minimum=0),
    column("traded_minutes", sa.Integer(), "Those of them with a volume.", unit="minutes", minimum=0),
    column(
        "confirmed_empty_minutes",
        sa.Integer(),
        "Minutes without a candle of which the source says that nothing traded.",
        unit="minutes",
        minimum=0,
    ),
    column(
        "source_has_none_minutes",
        sa.Integer(),
        "Minutes that the source was asked for and does not have.",
        unit="minutes",
        minimum=0,
    ),
    column("unknown_minutes", sa.Integer(), "Minutes of which nothing is known.", unit="minutes", minimum=0),
    column("rows_sha256", sa.LargeBinary(), "Hash over the rows of the day, in the order of time."),
    column("issued_at", sa.DateTime(timezone=True), "When it was issued.", server_default=sa.func.now()),
    column("run_id", sa.Text(), "Dagster run that issued it, when one did.", nullable=True),
    sa.CheckConstraint(
        "observed_minutes + confirmed_empty_minutes + source_has_none_minutes + unknown_minutes = expected_minutes",
        name="adds_up",
    ),
    sa.CheckConstraint("traded_minutes <= observed_minutes", name="traded_was_observed"),
    schema="candles",
)

candle_backfills: Final = table(
    "candle_backfills",
    Contract(
        description="Every file and span that history was or is to be fetched by, and how that went.",
        one_row_per="symbol, interval and part",
        clock="updated_at",
        cadence=None,
        retention=FOR_EVER,
        owner="market-data",
    ),
    _symbol_id(primary_key=True),
    column("interval", sa.Text(), "Interval of its candles.", one_of=CANDLE_INTERVALS, primary_key=True),
    column("part", sa.Text(), "Name of the file, or the span that is asked for.", primary_key=True),
    column(
        "kind", sa.Text(), "A file of the archive by month or day, a span of REST, a local file.", one_of=PART_KINDS
    ),
    column("starts", sa.DateTime(timezone=True), "First instant that it covers, where that is known.", nullable=True),
    column("ends", sa.DateTime(timezone=True), "First instant after it.", nullable=True),
    column("state", sa.Text(), "How it stands; absent: the source has no such file.", one_of=PART_STATES),
    column("rows_received", sa.BigInteger(), "Rows that it held.", minimum=0, server_default="0"),
    column("rows_stored", sa.BigInteger(), "Rows that said something new.", minimum=0, server_default="0"),
    column("rows_refused", sa.BigInteger(), "Rows that went to quarantine.", minimum=0, server_default="0"),
    column("payload_sha256", sa.LargeBinary(), "Hash of the file.", nullable=True),
    column("attempts", sa.Integer(), "How often it was begun.", minimum=0, server_default="0"),
    column("error", sa.Text(), "What went wrong and what to do.", nullable=True),
    column("started_at", sa.DateTime(timezone=True), "When it was last begun.", nullable=True),
    column("finished_at", sa.DateTime(timezone=True), "When it was last ended.", nullable=True),
    column("updated_at", sa.DateTime(timezone=True), "When the row last changed.", server_default=sa.func.now()),
    column("run_id", sa.Text(), "Dagster run that did it, when one did.", nullable=True),
    sa.Index(None, "state"),
    schema="candles",
)

candle_differences: Final = table(
    "candle_differences",
    Contract(
        description="Where our candles and the exchange's own of the same interval were found to differ.",
        one_row_per="symbol, interval, bucket and field that differs",
        clock="found_at",
        cadence=None,
        retention=FOR_EVER,
        owner="market-data",
    ),
    _symbol_id(primary_key=True),
    column("interval", sa.Text(), "Interval of the candle.", one_of=CANDLE_INTERVALS, primary_key=True),
    column("open_time", sa.DateTime(timezone=True), "Start of the bucket.", primary_key=True),
    column(
        "field",
        sa.Text(),
        "What differs; presence: only one of us has the candle (1: has it, 0: has it not).",
        one_of=COMPARED_FIELDS,
        primary_key=True,
    ),
    column("ours", sa.Numeric(), "What stands here.", nullable=True),
    column("theirs", sa.Numeric(), "What the exchange says.", nullable=True),
    column("coverage", sa.Numeric(), "Share of its minutes that ours had.", unit="ratio", minimum=0, nullable=True),
    column("found_at", sa.DateTime(timezone=True), "When the difference was first found."),
    column("last_found_at", sa.DateTime(timezone=True), "When it was last found."),
    column("settled_at", sa.DateTime(timezone=True), "When both were found equal again.", nullable=True),
    sa.Index(None, "found_at"),
    schema="candles",
)
