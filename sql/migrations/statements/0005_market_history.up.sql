-- Purpose: points of the providers' charts, their revisions and reads as of an instant, and what history was asked for.
-- Writes: tables in raw and ops, a function in analytics.
-- Idempotent: no; Alembic runs it once, in one transaction.
CREATE TABLE raw.market_chart_points (
    observed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    provider TEXT NOT NULL,
    asset_id INTEGER NOT NULL,
    price_usd NUMERIC NOT NULL,
    market_cap_usd NUMERIC,
    volume_24h_usd NUMERIC,
    fetched_at TIMESTAMP WITH TIME ZONE NOT NULL,
    payload_sha256 BYTEA NOT NULL,
    run_id TEXT,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_market_chart_points PRIMARY KEY (observed_at, provider, asset_id),
    CONSTRAINT ck_market_chart_points_price_usd CHECK (price_usd > 0),
    CONSTRAINT ck_market_chart_points_market_cap_usd CHECK (market_cap_usd >= 0),
    CONSTRAINT ck_market_chart_points_volume_24h_usd CHECK (volume_24h_usd >= 0)
)
 PARTITION BY RANGE (observed_at);
COMMENT ON TABLE raw.market_chart_points IS
'Points of the providers'' market charts: what they say, afterwards, of an instant in the past.';
COMMENT ON COLUMN raw.market_chart_points.observed_at IS 'The provider''s own time of the point.';
COMMENT ON COLUMN raw.market_chart_points.provider IS 'Whose chart it is.';
COMMENT ON COLUMN raw.market_chart_points.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN raw.market_chart_points.price_usd IS 'Price of one coin.';
COMMENT ON COLUMN raw.market_chart_points.market_cap_usd IS 'Price times circulating supply.';
COMMENT ON COLUMN raw.market_chart_points.volume_24h_usd IS
'Volume of the trailing 24 hours: a rolling figure that is never summed.';
COMMENT ON COLUMN raw.market_chart_points.fetched_at IS 'When the answer was received.';
COMMENT ON COLUMN raw.market_chart_points.payload_sha256 IS 'Hash of the answer that held it.';
COMMENT ON COLUMN raw.market_chart_points.run_id IS 'Dagster run that collected it, when one did.';
COMMENT ON COLUMN raw.market_chart_points.recorded_at IS 'When this version became visible.';

CREATE TABLE raw.market_chart_points_revisions (
    observed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    provider TEXT NOT NULL,
    asset_id INTEGER NOT NULL,
    price_usd NUMERIC NOT NULL,
    market_cap_usd NUMERIC,
    volume_24h_usd NUMERIC,
    fetched_at TIMESTAMP WITH TIME ZONE NOT NULL,
    payload_sha256 BYTEA NOT NULL,
    run_id TEXT,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    superseded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_market_chart_points_revisions PRIMARY KEY (observed_at, provider, asset_id, superseded_at)
);
COMMENT ON TABLE raw.market_chart_points_revisions IS
'What raw.market_chart_points said, once final, before it was changed.';
COMMENT ON COLUMN raw.market_chart_points_revisions.observed_at IS 'The provider''s own time of the point.';
COMMENT ON COLUMN raw.market_chart_points_revisions.provider IS 'Whose chart it is.';
COMMENT ON COLUMN raw.market_chart_points_revisions.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN raw.market_chart_points_revisions.price_usd IS 'Price of one coin.';
COMMENT ON COLUMN raw.market_chart_points_revisions.market_cap_usd IS 'Price times circulating supply.';
COMMENT ON COLUMN raw.market_chart_points_revisions.volume_24h_usd IS
'Volume of the trailing 24 hours: a rolling figure that is never summed.';
COMMENT ON COLUMN raw.market_chart_points_revisions.fetched_at IS 'When the answer was received.';
COMMENT ON COLUMN raw.market_chart_points_revisions.payload_sha256 IS 'Hash of the answer that held it.';
COMMENT ON COLUMN raw.market_chart_points_revisions.run_id IS 'Dagster run that collected it, when one did.';
COMMENT ON COLUMN raw.market_chart_points_revisions.recorded_at IS 'When this version became visible.';
COMMENT ON COLUMN raw.market_chart_points_revisions.superseded_at IS
'When the row was changed: it was believed until then.';

