-- Purpose: views under customary names, and reads as of an instant.
-- Writes: views and functions in analytics.
-- Idempotent: no; Alembic runs it once, in one transaction.

CREATE VIEW analytics.minute_close AS
SELECT
    closes.bucket,
    closes.asset_id,
    assets.slug,
    assets.symbol,
    coalesce(keys.alias, assets.slug) AS coin_id,
    closes.bucket AS minute_ts,
    closes.market_cap_rank AS coin_rank,
    closes.recorded_at AS created_at,
    closes.price_usd,
    closes.market_cap_usd,
    closes.volume_24h_usd,
    closes.circulating_supply,
    closes.total_supply,
    closes.max_supply,
    closes.market_cap_rank,
    closes.provider,
    closes.sources,
    closes.dispersion,
    closes.observed_at,
    closes.formula_version,
    closes.recorded_at,
    CASE
        WHEN
            now() < closes.bucket + INTERVAL '1 minute' + INTERVAL '2 minutes'
            THEN 'provisional'
        WHEN
            EXISTS (
                SELECT 1
                FROM market.minute_close_revisions AS revisions
                WHERE
                    revisions.bucket = closes.bucket
                    AND revisions.asset_id = closes.asset_id
            )
            THEN 'revised'
        ELSE 'final'
    END AS status
FROM market.minute_close AS closes
INNER JOIN market.assets AS assets ON closes.asset_id = assets.asset_id
LEFT JOIN market.asset_aliases AS keys
    ON
        assets.asset_id = keys.asset_id
        AND keys.provider = 'coingecko'
        AND keys.kind = 'key'
        AND keys.valid_to IS NULL;
COMMENT ON VIEW analytics.minute_close IS
'The last figures of each asset observed in each minute, over all providers, with names and status.';
COMMENT ON COLUMN analytics.minute_close.bucket IS 'Start of the minute.';
COMMENT ON COLUMN analytics.minute_close.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN analytics.minute_close.slug IS 'Readable key of the asset, as in market.assets.';
COMMENT ON COLUMN analytics.minute_close.symbol IS 'Ticker symbol in force, upper case. Several assets may share one.';
COMMENT ON COLUMN analytics.minute_close.coin_id IS 'CoinGecko''s key in force, else the slug.';
COMMENT ON COLUMN analytics.minute_close.minute_ts IS 'Start of the minute: the same as bucket.';
COMMENT ON COLUMN analytics.minute_close.coin_rank IS 'Rank by market cap: the same as market_cap_rank.';
COMMENT ON COLUMN analytics.minute_close.created_at IS 'When this version became visible: the same as recorded_at.';
COMMENT ON COLUMN analytics.minute_close.price_usd IS 'Price at the close. Unit: usd.';
COMMENT ON COLUMN analytics.minute_close.market_cap_usd IS 'Price times circulating supply. Unit: usd.';
COMMENT ON COLUMN analytics.minute_close.volume_24h_usd IS
'Volume of the trailing 24 hours: a rolling figure that is never summed. Unit: usd.';
COMMENT ON COLUMN analytics.minute_close.circulating_supply IS 'Coins in circulation. Unit: coins.';
COMMENT ON COLUMN analytics.minute_close.total_supply IS 'Coins in existence. Unit: coins.';
COMMENT ON COLUMN analytics.minute_close.max_supply IS 'Coins that can ever exist. Unit: coins.';
COMMENT ON COLUMN analytics.minute_close.market_cap_rank IS 'Rank by market cap. Unit: rank.';
COMMENT ON COLUMN analytics.minute_close.provider IS
'Whose figures they are; with three or more sources the price alone is the median.';
COMMENT ON COLUMN analytics.minute_close.sources IS 'Providers with an observation in the minute.';
COMMENT ON COLUMN analytics.minute_close.dispersion IS
'(highest - lowest price) / median over the sources. Unit: ratio.';
COMMENT ON COLUMN analytics.minute_close.observed_at IS 'The provider''s own time of the figures.';
COMMENT ON COLUMN analytics.minute_close.formula_version IS 'Version of the rule that chose them.';
COMMENT ON COLUMN analytics.minute_close.recorded_at IS 'When this version became visible.';
COMMENT ON COLUMN analytics.minute_close.status IS
'provisional: still open or in its grace; final; revised: changed after it was final.';

CREATE VIEW analytics.hourly_close AS
SELECT
    closes.bucket,
    closes.asset_id,
    assets.slug,
    assets.symbol,
    coalesce(keys.alias, assets.slug) AS coin_id,
    closes.bucket AS hour_ts,
    closes.market_cap_rank AS coin_rank,
    closes.recorded_at AS created_at,
    closes.open_usd,
    closes.high_usd,
    closes.low_usd,
    closes.price_usd,
    closes.market_cap_usd,
    closes.volume_24h_usd,
    closes.circulating_supply,
    closes.total_supply,
    closes.max_supply,
    closes.market_cap_rank,
    closes.samples,
    closes.expected_samples,
    closes.coverage,
    closes.first_at,
    closes.last_at,
    closes.formula_version,
    closes.recorded_at,
    CASE
        WHEN
            now() < closes.bucket + INTERVAL '1 hour' + INTERVAL '2 minutes'
            THEN 'provisional'
        WHEN
            EXISTS (
                SELECT 1
                FROM market.hourly_close_revisions AS revisions
                WHERE
                    revisions.bucket = closes.bucket
                    AND revisions.asset_id = closes.asset_id
            )
            THEN 'revised'
        ELSE 'final'
    END AS status
FROM market.hourly_close AS closes
INNER JOIN market.assets AS assets ON closes.asset_id = assets.asset_id
LEFT JOIN market.asset_aliases AS keys
    ON
        assets.asset_id = keys.asset_id
        AND keys.provider = 'coingecko'
        AND keys.kind = 'key'
        AND keys.valid_to IS NULL;
