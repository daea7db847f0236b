-- Purpose: write down how a collection ended.
-- Parameters: id, end_time, coins_processed, coins_failed, api_calls_made, status, error_message, batch_details.
-- Writes: ops.collection_status.
-- Idempotent: only a running collection is closed.
UPDATE ops.collection_status
SET
    end_time = %(end_time)s,
    coins_processed = %(coins_processed)s,
    coins_failed = %(coins_failed)s,
    api_calls_made = %(api_calls_made)s,
    status = %(status)s,
    error_message = %(error_message)s,
    batch_details = %(batch_details)s
WHERE
    id = %(id)s
    AND status = 'running';
