-- Purpose: the market spine: snapshots, closes from minute to month, their revisions, dirty buckets, slots.
-- Writes: tables in raw, market and ops.
-- Idempotent: no; Alembic runs it once, in one transaction.
CREATE TABLE raw.market_snapshots (
    observed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    provider TEXT NOT NULL,
    asset_id INTEGER NOT NULL,
    slot TIMESTAMP WITH TIME ZONE NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE NOT NULL,
    price_usd NUMERIC NOT NULL,
    market_cap_usd NUMERIC,
    volume_24h_usd NUMERIC,
    circulating_supply NUMERIC,
    total_supply NUMERIC,
    max_supply NUMERIC,
    market_cap_rank INTEGER,
    fully_diluted_valuation_usd NUMERIC,
    price_change_1h_percent NUMERIC,
    price_change_24h_percent NUMERIC,
    price_change_7d_percent NUMERIC,
    payload_sha256 BYTEA NOT NULL,
    run_id TEXT,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_market_snapshots PRIMARY KEY (observed_at, provider, asset_id),
    CONSTRAINT ck_market_snapshots_price_usd CHECK (price_usd > 0),
    CONSTRAINT ck_market_snapshots_market_cap_usd CHECK (market_cap_usd >= 0),
    CONSTRAINT ck_market_snapshots_volume_24h_usd CHECK (volume_24h_usd >= 0),
    CONSTRAINT ck_market_snapshots_circulating_supply CHECK (circulating_supply >= 0),
    CONSTRAINT ck_market_snapshots_total_supply CHECK (total_supply >= 0),
    CONSTRAINT ck_market_snapshots_max_supply CHECK (max_supply >= 0),
    CONSTRAINT ck_market_snapshots_market_cap_rank CHECK (market_cap_rank >= 1),
    CONSTRAINT ck_market_snapshots_fully_diluted_valuation_usd CHECK (fully_diluted_valuation_usd >= 0)
)
 PARTITION BY RANGE (observed_at);
COMMENT ON TABLE raw.market_snapshots IS
'Every provider''s figures of every asset, each sample once, as the provider gave it.';
COMMENT ON COLUMN raw.market_snapshots.observed_at IS 'The provider''s own time of the figures.';
COMMENT ON COLUMN raw.market_snapshots.provider IS 'Who said so.';
COMMENT ON COLUMN raw.market_snapshots.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN raw.market_snapshots.slot IS 'The minute that the collection was due for.';
COMMENT ON COLUMN raw.market_snapshots.fetched_at IS 'When the answer was received.';
COMMENT ON COLUMN raw.market_snapshots.price_usd IS 'Price of one coin.';
COMMENT ON COLUMN raw.market_snapshots.market_cap_usd IS 'Price times circulating supply.';
COMMENT ON COLUMN raw.market_snapshots.volume_24h_usd IS
'Volume of the trailing 24 hours: a rolling figure that is never summed.';
COMMENT ON COLUMN raw.market_snapshots.circulating_supply IS 'Coins in circulation.';
COMMENT ON COLUMN raw.market_snapshots.total_supply IS 'Coins in existence.';
COMMENT ON COLUMN raw.market_snapshots.max_supply IS 'Coins that can ever exist.';
COMMENT ON COLUMN raw.market_snapshots.market_cap_rank IS 'Rank by market cap.';
COMMENT ON COLUMN raw.market_snapshots.fully_diluted_valuation_usd IS 'Price times the supply that can ever exist.';
COMMENT ON COLUMN raw.market_snapshots.price_change_1h_percent IS 'Change over one hour.';
COMMENT ON COLUMN raw.market_snapshots.price_change_24h_percent IS 'Change over 24 hours.';
COMMENT ON COLUMN raw.market_snapshots.price_change_7d_percent IS 'Change over 7 days.';
COMMENT ON COLUMN raw.market_snapshots.payload_sha256 IS 'Hash of the answer that held it.';
COMMENT ON COLUMN raw.market_snapshots.run_id IS 'Dagster run that collected it, when one did.';
COMMENT ON COLUMN raw.market_snapshots.recorded_at IS 'When this version became visible.';

