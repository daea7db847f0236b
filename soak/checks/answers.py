"""Samples of the market against the answers that they came in, and these against what the world says.

    row = the answer of its hash, field by field, whoever told it          (nothing is made up here)
    answer = what the simulated provider says at that instant, exactly      (nothing was made up on the way)

The world is asked once more through the simulator's own handlers, at the instant that the answer itself names. An
answer that says something else was damaged by a fault, and the journal must know of one.
What does not belong here: exchanges, closes.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final

import psycopg

from cryptoflow.simulator.market.model import Market
from soak.checks.retold import charts_retold, listings_retold, pages_retold, read_json
from soak.checks.verdict import Verdict, verdict
from soak.journal import LIES, Journal

Row = Mapping[str, Any]
_COMPARED: Final = (
    *("price_usd", "market_cap_usd", "volume_24h_usd", "circulating_supply", "total_supply", "max_supply"),
    *("market_cap_rank", "fully_diluted_valuation_usd"),
    *("price_change_1h_percent", "price_change_24h_percent", "price_change_7d_percent"),
)
_COINGECKO: Final = dict(
    zip(
        _COMPARED,
        (
            *("current_price", "market_cap", "total_volume", "circulating_supply", "total_supply", "max_supply"),
            *("market_cap_rank", "fully_diluted_valuation", "price_change_percentage_1h_in_currency"),
            *("price_change_percentage_24h", "price_change_percentage_7d_in_currency"),
        ),
        strict=True,
    )
)
_COINMARKETCAP: Final = dict(
    zip(
        _COMPARED,
        (
            *("quote.price", "quote.market_cap", "quote.volume_24h", "circulating_supply", "total_supply"),
            *("max_supply", "cmc_rank", "quote.fully_diluted_market_cap", "quote.percent_change_1h"),
            *("quote.percent_change_24h", "quote.percent_change_7d"),
        ),
        strict=True,
    )
)
_SAMPLES: Final = """
SELECT
    samples.provider, keys.alias, samples.payload_sha256, samples.observed_at, samples.price_usd,
    samples.market_cap_usd, samples.volume_24h_usd, samples.circulating_supply, samples.total_supply,
    samples.max_supply,
    samples.market_cap_rank, samples.fully_diluted_valuation_usd, samples.price_change_1h_percent,
    samples.price_change_24h_percent, samples.price_change_7d_percent
FROM raw.market_snapshots AS samples
LEFT JOIN market.asset_aliases AS keys
    ON samples.asset_id = keys.asset_id AND samples.provider = keys.provider AND keys.kind = 'key'
"""
_POINTS: Final = """
SELECT points.provider, keys.alias, points.payload_sha256, points.observed_at, price_usd, market_cap_usd, volume_24h_usd
FROM raw.market_chart_points AS points
LEFT JOIN market.asset_aliases AS keys
    ON points.asset_id = keys.asset_id AND points.provider = keys.provider AND keys.kind = 'key'
"""
_ANSWERS: Final = """
SELECT DISTINCT ON (fetches.payload_sha256)
    fetches.payload_sha256, fetches.provider, fetches.endpoint, fetches.params, fetches.received_at, payloads.body
FROM raw.fetches AS fetches
INNER JOIN raw.payloads AS payloads ON fetches.payload_sha256 = payloads.payload_sha256
WHERE fetches.endpoint = any(%s) AND fetches.outcome = 'ok'
ORDER BY fetches.payload_sha256, fetches.received_at
"""
_LISTINGS: Final = ["coins/markets", "v1/cryptocurrency/listings/latest"]
_CHARTS: Final = ["coins/{id}/market_chart", "coins/{id}/market_chart/range"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer that is kept, read in the plainest way."""

    sha256: bytes
    provider: str
    endpoint: str
    params: Mapping[str, Any]
    received_at: datetime
    body: bytes

    @property
    def read(self) -> Any:
        """Its JSON, numbers exact."""
        return read_json(self.body)

    def __str__(self) -> str:
        return f"{self.provider} {self.endpoint} {self.sha256.hex()[:12]} received {self.received_at:%H:%M:%S.%f}"


def samples_stand_in_answers(database_url: str) -> Verdict:
    """Each row of a listing says what the answer of its hash says of that asset."""
    with psycopg.connect(database_url, options="-c timezone=UTC") as connection:
        told = {one.sha256: dict(_rows_told(one)) for one in _answers(connection, _LISTINGS)}
        rows = connection.execute(_SAMPLES.encode()).fetchall()
    breaks = _untold("raw.market_snapshots", rows, told)
    return verdict("every snapshot stands in a kept answer", breaks, looked_at=len(rows), unit="snapshots")


