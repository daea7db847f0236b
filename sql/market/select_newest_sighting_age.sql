-- Purpose: how long ago any asset was last seen in an answer; NULL when none ever was.
-- Reads: market.assets. Writes: nothing.
SELECT now() - max(last_seen_at) AS age
FROM market.assets;
