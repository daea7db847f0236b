-- Purpose: identity of assets, raw answers, and the platform's own records.
-- Writes: every schema; the extensions and the reading role that later statements rely on.
-- Idempotent: no; Alembic runs it once, in one transaction.
CREATE EXTENSION IF NOT EXISTS btree_gist;

CREATE SCHEMA IF NOT EXISTS raw;
COMMENT ON SCHEMA raw IS 'What the world answered, byte for byte, and when.';
CREATE SCHEMA IF NOT EXISTS market;
COMMENT ON SCHEMA market IS 'Assets and their identity, prices, closes, velocity.';
CREATE SCHEMA IF NOT EXISTS candles;
COMMENT ON SCHEMA candles IS 'Exchange symbols, trades and candles.';
CREATE SCHEMA IF NOT EXISTS onchain;
COMMENT ON SCHEMA onchain IS 'Figures of networks and protocols.';
CREATE SCHEMA IF NOT EXISTS sentiment;
COMMENT ON SCHEMA sentiment IS 'Community counts and moods.';
CREATE SCHEMA IF NOT EXISTS news;
COMMENT ON SCHEMA news IS 'Articles and stories.';
CREATE SCHEMA IF NOT EXISTS forecast;
COMMENT ON SCHEMA forecast IS 'Forecasts and their scores.';
CREATE SCHEMA IF NOT EXISTS ops;
COMMENT ON SCHEMA ops IS 'How the platform itself is doing.';
CREATE SCHEMA IF NOT EXISTS auth;
COMMENT ON SCHEMA auth IS 'Who may ask, and how much.';
CREATE SCHEMA IF NOT EXISTS analytics;
COMMENT ON SCHEMA analytics IS 'Documented views for readers, among them every table under its customary name.';

CREATE TABLE market.assets (
    asset_id INTEGER GENERATED ALWAYS AS IDENTITY,
    slug TEXT NOT NULL,
    symbol TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT,
    platform TEXT,
    contract_address TEXT,
    market_cap_rank INTEGER,
    description TEXT,
    logo_url TEXT,
    website_url TEXT,
    twitter_handle TEXT,
    reddit_url TEXT,
    github_url TEXT,
    whitepaper_url TEXT,
    date_added TIMESTAMP WITH TIME ZONE,
    is_active BOOLEAN NOT NULL,
    provenance JSONB NOT NULL,
    first_seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_assets PRIMARY KEY (asset_id),
    CONSTRAINT uq_assets_slug UNIQUE (slug),
    CONSTRAINT ck_assets_kind CHECK (kind IN ('coin', 'token')),
    CONSTRAINT ck_assets_market_cap_rank CHECK (market_cap_rank >= 1)
);
CREATE INDEX ix_assets_symbol ON market.assets (symbol);
COMMENT ON TABLE market.assets IS 'Every asset that any provider was seen to list, with the identity in force now.';
COMMENT ON COLUMN market.assets.asset_id IS 'Surrogate key; never reused.';
COMMENT ON COLUMN market.assets.slug IS 'Readable key of this warehouse, fixed when the asset is first seen.';
COMMENT ON COLUMN market.assets.symbol IS 'Ticker symbol in force, upper case. Several assets may share one.';
COMMENT ON COLUMN market.assets.name IS 'Name in force.';
COMMENT ON COLUMN market.assets.kind IS 'coin: its own network; token: lives on a platform.';
COMMENT ON COLUMN market.assets.platform IS 'Platform that a token lives on, by CoinGecko''s name for it.';
COMMENT ON COLUMN market.assets.contract_address IS 'Address of the token''s contract on `platform`.';
COMMENT ON COLUMN market.assets.market_cap_rank IS 'Latest known rank by market cap.';
COMMENT ON COLUMN market.assets.description IS 'What the asset is, in its provider''s words.';
COMMENT ON COLUMN market.assets.logo_url IS 'Address of the logo.';
COMMENT ON COLUMN market.assets.website_url IS 'Address of the project''s site.';
COMMENT ON COLUMN market.assets.twitter_handle IS 'Name of the project on X, without @.';
COMMENT ON COLUMN market.assets.reddit_url IS 'Address of the project''s subreddit.';
COMMENT ON COLUMN market.assets.github_url IS 'Address of the project''s main repository or organisation.';
COMMENT ON COLUMN market.assets.whitepaper_url IS 'Address of the technical document.';
COMMENT ON COLUMN market.assets.date_added IS 'When CoinMarketCap first listed it.';
COMMENT ON COLUMN market.assets.is_active IS 'True while at least one provider lists it.';
COMMENT ON COLUMN market.assets.provenance IS 'Provider of each descriptive field: {field: provider}.';
COMMENT ON COLUMN market.assets.first_seen_at IS 'When a provider''s answer first held it.';
COMMENT ON COLUMN market.assets.last_seen_at IS 'When a provider''s answer last held it.';
COMMENT ON COLUMN market.assets.created_at IS 'When the row was written.';
COMMENT ON COLUMN market.assets.updated_at IS 'When the row last changed.';