CREATE TABLE raw.market_snapshots_revisions (
    observed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    provider TEXT NOT NULL,
    asset_id INTEGER NOT NULL,
    slot TIMESTAMP WITH TIME ZONE NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE NOT NULL,
    price_usd NUMERIC NOT NULL,
    market_cap_usd NUMERIC,
    volume_24h_usd NUMERIC,
    circulating_supply NUMERIC,
    total_supply NUMERIC,
    max_supply NUMERIC,
    market_cap_rank INTEGER,
    fully_diluted_valuation_usd NUMERIC,
    price_change_1h_percent NUMERIC,
    price_change_24h_percent NUMERIC,
    price_change_7d_percent NUMERIC,
    payload_sha256 BYTEA NOT NULL,
    run_id TEXT,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    superseded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_market_snapshots_revisions PRIMARY KEY (observed_at, provider, asset_id, superseded_at)
);
COMMENT ON TABLE raw.market_snapshots_revisions IS 'What raw.market_snapshots said, once final, before it was changed.';
COMMENT ON COLUMN raw.market_snapshots_revisions.observed_at IS 'The provider''s own time of the figures.';
COMMENT ON COLUMN raw.market_snapshots_revisions.provider IS 'Who said so.';
COMMENT ON COLUMN raw.market_snapshots_revisions.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN raw.market_snapshots_revisions.slot IS 'The minute that the collection was due for.';
COMMENT ON COLUMN raw.market_snapshots_revisions.fetched_at IS 'When the answer was received.';
COMMENT ON COLUMN raw.market_snapshots_revisions.price_usd IS 'Price of one coin.';
COMMENT ON COLUMN raw.market_snapshots_revisions.market_cap_usd IS 'Price times circulating supply.';
COMMENT ON COLUMN raw.market_snapshots_revisions.volume_24h_usd IS
'Volume of the trailing 24 hours: a rolling figure that is never summed.';
COMMENT ON COLUMN raw.market_snapshots_revisions.circulating_supply IS 'Coins in circulation.';
COMMENT ON COLUMN raw.market_snapshots_revisions.total_supply IS 'Coins in existence.';
COMMENT ON COLUMN raw.market_snapshots_revisions.max_supply IS 'Coins that can ever exist.';
COMMENT ON COLUMN raw.market_snapshots_revisions.market_cap_rank IS 'Rank by market cap.';
COMMENT ON COLUMN raw.market_snapshots_revisions.fully_diluted_valuation_usd IS
'Price times the supply that can ever exist.';
COMMENT ON COLUMN raw.market_snapshots_revisions.price_change_1h_percent IS 'Change over one hour.';
COMMENT ON COLUMN raw.market_snapshots_revisions.price_change_24h_percent IS 'Change over 24 hours.';
COMMENT ON COLUMN raw.market_snapshots_revisions.price_change_7d_percent IS 'Change over 7 days.';
COMMENT ON COLUMN raw.market_snapshots_revisions.payload_sha256 IS 'Hash of the answer that held it.';
COMMENT ON COLUMN raw.market_snapshots_revisions.run_id IS 'Dagster run that collected it, when one did.';
COMMENT ON COLUMN raw.market_snapshots_revisions.recorded_at IS 'When this version became visible.';
COMMENT ON COLUMN raw.market_snapshots_revisions.superseded_at IS
'When the row was changed: it was believed until then.';

CREATE TABLE market.minute_close (
    bucket TIMESTAMP WITH TIME ZONE NOT NULL,
    asset_id INTEGER NOT NULL,
    price_usd NUMERIC NOT NULL,
    market_cap_usd NUMERIC,
    volume_24h_usd NUMERIC,
    circulating_supply NUMERIC,
    total_supply NUMERIC,
    max_supply NUMERIC,
    market_cap_rank INTEGER,
    provider TEXT NOT NULL,
    sources SMALLINT NOT NULL,
    dispersion NUMERIC NOT NULL,
    observed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    formula_version SMALLINT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_minute_close PRIMARY KEY (bucket, asset_id),
    CONSTRAINT ck_minute_close_price_usd CHECK (price_usd > 0),
    CONSTRAINT ck_minute_close_market_cap_usd CHECK (market_cap_usd >= 0),
    CONSTRAINT ck_minute_close_volume_24h_usd CHECK (volume_24h_usd >= 0),
    CONSTRAINT ck_minute_close_circulating_supply CHECK (circulating_supply >= 0),
    CONSTRAINT ck_minute_close_total_supply CHECK (total_supply >= 0),
    CONSTRAINT ck_minute_close_max_supply CHECK (max_supply >= 0),
    CONSTRAINT ck_minute_close_market_cap_rank CHECK (market_cap_rank >= 1),
    CONSTRAINT ck_minute_close_sources CHECK (sources >= 1),
    CONSTRAINT ck_minute_close_dispersion CHECK (dispersion >= 0),
    CONSTRAINT ck_minute_close_formula_version CHECK (formula_version >= 1)
)
 PARTITION BY RANGE (bucket);
COMMENT ON TABLE market.minute_close IS 'The last figures of each asset observed in each minute, over all providers.';
COMMENT ON COLUMN market.minute_close.bucket IS 'Start of the minute.';
COMMENT ON COLUMN market.minute_close.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN market.minute_close.price_usd IS 'Price at the close.';
COMMENT ON COLUMN market.minute_close.market_cap_usd IS 'Price times circulating supply.';
COMMENT ON COLUMN market.minute_close.volume_24h_usd IS
'Volume of the trailing 24 hours: a rolling figure that is never summed.';
COMMENT ON COLUMN market.minute_close.circulating_supply IS 'Coins in circulation.';
COMMENT ON COLUMN market.minute_close.total_supply IS 'Coins in existence.';
COMMENT ON COLUMN market.minute_close.max_supply IS 'Coins that can ever exist.';
COMMENT ON COLUMN market.minute_close.market_cap_rank IS 'Rank by market cap.';
COMMENT ON COLUMN market.minute_close.provider IS
'Whose figures they are; with three or more sources the price alone is the median.';
COMMENT ON COLUMN market.minute_close.sources IS 'Providers with an observation in the minute.';
COMMENT ON COLUMN market.minute_close.dispersion IS '(highest - lowest price) / median over the sources.';
COMMENT ON COLUMN market.minute_close.observed_at IS 'The provider''s own time of the figures.';
COMMENT ON COLUMN market.minute_close.formula_version IS 'Version of the rule that chose them.';
COMMENT ON COLUMN market.minute_close.recorded_at IS 'When this version became visible.';

