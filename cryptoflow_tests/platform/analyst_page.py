"""The page for analysts as its tests read it: the queries by their questions, and the columns that each must have.

What does not belong here: asking (test_analyst_queries), the market that is asked (analyst_market).
"""

from __future__ import annotations

import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "analysts.md").read_text()
QUERIES = dict(re.findall(r"^### ([^\n]+)\n(?:(?!^#).)*?^```sql\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
USER = PAGE.partition("## Connect")[2].partition("```sql\n")[2].partition("```")[0]
PYTHON = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
# The columns of each query, and whether it must find something in a market that is filled like ours: all do.
COLUMNS = {
    "How the largest coins stand": "market_cap_rank coin_id price_usd status age change_24h_percent",
    "Which days of a coin are whole": "day_ts open_usd high_usd low_usd price_usd samples expected_samples coverage"
    " status",
    "A coin hour by hour with its holes": "hour_ts price_usd coverage status",
    "Where providers disagree": "slug slot coingecko_usd coinmarketcap_usd apart_bp apart_seconds",
    "Two exchanges beside each other": "open_time binance_usdt coinbase_usd apart_bp binance_btc coinbase_btc"
    " binance_coverage coinbase_coverage",
    "Mean price by volume": "exchange symbol hour_ts volume vwap vwap_of_closes",
    "Volatility": "coin_id returns hourly_deviation yearly_volatility",
    "Correlation": "coin_id other_coin_id hours correlation",
    "What turns over fastest": "coin_id velocity velocity_24h velocity_7d trend why_no_24h why_no_7d",
    "Why velocity is not known": "figure reason readings coins",
    "Slots that were missed": "provider state reason slots first_slot last_slot",
    "Minutes of a coin without a close": "minute_ts states reasons",
    "Minutes of a pair without a candle": "exchange symbol state reason minutes",
    "How much of the market is there": "hour_ts coins coins_every_five_minutes mean_coverage least_coverage",
    "A coin as it was known at an instant": "slug bucket price_usd recorded_at superseded_at",
    "What was corrected": "coin_id bucket was_usd is_usd change_bp said_since corrected_at",
    "Where a figure comes from": "bucket price_usd provider observed_at fetched_at run_id endpoint params"
    " payload_sha256 body_bytes",
    "Which closes are sound": "slug minutes mean_score least_score high_minutes of_a_single_source",
    "What the expectations say": "dataset looked_at expectations errors warnings not_looked_at",
    "What a day of candles held": "exchange symbol day expected_minutes observed_minutes traded_minutes"
    " explained_minutes unknown_minutes rows_sha256",
    "How much is kept of each table": "table_name size live_tuples partitions days_kept is_archived",
}