CREATE TABLE ops.history_requests (
    provider TEXT NOT NULL,
    asset_id INTEGER NOT NULL,
    starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
    first_days SMALLINT,
    state TEXT NOT NULL,
    reason TEXT,
    points INTEGER NOT NULL,
    attempts SMALLINT NOT NULL,
    asked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    run_id TEXT,
    CONSTRAINT pk_history_requests PRIMARY KEY (provider, asset_id, starts_at, ends_at),
    CONSTRAINT ck_history_requests_first_days CHECK (first_days >= 1),
    CONSTRAINT ck_history_requests_state CHECK (state IN ('answered', 'source_has_none', 'refused', 'failed')),
    CONSTRAINT ck_history_requests_points CHECK (points >= 0),
    CONSTRAINT ck_history_requests_attempts CHECK (attempts >= 1)
);
COMMENT ON TABLE ops.history_requests IS
'What was asked of the providers'' charts, and what came of it: history is asked for once.';
COMMENT ON COLUMN ops.history_requests.provider IS 'Who was asked.';
COMMENT ON COLUMN ops.history_requests.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN ops.history_requests.starts_at IS 'First instant of the span.';
COMMENT ON COLUMN ops.history_requests.ends_at IS 'First instant after the span.';
COMMENT ON COLUMN ops.history_requests.first_days IS
'Days of first history that it brought; NULL when it was asked for missed slots.';
COMMENT ON COLUMN ops.history_requests.state IS 'What came of it; `failed` is asked again.';
COMMENT ON COLUMN ops.history_requests.reason IS 'Why nothing came, in words; NULL when something did.';
COMMENT ON COLUMN ops.history_requests.points IS 'Points that the answer held.';
COMMENT ON COLUMN ops.history_requests.attempts IS 'How often it was asked.';
COMMENT ON COLUMN ops.history_requests.asked_at IS 'When it was asked last.';
COMMENT ON COLUMN ops.history_requests.run_id IS 'Dagster run that asked last, when one did.';
CREATE INDEX ix_history_requests_asked_at ON ops.history_requests (asked_at);

CREATE FUNCTION analytics.market_chart_points_as_of(instant TIMESTAMPTZ)
RETURNS TABLE (
    observed_at TIMESTAMPTZ,
    provider TEXT,
    asset_id INTEGER,
    price_usd NUMERIC,
    market_cap_usd NUMERIC,
    volume_24h_usd NUMERIC,
    fetched_at TIMESTAMPTZ,
    payload_sha256 BYTEA,
    run_id TEXT,
    recorded_at TIMESTAMPTZ,
    slug TEXT,
    symbol TEXT,
    superseded_at TIMESTAMPTZ
)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
SELECT
    versions.observed_at,
    versions.provider,
    versions.asset_id,
    versions.price_usd,
    versions.market_cap_usd,
    versions.volume_24h_usd,
    versions.fetched_at,
    versions.payload_sha256,
    versions.run_id,
    versions.recorded_at,
    assets.slug,
    assets.symbol,
    versions.superseded_at
FROM (
    SELECT
        known.observed_at,
        known.provider,
        known.asset_id,
        known.price_usd,
        known.market_cap_usd,
        known.volume_24h_usd,
        known.fetched_at,
        known.payload_sha256,
        known.run_id,
        known.recorded_at,
        null::timestamptz AS superseded_at
    FROM raw.market_chart_points AS known
    WHERE known.recorded_at <= instant
    UNION ALL
    SELECT
        kept.observed_at,
        kept.provider,
        kept.asset_id,
        kept.price_usd,
        kept.market_cap_usd,
        kept.volume_24h_usd,
        kept.fetched_at,
        kept.payload_sha256,
        kept.run_id,
        kept.recorded_at,
        kept.superseded_at
    FROM raw.market_chart_points_revisions AS kept
    WHERE kept.recorded_at <= instant AND kept.superseded_at > instant
) AS versions
INNER JOIN market.assets AS assets ON versions.asset_id = assets.asset_id
$$;
COMMENT ON FUNCTION analytics.market_chart_points_as_of(TIMESTAMPTZ) IS
'What raw.market_chart_points said at the instant; superseded_at is NULL while it still says so.';

GRANT EXECUTE ON FUNCTION analytics.market_chart_points_as_of(TIMESTAMPTZ) TO cryptoflow_reader;

COMMENT ON COLUMN ops.slots.reason IS 'Why, in words; NULL when it was observed in its turn.';