CREATE TABLE market.minute_close_revisions (
    bucket TIMESTAMP WITH TIME ZONE NOT NULL,
    asset_id INTEGER NOT NULL,
    price_usd NUMERIC NOT NULL,
    market_cap_usd NUMERIC,
    volume_24h_usd NUMERIC,
    circulating_supply NUMERIC,
    total_supply NUMERIC,
    max_supply NUMERIC,
    market_cap_rank INTEGER,
    provider TEXT NOT NULL,
    sources SMALLINT NOT NULL,
    dispersion NUMERIC NOT NULL,
    observed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    formula_version SMALLINT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    superseded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_minute_close_revisions PRIMARY KEY (bucket, asset_id, superseded_at)
);
COMMENT ON TABLE market.minute_close_revisions IS 'What market.minute_close said, once final, before it was changed.';
COMMENT ON COLUMN market.minute_close_revisions.bucket IS 'Start of the minute.';
COMMENT ON COLUMN market.minute_close_revisions.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN market.minute_close_revisions.price_usd IS 'Price at the close.';
COMMENT ON COLUMN market.minute_close_revisions.market_cap_usd IS 'Price times circulating supply.';
COMMENT ON COLUMN market.minute_close_revisions.volume_24h_usd IS
'Volume of the trailing 24 hours: a rolling figure that is never summed.';
COMMENT ON COLUMN market.minute_close_revisions.circulating_supply IS 'Coins in circulation.';
COMMENT ON COLUMN market.minute_close_revisions.total_supply IS 'Coins in existence.';
COMMENT ON COLUMN market.minute_close_revisions.max_supply IS 'Coins that can ever exist.';
COMMENT ON COLUMN market.minute_close_revisions.market_cap_rank IS 'Rank by market cap.';
COMMENT ON COLUMN market.minute_close_revisions.provider IS
'Whose figures they are; with three or more sources the price alone is the median.';
COMMENT ON COLUMN market.minute_close_revisions.sources IS 'Providers with an observation in the minute.';
COMMENT ON COLUMN market.minute_close_revisions.dispersion IS '(highest - lowest price) / median over the sources.';
COMMENT ON COLUMN market.minute_close_revisions.observed_at IS 'The provider''s own time of the figures.';
COMMENT ON COLUMN market.minute_close_revisions.formula_version IS 'Version of the rule that chose them.';
COMMENT ON COLUMN market.minute_close_revisions.recorded_at IS 'When this version became visible.';
COMMENT ON COLUMN market.minute_close_revisions.superseded_at IS
'When the row was changed: it was believed until then.';

CREATE TABLE market.hourly_close (
    bucket TIMESTAMP WITH TIME ZONE NOT NULL,
    asset_id INTEGER NOT NULL,
    open_usd NUMERIC NOT NULL,
    high_usd NUMERIC NOT NULL,
    low_usd NUMERIC NOT NULL,
    price_usd NUMERIC NOT NULL,
    market_cap_usd NUMERIC,
    volume_24h_usd NUMERIC,
    circulating_supply NUMERIC,
    total_supply NUMERIC,
    max_supply NUMERIC,
    market_cap_rank INTEGER,
    samples INTEGER NOT NULL,
    expected_samples INTEGER NOT NULL,
    coverage NUMERIC GENERATED ALWAYS AS (round(samples::NUMERIC / expected_samples, 6)) STORED,
    first_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE NOT NULL,
    formula_version SMALLINT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_hourly_close PRIMARY KEY (bucket, asset_id),
    CONSTRAINT ck_hourly_close_open_usd CHECK (open_usd > 0),
    CONSTRAINT ck_hourly_close_high_usd CHECK (high_usd > 0),
    CONSTRAINT ck_hourly_close_low_usd CHECK (low_usd > 0),
    CONSTRAINT ck_hourly_close_price_usd CHECK (price_usd > 0),
    CONSTRAINT ck_hourly_close_market_cap_usd CHECK (market_cap_usd >= 0),
    CONSTRAINT ck_hourly_close_volume_24h_usd CHECK (volume_24h_usd >= 0),
    CONSTRAINT ck_hourly_close_circulating_supply CHECK (circulating_supply >= 0),
    CONSTRAINT ck_hourly_close_total_supply CHECK (total_supply >= 0),
    CONSTRAINT ck_hourly_close_max_supply CHECK (max_supply >= 0),
    CONSTRAINT ck_hourly_close_market_cap_rank CHECK (market_cap_rank >= 1),
    CONSTRAINT ck_hourly_close_samples CHECK (samples >= 1),
    CONSTRAINT ck_hourly_close_expected_samples CHECK (expected_samples >= 1),
    CONSTRAINT ck_hourly_close_formula_version CHECK (formula_version >= 1)
)
 PARTITION BY RANGE (bucket);
COMMENT ON TABLE market.hourly_close IS
'First, highest, lowest and last figures of each asset in each hour, from minute closes.';
COMMENT ON COLUMN market.hourly_close.bucket IS 'Start of the hour.';
COMMENT ON COLUMN market.hourly_close.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN market.hourly_close.open_usd IS 'First price.';
COMMENT ON COLUMN market.hourly_close.high_usd IS 'Highest price.';
COMMENT ON COLUMN market.hourly_close.low_usd IS 'Lowest price.';
COMMENT ON COLUMN market.hourly_close.price_usd IS 'Last price: the close.';
COMMENT ON COLUMN market.hourly_close.market_cap_usd IS 'Price times circulating supply.';
COMMENT ON COLUMN market.hourly_close.volume_24h_usd IS
'Volume of the trailing 24 hours: a rolling figure that is never summed.';
COMMENT ON COLUMN market.hourly_close.circulating_supply IS 'Coins in circulation.';
COMMENT ON COLUMN market.hourly_close.total_supply IS 'Coins in existence.';
COMMENT ON COLUMN market.hourly_close.max_supply IS 'Coins that can ever exist.';
COMMENT ON COLUMN market.hourly_close.market_cap_rank IS 'Rank by market cap.';
COMMENT ON COLUMN market.hourly_close.samples IS 'Minute closes that it is built from.';
COMMENT ON COLUMN market.hourly_close.expected_samples IS 'Minute closes of a whole hour.';
COMMENT ON COLUMN market.hourly_close.coverage IS 'Share of the expected samples that are there.';
COMMENT ON COLUMN market.hourly_close.first_at IS 'Start of the first minute with a close.';
COMMENT ON COLUMN market.hourly_close.last_at IS 'Start of the last minute with a close.';
COMMENT ON COLUMN market.hourly_close.formula_version IS 'Version of the rule that built it.';
COMMENT ON COLUMN market.hourly_close.recorded_at IS 'When this version became visible.';