CREATE TABLE ops.api_usage_stats (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    provider TEXT NOT NULL,
    date DATE NOT NULL,
    total_calls INTEGER DEFAULT '0' NOT NULL,
    successful_calls INTEGER DEFAULT '0' NOT NULL,
    failed_calls INTEGER DEFAULT '0' NOT NULL,
    rate_limited_calls INTEGER DEFAULT '0' NOT NULL,
    credits_used BIGINT DEFAULT '0' NOT NULL,
    total_response_ms BIGINT DEFAULT '0' NOT NULL,
    average_response_time INTEGER GENERATED ALWAYS AS ((total_response_ms / nullif(total_calls, 0))::INTEGER) STORED,
    peak_calls_per_minute INTEGER DEFAULT '0' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_api_usage_stats PRIMARY KEY (id),
    CONSTRAINT uq_api_usage_stats_provider_date UNIQUE (provider, date),
    CONSTRAINT ck_api_usage_stats_total_calls CHECK (total_calls >= 0),
    CONSTRAINT ck_api_usage_stats_successful_calls CHECK (successful_calls >= 0),
    CONSTRAINT ck_api_usage_stats_failed_calls CHECK (failed_calls >= 0),
    CONSTRAINT ck_api_usage_stats_rate_limited_calls CHECK (rate_limited_calls >= 0),
    CONSTRAINT ck_api_usage_stats_credits_used CHECK (credits_used >= 0),
    CONSTRAINT ck_api_usage_stats_total_response_ms CHECK (total_response_ms >= 0),
    CONSTRAINT ck_api_usage_stats_peak_calls_per_minute CHECK (peak_calls_per_minute >= 0)
);
COMMENT ON TABLE ops.api_usage_stats IS 'Calls to each provider by UTC day: the truth about quotas.';
COMMENT ON COLUMN ops.api_usage_stats.id IS 'Surrogate key.';
COMMENT ON COLUMN ops.api_usage_stats.provider IS 'Who was asked.';
COMMENT ON COLUMN ops.api_usage_stats.date IS 'UTC day.';
COMMENT ON COLUMN ops.api_usage_stats.total_calls IS 'Calls, retries included.';
COMMENT ON COLUMN ops.api_usage_stats.successful_calls IS 'Calls with a usable answer.';
COMMENT ON COLUMN ops.api_usage_stats.failed_calls IS 'Calls that failed otherwise than by a limit.';
COMMENT ON COLUMN ops.api_usage_stats.rate_limited_calls IS 'Calls refused by a rate or a quota.';
COMMENT ON COLUMN ops.api_usage_stats.credits_used IS 'Cost, in the provider''s units.';
COMMENT ON COLUMN ops.api_usage_stats.total_response_ms IS 'Sum of response times.';
COMMENT ON COLUMN ops.api_usage_stats.average_response_time IS 'Mean response time.';
COMMENT ON COLUMN ops.api_usage_stats.peak_calls_per_minute IS 'Most calls within one minute.';
COMMENT ON COLUMN ops.api_usage_stats.created_at IS 'When the row was written.';
COMMENT ON COLUMN ops.api_usage_stats.updated_at IS 'When the row last changed.';

