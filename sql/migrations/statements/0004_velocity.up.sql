-- Purpose: velocity and quality of every close, their views, and their reads as of an instant.
-- Writes: tables of schema market; a check of ops.dirty_buckets; views and functions in analytics.
-- Idempotent: no; Alembic runs it once, in one transaction.

CREATE TABLE market.close_quality (
    bucket TIMESTAMP WITH TIME ZONE NOT NULL,
    asset_id INTEGER NOT NULL,
    data_quality_score NUMERIC NOT NULL,
    tier TEXT NOT NULL,
    completeness NUMERIC,
    freshness NUMERIC,
    agreement NUMERIC,
    integrity NUMERIC,
    unavailable JSONB NOT NULL,
    formula_version SMALLINT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_close_quality PRIMARY KEY (bucket, asset_id),
    CONSTRAINT ck_close_quality_data_quality_score CHECK (data_quality_score >= 0 AND data_quality_score <= 1),
    CONSTRAINT ck_close_quality_tier CHECK (tier IN ('High', 'Medium', 'Low')),
    CONSTRAINT ck_close_quality_completeness CHECK (completeness >= 0 AND completeness <= 1),
    CONSTRAINT ck_close_quality_freshness CHECK (freshness >= 0 AND freshness <= 1),
    CONSTRAINT ck_close_quality_agreement CHECK (agreement >= 0 AND agreement <= 1),
    CONSTRAINT ck_close_quality_integrity CHECK (integrity >= 0 AND integrity <= 1),
    CONSTRAINT ck_close_quality_formula_version CHECK (formula_version >= 1)
)
PARTITION BY RANGE (bucket);
COMMENT ON TABLE market.close_quality IS
'How far the close of each asset in each minute can be relied on: a score and its terms.';
COMMENT ON COLUMN market.close_quality.bucket IS 'Start of the minute.';
COMMENT ON COLUMN market.close_quality.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN market.close_quality.data_quality_score IS
'Weighted mean of the terms that are known: completeness 0.35, freshness 0.25, agreement 0.25, integrity 0.15.';
COMMENT ON COLUMN market.close_quality.tier IS 'High from 0.9, Medium from 0.7, else Low.';
COMMENT ON COLUMN market.close_quality.completeness IS
'Share of the figures that apply to the asset which the close has.';
COMMENT ON COLUMN market.close_quality.freshness IS
'1 while the figures are no older than a minute at its end, 0 when five minutes.';
COMMENT ON COLUMN market.close_quality.agreement IS
'How well the sources agree on price, volume, cap and supply; NULL with a single source.';
COMMENT ON COLUMN market.close_quality.integrity IS 'Share of the rules between the figures that hold.';
COMMENT ON COLUMN market.close_quality.unavailable IS 'Why a term is not known: {term: reason}.';
COMMENT ON COLUMN market.close_quality.formula_version IS 'Version of the formula that gave them.';
COMMENT ON COLUMN market.close_quality.recorded_at IS 'When this version became visible.';

CREATE TABLE market.close_quality_revisions (
    bucket TIMESTAMP WITH TIME ZONE NOT NULL,
    asset_id INTEGER NOT NULL,
    data_quality_score NUMERIC NOT NULL,
    tier TEXT NOT NULL,
    completeness NUMERIC,
    freshness NUMERIC,
    agreement NUMERIC,
    integrity NUMERIC,
    unavailable JSONB NOT NULL,
    formula_version SMALLINT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    superseded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_close_quality_revisions PRIMARY KEY (bucket, asset_id, superseded_at)
);
COMMENT ON TABLE market.close_quality_revisions IS 'What market.close_quality said, once final, before it was changed.';
COMMENT ON COLUMN market.close_quality_revisions.bucket IS 'Start of the minute.';
COMMENT ON COLUMN market.close_quality_revisions.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN market.close_quality_revisions.data_quality_score IS
'Weighted mean of the terms that are known: completeness 0.35, freshness 0.25, agreement 0.25, integrity 0.15.';
COMMENT ON COLUMN market.close_quality_revisions.tier IS 'High from 0.9, Medium from 0.7, else Low.';
COMMENT ON COLUMN market.close_quality_revisions.completeness IS
'Share of the figures that apply to the asset which the close has.';
COMMENT ON COLUMN market.close_quality_revisions.freshness IS
'1 while the figures are no older than a minute at its end, 0 when five minutes.';
COMMENT ON COLUMN market.close_quality_revisions.agreement IS
'How well the sources agree on price, volume, cap and supply; NULL with a single source.';
COMMENT ON COLUMN market.close_quality_revisions.integrity IS 'Share of the rules between the figures that hold.';
COMMENT ON COLUMN market.close_quality_revisions.unavailable IS 'Why a term is not known: {term: reason}.';
COMMENT ON COLUMN market.close_quality_revisions.formula_version IS 'Version of the formula that gave them.';
COMMENT ON COLUMN market.close_quality_revisions.recorded_at IS 'When this version became visible.';
COMMENT ON COLUMN market.close_quality_revisions.superseded_at IS
'When the row was changed: it was believed until then.';

