"""Instants, addresses and keys of the small world in which the simulator itself is tested."""

from __future__ import annotations

NOON = 1_767_268_800.0  # 2026-01-01T12:00:00Z
MARKETS = "/coingecko/api/v3/coins/markets?vs_currency=usd&per_page=20"
CHART = "/coingecko/api/v3/coins/bitcoin/market_chart?vs_currency=usd&days=30"
LISTINGS = "/coinmarketcap/v1/cryptocurrency/listings/latest?limit=20"
DEMO_KEY = {"x-cg-demo-api-key": "SIM-DEMO-1", "x-cmc_pro_api_key": "SIM-1"}