CREATE TABLE ops.collection_status (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    collection_type TEXT NOT NULL,
    dataset TEXT NOT NULL,
    provider TEXT NOT NULL,
    start_time TIMESTAMP WITH TIME ZONE NOT NULL,
    end_time TIMESTAMP WITH TIME ZONE,
    coins_processed INTEGER DEFAULT '0' NOT NULL,
    coins_failed INTEGER DEFAULT '0' NOT NULL,
    api_calls_made INTEGER DEFAULT '0' NOT NULL,
    status TEXT DEFAULT 'running' NOT NULL,
    error_message TEXT,
    batch_details JSONB,
    run_id TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_collection_status PRIMARY KEY (id),
    CONSTRAINT ck_collection_status_collection_type CHECK (
        collection_type IN ('complete', 'continuous', 'priority_refresh', 'manual')
    ),
    CONSTRAINT ck_collection_status_coins_processed CHECK (coins_processed >= 0),
    CONSTRAINT ck_collection_status_coins_failed CHECK (coins_failed >= 0),
    CONSTRAINT ck_collection_status_api_calls_made CHECK (api_calls_made >= 0),
    CONSTRAINT ck_collection_status_status CHECK (status IN ('running', 'completed', 'failed', 'cancelled'))
);
CREATE INDEX ix_collection_status_collection_type_status ON ops.collection_status (collection_type, status);
CREATE INDEX ix_collection_status_start_time ON ops.collection_status (start_time);
COMMENT ON TABLE ops.collection_status IS 'Every collection: what was asked of whom, how much came, how it ended.';
COMMENT ON COLUMN ops.collection_status.id IS 'Surrogate key.';
COMMENT ON COLUMN ops.collection_status.collection_type IS 'Why it ran.';
COMMENT ON COLUMN ops.collection_status.dataset IS 'Table that the collection feeds.';
COMMENT ON COLUMN ops.collection_status.provider IS 'Who was asked.';
COMMENT ON COLUMN ops.collection_status.start_time IS 'When it began.';
COMMENT ON COLUMN ops.collection_status.end_time IS 'When it ended; NULL while it runs.';
COMMENT ON COLUMN ops.collection_status.coins_processed IS 'Assets that were stored.';
COMMENT ON COLUMN ops.collection_status.coins_failed IS 'Assets that were refused or missing.';
COMMENT ON COLUMN ops.collection_status.api_calls_made IS 'Calls that it made, retries included.';
COMMENT ON COLUMN ops.collection_status.status IS 'How it stands.';
COMMENT ON COLUMN ops.collection_status.error_message IS 'What went wrong and what to do.';
COMMENT ON COLUMN ops.collection_status.batch_details IS 'Pages, duplicates, what was missing.';
COMMENT ON COLUMN ops.collection_status.run_id IS 'Dagster run, when one did it.';
COMMENT ON COLUMN ops.collection_status.created_at IS 'When the row was written.';

CREATE TABLE ops.quarantine (
    quarantine_id BIGINT GENERATED ALWAYS AS IDENTITY,
    dataset TEXT NOT NULL,
    provider TEXT NOT NULL,
    rule TEXT NOT NULL,
    reason TEXT NOT NULL,
    row_text TEXT NOT NULL,
    row_sha256 BYTEA NOT NULL,
    payload_sha256 BYTEA,
    run_id TEXT,
    times_seen INTEGER DEFAULT '1' NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    last_seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_quarantine PRIMARY KEY (quarantine_id),
    CONSTRAINT uq_quarantine_dataset_provider_rule_row_sha256 UNIQUE (dataset, provider, rule, row_sha256),
    CONSTRAINT ck_quarantine_times_seen CHECK (times_seen >= 1)
);
CREATE INDEX ix_quarantine_recorded_at ON ops.quarantine (recorded_at);
COMMENT ON TABLE ops.quarantine IS
'Rows that were refused, whole, with the rule that they broke. Nothing refused is lost.';
COMMENT ON COLUMN ops.quarantine.quarantine_id IS 'Surrogate key.';
COMMENT ON COLUMN ops.quarantine.dataset IS 'Table that the row was meant for.';
COMMENT ON COLUMN ops.quarantine.provider IS 'Who sent it.';
COMMENT ON COLUMN ops.quarantine.rule IS 'Name of the rule that it broke.';
COMMENT ON COLUMN ops.quarantine.reason IS 'What is wrong with it, in words.';
COMMENT ON COLUMN ops.quarantine.row_text IS 'The row as it came.';
COMMENT ON COLUMN ops.quarantine.row_sha256 IS 'Hash of `row_text`: the same row is kept once per dataset and rule.';
COMMENT ON COLUMN ops.quarantine.payload_sha256 IS 'Hash of the answer that held it.';
COMMENT ON COLUMN ops.quarantine.run_id IS 'Dagster run that refused it, when one did.';
COMMENT ON COLUMN ops.quarantine.times_seen IS 'How often it came.';
COMMENT ON COLUMN ops.quarantine.recorded_at IS 'When it was first refused.';
COMMENT ON COLUMN ops.quarantine.last_seen_at IS 'When it was last refused.';