CREATE TABLE market.velocity (
    bucket TIMESTAMP WITH TIME ZONE NOT NULL,
    asset_id INTEGER NOT NULL,
    velocity NUMERIC,
    velocity_1h NUMERIC,
    velocity_4h NUMERIC,
    velocity_12h NUMERIC,
    velocity_24h NUMERIC,
    velocity_7d NUMERIC,
    trend TEXT NOT NULL,
    unavailable JSONB NOT NULL,
    integral NUMERIC NOT NULL,
    held_seconds INTEGER NOT NULL,
    held_24h_seconds INTEGER NOT NULL,
    formula_version SMALLINT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_velocity PRIMARY KEY (bucket, asset_id),
    CONSTRAINT ck_velocity_velocity CHECK (velocity >= 0 AND velocity <= 100),
    CONSTRAINT ck_velocity_velocity_1h CHECK (velocity_1h >= 0 AND velocity_1h <= 100),
    CONSTRAINT ck_velocity_velocity_4h CHECK (velocity_4h >= 0 AND velocity_4h <= 100),
    CONSTRAINT ck_velocity_velocity_12h CHECK (velocity_12h >= 0 AND velocity_12h <= 100),
    CONSTRAINT ck_velocity_velocity_24h CHECK (velocity_24h >= 0 AND velocity_24h <= 100),
    CONSTRAINT ck_velocity_velocity_7d CHECK (velocity_7d >= 0 AND velocity_7d <= 100),
    CONSTRAINT ck_velocity_trend CHECK (trend IN ('increasing', 'decreasing', 'stable', 'insufficient_data')),
    CONSTRAINT ck_velocity_integral CHECK (integral >= 0),
    CONSTRAINT ck_velocity_held_seconds CHECK (held_seconds >= 0 AND held_seconds <= 86400),
    CONSTRAINT ck_velocity_held_24h_seconds CHECK (held_24h_seconds >= 0 AND held_24h_seconds <= 86400),
    CONSTRAINT ck_velocity_formula_version CHECK (formula_version >= 1)
)
PARTITION BY RANGE (bucket);
COMMENT ON TABLE market.velocity IS
'Volume of 24 hours over market cap of each asset in each minute, its means and its trend.';
COMMENT ON COLUMN market.velocity.bucket IS 'Start of the minute.';
COMMENT ON COLUMN market.velocity.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN market.velocity.velocity IS
'Volume of 24 hours / market cap, at most 100; 0 where the cap is unknown, which `unavailable` then says.';
COMMENT ON COLUMN market.velocity.velocity_1h IS
'Time-weighted mean of velocity over the trailing 1h, over the time for which readings hold.';
COMMENT ON COLUMN market.velocity.velocity_4h IS
'Time-weighted mean of velocity over the trailing 4h, over the time for which readings hold.';
COMMENT ON COLUMN market.velocity.velocity_12h IS
'Time-weighted mean of velocity over the trailing 12h, over the time for which readings hold.';
COMMENT ON COLUMN market.velocity.velocity_24h IS
'Time-weighted mean of velocity over the trailing 24h, over the time for which readings hold.';
COMMENT ON COLUMN market.velocity.velocity_7d IS
'Mean volume / mean market cap of seven readings a day apart, which tile the week.';
COMMENT ON COLUMN market.velocity.trend IS 'Velocity against the mean of the three hours before, 5 % apart.';
COMMENT ON COLUMN market.velocity.unavailable IS 'Why a figure is not known: {figure: reason}.';
COMMENT ON COLUMN market.velocity.integral IS
'Sum of velocity times the seconds for which it held, from 00:00 UTC to the end of the minute.';
COMMENT ON COLUMN market.velocity.held_seconds IS
'Seconds for which a reading held, from 00:00 UTC to the end of the minute.';
COMMENT ON COLUMN market.velocity.held_24h_seconds IS 'Seconds of the trailing 24 hours for which a reading held.';
COMMENT ON COLUMN market.velocity.formula_version IS 'Version of the formula that gave them.';
COMMENT ON COLUMN market.velocity.recorded_at IS 'When this version became visible.';

