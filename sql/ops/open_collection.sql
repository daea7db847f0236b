-- Purpose: write down that a collection begins.
-- Parameters: collection_type, dataset, provider, start_time, run_id.
-- Writes: ops.collection_status.
-- Idempotent: no; every collection is a row of its own.
INSERT INTO ops.collection_status (collection_type, dataset, provider, start_time, run_id)
VALUES (%(collection_type)s, %(dataset)s, %(provider)s, %(start_time)s, %(run_id)s)
RETURNING id;