CREATE TABLE market.hourly_close_revisions (
    bucket TIMESTAMP WITH TIME ZONE NOT NULL,
    asset_id INTEGER NOT NULL,
    open_usd NUMERIC NOT NULL,
    high_usd NUMERIC NOT NULL,
    low_usd NUMERIC NOT NULL,
    price_usd NUMERIC NOT NULL,
    market_cap_usd NUMERIC,
    volume_24h_usd NUMERIC,
    circulating_supply NUMERIC,
    total_supply NUMERIC,
    max_supply NUMERIC,
    market_cap_rank INTEGER,
    samples INTEGER NOT NULL,
    expected_samples INTEGER NOT NULL,
    first_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE NOT NULL,
    formula_version SMALLINT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    superseded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_hourly_close_revisions PRIMARY KEY (bucket, asset_id, superseded_at)
);
COMMENT ON TABLE market.hourly_close_revisions IS 'What market.hourly_close said, once final, before it was changed.';
COMMENT ON COLUMN market.hourly_close_revisions.bucket IS 'Start of the hour.';
COMMENT ON COLUMN market.hourly_close_revisions.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN market.hourly_close_revisions.open_usd IS 'First price.';
COMMENT ON COLUMN market.hourly_close_revisions.high_usd IS 'Highest price.';
COMMENT ON COLUMN market.hourly_close_revisions.low_usd IS 'Lowest price.';
COMMENT ON COLUMN market.hourly_close_revisions.price_usd IS 'Last price: the close.';
COMMENT ON COLUMN market.hourly_close_revisions.market_cap_usd IS 'Price times circulating supply.';
COMMENT ON COLUMN market.hourly_close_revisions.volume_24h_usd IS
'Volume of the trailing 24 hours: a rolling figure that is never summed.';
COMMENT ON COLUMN market.hourly_close_revisions.circulating_supply IS 'Coins in circulation.';
COMMENT ON COLUMN market.hourly_close_revisions.total_supply IS 'Coins in existence.';
COMMENT ON COLUMN market.hourly_close_revisions.max_supply IS 'Coins that can ever exist.';
COMMENT ON COLUMN market.hourly_close_revisions.market_cap_rank IS 'Rank by market cap.';
COMMENT ON COLUMN market.hourly_close_revisions.samples IS 'Minute closes that it is built from.';
COMMENT ON COLUMN market.hourly_close_revisions.expected_samples IS 'Minute closes of a whole hour.';
COMMENT ON COLUMN market.hourly_close_revisions.first_at IS 'Start of the first minute with a close.';
COMMENT ON COLUMN market.hourly_close_revisions.last_at IS 'Start of the last minute with a close.';
COMMENT ON COLUMN market.hourly_close_revisions.formula_version IS 'Version of the rule that built it.';
COMMENT ON COLUMN market.hourly_close_revisions.recorded_at IS 'When this version became visible.';
COMMENT ON COLUMN market.hourly_close_revisions.superseded_at IS
'When the row was changed: it was believed until then.';

CREATE TABLE market.daily_close (
    bucket TIMESTAMP WITH TIME ZONE NOT NULL,
    asset_id INTEGER NOT NULL,
    open_usd NUMERIC NOT NULL,
    high_usd NUMERIC NOT NULL,
    low_usd NUMERIC NOT NULL,
    price_usd NUMERIC NOT NULL,
    market_cap_usd NUMERIC,
    volume_24h_usd NUMERIC,
    circulating_supply NUMERIC,
    total_supply NUMERIC,
    max_supply NUMERIC,
    market_cap_rank INTEGER,
    samples INTEGER NOT NULL,
    expected_samples INTEGER NOT NULL,
    coverage NUMERIC GENERATED ALWAYS AS (round(samples::NUMERIC / expected_samples, 6)) STORED,
    first_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE NOT NULL,
    formula_version SMALLINT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_daily_close PRIMARY KEY (bucket, asset_id),
    CONSTRAINT ck_daily_close_open_usd CHECK (open_usd > 0),
    CONSTRAINT ck_daily_close_high_usd CHECK (high_usd > 0),
    CONSTRAINT ck_daily_close_low_usd CHECK (low_usd > 0),
    CONSTRAINT ck_daily_close_price_usd CHECK (price_usd > 0),
    CONSTRAINT ck_daily_close_market_cap_usd CHECK (market_cap_usd >= 0),
    CONSTRAINT ck_daily_close_volume_24h_usd CHECK (volume_24h_usd >= 0),
    CONSTRAINT ck_daily_close_circulating_supply CHECK (circulating_supply >= 0),
    CONSTRAINT ck_daily_close_total_supply CHECK (total_supply >= 0),
    CONSTRAINT ck_daily_close_max_supply CHECK (max_supply >= 0),
    CONSTRAINT ck_daily_close_market_cap_rank CHECK (market_cap_rank >= 1),
    CONSTRAINT ck_daily_close_samples CHECK (samples >= 1),
    CONSTRAINT ck_daily_close_expected_samples CHECK (expected_samples >= 1),
    CONSTRAINT ck_daily_close_formula_version CHECK (formula_version >= 1)
)
 PARTITION BY RANGE (bucket);
