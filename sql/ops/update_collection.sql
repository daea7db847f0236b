-- Purpose: how far a collection that runs has come.
-- Parameters: id, coins_processed, coins_failed, api_calls_made.
-- Writes: ops.collection_status.
-- Idempotent: sets the same values again.
UPDATE ops.collection_status
SET
    coins_processed = %(coins_processed)s,
    coins_failed = %(coins_failed)s,
    api_calls_made = %(api_calls_made)s
WHERE id = %(id)s;
