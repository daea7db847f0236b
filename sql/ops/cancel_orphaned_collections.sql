-- Purpose: close the collections whose process died: they still say 'running' though a later one of their kind began.
-- Parameters: dataset, provider, end_time.
-- Writes: ops.collection_status.
-- Idempotent: only running collections are touched.
UPDATE ops.collection_status
SET
    end_time = %(end_time)s,
    status = 'cancelled',
    error_message = 'The process ended before the collection did; the next one took over.'
WHERE
    dataset = %(dataset)s
    AND provider = %(provider)s
    AND status = 'running';