COMMENT ON VIEW analytics.hourly_close IS
'First, highest, lowest and last figures of each asset in each hour, from minute closes, with names and status.';
COMMENT ON COLUMN analytics.hourly_close.bucket IS 'Start of the hour.';
COMMENT ON COLUMN analytics.hourly_close.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN analytics.hourly_close.slug IS 'Readable key of the asset, as in market.assets.';
COMMENT ON COLUMN analytics.hourly_close.symbol IS 'Ticker symbol in force, upper case. Several assets may share one.';
COMMENT ON COLUMN analytics.hourly_close.coin_id IS 'CoinGecko''s key in force, else the slug.';
COMMENT ON COLUMN analytics.hourly_close.hour_ts IS 'Start of the hour: the same as bucket.';
COMMENT ON COLUMN analytics.hourly_close.coin_rank IS 'Rank by market cap: the same as market_cap_rank.';
COMMENT ON COLUMN analytics.hourly_close.created_at IS 'When this version became visible: the same as recorded_at.';
COMMENT ON COLUMN analytics.hourly_close.open_usd IS 'First price. Unit: usd.';
COMMENT ON COLUMN analytics.hourly_close.high_usd IS 'Highest price. Unit: usd.';
COMMENT ON COLUMN analytics.hourly_close.low_usd IS 'Lowest price. Unit: usd.';
COMMENT ON COLUMN analytics.hourly_close.price_usd IS 'Last price: the close. Unit: usd.';
COMMENT ON COLUMN analytics.hourly_close.market_cap_usd IS 'Price times circulating supply. Unit: usd.';
COMMENT ON COLUMN analytics.hourly_close.volume_24h_usd IS
'Volume of the trailing 24 hours: a rolling figure that is never summed. Unit: usd.';
COMMENT ON COLUMN analytics.hourly_close.circulating_supply IS 'Coins in circulation. Unit: coins.';
COMMENT ON COLUMN analytics.hourly_close.total_supply IS 'Coins in existence. Unit: coins.';
COMMENT ON COLUMN analytics.hourly_close.max_supply IS 'Coins that can ever exist. Unit: coins.';
COMMENT ON COLUMN analytics.hourly_close.market_cap_rank IS 'Rank by market cap. Unit: rank.';
COMMENT ON COLUMN analytics.hourly_close.samples IS 'Minute closes that it is built from.';
COMMENT ON COLUMN analytics.hourly_close.expected_samples IS 'Minute closes of a whole hour.';
COMMENT ON COLUMN analytics.hourly_close.coverage IS 'Share of the expected samples that are there. Unit: ratio.';
COMMENT ON COLUMN analytics.hourly_close.first_at IS 'Start of the first minute with a close.';
COMMENT ON COLUMN analytics.hourly_close.last_at IS 'Start of the last minute with a close.';
COMMENT ON COLUMN analytics.hourly_close.formula_version IS 'Version of the rule that built it.';
COMMENT ON COLUMN analytics.hourly_close.recorded_at IS 'When this version became visible.';
COMMENT ON COLUMN analytics.hourly_close.status IS
'provisional: still open or in its grace; final; revised: changed after it was final.';

CREATE VIEW analytics.daily_close AS
SELECT
    closes.bucket,
    closes.asset_id,
    assets.slug,
    assets.symbol,
    coalesce(keys.alias, assets.slug) AS coin_id,
    closes.bucket AS day_ts,
    closes.market_cap_rank AS coin_rank,
    closes.recorded_at AS created_at,
    closes.open_usd,
    closes.high_usd,
    closes.low_usd,
    closes.price_usd,
    closes.market_cap_usd,
    closes.volume_24h_usd,
    closes.circulating_supply,
    closes.total_supply,
    closes.max_supply,
    closes.market_cap_rank,
    closes.samples,
    closes.expected_samples,
    closes.coverage,
    closes.first_at,
    closes.last_at,
    closes.formula_version,
    closes.recorded_at,
    CASE
        WHEN
            now() < closes.bucket + INTERVAL '24 hours' + INTERVAL '2 minutes'
            THEN 'provisional'
        WHEN
            EXISTS (
                SELECT 1
                FROM market.daily_close_revisions AS revisions
                WHERE
                    revisions.bucket = closes.bucket
                    AND revisions.asset_id = closes.asset_id
            )
            THEN 'revised'
        ELSE 'final'
    END AS status
FROM market.daily_close AS closes
INNER JOIN market.assets AS assets ON closes.asset_id = assets.asset_id
LEFT JOIN market.asset_aliases AS keys
    ON
        assets.asset_id = keys.asset_id
        AND keys.provider = 'coingecko'
        AND keys.kind = 'key'
        AND keys.valid_to IS NULL;
COMMENT ON VIEW analytics.daily_close IS
'First, highest, lowest and last figures of each asset in each day, from hour closes, with names and status.';
COMMENT ON COLUMN analytics.daily_close.bucket IS 'Start of the day.';
COMMENT ON COLUMN analytics.daily_close.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN analytics.daily_close.slug IS 'Readable key of the asset, as in market.assets.';
COMMENT ON COLUMN analytics.daily_close.symbol IS 'Ticker symbol in force, upper case. Several assets may share one.';
COMMENT ON COLUMN analytics.daily_close.coin_id IS 'CoinGecko''s key in force, else the slug.';
COMMENT ON COLUMN analytics.daily_close.day_ts IS 'Start of the day: the same as bucket.';
COMMENT ON COLUMN analytics.daily_close.coin_rank IS 'Rank by market cap: the same as market_cap_rank.';
COMMENT ON COLUMN analytics.daily_close.created_at IS 'When this version became visible: the same as recorded_at.';
COMMENT ON COLUMN analytics.daily_close.open_usd IS 'First price. Unit: usd.';
COMMENT ON COLUMN analytics.daily_close.high_usd IS 'Highest price. Unit: usd.';
COMMENT ON COLUMN analytics.daily_close.low_usd IS 'Lowest price. Unit: usd.';
COMMENT ON COLUMN analytics.daily_close.price_usd IS 'Last price: the close. Unit: usd.';
COMMENT ON COLUMN analytics.daily_close.market_cap_usd IS 'Price times circulating supply. Unit: usd.';
COMMENT ON COLUMN analytics.daily_close.volume_24h_usd IS
'Volume of the trailing 24 hours: a rolling figure that is never summed. Unit: usd.';
COMMENT ON COLUMN analytics.daily_close.circulating_supply IS 'Coins in circulation. Unit: coins.';
COMMENT ON COLUMN analytics.daily_close.total_supply IS 'Coins in existence. Unit: coins.';
COMMENT ON COLUMN analytics.daily_close.max_supply IS 'Coins that can ever exist. Unit: coins.';
COMMENT ON COLUMN analytics.daily_close.market_cap_rank IS 'Rank by market cap. Unit: rank.';
COMMENT ON COLUMN analytics.daily_close.samples IS 'Hour closes that it is built from.';
COMMENT ON COLUMN analytics.daily_close.expected_samples IS 'Hour closes of a whole day.';
COMMENT ON COLUMN analytics.daily_close.coverage IS 'Share of the expected samples that are there. Unit: ratio.';
COMMENT ON COLUMN analytics.daily_close.first_at IS 'Start of the first minute with a close.';
COMMENT ON COLUMN analytics.daily_close.last_at IS 'Start of the last minute with a close.';
COMMENT ON COLUMN analytics.daily_close.formula_version IS 'Version of the rule that built it.';
COMMENT ON COLUMN analytics.daily_close.recorded_at IS 'When this version became visible.';
COMMENT ON COLUMN analytics.daily_close.status IS
'provisional: still open or in its grace; final; revised: changed after it was final.';