COMMENT ON TABLE market.daily_close IS
'First, highest, lowest and last figures of each asset in each day, from hour closes.';
COMMENT ON COLUMN market.daily_close.bucket IS 'Start of the day.';
COMMENT ON COLUMN market.daily_close.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN market.daily_close.open_usd IS 'First price.';
COMMENT ON COLUMN market.daily_close.high_usd IS 'Highest price.';
COMMENT ON COLUMN market.daily_close.low_usd IS 'Lowest price.';
COMMENT ON COLUMN market.daily_close.price_usd IS 'Last price: the close.';
COMMENT ON COLUMN market.daily_close.market_cap_usd IS 'Price times circulating supply.';
COMMENT ON COLUMN market.daily_close.volume_24h_usd IS
'Volume of the trailing 24 hours: a rolling figure that is never summed.';
COMMENT ON COLUMN market.daily_close.circulating_supply IS 'Coins in circulation.';
COMMENT ON COLUMN market.daily_close.total_supply IS 'Coins in existence.';
COMMENT ON COLUMN market.daily_close.max_supply IS 'Coins that can ever exist.';
COMMENT ON COLUMN market.daily_close.market_cap_rank IS 'Rank by market cap.';
COMMENT ON COLUMN market.daily_close.samples IS 'Hour closes that it is built from.';
COMMENT ON COLUMN market.daily_close.expected_samples IS 'Hour closes of a whole day.';
COMMENT ON COLUMN market.daily_close.coverage IS 'Share of the expected samples that are there.';
COMMENT ON COLUMN market.daily_close.first_at IS 'Start of the first minute with a close.';
COMMENT ON COLUMN market.daily_close.last_at IS 'Start of the last minute with a close.';
COMMENT ON COLUMN market.daily_close.formula_version IS 'Version of the rule that built it.';
COMMENT ON COLUMN market.daily_close.recorded_at IS 'When this version became visible.';

CREATE TABLE market.daily_close_revisions (
    bucket TIMESTAMP WITH TIME ZONE NOT NULL,
    asset_id INTEGER NOT NULL,
    open_usd NUMERIC NOT NULL,
    high_usd NUMERIC NOT NULL,
    low_usd NUMERIC NOT NULL,
    price_usd NUMERIC NOT NULL,
    market_cap_usd NUMERIC,
    volume_24h_usd NUMERIC,
    circulating_supply NUMERIC,
    total_supply NUMERIC,
    max_supply NUMERIC,
    market_cap_rank INTEGER,
    samples INTEGER NOT NULL,
    expected_samples INTEGER NOT NULL,
    first_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE NOT NULL,
    formula_version SMALLINT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    superseded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_daily_close_revisions PRIMARY KEY (bucket, asset_id, superseded_at)
);
COMMENT ON TABLE market.daily_close_revisions IS 'What market.daily_close said, once final, before it was changed.';
COMMENT ON COLUMN market.daily_close_revisions.bucket IS 'Start of the day.';
COMMENT ON COLUMN market.daily_close_revisions.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN market.daily_close_revisions.open_usd IS 'First price.';
COMMENT ON COLUMN market.daily_close_revisions.high_usd IS 'Highest price.';
COMMENT ON COLUMN market.daily_close_revisions.low_usd IS 'Lowest price.';
COMMENT ON COLUMN market.daily_close_revisions.price_usd IS 'Last price: the close.';
COMMENT ON COLUMN market.daily_close_revisions.market_cap_usd IS 'Price times circulating supply.';
COMMENT ON COLUMN market.daily_close_revisions.volume_24h_usd IS
'Volume of the trailing 24 hours: a rolling figure that is never summed.';
COMMENT ON COLUMN market.daily_close_revisions.circulating_supply IS 'Coins in circulation.';
COMMENT ON COLUMN market.daily_close_revisions.total_supply IS 'Coins in existence.';
COMMENT ON COLUMN market.daily_close_revisions.max_supply IS 'Coins that can ever exist.';
COMMENT ON COLUMN market.daily_close_revisions.market_cap_rank IS 'Rank by market cap.';
COMMENT ON COLUMN market.daily_close_revisions.samples IS 'Hour closes that it is built from.';
COMMENT ON COLUMN market.daily_close_revisions.expected_samples IS 'Hour closes of a whole day.';
COMMENT ON COLUMN market.daily_close_revisions.first_at IS 'Start of the first minute with a close.';
COMMENT ON COLUMN market.daily_close_revisions.last_at IS 'Start of the last minute with a close.';
COMMENT ON COLUMN market.daily_close_revisions.formula_version IS 'Version of the rule that built it.';
COMMENT ON COLUMN market.daily_close_revisions.recorded_at IS 'When this version became visible.';
COMMENT ON COLUMN market.daily_close_revisions.superseded_at IS 'When the row was changed: it was believed until then.';

