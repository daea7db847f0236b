-- Purpose: say which asset a pair trades: of the active assets with the base's symbol, the one with the best rank.
-- Parameters: exchange (text).
-- Reads: candles.symbols, market.assets. Writes: candles.symbols.
-- Idempotent: yes; a link that is there stays, so that one set by hand is kept.
UPDATE candles.symbols AS known
SET asset_id = ranked.asset_id, updated_at = now()
FROM (
    SELECT DISTINCT ON (symbol)
        symbol,
        asset_id
    FROM market.assets
    WHERE is_active AND market_cap_rank IS NOT NULL
    ORDER BY symbol ASC, market_cap_rank ASC, asset_id ASC
) AS ranked
WHERE
    known.exchange = %(exchange)s
    AND known.asset_id IS NULL
    AND upper(known.base) = ranked.symbol;
