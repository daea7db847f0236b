-- Purpose: the pairs that are followed on an exchange: of the largest assets the main pair each, and those named.
-- Parameters: exchange (text), quotes (text[]: best first), top (integer), named (text[]).
-- Reads: candles.symbols, market.assets. Writes: nothing.
WITH main AS (
    SELECT DISTINCT ON (pairs.asset_id)
        pairs.symbol_id,
        assets.market_cap_rank
    FROM candles.symbols AS pairs
    INNER JOIN market.assets AS assets ON pairs.asset_id = assets.asset_id
    WHERE
        pairs.exchange = %(exchange)s
        AND pairs.status IN ('trading', 'halted')
        AND pairs.quote = any(%(quotes)s::text[])
        AND assets.market_cap_rank IS NOT NULL
    ORDER BY
        pairs.asset_id ASC,
        array_position(%(quotes)s::text[], pairs.quote) ASC,
        pairs.symbol_id ASC
),

wanted AS (
    (
        SELECT main.symbol_id
        FROM main
        ORDER BY main.market_cap_rank ASC, main.symbol_id ASC
        LIMIT %(top)s
    )
    UNION
    SELECT pairs.symbol_id
    FROM candles.symbols AS pairs
    WHERE pairs.exchange = %(exchange)s AND pairs.symbol = any(%(named)s::text[])
)

SELECT
    pairs.symbol_id,
    pairs.exchange,
    pairs.symbol,
    pairs.base,
    pairs.quote,
    pairs.status,
    pairs.listed_at,
    pairs.delisted_at,
    pairs.asset_id
FROM wanted
INNER JOIN candles.symbols AS pairs ON wanted.symbol_id = pairs.symbol_id
ORDER BY pairs.symbol;