def points_stand_in_answers(database_url: str) -> Verdict:
    """Each point of a chart says what the answer of its hash says of that instant."""
    with psycopg.connect(database_url, options="-c timezone=UTC") as connection:
        told = {one.sha256: _points_told(one) for one in _answers(connection, _CHARTS)}
        rows = connection.execute(_POINTS.encode()).fetchall()
    keyed = [(provider, at, sha256, at, *figures) for provider, _, sha256, at, *figures in rows]
    breaks = _untold("raw.market_chart_points", keyed, told)
    return verdict("every chart point stands in a kept answer", breaks, looked_at=len(rows), unit="points")


def _untold(table: str, rows: Sequence[Any], told: Mapping[bytes, Mapping[Any, Sequence[Any]]]) -> Iterator[str]:
    for provider, key, sha256, observed_at, *figures in rows:
        where = f"{table} {provider} {key} {observed_at:%Y-%m-%d %H:%M:%S.%f}"
        if sha256 not in told:
            yield f"{where}: its answer {bytes(sha256).hex()[:12]} was never received, or is not kept"
        elif key not in told[sha256]:
            yield f"{where}: its answer {bytes(sha256).hex()[:12]} does not hold it"
        elif [observed_at, *figures] not in told[sha256][key]:
            yield f"{where} says {figures}, but its answer {told[sha256][key]}"


def _rows_told(answer: Answer) -> Iterator[tuple[str, list[list[Any]]]]:
    """By the provider's key, what each row says; a key may come twice."""
    body = answer.read
    is_coingecko = answer.provider == "coingecko"
    found: dict[str, list[list[Any]]] = {}
    for row in body if is_coingecko else body["data"]:
        names, instant = (_COINGECKO, "last_updated") if is_coingecko else (_COINMARKETCAP, "quote.last_updated")
        figures = [_instant(_at(row, instant)), *(_at(row, name) for name in names.values())]
        found.setdefault(str(row.get("id")), []).append(figures)
    return iter(found.items())


def _points_told(answer: Answer) -> dict[datetime, list[list[Any]]]:
    """By instant, what the three series say together; a series may say two things of an instant."""
    body = answer.read
    series = [
        {int(at): value for at, value in body.get(name, ()) if isinstance(at, Decimal)}
        for name in ("prices", "market_caps", "total_volumes")
    ]
    return {
        (instant := datetime.fromtimestamp(at / 1000, UTC)): [[instant, *(one.get(at) for one in series)]]
        for at in set().union(*series)
        if 0 < at < 4e12
    }


def _at(row: Row, name: str) -> Any:
    """A field; `quote.` stands for the quote in dollars."""
    inner, _, last = name.rpartition(".")
    found = row["quote"]["USD"] if inner else row
    return found.get(last)


def _instant(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def answers_are_true(database_url: str, market: Market, journal: Journal) -> Verdict:
    """Each answer that rows stand in is what the world says; the others were damaged by a fault that is on record."""
    retold = {
        "coins/markets": partial(pages_retold, market),
        "v1/cryptocurrency/listings/latest": partial(listings_retold, market),
        **dict.fromkeys(_CHARTS, partial(charts_retold, market)),
    }
    with psycopg.connect(database_url, options="-c timezone=UTC") as connection:
        answers = list(_answers(connection, [*_LISTINGS, *_CHARTS]))
        keys = _chart_keys(connection)
    breaks, lies = [], Counter[str]()
    for one in answers:
        if retold[one.endpoint](one, keys.get(one.sha256)):
            continue
        fault = journal.fault_near(one.provider, one.received_at.timestamp(), kinds=LIES)
        if fault is None:
            breaks.append(f"{one} is not what the world says, and no fault was in force")
        else:
            lies[fault["name"]] += 1
    told = ", ".join(f"{count} under {name}" for name, count in sorted(lies.items()))
    return verdict(
        "every answer is what the world says",
        breaks,
        looked_at=len(answers),
        unit="answers",
        told=f"damaged by faults: {told}" if told else "",
    )


def _chart_keys(connection: psycopg.Connection[Any]) -> dict[bytes, str]:
    """Whose chart an answer is: the path is not on record, but its points are."""
    rows: Iterable[Any] = connection.execute(
        "SELECT DISTINCT points.payload_sha256, keys.alias FROM raw.market_chart_points AS points"
        " INNER JOIN market.asset_aliases AS keys"
        " ON points.asset_id = keys.asset_id AND points.provider = keys.provider AND keys.kind = 'key'"
    )
    return {bytes(sha256): alias for sha256, alias in rows}


def _answers(connection: psycopg.Connection[Any], endpoints: Sequence[str]) -> Iterator[Answer]:
    for sha256, provider, endpoint, params, received_at, body in connection.execute(_ANSWERS, (list(endpoints),)):
        yield Answer(
            sha256=bytes(sha256),
            provider=provider,
            endpoint=endpoint,
            params=params,
            received_at=received_at,
            body=zlib.decompress(body),
        )