CREATE TABLE market.weekly_close (
    bucket TIMESTAMP WITH TIME ZONE NOT NULL,
    asset_id INTEGER NOT NULL,
    open_usd NUMERIC NOT NULL,
    high_usd NUMERIC NOT NULL,
    low_usd NUMERIC NOT NULL,
    price_usd NUMERIC NOT NULL,
    market_cap_usd NUMERIC,
    volume_24h_usd NUMERIC,
    circulating_supply NUMERIC,
    total_supply NUMERIC,
    max_supply NUMERIC,
    market_cap_rank INTEGER,
    samples INTEGER NOT NULL,
    expected_samples INTEGER NOT NULL,
    coverage NUMERIC GENERATED ALWAYS AS (round(samples::NUMERIC / expected_samples, 6)) STORED,
    first_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE NOT NULL,
    formula_version SMALLINT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_weekly_close PRIMARY KEY (bucket, asset_id),
    CONSTRAINT ck_weekly_close_open_usd CHECK (open_usd > 0),
    CONSTRAINT ck_weekly_close_high_usd CHECK (high_usd > 0),
    CONSTRAINT ck_weekly_close_low_usd CHECK (low_usd > 0),
    CONSTRAINT ck_weekly_close_price_usd CHECK (price_usd > 0),
    CONSTRAINT ck_weekly_close_market_cap_usd CHECK (market_cap_usd >= 0),
    CONSTRAINT ck_weekly_close_volume_24h_usd CHECK (volume_24h_usd >= 0),
    CONSTRAINT ck_weekly_close_circulating_supply CHECK (circulating_supply >= 0),
    CONSTRAINT ck_weekly_close_total_supply CHECK (total_supply >= 0),
    CONSTRAINT ck_weekly_close_max_supply CHECK (max_supply >= 0),
    CONSTRAINT ck_weekly_close_market_cap_rank CHECK (market_cap_rank >= 1),
    CONSTRAINT ck_weekly_close_samples CHECK (samples >= 1),
    CONSTRAINT ck_weekly_close_expected_samples CHECK (expected_samples >= 1),
    CONSTRAINT ck_weekly_close_formula_version CHECK (formula_version >= 1)
);
COMMENT ON TABLE market.weekly_close IS
'First, highest, lowest and last figures of each asset in each week, from day closes.';
COMMENT ON COLUMN market.weekly_close.bucket IS 'Start of the week.';
COMMENT ON COLUMN market.weekly_close.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN market.weekly_close.open_usd IS 'First price.';
COMMENT ON COLUMN market.weekly_close.high_usd IS 'Highest price.';
COMMENT ON COLUMN market.weekly_close.low_usd IS 'Lowest price.';
COMMENT ON COLUMN market.weekly_close.price_usd IS 'Last price: the close.';
COMMENT ON COLUMN market.weekly_close.market_cap_usd IS 'Price times circulating supply.';
COMMENT ON COLUMN market.weekly_close.volume_24h_usd IS
'Volume of the trailing 24 hours: a rolling figure that is never summed.';
COMMENT ON COLUMN market.weekly_close.circulating_supply IS 'Coins in circulation.';
COMMENT ON COLUMN market.weekly_close.total_supply IS 'Coins in existence.';
COMMENT ON COLUMN market.weekly_close.max_supply IS 'Coins that can ever exist.';
COMMENT ON COLUMN market.weekly_close.market_cap_rank IS 'Rank by market cap.';
COMMENT ON COLUMN market.weekly_close.samples IS 'Day closes that it is built from.';
COMMENT ON COLUMN market.weekly_close.expected_samples IS 'Day closes of a whole week.';
COMMENT ON COLUMN market.weekly_close.coverage IS 'Share of the expected samples that are there.';
COMMENT ON COLUMN market.weekly_close.first_at IS 'Start of the first minute with a close.';
COMMENT ON COLUMN market.weekly_close.last_at IS 'Start of the last minute with a close.';
COMMENT ON COLUMN market.weekly_close.formula_version IS 'Version of the rule that built it.';
COMMENT ON COLUMN market.weekly_close.recorded_at IS 'When this version became visible.';

CREATE TABLE market.weekly_close_revisions (
    bucket TIMESTAMP WITH TIME ZONE NOT NULL,
    asset_id INTEGER NOT NULL,
    open_usd NUMERIC NOT NULL,
    high_usd NUMERIC NOT NULL,
    low_usd NUMERIC NOT NULL,
    price_usd NUMERIC NOT NULL,
    market_cap_usd NUMERIC,
    volume_24h_usd NUMERIC,
    circulating_supply NUMERIC,
    total_supply NUMERIC,
    max_supply NUMERIC,
    market_cap_rank INTEGER,
    samples INTEGER NOT NULL,
    expected_samples INTEGER NOT NULL,
    first_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE NOT NULL,
    formula_version SMALLINT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    superseded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_weekly_close_revisions PRIMARY KEY (bucket, asset_id, superseded_at)
);
COMMENT ON TABLE market.weekly_close_revisions IS 'What market.weekly_close said, once final, before it was changed.';
COMMENT ON COLUMN market.weekly_close_revisions.bucket IS 'Start of the week.';
COMMENT ON COLUMN market.weekly_close_revisions.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN market.weekly_close_revisions.open_usd IS 'First price.';
COMMENT ON COLUMN market.weekly_close_revisions.high_usd IS 'Highest price.';
COMMENT ON COLUMN market.weekly_close_revisions.low_usd IS 'Lowest price.';
COMMENT ON COLUMN market.weekly_close_revisions.price_usd IS 'Last price: the close.';
COMMENT ON COLUMN market.weekly_close_revisions.market_cap_usd IS 'Price times circulating supply.';
COMMENT ON COLUMN market.weekly_close_revisions.volume_24h_usd IS
'Volume of the trailing 24 hours: a rolling figure that is never summed.';
COMMENT ON COLUMN market.weekly_close_revisions.circulating_supply IS 'Coins in circulation.';
COMMENT ON COLUMN market.weekly_close_revisions.total_supply IS 'Coins in existence.';
COMMENT ON COLUMN market.weekly_close_revisions.max_supply IS 'Coins that can ever exist.';
COMMENT ON COLUMN market.weekly_close_revisions.market_cap_rank IS 'Rank by market cap.';
COMMENT ON COLUMN market.weekly_close_revisions.samples IS 'Day closes that it is built from.';
COMMENT ON COLUMN market.weekly_close_revisions.expected_samples IS 'Day closes of a whole week.';
COMMENT ON COLUMN market.weekly_close_revisions.first_at IS 'Start of the first minute with a close.';
COMMENT ON COLUMN market.weekly_close_revisions.last_at IS 'Start of the last minute with a close.';
COMMENT ON COLUMN market.weekly_close_revisions.formula_version IS 'Version of the rule that built it.';
COMMENT ON COLUMN market.weekly_close_revisions.recorded_at IS 'When this version became visible.';
COMMENT ON COLUMN market.weekly_close_revisions.superseded_at IS
'When the row was changed: it was believed until then.';

