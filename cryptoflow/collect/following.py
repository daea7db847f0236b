"""Which pairs are followed: of the largest assets the main pair on each exchange, and those that the settings name.

What does not belong here: asking an exchange.
"""

from __future__ import annotations

from cryptoflow.settings import Settings
from cryptoflow.sources.exchanges import traits_of
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.symbols import KnownSymbol, select_followed


def followed_pairs(
    connection: Connection, settings: Settings, exchange: str, *, top: int | None = None
) -> list[KnownSymbol]:
    """The pairs that are followed on the exchange, in the order of their names. `top` overrides the setting."""
    return select_followed(
        connection,
        exchange,
        quotes=traits_of(exchange).usual_quotes,
        top=settings.candle_top if top is None else top,
        named=settings.extra_symbols.get(exchange, ()),
    )