CREATE VIEW analytics.weekly_close AS
SELECT
    closes.bucket,
    closes.asset_id,
    assets.slug,
    assets.symbol,
    coalesce(keys.alias, assets.slug) AS coin_id,
    closes.bucket AS week_ts,
    closes.market_cap_rank AS coin_rank,
    closes.recorded_at AS created_at,
    closes.open_usd,
    closes.high_usd,
    closes.low_usd,
    closes.price_usd,
    closes.market_cap_usd,
    closes.volume_24h_usd,
    closes.circulating_supply,
    closes.total_supply,
    closes.max_supply,
    closes.market_cap_rank,
    closes.samples,
    closes.expected_samples,
    closes.coverage,
    closes.first_at,
    closes.last_at,
    closes.formula_version,
    closes.recorded_at,
    CASE
        WHEN
            now() < closes.bucket + INTERVAL '168 hours' + INTERVAL '2 minutes'
            THEN 'provisional'
        WHEN
            EXISTS (
                SELECT 1
                FROM market.weekly_close_revisions AS revisions
                WHERE
                    revisions.bucket = closes.bucket
                    AND revisions.asset_id = closes.asset_id
            )
            THEN 'revised'
        ELSE 'final'
    END AS status
FROM market.weekly_close AS closes
INNER JOIN market.assets AS assets ON closes.asset_id = assets.asset_id
LEFT JOIN market.asset_aliases AS keys
    ON
        assets.asset_id = keys.asset_id
        AND keys.provider = 'coingecko'
        AND keys.kind = 'key'
        AND keys.valid_to IS NULL;
COMMENT ON VIEW analytics.weekly_close IS
'First, highest, lowest and last figures of each asset in each week, from day closes, with names and status.';
COMMENT ON COLUMN analytics.weekly_close.bucket IS 'Start of the week.';
COMMENT ON COLUMN analytics.weekly_close.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN analytics.weekly_close.slug IS 'Readable key of the asset, as in market.assets.';
COMMENT ON COLUMN analytics.weekly_close.symbol IS 'Ticker symbol in force, upper case. Several assets may share one.';
COMMENT ON COLUMN analytics.weekly_close.coin_id IS 'CoinGecko''s key in force, else the slug.';
COMMENT ON COLUMN analytics.weekly_close.week_ts IS 'Start of the week: the same as bucket.';
COMMENT ON COLUMN analytics.weekly_close.coin_rank IS 'Rank by market cap: the same as market_cap_rank.';
COMMENT ON COLUMN analytics.weekly_close.created_at IS 'When this version became visible: the same as recorded_at.';
COMMENT ON COLUMN analytics.weekly_close.open_usd IS 'First price. Unit: usd.';
COMMENT ON COLUMN analytics.weekly_close.high_usd IS 'Highest price. Unit: usd.';
COMMENT ON COLUMN analytics.weekly_close.low_usd IS 'Lowest price. Unit: usd.';
COMMENT ON COLUMN analytics.weekly_close.price_usd IS 'Last price: the close. Unit: usd.';
COMMENT ON COLUMN analytics.weekly_close.market_cap_usd IS 'Price times circulating supply. Unit: usd.';
COMMENT ON COLUMN analytics.weekly_close.volume_24h_usd IS
'Volume of the trailing 24 hours: a rolling figure that is never summed. Unit: usd.';
COMMENT ON COLUMN analytics.weekly_close.circulating_supply IS 'Coins in circulation. Unit: coins.';
COMMENT ON COLUMN analytics.weekly_close.total_supply IS 'Coins in existence. Unit: coins.';
COMMENT ON COLUMN analytics.weekly_close.max_supply IS 'Coins that can ever exist. Unit: coins.';
COMMENT ON COLUMN analytics.weekly_close.market_cap_rank IS 'Rank by market cap. Unit: rank.';
COMMENT ON COLUMN analytics.weekly_close.samples IS 'Day closes that it is built from.';
COMMENT ON COLUMN analytics.weekly_close.expected_samples IS 'Day closes of a whole week.';
COMMENT ON COLUMN analytics.weekly_close.coverage IS 'Share of the expected samples that are there. Unit: ratio.';
COMMENT ON COLUMN analytics.weekly_close.first_at IS 'Start of the first minute with a close.';
COMMENT ON COLUMN analytics.weekly_close.last_at IS 'Start of the last minute with a close.';
COMMENT ON COLUMN analytics.weekly_close.formula_version IS 'Version of the rule that built it.';
COMMENT ON COLUMN analytics.weekly_close.recorded_at IS 'When this version became visible.';
COMMENT ON COLUMN analytics.weekly_close.status IS
'provisional: still open or in its grace; final; revised: changed after it was final.';

