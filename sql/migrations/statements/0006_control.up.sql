-- Purpose: control of collecting: allowances told by providers, recorded plans, newest samples, ranks asked in a slot.
-- Writes: tables in ops; the newest samples are taken from raw.market_snapshots.
-- Idempotent: no; Alembic runs it once, in one transaction.
CREATE TABLE ops.provider_allowances (
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    calls_per_minute BIGINT,
    units_per_period BIGINT,
    units_per_day BIGINT,
    used_units BIGINT,
    resets_at TIMESTAMP WITH TIME ZONE,
    told_at TIMESTAMP WITH TIME ZONE,
    payload_sha256 BYTEA,
    attempted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    error TEXT,
    CONSTRAINT pk_provider_allowances PRIMARY KEY (provider),
    CONSTRAINT ck_provider_allowances_calls_per_minute CHECK (calls_per_minute >= 0),
    CONSTRAINT ck_provider_allowances_units_per_period CHECK (units_per_period >= 0),
    CONSTRAINT ck_provider_allowances_units_per_day CHECK (units_per_day >= 0),
    CONSTRAINT ck_provider_allowances_used_units CHECK (used_units >= 0)
);
COMMENT ON TABLE ops.provider_allowances IS
'What each provider itself said of the key in use: allowance, use and reset.';
COMMENT ON COLUMN ops.provider_allowances.provider IS 'Who was asked.';
COMMENT ON COLUMN ops.provider_allowances.account IS
'Whose account: a mark of address, plan and key that holds no secret.';
COMMENT ON COLUMN ops.provider_allowances.calls_per_minute IS 'Calls that a minute may hold.';
COMMENT ON COLUMN ops.provider_allowances.units_per_period IS 'Calls or credits of a month.';
COMMENT ON COLUMN ops.provider_allowances.units_per_day IS 'Calls or credits of a day; NULL: no daily limit.';
COMMENT ON COLUMN ops.provider_allowances.used_units IS 'Used of the month when it was asked.';
COMMENT ON COLUMN ops.provider_allowances.resets_at IS 'When the month of the key ends.';
COMMENT ON COLUMN ops.provider_allowances.told_at IS 'When the provider last answered; NULL: never.';
COMMENT ON COLUMN ops.provider_allowances.payload_sha256 IS 'Hash of that answer.';
COMMENT ON COLUMN ops.provider_allowances.attempted_at IS 'When it was last asked.';
COMMENT ON COLUMN ops.provider_allowances.error IS 'Why it was not told then; NULL: it was.';

CREATE TABLE ops.quota_plans (
    plan_id BIGINT GENERATED ALWAYS AS IDENTITY,
    provider TEXT NOT NULL,
    planned_at TIMESTAMP WITH TIME ZONE NOT NULL,
    cause TEXT NOT NULL,
    tiers JSONB NOT NULL,
    silence TEXT,
    silent_until TIMESTAMP WITH TIME ZONE,
    rate_factor NUMERIC NOT NULL,
    units_per_period BIGINT,
    used_units BIGINT NOT NULL,
    reasons JSONB NOT NULL,
    changes JSONB NOT NULL,
    CONSTRAINT pk_quota_plans PRIMARY KEY (plan_id),
    CONSTRAINT ck_quota_plans_cause CHECK (
        cause IN ('first plan', 'refused', 'quota spent', 'asked again', 'allowance', 'use')
    ),
    CONSTRAINT ck_quota_plans_silence CHECK (silence IN ('quota_spent', 'told_to_wait', 'paused', 'no_rate')),
    CONSTRAINT ck_quota_plans_rate_factor CHECK (rate_factor >= 0 AND rate_factor <= 1),
    CONSTRAINT ck_quota_plans_units_per_period CHECK (units_per_period >= 0),
    CONSTRAINT ck_quota_plans_used_units CHECK (used_units >= 0)
);
CREATE INDEX ix_quota_plans_provider_planned_at ON ops.quota_plans (provider, planned_at);
COMMENT ON TABLE ops.quota_plans IS
'Every change of the collection plan: how often each tier is asked, since when, and why.';
COMMENT ON COLUMN ops.quota_plans.plan_id IS 'Surrogate key.';
COMMENT ON COLUMN ops.quota_plans.provider IS 'Whom the plan asks.';
COMMENT ON COLUMN ops.quota_plans.planned_at IS 'Since when it is in force.';
COMMENT ON COLUMN ops.quota_plans.cause IS 'What made it another plan.';
COMMENT ON COLUMN ops.quota_plans.tiers IS 'Tiers with their minutes between two refreshes; null: not asked.';
COMMENT ON COLUMN ops.quota_plans.silence IS 'Why nothing is asked; NULL: it is asked.';
COMMENT ON COLUMN ops.quota_plans.silent_until IS 'Until when nothing is asked.';
COMMENT ON COLUMN ops.quota_plans.rate_factor IS 'What refusals left of the rate.';
COMMENT ON COLUMN ops.quota_plans.units_per_period IS 'The allowance; NULL: only the rate limits.';
COMMENT ON COLUMN ops.quota_plans.used_units IS 'What was used of it.';
COMMENT ON COLUMN ops.quota_plans.reasons IS 'The plan in sentences.';
COMMENT ON COLUMN ops.quota_plans.changes IS 'Who became slower or faster by it, in sentences.';

CREATE TABLE ops.last_samples (
    provider TEXT NOT NULL,
    asset_id INTEGER NOT NULL,
    observed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE NOT NULL,
    price_usd NUMERIC NOT NULL,
    volume_24h_usd NUMERIC,
    market_cap_rank INTEGER,
    payload_sha256 BYTEA NOT NULL,
    CONSTRAINT pk_last_samples PRIMARY KEY (provider, asset_id),
    CONSTRAINT ck_last_samples_price_usd CHECK (price_usd > 0),
    CONSTRAINT ck_last_samples_volume_24h_usd CHECK (volume_24h_usd >= 0),
    CONSTRAINT ck_last_samples_market_cap_rank CHECK (market_cap_rank >= 1)
);
COMMENT ON TABLE ops.last_samples IS
'The newest stored sample of each provider and asset: what the next answer is held against.';
COMMENT ON COLUMN ops.last_samples.provider IS 'Who said so.';
COMMENT ON COLUMN ops.last_samples.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN ops.last_samples.observed_at IS 'The provider''s own time of the figures.';
COMMENT ON COLUMN ops.last_samples.fetched_at IS 'When the answer was received.';
COMMENT ON COLUMN ops.last_samples.price_usd IS 'Price of one coin.';
COMMENT ON COLUMN ops.last_samples.volume_24h_usd IS 'Volume of the trailing 24 hours.';
COMMENT ON COLUMN ops.last_samples.market_cap_rank IS
'Where the provider ranked it; NULL: it was not where it was, and was not seen since.';
COMMENT ON COLUMN ops.last_samples.payload_sha256 IS 'Hash of the answer that held it.';

INSERT INTO ops.last_samples (
    provider, asset_id, observed_at, fetched_at, price_usd, volume_24h_usd, market_cap_rank, payload_sha256
)
SELECT DISTINCT ON (provider, asset_id)
    provider,
    asset_id,
    observed_at,
    fetched_at,
    price_usd,
    volume_24h_usd,
    market_cap_rank,
    payload_sha256
FROM raw.market_snapshots
ORDER BY provider ASC, asset_id ASC, observed_at DESC;

ALTER TABLE ops.slots ADD COLUMN ranks_asked INT4MULTIRANGE;
COMMENT ON COLUMN ops.slots.ranks_asked IS 'Ranks that were asked; NULL: not asked by rank.';
