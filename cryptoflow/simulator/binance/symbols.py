"""How the exchange describes a pair and its limits in `exchangeInfo`.

What belongs here: filters, precisions, rate limits as stated. What does not: counting of the limits.
"""

from __future__ import annotations

from decimal import Decimal

from cryptoflow.simulator.market.pairs import MAX_DECIMALS, SimPair

RATE_LIMITS: tuple[dict[str, object], ...] = (
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6_000},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
    {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200_000},
    {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 300_000},
)
_MOST_TICKS = 10**12
_MOST_STEPS = 10**13


def _text(value: Decimal) -> str:
    return f"{value:.{MAX_DECIMALS}f}"


def describe_pair(pair: SimPair, status: str) -> dict[str, object]:
    """One entry of `symbols`."""
    return {
        "symbol": pair.symbol,
        "status": status,
        "baseAsset": pair.base,
        "baseAssetPrecision": MAX_DECIMALS,
        "quoteAsset": pair.quote,
        "quotePrecision": MAX_DECIMALS,
        "quoteAssetPrecision": MAX_DECIMALS,
        "baseCommissionPrecision": MAX_DECIMALS,
        "quoteCommissionPrecision": MAX_DECIMALS,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(pair),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }


def _filters(pair: SimPair) -> list[dict[str, object]]:
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": _text(pair.tick_size),
            "maxPrice": _text(pair.tick_size * _MOST_TICKS),
            "tickSize": _text(pair.tick_size),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": _text(pair.min_quantity),
            "maxQty": _text(pair.step_size * _MOST_STEPS),
            "stepSize": _text(pair.step_size),
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": _text(pair.min_notional),
            "applyMinToMarket": True,
            "maxNotional": _text(pair.min_notional * 10**6),
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
    ]
