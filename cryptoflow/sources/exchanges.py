"""The exchanges that can be asked, by name. What does not belong here: how one is asked (a file each)."""

from __future__ import annotations

import difflib
from typing import Final

from cryptoflow.errors import UsageError
from cryptoflow.sources.binance import Binance
from cryptoflow.sources.coinbase import Coinbase
from cryptoflow.sources.exchange import Exchange, Traits
from cryptoflow.sources.http import ProviderClient
from cryptoflow.sources.providers import BINANCE, BINANCE_ARCHIVE

_EXCHANGES: Final = {exchange.name: exchange for exchange in (Binance, Coinbase)}
_ARCHIVES: Final = {BINANCE: BINANCE_ARCHIVE}


def exchange_names() -> tuple[str, ...]:
    """Every exchange that can be asked."""
    return tuple(_EXCHANGES)


def exchange_of(client: ProviderClient) -> Exchange:
    """The exchange that the client speaks to."""
    return _EXCHANGES[check_exchange(client.provider.name)](client)


def traits_of(name: str) -> Traits:
    """What is peculiar to the exchange."""
    return _EXCHANGES[check_exchange(name)].traits


def archive_of(name: str) -> str | None:
    """The provider that keeps the exchange's archive of files; None when there is none."""
    return _ARCHIVES.get(check_exchange(name))


def check_exchange(name: str) -> str:
    """The name; refused with the nearest one when no such exchange can be asked."""
    if name in _EXCHANGES:
        return name
    nearest = difflib.get_close_matches(name.lower(), _EXCHANGES, n=1)
    raise UsageError(
        f"There is no exchange {name!r} to ask.",
        cure=f"Did you mean {nearest[0]!r}?" if nearest else f"Known: {', '.join(_EXCHANGES)}.",
    )