CREATE VIEW analytics.monthly_close AS
SELECT
    closes.bucket,
    closes.asset_id,
    assets.slug,
    assets.symbol,
    coalesce(keys.alias, assets.slug) AS coin_id,
    closes.bucket AS month_ts,
    closes.market_cap_rank AS coin_rank,
    closes.recorded_at AS created_at,
    closes.open_usd,
    closes.high_usd,
    closes.low_usd,
    closes.price_usd,
    closes.market_cap_usd,
    closes.volume_24h_usd,
    closes.circulating_supply,
    closes.total_supply,
    closes.max_supply,
    closes.market_cap_rank,
    closes.samples,
    closes.expected_samples,
    closes.coverage,
    closes.first_at,
    closes.last_at,
    closes.formula_version,
    closes.recorded_at,
    CASE
        WHEN
            now() < (closes.bucket AT TIME ZONE 'UTC' + INTERVAL '1 month') AT TIME ZONE 'UTC' + INTERVAL '2 minutes'
            THEN 'provisional'
        WHEN
            EXISTS (
                SELECT 1
                FROM market.monthly_close_revisions AS revisions
                WHERE
                    revisions.bucket = closes.bucket
                    AND revisions.asset_id = closes.asset_id
            )
            THEN 'revised'
        ELSE 'final'
    END AS status
FROM market.monthly_close AS closes
INNER JOIN market.assets AS assets ON closes.asset_id = assets.asset_id
LEFT JOIN market.asset_aliases AS keys
    ON
        assets.asset_id = keys.asset_id
        AND keys.provider = 'coingecko'
        AND keys.kind = 'key'
        AND keys.valid_to IS NULL;
COMMENT ON VIEW analytics.monthly_close IS
'First, highest, lowest and last figures of each asset in each month, from day closes, with names and status.';
COMMENT ON COLUMN analytics.monthly_close.bucket IS 'Start of the month.';
COMMENT ON COLUMN analytics.monthly_close.asset_id IS 'The asset, as in market.assets.';
COMMENT ON COLUMN analytics.monthly_close.slug IS 'Readable key of the asset, as in market.assets.';
COMMENT ON COLUMN analytics.monthly_close.symbol IS 'Ticker symbol in force, upper case. Several assets may share one.';
COMMENT ON COLUMN analytics.monthly_close.coin_id IS 'CoinGecko''s key in force, else the slug.';
COMMENT ON COLUMN analytics.monthly_close.month_ts IS 'Start of the month: the same as bucket.';
COMMENT ON COLUMN analytics.monthly_close.coin_rank IS 'Rank by market cap: the same as market_cap_rank.';
COMMENT ON COLUMN analytics.monthly_close.created_at IS 'When this version became visible: the same as recorded_at.';
COMMENT ON COLUMN analytics.monthly_close.open_usd IS 'First price. Unit: usd.';
COMMENT ON COLUMN analytics.monthly_close.high_usd IS 'Highest price. Unit: usd.';
COMMENT ON COLUMN analytics.monthly_close.low_usd IS 'Lowest price. Unit: usd.';
COMMENT ON COLUMN analytics.monthly_close.price_usd IS 'Last price: the close. Unit: usd.';
COMMENT ON COLUMN analytics.monthly_close.market_cap_usd IS 'Price times circulating supply. Unit: usd.';
COMMENT ON COLUMN analytics.monthly_close.volume_24h_usd IS
'Volume of the trailing 24 hours: a rolling figure that is never summed. Unit: usd.';
COMMENT ON COLUMN analytics.monthly_close.circulating_supply IS 'Coins in circulation. Unit: coins.';
COMMENT ON COLUMN analytics.monthly_close.total_supply IS 'Coins in existence. Unit: coins.';
COMMENT ON COLUMN analytics.monthly_close.max_supply IS 'Coins that can ever exist. Unit: coins.';
COMMENT ON COLUMN analytics.monthly_close.market_cap_rank IS 'Rank by market cap. Unit: rank.';
COMMENT ON COLUMN analytics.monthly_close.samples IS 'Day closes that it is built from.';
COMMENT ON COLUMN analytics.monthly_close.expected_samples IS 'Day closes of a whole month.';
COMMENT ON COLUMN analytics.monthly_close.coverage IS 'Share of the expected samples that are there. Unit: ratio.';
COMMENT ON COLUMN analytics.monthly_close.first_at IS 'Start of the first minute with a close.';
COMMENT ON COLUMN analytics.monthly_close.last_at IS 'Start of the last minute with a close.';
COMMENT ON COLUMN analytics.monthly_close.formula_version IS 'Version of the rule that built it.';
COMMENT ON COLUMN analytics.monthly_close.recorded_at IS 'When this version became visible.';
COMMENT ON COLUMN analytics.monthly_close.status IS
'provisional: still open or in its grace; final; revised: changed after it was final.';

CREATE VIEW analytics.tokens AS
SELECT
    assets.asset_id AS id,
    CASE WHEN keys.alias ~ '^[0-9]{1,9}$' THEN keys.alias::INTEGER END AS cmc_id,
    assets.name,
    assets.symbol,
    assets.slug,
    assets.description,
    assets.logo_url,
    assets.website_url,
    assets.twitter_handle,
    assets.reddit_url,
    assets.github_url,
    assets.whitepaper_url,
    assets.date_added,
    assets.is_active,
    assets.created_at,
    assets.updated_at
FROM market.assets AS assets
LEFT JOIN market.asset_aliases AS keys
    ON
        assets.asset_id = keys.asset_id
        AND keys.provider = 'coinmarketcap'
        AND keys.kind = 'key'
        AND keys.valid_to IS NULL;