CREATE TABLE market.monthly_close (
    bucket TIMESTAMP WITH TIME ZONE NOT NULL,
    asset_id INTEGER NOT NULL,
    open_usd NUMERIC NOT NULL,
    high_usd NUMERIC NOT NULL,
    low_usd NUMERIC NOT NULL,
    price_usd NUMERIC NOT NULL,
    market_cap_usd NUMERIC,
    volume_24h_usd NUMERIC,
    circulating_supply NUMERIC,
    total_supply NUMERIC,
    max_supply NUMERIC,
    market_cap_rank INTEGER,
    samples INTEGER NOT NULL,
    expected_samples INTEGER NOT NULL,
    coverage NUMERIC GENERATED ALWAYS AS (round(samples::NUMERIC / expected_samples, 6)) STORED,
    first_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE NOT NULL,
    formula_version SMALLINT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_monthly_close PRIMARY KEY (bucket, asset_id),
    CONSTRAINT ck_monthly_close_open_usd CHECK (open_usd > 0),
    CONSTRAINT ck_monthly_close_high_usd CHECK (high_usd > 0),
    CONSTRAINT ck_monthly_close_low_usd CHECK (low_usd > 0),
    CONSTRAINT ck_monthly_close_price_usd CHECK (price_usd > 0),
    CONSTRAINT ck_monthly_close_market_cap_usd CHECK (market_cap_usd >= 0),
    CONSTRAINT ck_monthly_close_volume_24h_usd CHECK (volume_24h_usd >= 0),
    CONSTRAINT ck_monthly_close_circulating_supply CHECK (circulating_supply >= 0),
    CONSTRAINT ck_monthly_close_total_supply CHECK (total_supply >= 0),
    CONSTRAINT ck_monthly_close_max_supply CHECK (max_supply >= 0),
    CONSTRAINT ck_monthly_close_market_cap_rank CHECK (market_cap_rank >= 1),
    CONSTRAINT ck_monthly_close_samples CHECK (samples >= 1),
    CONSTRAINT ck_monthly_close_expected_samples CHECK (expected_samples >= 1),
    CONSTRAINT ck_monthly_close_formula_version CHECK (formula_version >= 1)
);
COMMENT ON TABLE market.monthly_close IS
'First, highest, lowest and last figures of each asset in each month, from day closes.';
COMMENT ON COLUMN market.monthly_close.bucket IS 'Start of the month.';
COMMENT ON COLUMN market.monthly_close.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN market.monthly_close.open_usd IS 'First price.';
COMMENT ON COLUMN market.monthly_close.high_usd IS 'Highest price.';
COMMENT ON COLUMN market.monthly_close.low_usd IS 'Lowest price.';
COMMENT ON COLUMN market.monthly_close.price_usd IS 'Last price: the close.';
COMMENT ON COLUMN market.monthly_close.market_cap_usd IS 'Price times circulating supply.';
COMMENT ON COLUMN market.monthly_close.volume_24h_usd IS
'Volume of the trailing 24 hours: a rolling figure that is never summed.';
COMMENT ON COLUMN market.monthly_close.circulating_supply IS 'Coins in circulation.';
COMMENT ON COLUMN market.monthly_close.total_supply IS 'Coins in existence.';
COMMENT ON COLUMN market.monthly_close.max_supply IS 'Coins that can ever exist.';
COMMENT ON COLUMN market.monthly_close.market_cap_rank IS 'Rank by market cap.';
COMMENT ON COLUMN market.monthly_close.samples IS 'Day closes that it is built from.';
COMMENT ON COLUMN market.monthly_close.expected_samples IS 'Day closes of a whole month.';
COMMENT ON COLUMN market.monthly_close.coverage IS 'Share of the expected samples that are there.';
COMMENT ON COLUMN market.monthly_close.first_at IS 'Start of the first minute with a close.';
COMMENT ON COLUMN market.monthly_close.last_at IS 'Start of the last minute with a close.';
COMMENT ON COLUMN market.monthly_close.formula_version IS 'Version of the rule that built it.';
COMMENT ON COLUMN market.monthly_close.recorded_at IS 'When this version became visible.';

