"""What each table is, written once.

A contract is a SQLAlchemy Core table whose columns carry comment, unit and bounds, and whose `info` carries its
clock, cadence, retention and owner. The database schema, the Dagster column schemas, the write columns and
docs/tables.md derive from it. What does not belong here: statements, connections, arithmetic.
"""

from cryptoflow.contracts import (
    alerting,
    candle_feeds,
    candle_records,
    candles,
    close_quality,
    closes,
    control,
    keeping,
    market,
    ops,
    proof,
    raw,
    refining,
    room,
    velocity,
)
from cryptoflow.contracts.contract import METADATA, Contract, contract_of, contracts

__all__ = [
    "METADATA",
    "Contract",
    "alerting",
    "candle_feeds",
    "candle_records",
    "candles",
    "close_quality",
    "closes",
    "contract_of",
    "contracts",
    "control",
    "keeping",
    "market",
    "ops",
    "proof",
    "raw",
    "refining",
    "room",
    "velocity",
]