CREATE TABLE market.velocity_revisions (
    bucket TIMESTAMP WITH TIME ZONE NOT NULL,
    asset_id INTEGER NOT NULL,
    velocity NUMERIC,
    velocity_1h NUMERIC,
    velocity_4h NUMERIC,
    velocity_12h NUMERIC,
    velocity_24h NUMERIC,
    velocity_7d NUMERIC,
    trend TEXT NOT NULL,
    unavailable JSONB NOT NULL,
    integral NUMERIC NOT NULL,
    held_seconds INTEGER NOT NULL,
    held_24h_seconds INTEGER NOT NULL,
    formula_version SMALLINT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    superseded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_velocity_revisions PRIMARY KEY (bucket, asset_id, superseded_at)
);
COMMENT ON TABLE market.velocity_revisions IS 'What market.velocity said, once final, before it was changed.';
COMMENT ON COLUMN market.velocity_revisions.bucket IS 'Start of the minute.';
COMMENT ON COLUMN market.velocity_revisions.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN market.velocity_revisions.velocity IS
'Volume of 24 hours / market cap, at most 100; 0 where the cap is unknown, which `unavailable` then says.';
COMMENT ON COLUMN market.velocity_revisions.velocity_1h IS
'Time-weighted mean of velocity over the trailing 1h, over the time for which readings hold.';
COMMENT ON COLUMN market.velocity_revisions.velocity_4h IS
'Time-weighted mean of velocity over the trailing 4h, over the time for which readings hold.';
COMMENT ON COLUMN market.velocity_revisions.velocity_12h IS
'Time-weighted mean of velocity over the trailing 12h, over the time for which readings hold.';
COMMENT ON COLUMN market.velocity_revisions.velocity_24h IS
'Time-weighted mean of velocity over the trailing 24h, over the time for which readings hold.';
COMMENT ON COLUMN market.velocity_revisions.velocity_7d IS
'Mean volume / mean market cap of seven readings a day apart, which tile the week.';
COMMENT ON COLUMN market.velocity_revisions.trend IS 'Velocity against the mean of the three hours before, 5 % apart.';
COMMENT ON COLUMN market.velocity_revisions.unavailable IS 'Why a figure is not known: {figure: reason}.';
COMMENT ON COLUMN market.velocity_revisions.integral IS
'Sum of velocity times the seconds for which it held, from 00:00 UTC to the end of the minute.';
COMMENT ON COLUMN market.velocity_revisions.held_seconds IS
'Seconds for which a reading held, from 00:00 UTC to the end of the minute.';
COMMENT ON COLUMN market.velocity_revisions.held_24h_seconds IS
'Seconds of the trailing 24 hours for which a reading held.';
COMMENT ON COLUMN market.velocity_revisions.formula_version IS 'Version of the formula that gave them.';
COMMENT ON COLUMN market.velocity_revisions.recorded_at IS 'When this version became visible.';
COMMENT ON COLUMN market.velocity_revisions.superseded_at IS 'When the row was changed: it was believed until then.';