COMMENT ON VIEW analytics.tokens IS 'Every asset with what is told about it, one row per asset.';
COMMENT ON COLUMN analytics.tokens.id IS 'Surrogate key, as asset_id in market.assets.';
COMMENT ON COLUMN analytics.tokens.cmc_id IS 'CoinMarketCap''s key in force; NULL when it lists no such asset.';
COMMENT ON COLUMN analytics.tokens.name IS 'Name in force.';
COMMENT ON COLUMN analytics.tokens.symbol IS 'Ticker symbol in force, upper case. Several assets may share one.';
COMMENT ON COLUMN analytics.tokens.slug IS 'Readable key of this warehouse, fixed when the asset is first seen.';
COMMENT ON COLUMN analytics.tokens.description IS 'What the asset is, in its provider''s words.';
COMMENT ON COLUMN analytics.tokens.logo_url IS 'Address of the logo.';
COMMENT ON COLUMN analytics.tokens.website_url IS 'Address of the project''s site.';
COMMENT ON COLUMN analytics.tokens.twitter_handle IS 'Name of the project on X, without @.';
COMMENT ON COLUMN analytics.tokens.reddit_url IS 'Address of the project''s subreddit.';
COMMENT ON COLUMN analytics.tokens.github_url IS 'Address of the project''s main repository or organisation.';
COMMENT ON COLUMN analytics.tokens.whitepaper_url IS 'Address of the technical document.';
COMMENT ON COLUMN analytics.tokens.date_added IS 'When CoinMarketCap first listed it.';
COMMENT ON COLUMN analytics.tokens.is_active IS 'True while at least one provider lists it.';
COMMENT ON COLUMN analytics.tokens.created_at IS 'When the row was written.';
COMMENT ON COLUMN analytics.tokens.updated_at IS 'When the row last changed.';

CREATE VIEW analytics.coin_priorities AS
WITH newest AS (
    -- A month carries the figures of its last minute: the smallest table that knows the newest ones.
    SELECT DISTINCT ON (closes.asset_id)
        closes.asset_id,
        closes.market_cap_rank,
        closes.market_cap_usd,
        closes.recorded_at
    FROM market.monthly_close AS closes
    ORDER BY closes.asset_id ASC, closes.bucket DESC
)

SELECT
    coalesce(keys.alias, assets.slug) AS coin_id,
    coalesce(newest.market_cap_rank, assets.market_cap_rank) AS market_cap_rank,
    newest.market_cap_usd,
    assets.symbol,
    assets.name,
    assets.logo_url AS image_url,
    coalesce(newest.recorded_at, assets.updated_at) AS last_updated,
    assets.created_at
FROM market.assets AS assets
LEFT JOIN newest ON assets.asset_id = newest.asset_id
LEFT JOIN market.asset_aliases AS keys
    ON
        assets.asset_id = keys.asset_id
        AND keys.provider = 'coingecko'
        AND keys.kind = 'key'
        AND keys.valid_to IS NULL
WHERE
    assets.is_active
    AND coalesce(newest.market_cap_rank, assets.market_cap_rank) IS NOT NULL;
COMMENT ON VIEW analytics.coin_priorities IS 'Active assets that have a rank, with their newest rank and market cap.';
COMMENT ON COLUMN analytics.coin_priorities.coin_id IS 'CoinGecko''s key in force, else the slug.';
COMMENT ON COLUMN analytics.coin_priorities.market_cap_rank IS 'Newest known rank by market cap. Unit: rank.';
COMMENT ON COLUMN analytics.coin_priorities.market_cap_usd IS 'Newest known market cap. Unit: usd.';
COMMENT ON COLUMN analytics.coin_priorities.symbol IS
'Ticker symbol in force, upper case. Several assets may share one.';
COMMENT ON COLUMN analytics.coin_priorities.name IS 'Name in force.';
COMMENT ON COLUMN analytics.coin_priorities.image_url IS 'Address of the logo.';
COMMENT ON COLUMN analytics.coin_priorities.last_updated IS 'When rank and market cap became visible.';
COMMENT ON COLUMN analytics.coin_priorities.created_at IS 'When the row was written.';

CREATE VIEW analytics.collection_status AS
SELECT
    runs.id,
    runs.collection_type,
    runs.dataset,
    runs.provider,
    runs.start_time,
    runs.end_time,
    runs.coins_processed,
    runs.coins_failed,
    runs.api_calls_made,
    runs.status,
    runs.error_message,
    runs.batch_details,
    runs.run_id,
    runs.created_at
FROM ops.collection_status AS runs;
COMMENT ON VIEW analytics.collection_status IS 'Every collection: what was asked of whom, how much came, how it ended.';
COMMENT ON COLUMN analytics.collection_status.id IS 'Surrogate key.';
COMMENT ON COLUMN analytics.collection_status.collection_type IS 'Why it ran.';
COMMENT ON COLUMN analytics.collection_status.dataset IS 'Table that the collection feeds.';
COMMENT ON COLUMN analytics.collection_status.provider IS 'Who was asked.';
COMMENT ON COLUMN analytics.collection_status.start_time IS 'When it began.';
COMMENT ON COLUMN analytics.collection_status.end_time IS 'When it ended; NULL while it runs.';
COMMENT ON COLUMN analytics.collection_status.coins_processed IS 'Assets that were stored.';
COMMENT ON COLUMN analytics.collection_status.coins_failed IS 'Assets that were refused or missing.';
COMMENT ON COLUMN analytics.collection_status.api_calls_made IS 'Calls that it made, retries included.';
COMMENT ON COLUMN analytics.collection_status.status IS 'How it stands.';
COMMENT ON COLUMN analytics.collection_status.error_message IS 'What went wrong and what to do.';
COMMENT ON COLUMN analytics.collection_status.batch_details IS 'Pages, duplicates, what was missing.';
COMMENT ON COLUMN analytics.collection_status.run_id IS 'Dagster run, when one did it.';
COMMENT ON COLUMN analytics.collection_status.created_at IS 'When the row was written.';

CREATE VIEW analytics.api_usage_stats AS
SELECT
    usage.id,
    usage.provider,
    usage.date,
    usage.total_calls,
    usage.successful_calls,
    usage.failed_calls,
    usage.rate_limited_calls,
    usage.credits_used,
    usage.total_response_ms,
    usage.average_response_time,
    usage.peak_calls_per_minute,
    usage.created_at,
    usage.updated_at