CREATE TABLE market.monthly_close_revisions (
    bucket TIMESTAMP WITH TIME ZONE NOT NULL,
    asset_id INTEGER NOT NULL,
    open_usd NUMERIC NOT NULL,
    high_usd NUMERIC NOT NULL,
    low_usd NUMERIC NOT NULL,
    price_usd NUMERIC NOT NULL,
    market_cap_usd NUMERIC,
    volume_24h_usd NUMERIC,
    circulating_supply NUMERIC,
    total_supply NUMERIC,
    max_supply NUMERIC,
    market_cap_rank INTEGER,
    samples INTEGER NOT NULL,
    expected_samples INTEGER NOT NULL,
    first_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE NOT NULL,
    formula_version SMALLINT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    superseded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_monthly_close_revisions PRIMARY KEY (bucket, asset_id, superseded_at)
);
COMMENT ON TABLE market.monthly_close_revisions IS 'What market.monthly_close said, once final, before it was changed.';
COMMENT ON COLUMN market.monthly_close_revisions.bucket IS 'Start of the month.';
COMMENT ON COLUMN market.monthly_close_revisions.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN market.monthly_close_revisions.open_usd IS 'First price.';
COMMENT ON COLUMN market.monthly_close_revisions.high_usd IS 'Highest price.';
COMMENT ON COLUMN market.monthly_close_revisions.low_usd IS 'Lowest price.';
COMMENT ON COLUMN market.monthly_close_revisions.price_usd IS 'Last price: the close.';
COMMENT ON COLUMN market.monthly_close_revisions.market_cap_usd IS 'Price times circulating supply.';
COMMENT ON COLUMN market.monthly_close_revisions.volume_24h_usd IS
'Volume of the trailing 24 hours: a rolling figure that is never summed.';
COMMENT ON COLUMN market.monthly_close_revisions.circulating_supply IS 'Coins in circulation.';
COMMENT ON COLUMN market.monthly_close_revisions.total_supply IS 'Coins in existence.';
COMMENT ON COLUMN market.monthly_close_revisions.max_supply IS 'Coins that can ever exist.';
COMMENT ON COLUMN market.monthly_close_revisions.market_cap_rank IS 'Rank by market cap.';
COMMENT ON COLUMN market.monthly_close_revisions.samples IS 'Day closes that it is built from.';
COMMENT ON COLUMN market.monthly_close_revisions.expected_samples IS 'Day closes of a whole month.';
COMMENT ON COLUMN market.monthly_close_revisions.first_at IS 'Start of the first minute with a close.';
COMMENT ON COLUMN market.monthly_close_revisions.last_at IS 'Start of the last minute with a close.';
COMMENT ON COLUMN market.monthly_close_revisions.formula_version IS 'Version of the rule that built it.';
COMMENT ON COLUMN market.monthly_close_revisions.recorded_at IS 'When this version became visible.';
COMMENT ON COLUMN market.monthly_close_revisions.superseded_at IS
'When the row was changed: it was believed until then.';

CREATE TABLE ops.dirty_buckets (
    grain TEXT NOT NULL,
    bucket TIMESTAMP WITH TIME ZONE NOT NULL,
    asset_id INTEGER NOT NULL,
    marked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_dirty_buckets PRIMARY KEY (grain, bucket, asset_id),
    CONSTRAINT ck_dirty_buckets_grain CHECK (grain IN ('minute', 'hour', 'day', 'week', 'month'))
);
COMMENT ON TABLE ops.dirty_buckets IS 'Coarse buckets whose finer rows changed and which were not built anew since.';
COMMENT ON COLUMN ops.dirty_buckets.grain IS 'Grain of the bucket.';
COMMENT ON COLUMN ops.dirty_buckets.bucket IS 'Start of the bucket.';
COMMENT ON COLUMN ops.dirty_buckets.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN ops.dirty_buckets.marked_at IS 'When it was first marked.';

CREATE TABLE ops.slot_exceptions (
    dataset TEXT NOT NULL,
    provider TEXT NOT NULL,
    slot TIMESTAMP WITH TIME ZONE NOT NULL,
    asset_id INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    CONSTRAINT pk_slot_exceptions PRIMARY KEY (dataset, provider, slot, asset_id),
    CONSTRAINT ck_slot_exceptions_state CHECK (
        state IN ('observed', 'confirmed_empty', 'feed_down', 'source_has_none', 'throttled', 'not_due', 'pending')
    )
);
COMMENT ON TABLE ops.slot_exceptions IS 'Assets whose state in a slot differs from that of the slot as a whole.';
COMMENT ON COLUMN ops.slot_exceptions.dataset IS 'Table that the slot feeds.';
COMMENT ON COLUMN ops.slot_exceptions.provider IS 'Who was asked.';
COMMENT ON COLUMN ops.slot_exceptions.slot IS 'The minute that the collection was due for.';
COMMENT ON COLUMN ops.slot_exceptions.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN ops.slot_exceptions.state IS 'What became of the asset in the slot.';
COMMENT ON COLUMN ops.slot_exceptions.reason IS 'Why, in words.';

CREATE TABLE ops.slots (
    dataset TEXT NOT NULL,
    provider TEXT NOT NULL,
    slot TIMESTAMP WITH TIME ZONE NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    assets_expected INTEGER NOT NULL,
    assets_observed INTEGER NOT NULL,
    assets_refused INTEGER NOT NULL,
    collection_id BIGINT,
    closed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_slots PRIMARY KEY (dataset, provider, slot),
    CONSTRAINT ck_slots_state CHECK (
        state IN ('observed', 'confirmed_empty', 'feed_down', 'source_has_none', 'throttled', 'not_due', 'pending')
    ),
    CONSTRAINT ck_slots_assets_expected CHECK (assets_expected >= 0),
    CONSTRAINT ck_slots_assets_observed CHECK (assets_observed >= 0),
    CONSTRAINT ck_slots_assets_refused CHECK (assets_refused >= 0)
);
COMMENT ON TABLE ops.slots IS 'What became of every slot in which a provider was due to be asked for a dataset.';
COMMENT ON COLUMN ops.slots.dataset IS 'Table that the slot feeds.';
COMMENT ON COLUMN ops.slots.provider IS 'Who was due to be asked.';
COMMENT ON COLUMN ops.slots.slot IS 'The minute that the collection was due for.';
COMMENT ON COLUMN ops.slots.state IS 'What became of it.';
COMMENT ON COLUMN ops.slots.reason IS 'Why, in words; NULL when it was observed.';
COMMENT ON COLUMN ops.slots.assets_expected IS 'Assets that the answer should hold.';
COMMENT ON COLUMN ops.slots.assets_observed IS 'Assets that were stored.';
COMMENT ON COLUMN ops.slots.assets_refused IS 'Rows that went to quarantine.';
COMMENT ON COLUMN ops.slots.collection_id IS 'Collection that closed it, as in ops.collection_status.';
COMMENT ON COLUMN ops.slots.closed_at IS 'When its state was last said.';