ALTER TABLE ops.dirty_buckets DROP CONSTRAINT ck_dirty_buckets_grain;
ALTER TABLE ops.dirty_buckets ADD CONSTRAINT ck_dirty_buckets_grain CHECK (
    grain IN ('minute', 'hour', 'day', 'week', 'month', 'velocity')
);
COMMENT ON TABLE ops.dirty_buckets IS
'Coarse buckets and hours of velocity that follow from rows which changed, not built since.';
COMMENT ON COLUMN ops.dirty_buckets.grain IS 'Grain of the bucket; velocity: an hour of velocity.';

CREATE VIEW analytics.velocity AS
SELECT
    figures.bucket,
    figures.asset_id,
    assets.slug,
    assets.symbol,
    coalesce(keys.alias, assets.slug) AS coin_id,
    CASE WHEN NOT figures.unavailable ? 'velocity' THEN figures.velocity END AS velocity,
    CASE WHEN NOT figures.unavailable ? 'velocity' THEN figures.velocity END AS turnover_24h,
    figures.velocity_1h,
    figures.velocity_4h,
    figures.velocity_12h,
    figures.velocity_24h,
    figures.velocity_7d,
    figures.trend,
    figures.unavailable,
    figures.integral,
    figures.held_seconds,
    figures.held_24h_seconds,
    figures.formula_version,
    figures.recorded_at,
    CASE
        WHEN
            now() < figures.bucket + INTERVAL '1 minute' + INTERVAL '2 minutes'
            THEN 'provisional'
        WHEN
            EXISTS (
                SELECT 1
                FROM market.velocity_revisions AS revisions
                WHERE
                    revisions.bucket = figures.bucket
                    AND revisions.asset_id = figures.asset_id
            )
            THEN 'revised'
        ELSE 'final'
    END AS status
FROM market.velocity AS figures
INNER JOIN market.assets AS assets ON figures.asset_id = assets.asset_id
LEFT JOIN market.asset_aliases AS keys
    ON
        assets.asset_id = keys.asset_id
        AND keys.provider = 'coingecko'
        AND keys.kind = 'key'
        AND keys.valid_to IS NULL;
COMMENT ON VIEW analytics.velocity IS
'Velocity of each asset in each minute, with names and status. What is not known is NULL.';
COMMENT ON COLUMN analytics.velocity.bucket IS 'Start of the minute.';
COMMENT ON COLUMN analytics.velocity.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN analytics.velocity.slug IS 'Readable key of the asset, as in market.assets.';
COMMENT ON COLUMN analytics.velocity.symbol IS 'Ticker symbol in force, upper case. Several assets may share one.';
COMMENT ON COLUMN analytics.velocity.coin_id IS 'CoinGecko''s key in force, else the slug.';
COMMENT ON COLUMN analytics.velocity.velocity IS
'Volume of 24 hours / market cap, at most 100; NULL where it is not known. Unit: ratio.';
COMMENT ON COLUMN analytics.velocity.turnover_24h IS 'The same as velocity, by its other customary name. Unit: ratio.';
COMMENT ON COLUMN analytics.velocity.velocity_1h IS
'Time-weighted mean of velocity over the trailing 1h, over the time for which readings hold. Unit: ratio.';
COMMENT ON COLUMN analytics.velocity.velocity_4h IS
'Time-weighted mean of velocity over the trailing 4h, over the time for which readings hold. Unit: ratio.';
COMMENT ON COLUMN analytics.velocity.velocity_12h IS
'Time-weighted mean of velocity over the trailing 12h, over the time for which readings hold. Unit: ratio.';
COMMENT ON COLUMN analytics.velocity.velocity_24h IS
'Time-weighted mean of velocity over the trailing 24h, over the time for which readings hold. Unit: ratio.';
COMMENT ON COLUMN analytics.velocity.velocity_7d IS
'Mean volume / mean market cap of seven readings a day apart, which tile the week. Unit: ratio.';
COMMENT ON COLUMN analytics.velocity.trend IS 'Velocity against the mean of the three hours before, 5 % apart.';
COMMENT ON COLUMN analytics.velocity.unavailable IS 'Why a figure is not known: {figure: reason}.';
COMMENT ON COLUMN analytics.velocity.integral IS
'Sum of velocity times the seconds for which it held, from 00:00 UTC to the end of the minute. Unit: ratio x s.';
COMMENT ON COLUMN analytics.velocity.held_seconds IS
'Seconds for which a reading held, from 00:00 UTC to the end of the minute. Unit: seconds.';
COMMENT ON COLUMN analytics.velocity.held_24h_seconds IS
'Seconds of the trailing 24 hours for which a reading held. Unit: seconds.';
COMMENT ON COLUMN analytics.velocity.formula_version IS 'Version of the formula that gave them.';
COMMENT ON COLUMN analytics.velocity.recorded_at IS 'When this version became visible.';
COMMENT ON COLUMN analytics.velocity.status IS
'provisional: still open or in its grace; final; revised: changed after it was final.';