FROM ops.api_usage_stats AS usage;
COMMENT ON VIEW analytics.api_usage_stats IS 'Calls to each provider by UTC day: the truth about quotas.';
COMMENT ON COLUMN analytics.api_usage_stats.id IS 'Surrogate key.';
COMMENT ON COLUMN analytics.api_usage_stats.provider IS 'Who was asked.';
COMMENT ON COLUMN analytics.api_usage_stats.date IS 'UTC day.';
COMMENT ON COLUMN analytics.api_usage_stats.total_calls IS 'Calls, retries included.';
COMMENT ON COLUMN analytics.api_usage_stats.successful_calls IS 'Calls with a usable answer.';
COMMENT ON COLUMN analytics.api_usage_stats.failed_calls IS 'Calls that failed otherwise than by a limit.';
COMMENT ON COLUMN analytics.api_usage_stats.rate_limited_calls IS 'Calls refused by a rate or a quota.';
COMMENT ON COLUMN analytics.api_usage_stats.credits_used IS 'Cost, in the provider''s units. Unit: credits.';
COMMENT ON COLUMN analytics.api_usage_stats.total_response_ms IS 'Sum of response times. Unit: ms.';
COMMENT ON COLUMN analytics.api_usage_stats.average_response_time IS 'Mean response time. Unit: ms.';
COMMENT ON COLUMN analytics.api_usage_stats.peak_calls_per_minute IS 'Most calls within one minute.';
COMMENT ON COLUMN analytics.api_usage_stats.created_at IS 'When the row was written.';
COMMENT ON COLUMN analytics.api_usage_stats.updated_at IS 'When the row last changed.';

CREATE VIEW analytics.schema_migrations AS
SELECT
    steps.version,
    steps.name,
    steps.applied_at
FROM ops.schema_migrations AS steps;
COMMENT ON VIEW analytics.schema_migrations IS 'The migrations in force, with the time at which each was applied.';
COMMENT ON COLUMN analytics.schema_migrations.version IS 'Revision of the migration.';
COMMENT ON COLUMN analytics.schema_migrations.name IS 'What the migration brings.';
COMMENT ON COLUMN analytics.schema_migrations.applied_at IS 'When it was applied.';

