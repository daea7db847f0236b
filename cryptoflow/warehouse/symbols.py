"""The pairs of exchanges: taking over an exchange's list, finding a pair by its name.

What does not belong here: asking an exchange, candles.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from cryptoflow.errors import UsageError
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.records import record_of
from cryptoflow.warehouse.statements import statement
from cryptoflow.warehouse.storable import storable_json

SymbolStatus = Literal["trading", "halted", "closed", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSymbol:
    """A pair as its exchange lists it. What the exchange does not say is None."""

    symbol: str
    base: str
    quote: str
    status: SymbolStatus
    price_step: Decimal | None = None
    quantity_step: Decimal | None = None
    min_quantity: Decimal | None = None
    min_notional: Decimal | None = None
    listed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSymbol:
    """A pair as it is known here."""

    symbol_id: int
    exchange: str
    symbol: str
    base: str
    quote: str
    status: SymbolStatus
    listed_at: datetime | None
    delisted_at: datetime | None
    asset_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncedSymbols:
    """What an exchange's list brought."""

    listed: int
    new: int
    changed: int
    closed: int


def sync_symbols(
    connection: Connection, exchange: str, listed: Sequence[ListedSymbol], *, seen_at: datetime, whole: bool
) -> SyncedSymbols:
    """Take over the list, in the caller's transaction. `whole`: what is not in it has left the exchange."""
    rows = [
        {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(one).items()}
        for one in listed
    ]
    for row in rows:
        row |= {name: str(value) for name, value in row.items() if isinstance(value, Decimal)}
    told = connection.execute(
        statement("candles/upsert_symbols"), {"exchange": exchange, "seen_at": seen_at, "rows": storable_json(rows)}
    ).fetchall()
    closed = 0
    if whole:
        names = [one.symbol for one in listed]
        closed = connection.execute(
            statement("candles/close_unlisted_symbols"), {"exchange": exchange, "seen_at": seen_at, "symbols": names}
        ).rowcount
    connection.execute(statement("candles/update_symbol_assets"), {"exchange": exchange})
    return SyncedSymbols(
        listed=len(listed),
        new=sum(is_new for _, is_new, _ in told),
        changed=sum(is_changed and not is_new for _, is_new, is_changed in told),
        closed=closed,
    )


def ensure_symbol(
    connection: Connection, *, exchange: str, symbol: str, base: str, quote: str, seen_at: datetime
) -> KnownSymbol:
    """The pair, made known when it is not; a pair that is known by other names of base and quote is refused."""
    connection.execute(
        statement("candles/insert_symbol"),
        {"exchange": exchange, "symbol": symbol, "base": base, "quote": quote, "seen_at": seen_at},
    )
    known = find_symbol(connection, exchange=exchange, symbol=symbol)
    if (known.base, known.quote) != (base, quote):
        raise UsageError(
            f"{symbol} on {exchange} is known as {known.base} in {known.quote}, not as {base} in {quote}.",
            cure=f"Say --base {known.base} --quote {known.quote}, or check the name of the symbol.",
        )
    return known


def find_symbol(connection: Connection, *, exchange: str, symbol: str) -> KnownSymbol:
    """The pair of that name; refused with the nearest names when there is none."""
    known = symbols_of(connection, exchange)
    if symbol in known:
        return known[symbol]
    nearest = difflib.get_close_matches(symbol.upper(), known, n=3, cutoff=0.5)
    raise UsageError(
        f"No symbol {symbol!r} of {exchange!r} is known.",
        cure=f"Did you mean {', '.join(nearest)}?" if nearest else "analytics.symbols lists what is known.",
    )


def symbols_of(connection: Connection, exchange: str) -> dict[str, KnownSymbol]:
    """Every known pair of the exchange by its name."""
    rows = connection.execute(statement("candles/select_symbols"), {"exchange": exchange})
    return {one.symbol: one for one in map(_known, rows)}


def symbols_by_id(connection: Connection, symbol_ids: Sequence[int]) -> dict[int, KnownSymbol]:
    """The pairs of these ids."""
    rows = connection.execute(statement("candles/select_symbols_by_id"), {"symbol_ids": list(symbol_ids)})
    return {one.symbol_id: one for one in map(_known, rows)}


def select_followed(
    connection: Connection, exchange: str, *, quotes: Sequence[str], top: int, named: Sequence[str]
) -> list[KnownSymbol]:
    """Of the `top` largest assets the pair in the best of the quotes, and the named pairs, by name."""
    given = {"exchange": exchange, "quotes": list(quotes), "top": top, "named": list(named)}
    return [_known(row) for row in connection.execute(statement("candles/select_followed"), given)]


def tell_listing(connection: Connection, symbol_id: int, *, listed_at: datetime) -> None:
    """Say when trading of the pair began, where that was not known."""
    connection.execute(statement("candles/update_listing"), {"symbol_id": symbol_id, "listed_at": listed_at})


def refresh_symbol_summary(connection: Connection) -> None:
    """Reckon analytics.symbol_summary anew; who reads it meanwhile is not held up."""
    connection.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY candles.symbol_summary")


def _known(row: Sequence[Any]) -> KnownSymbol:
    return record_of(KnownSymbol, row)