CREATE VIEW analytics.close_quality AS
SELECT
    quality.bucket,
    quality.asset_id,
    assets.slug,
    assets.symbol,
    quality.data_quality_score,
    quality.tier,
    quality.completeness,
    quality.freshness,
    quality.agreement,
    quality.integrity,
    quality.unavailable,
    quality.formula_version,
    quality.recorded_at
FROM market.close_quality AS quality
INNER JOIN market.assets AS assets ON quality.asset_id = assets.asset_id;
COMMENT ON VIEW analytics.close_quality IS 'How far each close can be relied on, with names.';
COMMENT ON COLUMN analytics.close_quality.bucket IS 'Start of the minute.';
COMMENT ON COLUMN analytics.close_quality.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN analytics.close_quality.slug IS 'Readable key of the asset, as in market.assets.';
COMMENT ON COLUMN analytics.close_quality.symbol IS 'Ticker symbol in force, upper case. Several assets may share one.';
COMMENT ON COLUMN analytics.close_quality.data_quality_score IS
'Weighted mean of the terms that are known: completeness 0.35, freshness 0.25, agreement 0.25, integrity 0.15.';
COMMENT ON COLUMN analytics.close_quality.tier IS 'High from 0.9, Medium from 0.7, else Low.';
COMMENT ON COLUMN analytics.close_quality.completeness IS
'Share of the figures that apply to the asset which the close has. Unit: ratio.';
COMMENT ON COLUMN analytics.close_quality.freshness IS
'1 while the figures are no older than a minute at its end, 0 when five minutes. Unit: ratio.';
COMMENT ON COLUMN analytics.close_quality.agreement IS
'How well the sources agree on price, volume, cap and supply; NULL with a single source. Unit: ratio.';
COMMENT ON COLUMN analytics.close_quality.integrity IS 'Share of the rules between the figures that hold. Unit: ratio.';
COMMENT ON COLUMN analytics.close_quality.unavailable IS 'Why a term is not known: {term: reason}.';
COMMENT ON COLUMN analytics.close_quality.formula_version IS 'Version of the formula that gave them.';
COMMENT ON COLUMN analytics.close_quality.recorded_at IS 'When this version became visible.';

CREATE VIEW analytics.token_metrics AS
SELECT
    (extract(EPOCH FROM closes.bucket)::BIGINT / 60) * 1000000 + closes.asset_id AS id,
    closes.asset_id AS token_id,
    closes.bucket AS timestamp,
    closes.price_usd,
    closes.market_cap_usd,
    closes.volume_24h_usd,
    closes.circulating_supply,
    closes.total_supply,
    closes.max_supply,
    samples.price_change_1h_percent AS percent_change_1h,
    samples.price_change_24h_percent AS percent_change_24h,
    samples.price_change_7d_percent AS percent_change_7d,
    CASE WHEN NOT figures.unavailable ? 'velocity' THEN figures.velocity END AS velocity,
    figures.velocity_1h,
    figures.velocity_4h,
    figures.velocity_12h,
    figures.velocity_24h,
    figures.velocity_7d,
    figures.trend,
    quality.data_quality_score,
    closes.recorded_at AS created_at
FROM market.minute_close AS closes
LEFT JOIN market.velocity AS figures
    ON
        closes.bucket = figures.bucket
        AND closes.asset_id = figures.asset_id
LEFT JOIN market.close_quality AS quality
    ON
        closes.bucket = quality.bucket
        AND closes.asset_id = quality.asset_id