CREATE FUNCTION analytics.minute_close_as_of(instant TIMESTAMPTZ)
RETURNS TABLE (
    bucket TIMESTAMPTZ,
    asset_id INTEGER,
    price_usd NUMERIC,
    market_cap_usd NUMERIC,
    volume_24h_usd NUMERIC,
    circulating_supply NUMERIC,
    total_supply NUMERIC,
    max_supply NUMERIC,
    market_cap_rank INTEGER,
    provider TEXT,
    sources SMALLINT,
    dispersion NUMERIC,
    observed_at TIMESTAMPTZ,
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
    versions.price_usd,
    versions.market_cap_usd,
    versions.volume_24h_usd,
    versions.circulating_supply,
    versions.total_supply,
    versions.max_supply,
    versions.market_cap_rank,
    versions.provider,
    versions.sources,
    versions.dispersion,
    versions.observed_at,
    versions.formula_version,
    versions.recorded_at,
    assets.slug,
    assets.symbol,
    versions.superseded_at
FROM (
    SELECT
        known.bucket,
        known.asset_id,
        known.price_usd,
        known.market_cap_usd,
        known.volume_24h_usd,
        known.circulating_supply,
        known.total_supply,
        known.max_supply,
        known.market_cap_rank,
        known.provider,
        known.sources,
        known.dispersion,
        known.observed_at,
        known.formula_version,
        known.recorded_at,
        null::timestamptz AS superseded_at
    FROM market.minute_close AS known
    WHERE known.recorded_at <= instant
    UNION ALL
    SELECT
        kept.bucket,
        kept.asset_id,
        kept.price_usd,
        kept.market_cap_usd,
        kept.volume_24h_usd,
        kept.circulating_supply,
        kept.total_supply,
        kept.max_supply,
        kept.market_cap_rank,
        kept.provider,
        kept.sources,
        kept.dispersion,
        kept.observed_at,
        kept.formula_version,
        kept.recorded_at,
        kept.superseded_at
    FROM market.minute_close_revisions AS kept
    WHERE kept.recorded_at <= instant AND kept.superseded_at > instant
) AS versions
INNER JOIN market.assets AS assets ON versions.asset_id = assets.asset_id
$$;
COMMENT ON FUNCTION analytics.minute_close_as_of(TIMESTAMPTZ) IS
'What market.minute_close said at the instant; superseded_at is NULL while it still says so.';

CREATE FUNCTION analytics.hourly_close_as_of(instant TIMESTAMPTZ)
RETURNS TABLE (
    bucket TIMESTAMPTZ,
    asset_id INTEGER,
    open_usd NUMERIC,
    high_usd NUMERIC,
    low_usd NUMERIC,
    price_usd NUMERIC,
    market_cap_usd NUMERIC,
    volume_24h_usd NUMERIC,
    circulating_supply NUMERIC,
    total_supply NUMERIC,
    max_supply NUMERIC,
    market_cap_rank INTEGER,
    samples INTEGER,
    expected_samples INTEGER,
    coverage NUMERIC,
    first_at TIMESTAMPTZ,
    last_at TIMESTAMPTZ,
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
    versions.open_usd,
    versions.high_usd,
    versions.low_usd,
    versions.price_usd,
    versions.market_cap_usd,
    versions.volume_24h_usd,
    versions.circulating_supply,
    versions.total_supply,
    versions.max_supply,
    versions.market_cap_rank,
    versions.samples,
    versions.expected_samples,
    versions.coverage,
    versions.first_at,
    versions.last_at,
    versions.formula_version,
    versions.recorded_at,
    assets.slug,
    assets.symbol,
    versions.superseded_at
FROM (
    SELECT
        known.bucket,
        known.asset_id,
        known.open_usd,
        known.high_usd,
        known.low_usd,
        known.price_usd,
        known.market_cap_usd,
        known.volume_24h_usd,
        known.circulating_supply,
        known.total_supply,
        known.max_supply,
        known.market_cap_rank,
        known.samples,
        known.expected_samples,
        known.coverage,
        known.first_at,
        known.last_at,
        known.formula_version,
        known.recorded_at,
        null::timestamptz AS superseded_at
    FROM market.hourly_close AS known
    WHERE known.recorded_at <= instant
    UNION ALL
    SELECT
        kept.bucket,
        kept.asset_id,
        kept.open_usd,
        kept.high_usd,
        kept.low_usd,
        kept.price_usd,
        kept.market_cap_usd,
        kept.volume_24h_usd,
        kept.circulating_supply,
        kept.total_supply,
        kept.max_supply,
        kept.market_cap_rank,
        kept.samples,
        kept.expected_samples,
        round(kept.samples::numeric / kept.expected_samples, 6) AS coverage,
        kept.first_at,
        kept.last_at,
        kept.formula_version,
        kept.recorded_at,
        kept.superseded_at
    FROM market.hourly_close_revisions AS kept
    WHERE kept.recorded_at <= instant AND kept.superseded_at > instant
) AS versions
INNER JOIN market.assets AS assets ON versions.asset_id = assets.asset_id
$$;
COMMENT ON FUNCTION analytics.hourly_close_as_of(TIMESTAMPTZ) IS
'What market.hourly_close said at the instant; superseded_at is NULL while it still says so.';

CREATE FUNCTION analytics.daily_close_as_of(instant TIMESTAMPTZ)
RETURNS TABLE (
    bucket TIMESTAMPTZ,
    asset_id INTEGER,
    open_usd NUMERIC,
    high_usd NUMERIC,
    low_usd NUMERIC,
    price_usd NUMERIC,
    market_cap_usd NUMERIC,
    volume_24h_usd NUMERIC,
    circulating_supply NUMERIC,
    total_supply NUMERIC,
    max_supply NUMERIC,
    market_cap_rank INTEGER,
    samples INTEGER,
    expected_samples INTEGER,
    coverage NUMERIC,
    first_at TIMESTAMPTZ,
    last_at TIMESTAMPTZ,
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
    versions.open_usd,
    versions.high_usd,
    versions.low_usd,
    versions.price_usd,
    versions.market_cap_usd,
    versions.volume_24h_usd,
    versions.circulating_supply,
    versions.total_supply,
    versions.max_supply,
    versions.market_cap_rank,
    versions.samples,
    versions.expected_samples,
    versions.coverage,
    versions.first_at,
    versions.last_at,
    versions.formula_version,
    versions.recorded_at,
    assets.slug,
    assets.symbol,
    versions.superseded_at
FROM (
    SELECT
        known.bucket,
        known.asset_id,
        known.open_usd,
        known.high_usd,
        known.low_usd,
        known.price_usd,
        known.market_cap_usd,
        known.volume_24h_usd,
        known.circulating_supply,
        known.total_supply,
        known.max_supply,
        known.market_cap_rank,
        known.samples,
        known.expected_samples,
        known.coverage,
        known.first_at,
        known.last_at,
        known.formula_version,
        known.recorded_at,
        null::timestamptz AS superseded_at
    FROM market.daily_close AS known
    WHERE known.recorded_at <= instant
    UNION ALL
    SELECT
        kept.bucket,
        kept.asset_id,
        kept.open_usd,
        kept.high_usd,
        kept.low_usd,
        kept.price_usd,
        kept.market_cap_usd,
        kept.volume_24h_usd,
        kept.circulating_supply,
        kept.total_supply,
        kept.max_supply,
        kept.market_cap_rank,
        kept.samples,
        kept.expected_samples,
        round(kept.samples::numeric / kept.expected_samples, 6) AS coverage,
        kept.first_at,
        kept.last_at,
        kept.formula_version,
        kept.recorded_at,
        kept.superseded_at
    FROM market.daily_close_revisions AS kept
    WHERE kept.recorded_at <= instant AND kept.superseded_at > instant
) AS versions
INNER JOIN market.assets AS assets ON versions.asset_id = assets.asset_id
$$;
COMMENT ON FUNCTION analytics.daily_close_as_of(TIMESTAMPTZ) IS
'What market.daily_close said at the instant; superseded_at is NULL while it still says so.';

CREATE FUNCTION analytics.weekly_close_as_of(instant TIMESTAMPTZ)
RETURNS TABLE (
    bucket TIMESTAMPTZ,
    asset_id INTEGER,
    open_usd NUMERIC,
    high_usd NUMERIC,
    low_usd NUMERIC,
    price_usd NUMERIC,
    market_cap_usd NUMERIC,
    volume_24h_usd NUMERIC,
    circulating_supply NUMERIC,
    total_supply NUMERIC,
    max_supply NUMERIC,
    market_cap_rank INTEGER,
    samples INTEGER,
    expected_samples INTEGER,
    coverage NUMERIC,
    first_at TIMESTAMPTZ,
    last_at TIMESTAMPTZ,
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
    versions.open_usd,
    versions.high_usd,
    versions.low_usd,
    versions.price_usd,
    versions.market_cap_usd,
    versions.volume_24h_usd,
    versions.circulating_supply,
    versions.total_supply,
    versions.max_supply,
    versions.market_cap_rank,
    versions.samples,
    versions.expected_samples,
    versions.coverage,
    versions.first_at,
    versions.last_at,
    versions.formula_version,
    versions.recorded_at,
    assets.slug,
    assets.symbol,
    versions.superseded_at
FROM (
    SELECT
        known.bucket,
        known.asset_id,
        known.open_usd,
        known.high_usd,
        known.low_usd,
        known.price_usd,
        known.market_cap_usd,
        known.volume_24h_usd,
        known.circulating_supply,
        known.total_supply,
        known.max_supply,
        known.market_cap_rank,
        known.samples,
        known.expected_samples,
        known.coverage,
        known.first_at,
        known.last_at,
        known.formula_version,
        known.recorded_at,
        null::timestamptz AS superseded_at
    FROM market.weekly_close AS known
    WHERE known.recorded_at <= instant
    UNION ALL
    SELECT
        kept.bucket,
        kept.asset_id,
        kept.open_usd,
        kept.high_usd,
        kept.low_usd,
        kept.price_usd,
        kept.market_cap_usd,
        kept.volume_24h_usd,
        kept.circulating_supply,
        kept.total_supply,
        kept.max_supply,
        kept.market_cap_rank,
        kept.samples,
        kept.expected_samples,
        round(kept.samples::numeric / kept.expected_samples, 6) AS coverage,
        kept.first_at,
        kept.last_at,
        kept.formula_version,
        kept.recorded_at,
        kept.superseded_at
    FROM market.weekly_close_revisions AS kept
    WHERE kept.recorded_at <= instant AND kept.superseded_at > instant
) AS versions
INNER JOIN market.assets AS assets ON versions.asset_id = assets.asset_id
$$;
COMMENT ON FUNCTION analytics.weekly_close_as_of(TIMESTAMPTZ) IS
'What market.weekly_close said at the instant; superseded_at is NULL while it still says so.';

CREATE FUNCTION analytics.monthly_close_as_of(instant TIMESTAMPTZ)
RETURNS TABLE (
    bucket TIMESTAMPTZ,
    asset_id INTEGER,
    open_usd NUMERIC,
    high_usd NUMERIC,
    low_usd NUMERIC,
    price_usd NUMERIC,
    market_cap_usd NUMERIC,
    volume_24h_usd NUMERIC,
    circulating_supply NUMERIC,
    total_supply NUMERIC,
    max_supply NUMERIC,
    market_cap_rank INTEGER,
    samples INTEGER,
    expected_samples INTEGER,
    coverage NUMERIC,
    first_at TIMESTAMPTZ,
    last_at TIMESTAMPTZ,
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
    versions.open_usd,
    versions.high_usd,
    versions.low_usd,
    versions.price_usd,
    versions.market_cap_usd,
    versions.volume_24h_usd,
    versions.circulating_supply,
    versions.total_supply,
    versions.max_supply,
    versions.market_cap_rank,
    versions.samples,
    versions.expected_samples,
    versions.coverage,
    versions.first_at,
    versions.last_at,
    versions.formula_version,
    versions.recorded_at,
    assets.slug,
    assets.symbol,
    versions.superseded_at
FROM (
    SELECT
        known.bucket,
        known.asset_id,
        known.open_usd,
        known.high_usd,
        known.low_usd,
        known.price_usd,
        known.market_cap_usd,
        known.volume_24h_usd,
        known.circulating_supply,
        known.total_supply,
        known.max_supply,
        known.market_cap_rank,
        known.samples,
        known.expected_samples,
        known.coverage,
        known.first_at,
        known.last_at,
        known.formula_version,
        known.recorded_at,
        null::timestamptz AS superseded_at
    FROM market.monthly_close AS known
    WHERE known.recorded_at <= instant
    UNION ALL
    SELECT
        kept.bucket,
        kept.asset_id,
        kept.open_usd,
        kept.high_usd,
        kept.low_usd,
        kept.price_usd,
        kept.market_cap_usd,
        kept.volume_24h_usd,
        kept.circulating_supply,
        kept.total_supply,
        kept.max_supply,
        kept.market_cap_rank,
        kept.samples,
        kept.expected_samples,
        round(kept.samples::numeric / kept.expected_samples, 6) AS coverage,
        kept.first_at,
        kept.last_at,
        kept.formula_version,
        kept.recorded_at,
        kept.superseded_at
    FROM market.monthly_close_revisions AS kept
    WHERE kept.recorded_at <= instant AND kept.superseded_at > instant
) AS versions
INNER JOIN market.assets AS assets ON versions.asset_id = assets.asset_id
$$;
COMMENT ON FUNCTION analytics.monthly_close_as_of(TIMESTAMPTZ) IS
'What market.monthly_close said at the instant; superseded_at is NULL while it still says so.';

CREATE FUNCTION analytics.market_snapshots_as_of(instant TIMESTAMPTZ)
RETURNS TABLE (
    observed_at TIMESTAMPTZ,
    provider TEXT,
    asset_id INTEGER,
    slot TIMESTAMPTZ,
    fetched_at TIMESTAMPTZ,
    price_usd NUMERIC,
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
    versions.slot,
    versions.fetched_at,
    versions.price_usd,
    versions.market_cap_usd,
    versions.volume_24h_usd,
    versions.circulating_supply,
    versions.total_supply,
    versions.max_supply,
    versions.market_cap_rank,
    versions.fully_diluted_valuation_usd,
    versions.price_change_1h_percent,
    versions.price_change_24h_percent,
    versions.price_change_7d_percent,
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
        known.slot,
        known.fetched_at,
        known.price_usd,
        known.market_cap_usd,
        known.volume_24h_usd,
        known.circulating_supply,
        known.total_supply,
        known.max_supply,
        known.market_cap_rank,
        known.fully_diluted_valuation_usd,
        known.price_change_1h_percent,
        known.price_change_24h_percent,
        known.price_change_7d_percent,
        known.payload_sha256,
        known.run_id,
        known.recorded_at,
        null::timestamptz AS superseded_at
    FROM raw.market_snapshots AS known
    WHERE known.recorded_at <= instant
    UNION ALL
    SELECT
        kept.observed_at,
        kept.provider,
        kept.asset_id,
        kept.slot,
        kept.fetched_at,
        kept.price_usd,
        kept.market_cap_usd,
        kept.volume_24h_usd,
        kept.circulating_supply,
        kept.total_supply,
        kept.max_supply,
        kept.market_cap_rank,
        kept.fully_diluted_valuation_usd,
        kept.price_change_1h_percent,
        kept.price_change_24h_percent,
        kept.price_change_7d_percent,
        kept.payload_sha256,
        kept.run_id,
        kept.recorded_at,
        kept.superseded_at
    FROM raw.market_snapshots_revisions AS kept
    WHERE kept.recorded_at <= instant AND kept.superseded_at > instant
) AS versions
INNER JOIN market.assets AS assets ON versions.asset_id = assets.asset_id
$$;
COMMENT ON FUNCTION analytics.market_snapshots_as_of(TIMESTAMPTZ) IS
'What raw.market_snapshots said at the instant; superseded_at is NULL while it still says so.';

GRANT SELECT ON ALL TABLES IN SCHEMA analytics TO cryptoflow_reader;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA analytics TO cryptoflow_reader;