CREATE TABLE ops.schema_migrations (
    version TEXT NOT NULL,
    name TEXT NOT NULL,
    applied_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_schema_migrations PRIMARY KEY (version)
);
COMMENT ON TABLE ops.schema_migrations IS 'The migrations in force, with the time at which each was applied.';
COMMENT ON COLUMN ops.schema_migrations.version IS 'Revision of the migration.';
COMMENT ON COLUMN ops.schema_migrations.name IS 'What the migration brings.';
COMMENT ON COLUMN ops.schema_migrations.applied_at IS 'When it was applied.';

CREATE TABLE raw.fetches (
    fetch_id BIGINT GENERATED ALWAYS AS IDENTITY,
    provider TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    params JSONB NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    elapsed_ms INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER,
    credits INTEGER NOT NULL,
    error TEXT,
    payload_sha256 BYTEA,
    run_id TEXT,
    CONSTRAINT pk_fetches PRIMARY KEY (fetch_id),
    CONSTRAINT ck_fetches_elapsed_ms CHECK (elapsed_ms >= 0),
    CONSTRAINT ck_fetches_attempt CHECK (attempt >= 1),
    CONSTRAINT ck_fetches_outcome CHECK (outcome IN ('ok', 'failed', 'limited')),
    CONSTRAINT ck_fetches_credits CHECK (credits >= 0)
);
CREATE INDEX ix_fetches_payload_sha256 ON raw.fetches (payload_sha256);
CREATE INDEX ix_fetches_started_at ON raw.fetches (started_at);
COMMENT ON TABLE raw.fetches IS
'One line per call to a provider: what was asked, how it ended, and the hash of what came back.';
COMMENT ON COLUMN raw.fetches.fetch_id IS 'Surrogate key.';
COMMENT ON COLUMN raw.fetches.provider IS 'Who was asked.';
COMMENT ON COLUMN raw.fetches.endpoint IS 'What was asked, without parameters.';
COMMENT ON COLUMN raw.fetches.params IS 'Parameters of the request, secrets removed.';
COMMENT ON COLUMN raw.fetches.started_at IS 'When the request was sent.';
COMMENT ON COLUMN raw.fetches.elapsed_ms IS 'Time until the answer was whole, or failed.';
COMMENT ON COLUMN raw.fetches.attempt IS '1 for the first try of a request.';
COMMENT ON COLUMN raw.fetches.outcome IS 'How it ended.';
COMMENT ON COLUMN raw.fetches.status IS 'HTTP status, when there was one.';
COMMENT ON COLUMN raw.fetches.credits IS 'What the call cost in the provider''s own units.';
COMMENT ON COLUMN raw.fetches.error IS 'What went wrong, secrets removed.';
COMMENT ON COLUMN raw.fetches.payload_sha256 IS 'Hash of the body, kept in raw.payloads while retained.';
COMMENT ON COLUMN raw.fetches.run_id IS 'Dagster run that asked, when one did.';

CREATE TABLE raw.payloads (
    payload_sha256 BYTEA NOT NULL,
    body BYTEA NOT NULL,
    body_bytes BIGINT NOT NULL,
    media_type TEXT,
    first_fetched_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_fetched_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_payloads PRIMARY KEY (payload_sha256),
    CONSTRAINT ck_payloads_hash_length CHECK (octet_length(payload_sha256) = 32),
    CONSTRAINT ck_payloads_body_bytes CHECK (body_bytes >= 0)
);
CREATE INDEX ix_payloads_last_fetched_at ON raw.payloads (last_fetched_at);
COMMENT ON TABLE raw.payloads IS 'Each different raw answer once, compressed, named by the hash of its bytes.';
COMMENT ON COLUMN raw.payloads.payload_sha256 IS 'SHA-256 of the uncompressed body.';
COMMENT ON COLUMN raw.payloads.body IS 'The body, compressed with zlib.';
COMMENT ON COLUMN raw.payloads.body_bytes IS 'Size of the uncompressed body.';
COMMENT ON COLUMN raw.payloads.media_type IS 'Content-Type of the answer.';
COMMENT ON COLUMN raw.payloads.first_fetched_at IS 'When this body was first received.';
COMMENT ON COLUMN raw.payloads.last_fetched_at IS 'When this body was last received.';