LEFT JOIN raw.market_snapshots AS samples
    ON
        closes.observed_at = samples.observed_at
        AND closes.provider = samples.provider
        AND closes.asset_id = samples.asset_id;
COMMENT ON VIEW analytics.token_metrics IS
'Figures, velocity and quality of each asset in each minute, under the customary names.';
COMMENT ON COLUMN analytics.token_metrics.id IS 'A number that is unique to the asset and minute.';
COMMENT ON COLUMN analytics.token_metrics.token_id IS 'The asset, as in market.assets and tokens.';
COMMENT ON COLUMN analytics.token_metrics.timestamp IS 'Start of the minute.';
COMMENT ON COLUMN analytics.token_metrics.price_usd IS 'Price at the close. Unit: usd.';
COMMENT ON COLUMN analytics.token_metrics.market_cap_usd IS 'Price times circulating supply. Unit: usd.';
COMMENT ON COLUMN analytics.token_metrics.volume_24h_usd IS
'Volume of the trailing 24 hours: a rolling figure that is never summed. Unit: usd.';
COMMENT ON COLUMN analytics.token_metrics.circulating_supply IS 'Coins in circulation. Unit: coins.';
COMMENT ON COLUMN analytics.token_metrics.total_supply IS 'Coins in existence. Unit: coins.';
COMMENT ON COLUMN analytics.token_metrics.max_supply IS 'Coins that can ever exist. Unit: coins.';
COMMENT ON COLUMN analytics.token_metrics.percent_change_1h IS
'Change of the price over one hour, as the provider of the close says it. Unit: %.';
COMMENT ON COLUMN analytics.token_metrics.percent_change_24h IS
'Change of the price over 24 hours, as the provider of the close says it. Unit: %.';
COMMENT ON COLUMN analytics.token_metrics.percent_change_7d IS
'Change of the price over 7 days, as the provider of the close says it. Unit: %.';
COMMENT ON COLUMN analytics.token_metrics.velocity IS
'Volume of 24 hours / market cap, at most 100; NULL where it is not known. Unit: ratio.';
COMMENT ON COLUMN analytics.token_metrics.velocity_1h IS
'Time-weighted mean of velocity over the trailing 1h, over the time for which readings hold. Unit: ratio.';
COMMENT ON COLUMN analytics.token_metrics.velocity_4h IS
'Time-weighted mean of velocity over the trailing 4h, over the time for which readings hold. Unit: ratio.';
COMMENT ON COLUMN analytics.token_metrics.velocity_12h IS
'Time-weighted mean of velocity over the trailing 12h, over the time for which readings hold. Unit: ratio.';
COMMENT ON COLUMN analytics.token_metrics.velocity_24h IS
'Time-weighted mean of velocity over the trailing 24h, over the time for which readings hold. Unit: ratio.';
COMMENT ON COLUMN analytics.token_metrics.velocity_7d IS
'Mean volume / mean market cap of seven readings a day apart, which tile the week. Unit: ratio.';
COMMENT ON COLUMN analytics.token_metrics.trend IS 'Velocity against the mean of the three hours before, 5 % apart.';
COMMENT ON COLUMN analytics.token_metrics.data_quality_score IS 'How far the close can be relied on. Unit: ratio.';
COMMENT ON COLUMN analytics.token_metrics.created_at IS 'When this version of the close became visible.';

CREATE FUNCTION analytics.velocity_as_of(instant TIMESTAMPTZ)
RETURNS TABLE (
    bucket TIMESTAMPTZ,
    asset_id INTEGER,
    velocity NUMERIC,
    velocity_1h NUMERIC,
    velocity_4h NUMERIC,
    velocity_12h NUMERIC,
    velocity_24h NUMERIC,
    velocity_7d NUMERIC,
    trend TEXT,
    unavailable JSONB,
    integral NUMERIC,
    held_seconds INTEGER,
    held_24h_seconds INTEGER,
    formula_version SMALLINT,
    recorded_at TIMESTAMPTZ,
    slug TEXT,
    symbol TEXT,
    superseded_at TIMESTAMPTZ
)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
SELECT
    versions.bucket,
    versions.asset_id,
    versions.velocity,
    versions.velocity_1h,
    versions.velocity_4h,
    versions.velocity_12h,
    versions.velocity_24h,
    versions.velocity_7d,
    versions.trend,
    versions.unavailable,
    versions.integral,
    versions.held_seconds,
    versions.held_24h_seconds,
    versions.formula_version,
    versions.recorded_at,
    assets.slug,
    assets.symbol,
    versions.superseded_at
