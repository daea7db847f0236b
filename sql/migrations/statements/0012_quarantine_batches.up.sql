-- Purpose: answers that changed their nature wait whole in quarantine; of everything in it is written what was decided;
-- the last samples say what an answer is compared with.
-- Writes: tables in ops.
-- Idempotent: no; Alembic runs it once, in one transaction.
ALTER TABLE ops.last_samples ADD COLUMN market_cap_usd NUMERIC;
ALTER TABLE ops.last_samples ADD CONSTRAINT ck_last_samples_market_cap_usd CHECK (market_cap_usd >= 0);
ALTER TABLE ops.last_samples ADD COLUMN missing TEXT[];
ALTER TABLE ops.last_samples ADD COLUMN unchanged_times SMALLINT DEFAULT '0' NOT NULL;
ALTER TABLE ops.last_samples ADD CONSTRAINT ck_last_samples_unchanged_times CHECK (unchanged_times >= 0);
COMMENT ON COLUMN ops.last_samples.market_cap_usd IS 'Price times supply.';
COMMENT ON COLUMN ops.last_samples.missing IS 'Figures that it lacked; NULL: not known.';
COMMENT ON COLUMN ops.last_samples.unchanged_times IS
'How often price and volume came again as they were, though their time had moved on.';

ALTER TABLE ops.quarantine ADD COLUMN state TEXT DEFAULT 'waiting' NOT NULL;
ALTER TABLE ops.quarantine ADD COLUMN decided_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE ops.quarantine ADD COLUMN decided_by TEXT;
ALTER TABLE ops.quarantine ADD COLUMN decision_reason TEXT;
ALTER TABLE ops.quarantine ADD CONSTRAINT ck_quarantine_state
CHECK (state IN ('waiting', 'released', 'discarded'));
COMMENT ON COLUMN ops.quarantine.state IS
'waiting: somebody has to decide; released: stored after all; discarded: it never will be.';
COMMENT ON COLUMN ops.quarantine.decided_at IS 'When that was decided.';
COMMENT ON COLUMN ops.quarantine.decided_by IS 'Who decided it, as user@host.';
COMMENT ON COLUMN ops.quarantine.decision_reason IS 'Why, in the words of who decided.';

CREATE TABLE ops.quarantine_batches (
    batch_id BIGINT GENERATED ALWAYS AS IDENTITY,
    dataset TEXT NOT NULL,
    provider TEXT NOT NULL,
    rule TEXT NOT NULL,
    reason TEXT NOT NULL,
    payload_sha256 BYTEA NOT NULL,
    row_count INTEGER NOT NULL,
    slot TIMESTAMP WITH TIME ZONE NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE NOT NULL,
    run_id TEXT,
    times_seen INTEGER DEFAULT '1' NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    last_seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    state TEXT DEFAULT 'waiting' NOT NULL,
    decided_at TIMESTAMP WITH TIME ZONE,
    decided_by TEXT,
    decision_reason TEXT,
    CONSTRAINT pk_quarantine_batches PRIMARY KEY (batch_id),
    CONSTRAINT uq_quarantine_batches_payload_sha256_dataset_provider UNIQUE (payload_sha256, dataset, provider),
    CONSTRAINT ck_quarantine_batches_row_count CHECK (row_count >= 0),
    CONSTRAINT ck_quarantine_batches_times_seen CHECK (times_seen >= 1),
    CONSTRAINT ck_quarantine_batches_state CHECK (state IN ('waiting', 'released', 'discarded'))
);
CREATE INDEX ix_quarantine_batches_recorded_at ON ops.quarantine_batches (recorded_at);
CREATE INDEX ix_quarantine_batches_state ON ops.quarantine_batches (state);
COMMENT ON TABLE ops.quarantine_batches IS
'Whole answers that were refused: they changed their nature. Their bytes are in raw.payloads.';
COMMENT ON COLUMN ops.quarantine_batches.batch_id IS 'Surrogate key.';
COMMENT ON COLUMN ops.quarantine_batches.dataset IS 'Table that the answer was meant for.';
COMMENT ON COLUMN ops.quarantine_batches.provider IS 'Who sent it.';
COMMENT ON COLUMN ops.quarantine_batches.rule IS 'What it has become, by name.';
COMMENT ON COLUMN ops.quarantine_batches.reason IS 'What changed, from what to what, in words.';
COMMENT ON COLUMN ops.quarantine_batches.payload_sha256 IS
'Hash of the answer; its bytes stay as long as it waits.';
COMMENT ON COLUMN ops.quarantine_batches.row_count IS 'Rows of the answer that could be read.';
COMMENT ON COLUMN ops.quarantine_batches.slot IS 'The minute that the collection was due for.';
COMMENT ON COLUMN ops.quarantine_batches.fetched_at IS 'When the answer was received.';
COMMENT ON COLUMN ops.quarantine_batches.run_id IS 'Dagster run that refused it, when one did.';
COMMENT ON COLUMN ops.quarantine_batches.times_seen IS 'How often it came.';
COMMENT ON COLUMN ops.quarantine_batches.recorded_at IS 'When it was first refused.';
COMMENT ON COLUMN ops.quarantine_batches.last_seen_at IS 'When it was last refused.';
COMMENT ON COLUMN ops.quarantine_batches.state IS
'waiting: somebody has to decide; released: stored after all; discarded: it never will be.';
COMMENT ON COLUMN ops.quarantine_batches.decided_at IS 'When that was decided.';
COMMENT ON COLUMN ops.quarantine_batches.decided_by IS 'Who decided it, as user@host.';
COMMENT ON COLUMN ops.quarantine_batches.decision_reason IS 'Why, in the words of who decided.';