CREATE TABLE market.asset_aliases (
    alias_id INTEGER GENERATED ALWAYS AS IDENTITY,
    asset_id INTEGER NOT NULL,
    provider TEXT NOT NULL,
    kind TEXT NOT NULL,
    alias TEXT NOT NULL,
    valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
    valid_to TIMESTAMP WITH TIME ZONE,
    validity TSTZRANGE GENERATED ALWAYS AS (tstzrange(valid_from, valid_to, '[)')) STORED,
    evidence TEXT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_asset_aliases PRIMARY KEY (alias_id),
    CONSTRAINT ck_asset_aliases_period CHECK (valid_to > valid_from),
    CONSTRAINT ex_asset_aliases_one_asset_per_key EXCLUDE USING gist (
        provider WITH =, alias WITH =, validity WITH &&
    ) WHERE (kind = 'key'),
    CONSTRAINT ex_asset_aliases_one_alias_per_kind EXCLUDE USING gist (
        asset_id WITH =, provider WITH =, kind WITH =, validity WITH &&
    ),
    CONSTRAINT ck_asset_aliases_kind CHECK (kind IN ('key', 'symbol', 'name')),
    CONSTRAINT ck_asset_aliases_evidence CHECK (
        evidence IN ('provider_listing', 'contract_address', 'symbol_and_name', 'manual')
    ),
    CONSTRAINT fk_asset_aliases_asset_id_assets FOREIGN KEY (asset_id) REFERENCES market.assets (asset_id)
);
CREATE INDEX ix_asset_aliases_alias ON market.asset_aliases (alias, kind);
COMMENT ON TABLE market.asset_aliases IS
'What each provider calls an asset, and from when to when: keys, symbols, names.';
COMMENT ON COLUMN market.asset_aliases.alias_id IS 'Surrogate key.';
COMMENT ON COLUMN market.asset_aliases.asset_id IS 'The asset that is meant.';
COMMENT ON COLUMN market.asset_aliases.provider IS 'Who uses the alias.';
COMMENT ON COLUMN market.asset_aliases.kind IS 'key: the provider''s own stable id; symbol and name may change.';
COMMENT ON COLUMN market.asset_aliases.alias IS 'The alias, as the provider writes it.';
COMMENT ON COLUMN market.asset_aliases.valid_from IS 'First instant at which it was seen in force.';
COMMENT ON COLUMN market.asset_aliases.valid_to IS 'First instant at which it was gone; NULL: in force.';
COMMENT ON COLUMN market.asset_aliases.validity IS 'The period [valid_from, valid_to).';
COMMENT ON COLUMN market.asset_aliases.evidence IS 'Why the alias is held to mean this asset.';
COMMENT ON COLUMN market.asset_aliases.recorded_at IS 'When the row became visible.';

-- The role that readers act as: it sees everything but `auth` and can change nothing.
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'cryptoflow_reader') THEN
        CREATE ROLE cryptoflow_reader NOLOGIN NOINHERIT;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;
GRANT USAGE ON SCHEMA raw, market, candles, onchain, sentiment, news, forecast, ops, analytics TO cryptoflow_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA raw, market, candles, onchain, sentiment, news, forecast, ops, analytics
TO cryptoflow_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA raw GRANT SELECT ON TABLES TO cryptoflow_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA market GRANT SELECT ON TABLES TO cryptoflow_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA candles GRANT SELECT ON TABLES TO cryptoflow_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA onchain GRANT SELECT ON TABLES TO cryptoflow_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA sentiment GRANT SELECT ON TABLES TO cryptoflow_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA news GRANT SELECT ON TABLES TO cryptoflow_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA forecast GRANT SELECT ON TABLES TO cryptoflow_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA ops GRANT SELECT ON TABLES TO cryptoflow_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA analytics GRANT SELECT ON TABLES TO cryptoflow_reader;