FROM (
    SELECT
        known.bucket,
        known.asset_id,
        known.velocity,
        known.velocity_1h,
        known.velocity_4h,
        known.velocity_12h,
        known.velocity_24h,
        known.velocity_7d,
        known.trend,
        known.unavailable,
        known.integral,
        known.held_seconds,
        known.held_24h_seconds,
        known.formula_version,
        known.recorded_at,
        null::timestamptz AS superseded_at
    FROM market.velocity AS known
    WHERE known.recorded_at <= instant
    UNION ALL
    SELECT
        kept.bucket,
        kept.asset_id,
        kept.velocity,
        kept.velocity_1h,
        kept.velocity_4h,
        kept.velocity_12h,
        kept.velocity_24h,
        kept.velocity_7d,
        kept.trend,
        kept.unavailable,
        kept.integral,
        kept.held_seconds,
        kept.held_24h_seconds,
        kept.formula_version,
        kept.recorded_at,
        kept.superseded_at
    FROM market.velocity_revisions AS kept
    WHERE kept.recorded_at <= instant AND kept.superseded_at > instant
) AS versions
INNER JOIN market.assets AS assets ON versions.asset_id = assets.asset_id
$$;
COMMENT ON FUNCTION analytics.velocity_as_of(TIMESTAMPTZ) IS
'What market.velocity said at the instant; superseded_at is NULL while it still says so.';

CREATE FUNCTION analytics.close_quality_as_of(instant TIMESTAMPTZ)
RETURNS TABLE (
    bucket TIMESTAMPTZ,
    asset_id INTEGER,
    data_quality_score NUMERIC,
    tier TEXT,
    completeness NUMERIC,
    freshness NUMERIC,
    agreement NUMERIC,
    integrity NUMERIC,
    unavailable JSONB,
    formula_version SMALLINT,
    recorded_at TIMESTAMPTZ,
    slug TEXT,
    symbol TEXT,
    superseded_at TIMESTAMPTZ
)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
SELECT
    versions.bucket,
    versions.asset_id,
    versions.data_quality_score,
    versions.tier,
    versions.completeness,
    versions.freshness,
    versions.agreement,
    versions.integrity,
    versions.unavailable,
    versions.formula_version,
    versions.recorded_at,
    assets.slug,
    assets.symbol,
    versions.superseded_at
FROM (
    SELECT
        known.bucket,
        known.asset_id,
        known.data_quality_score,
        known.tier,
        known.completeness,
        known.freshness,
        known.agreement,
        known.integrity,
        known.unavailable,
        known.formula_version,
        known.recorded_at,
        null::timestamptz AS superseded_at
    FROM market.close_quality AS known
    WHERE known.recorded_at <= instant
    UNION ALL
    SELECT
        kept.bucket,
        kept.asset_id,
        kept.data_quality_score,
        kept.tier,
        kept.completeness,
        kept.freshness,
        kept.agreement,
        kept.integrity,
        kept.unavailable,
        kept.formula_version,
        kept.recorded_at,
        kept.superseded_at
    FROM market.close_quality_revisions AS kept
    WHERE kept.recorded_at <= instant AND kept.superseded_at > instant
) AS versions
INNER JOIN market.assets AS assets ON versions.asset_id = assets.asset_id
$$;
COMMENT ON FUNCTION analytics.close_quality_as_of(TIMESTAMPTZ) IS
'What market.close_quality said at the instant; superseded_at is NULL while it still says so.';

GRANT SELECT ON analytics.velocity, analytics.close_quality, analytics.token_metrics TO cryptoflow_reader;
GRANT EXECUTE ON FUNCTION
analytics.velocity_as_of(TIMESTAMPTZ), analytics.close_quality_as_of(TIMESTAMPTZ)
TO cryptoflow_reader;
