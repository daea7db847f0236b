"""The pairs of the exchanges: each exchange's list taken over, with what is new, changed or gone, dated.

What does not belong here: which of them are followed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from cryptoflow.collect.asking import Asking, ask_all, begin, raise_if_none_answered
from cryptoflow.collect.exchange_access import open_exchange
from cryptoflow.collect.following import followed_pairs
from cryptoflow.collect.quarantining import refused
from cryptoflow.settings import Settings
from cryptoflow.sources.errors import ProviderError
from cryptoflow.sources.exchange import ExchangeSymbol, SymbolList
from cryptoflow.sources.exchanges import check_exchange, exchange_of, traits_of
from cryptoflow.sources.http import ProviderClient, run_sync
from cryptoflow.warehouse.collections import CollectionType, close_collection
from cryptoflow.warehouse.locks import dataset_lock
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.quarantine import RefusedRow, quarantine
from cryptoflow.warehouse.symbols import ListedSymbol, SyncedSymbols, sync_symbols, tell_listing
from cryptoflow.warehouse.world import settle_world

DATASET: Final = "candles.symbols"
_LOGGER: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolAnswer:
    """One exchange's list."""

    symbols: SymbolList
    refused: Sequence[RefusedRow]

    @property
    def listed(self) -> int:
        """Pairs that can be used."""
        return len(self.symbols.symbols)

    @property
    def details(self) -> dict[str, object]:
        """How many are in which state."""
        states = [one.status for one in self.symbols.symbols]
        return {state: states.count(state) for state in sorted(set(states))}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeReport:
    """What became of one exchange's list."""

    exchange: str
    synced: SyncedSymbols | None
    refused: int
    calls: int
    error: str | None


def collect_symbols(
    settings: Settings,
    *,
    database_url: str,
    redis_url: str | None,
    collection_type: CollectionType = "complete",
    run_id: str | None = None,
) -> list[ExchangeReport]:
    """Ask every configured exchange for its list and take it over. Raises when none answered."""
    exchanges = [check_exchange(name) for name in settings.exchanges]
    settle_world(database_url, "simulated" if settings.simulator_url else "real")
    with dataset_lock(database_url, DATASET):
        askings: list[Asking[SymbolAnswer]] = begin(
            settings,
            exchanges,
            dataset=DATASET,
            database_url=database_url,
            collection_type=collection_type,
            run_id=run_id,
        )
        questions = dict.fromkeys(exchanges, _ask)
        run_sync(ask_all(settings, askings, questions, database_url=database_url, redis_url=redis_url, run_id=run_id))
        reports = [_write(database_url, asking, run_id=run_id) for asking in askings]
        raise_if_none_answered(askings)
        for report in reports:
            if report.error is None and traits_of(report.exchange).tells_beginnings:
                run_sync(_learn_beginnings(settings, report.exchange, database_url, redis_url, run_id))
    return reports


async def _learn_beginnings(
    settings: Settings, exchange: str, database_url: str, redis_url: str | None, run_id: str | None
) -> None:
    """Ask when trading of the followed pairs began, of those of which that is not known."""
    with transaction(database_url) as connection:
        unknown = [one for one in followed_pairs(connection, settings, exchange) if one.listed_at is None]
    async with open_exchange(settings, exchange, database_url, redis_url, run_id=run_id) as asked:
        for pair in unknown:
            try:
                first = await asked.first_candle_at(pair.symbol)
            except ProviderError as error:
                # It is asked again tomorrow; the list itself is taken over.
                _LOGGER.warning("the beginning of %s stays unknown: %s", pair.symbol, error.what)
                return
            if first is not None:
                with transaction(database_url) as connection:
                    tell_listing(connection, pair.symbol_id, listed_at=first)


async def _ask(client: ProviderClient) -> SymbolAnswer:
    listing = await exchange_of(client).symbols()
    rows = [
        refused(row, listing.answer.payload_sha256, dataset=DATASET, provider=client.provider.name)
        for row in listing.bad
    ]
    return SymbolAnswer(symbols=listing, refused=rows)


def _write(database_url: str, asking: Asking[SymbolAnswer], *, run_id: str | None) -> ExchangeReport:
    """Each exchange in a transaction of its own: what one says does not wait for the other."""
    synced = None
    answer = asking.answered
    with transaction(database_url) as connection:
        if answer is not None:
            quarantine(connection, [replace(row, run_id=run_id) for row in answer.refused])
            synced = sync_symbols(
                connection,
                asking.provider,
                [_listed(one) for one in answer.symbols.symbols],
                seen_at=answer.symbols.answer.fetched_at,
                # A list of which rows could not be read does not say that they have left.
                whole=not answer.refused,
            )
        close_collection(connection, asking.collection, asking.outcome())
    return ExchangeReport(
        exchange=asking.provider,
        synced=synced,
        refused=len(answer.refused) if answer else 0,
        calls=asking.tally.calls,
        error=str(asking.error) if asking.error else None,
    )


def _listed(one: ExchangeSymbol) -> ListedSymbol:
    return ListedSymbol(
        symbol=one.symbol,
        base=one.base,
        quote=one.quote,
        status=one.status,
        price_step=one.price_step,
        quantity_step=one.quantity_step,
        min_quantity=one.min_quantity,
        min_notional=one.min_notional,
    )
