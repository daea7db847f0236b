-- Purpose: exchange data: symbols, trades, candles, their revisions and views, what is known about candles.
-- Writes: tables in candles, views and functions in analytics, a choice of a column in ops.
-- Idempotent: no; Alembic runs it once, in one transaction.
CREATE TABLE candles.coarse_candles (
    interval TEXT NOT NULL,
    open_time TIMESTAMP WITH TIME ZONE NOT NULL,
    symbol_id INTEGER NOT NULL,
    close_time TIMESTAMP WITH TIME ZONE NOT NULL,
    open NUMERIC NOT NULL,
    high NUMERIC NOT NULL,
    low NUMERIC NOT NULL,
    close NUMERIC NOT NULL,
    volume NUMERIC NOT NULL,
    quote_volume NUMERIC,
    trade_count BIGINT,
    taker_base_volume NUMERIC,
    taker_quote_volume NUMERIC,
    is_final BOOLEAN NOT NULL,
    samples INTEGER NOT NULL,
    expected_samples INTEGER NOT NULL,
    coverage NUMERIC GENERATED ALWAYS AS (round(samples::NUMERIC / expected_samples, 6)) STORED,
    formula_version SMALLINT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_coarse_candles PRIMARY KEY (interval, open_time, symbol_id),
    CONSTRAINT ck_coarse_candles_low_is_lowest CHECK (low <= open AND low <= close AND low <= high),
    CONSTRAINT ck_coarse_candles_high_is_highest CHECK (high >= open AND high >= close),
    CONSTRAINT ck_coarse_candles_closes_after_it_opens CHECK (close_time > open_time),
    CONSTRAINT ck_coarse_candles_interval CHECK (interval IN ('5m', '15m', '30m', '1h', '4h', '1d', '1w')),
    CONSTRAINT ck_coarse_candles_open CHECK (open > 0),
    CONSTRAINT ck_coarse_candles_high CHECK (high > 0),
    CONSTRAINT ck_coarse_candles_low CHECK (low > 0),
    CONSTRAINT ck_coarse_candles_close CHECK (close > 0),
    CONSTRAINT ck_coarse_candles_volume CHECK (volume >= 0),
    CONSTRAINT ck_coarse_candles_quote_volume CHECK (quote_volume >= 0),
    CONSTRAINT ck_coarse_candles_trade_count CHECK (trade_count >= 0),
    CONSTRAINT ck_coarse_candles_taker_base_volume CHECK (taker_base_volume >= 0),
    CONSTRAINT ck_coarse_candles_taker_quote_volume CHECK (taker_quote_volume >= 0),
    CONSTRAINT ck_coarse_candles_samples CHECK (samples >= 1),
    CONSTRAINT ck_coarse_candles_expected_samples CHECK (expected_samples >= 1),
    CONSTRAINT ck_coarse_candles_formula_version CHECK (formula_version >= 1)
)
 PARTITION BY RANGE (open_time);
COMMENT ON TABLE candles.coarse_candles IS 'Candles of the larger intervals, each built from the next finer one.';
COMMENT ON COLUMN candles.coarse_candles.interval IS 'How long it lasts.';
COMMENT ON COLUMN candles.coarse_candles.open_time IS 'Start of the bucket; weeks start on Monday.';
COMMENT ON COLUMN candles.coarse_candles.symbol_id IS 'The symbol, as in candles.symbols.';
COMMENT ON COLUMN candles.coarse_candles.close_time IS 'Last millisecond of the bucket.';
COMMENT ON COLUMN candles.coarse_candles.open IS 'First price.';
COMMENT ON COLUMN candles.coarse_candles.high IS 'Highest price.';
COMMENT ON COLUMN candles.coarse_candles.low IS 'Lowest price.';
COMMENT ON COLUMN candles.coarse_candles.close IS 'Last price.';
COMMENT ON COLUMN candles.coarse_candles.volume IS 'How much was traded.';
COMMENT ON COLUMN candles.coarse_candles.quote_volume IS 'What was paid for it.';
COMMENT ON COLUMN candles.coarse_candles.trade_count IS 'Number of trades.';
COMMENT ON COLUMN candles.coarse_candles.taker_base_volume IS 'The part of the volume that buyers took.';
COMMENT ON COLUMN candles.coarse_candles.taker_quote_volume IS 'What those buyers paid.';
COMMENT ON COLUMN candles.coarse_candles.is_final IS 'Whether every minute in it is confirmed by the exchange.';
COMMENT ON COLUMN candles.coarse_candles.samples IS 'Minutes that it is built from.';
COMMENT ON COLUMN candles.coarse_candles.expected_samples IS 'Minutes of a whole bucket.';
COMMENT ON COLUMN candles.coarse_candles.coverage IS 'Share of its minutes that are there.';
COMMENT ON COLUMN candles.coarse_candles.formula_version IS 'Version of the rule that built it.';
COMMENT ON COLUMN candles.coarse_candles.recorded_at IS 'When this version became visible.';

CREATE TABLE candles.coarse_candles_revisions (
    interval TEXT NOT NULL,
    open_time TIMESTAMP WITH TIME ZONE NOT NULL,
    symbol_id INTEGER NOT NULL,
    close_time TIMESTAMP WITH TIME ZONE NOT NULL,
    open NUMERIC NOT NULL,
    high NUMERIC NOT NULL,
    low NUMERIC NOT NULL,
    close NUMERIC NOT NULL,
    volume NUMERIC NOT NULL,
    quote_volume NUMERIC,
    trade_count BIGINT,
    taker_base_volume NUMERIC,
    taker_quote_volume NUMERIC,
    is_final BOOLEAN NOT NULL,
    samples INTEGER NOT NULL,
    expected_samples INTEGER NOT NULL,
    formula_version SMALLINT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    superseded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_coarse_candles_revisions PRIMARY KEY (interval, open_time, symbol_id, superseded_at)
);
COMMENT ON TABLE candles.coarse_candles_revisions IS
'What candles.coarse_candles said, once final, before it was changed.';
COMMENT ON COLUMN candles.coarse_candles_revisions.interval IS 'How long it lasts.';
COMMENT ON COLUMN candles.coarse_candles_revisions.open_time IS 'Start of the bucket; weeks start on Monday.';
COMMENT ON COLUMN candles.coarse_candles_revisions.symbol_id IS 'The symbol, as in candles.symbols.';
COMMENT ON COLUMN candles.coarse_candles_revisions.close_time IS 'Last millisecond of the bucket.';
COMMENT ON COLUMN candles.coarse_candles_revisions.open IS 'First price.';
COMMENT ON COLUMN candles.coarse_candles_revisions.high IS 'Highest price.';
COMMENT ON COLUMN candles.coarse_candles_revisions.low IS 'Lowest price.';
COMMENT ON COLUMN candles.coarse_candles_revisions.close IS 'Last price.';
COMMENT ON COLUMN candles.coarse_candles_revisions.volume IS 'How much was traded.';
COMMENT ON COLUMN candles.coarse_candles_revisions.quote_volume IS 'What was paid for it.';
COMMENT ON COLUMN candles.coarse_candles_revisions.trade_count IS 'Number of trades.';
COMMENT ON COLUMN candles.coarse_candles_revisions.taker_base_volume IS 'The part of the volume that buyers took.';
COMMENT ON COLUMN candles.coarse_candles_revisions.taker_quote_volume IS 'What those buyers paid.';
COMMENT ON COLUMN candles.coarse_candles_revisions.is_final IS
'Whether every minute in it is confirmed by the exchange.';
COMMENT ON COLUMN candles.coarse_candles_revisions.samples IS 'Minutes that it is built from.';
COMMENT ON COLUMN candles.coarse_candles_revisions.expected_samples IS 'Minutes of a whole bucket.';
COMMENT ON COLUMN candles.coarse_candles_revisions.formula_version IS 'Version of the rule that built it.';
COMMENT ON COLUMN candles.coarse_candles_revisions.recorded_at IS 'When this version became visible.';
COMMENT ON COLUMN candles.coarse_candles_revisions.superseded_at IS
'When the row was changed: it was believed until then.';

CREATE TABLE candles.dirty_candles (
    interval TEXT NOT NULL,
    open_time TIMESTAMP WITH TIME ZONE NOT NULL,
    symbol_id INTEGER NOT NULL,
    marked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_dirty_candles PRIMARY KEY (interval, open_time, symbol_id),
    CONSTRAINT ck_dirty_candles_interval CHECK (interval IN ('5m', '15m', '30m', '1h', '4h', '1d', '1w'))
);
COMMENT ON TABLE candles.dirty_candles IS
'Larger candles whose finer ones changed and which were not built anew since.';
COMMENT ON COLUMN candles.dirty_candles.interval IS 'Interval of the candle.';
COMMENT ON COLUMN candles.dirty_candles.open_time IS 'Start of the bucket.';
COMMENT ON COLUMN candles.dirty_candles.symbol_id IS 'The symbol, as in candles.symbols.';
COMMENT ON COLUMN candles.dirty_candles.marked_at IS 'When it was first marked.';

CREATE TABLE candles.minute_candles (
    open_time TIMESTAMP WITH TIME ZONE NOT NULL,
    symbol_id INTEGER NOT NULL,
    close_time TIMESTAMP WITH TIME ZONE NOT NULL,
    open NUMERIC NOT NULL,
    high NUMERIC NOT NULL,
    low NUMERIC NOT NULL,
    close NUMERIC NOT NULL,
    volume NUMERIC NOT NULL,
    quote_volume NUMERIC,
    trade_count BIGINT,
    taker_base_volume NUMERIC,
    taker_quote_volume NUMERIC,
    is_final BOOLEAN NOT NULL,
    source TEXT NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE NOT NULL,
    payload_sha256 BYTEA,
    run_id TEXT,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_minute_candles PRIMARY KEY (open_time, symbol_id),
    CONSTRAINT ck_minute_candles_low_is_lowest CHECK (low <= open AND low <= close AND low <= high),
    CONSTRAINT ck_minute_candles_high_is_highest CHECK (high >= open AND high >= close),
    CONSTRAINT ck_minute_candles_closes_after_it_opens CHECK (close_time > open_time),
    CONSTRAINT ck_minute_candles_final_when_the_exchange_said_so CHECK (is_final = (source <> 'trades')),
    CONSTRAINT ck_minute_candles_open CHECK (open > 0),
    CONSTRAINT ck_minute_candles_high CHECK (high > 0),
    CONSTRAINT ck_minute_candles_low CHECK (low > 0),
    CONSTRAINT ck_minute_candles_close CHECK (close > 0),
    CONSTRAINT ck_minute_candles_volume CHECK (volume >= 0),
    CONSTRAINT ck_minute_candles_quote_volume CHECK (quote_volume >= 0),
    CONSTRAINT ck_minute_candles_trade_count CHECK (trade_count >= 0),
    CONSTRAINT ck_minute_candles_taker_base_volume CHECK (taker_base_volume >= 0),
    CONSTRAINT ck_minute_candles_taker_quote_volume CHECK (taker_quote_volume >= 0),
    CONSTRAINT ck_minute_candles_source CHECK (source IN ('trades', 'stream', 'rest', 'archive'))
)
 PARTITION BY RANGE (open_time);
COMMENT ON TABLE candles.minute_candles IS 'What was traded of each symbol in each minute, as the exchange says it.';
COMMENT ON COLUMN candles.minute_candles.open_time IS 'Start of the minute.';
COMMENT ON COLUMN candles.minute_candles.symbol_id IS 'The symbol, as in candles.symbols.';
COMMENT ON COLUMN candles.minute_candles.close_time IS 'Last millisecond of the minute.';
COMMENT ON COLUMN candles.minute_candles.open IS 'First price.';
COMMENT ON COLUMN candles.minute_candles.high IS 'Highest price.';
COMMENT ON COLUMN candles.minute_candles.low IS 'Lowest price.';
COMMENT ON COLUMN candles.minute_candles.close IS 'Last price.';
COMMENT ON COLUMN candles.minute_candles.volume IS 'How much was traded.';
COMMENT ON COLUMN candles.minute_candles.quote_volume IS 'What was paid for it.';
COMMENT ON COLUMN candles.minute_candles.trade_count IS 'Number of trades.';
COMMENT ON COLUMN candles.minute_candles.taker_base_volume IS 'The part of the volume that buyers took.';
COMMENT ON COLUMN candles.minute_candles.taker_quote_volume IS 'What those buyers paid.';
COMMENT ON COLUMN candles.minute_candles.is_final IS
'False while it is only reckoned from trades and not confirmed by the exchange.';
COMMENT ON COLUMN candles.minute_candles.source IS 'Where it comes from, weakest first.';
COMMENT ON COLUMN candles.minute_candles.fetched_at IS 'When it was received.';
COMMENT ON COLUMN candles.minute_candles.payload_sha256 IS 'Hash of the answer or file that held it.';
COMMENT ON COLUMN candles.minute_candles.run_id IS 'Dagster run that collected it, when one did.';
COMMENT ON COLUMN candles.minute_candles.recorded_at IS 'When this version became visible.';

CREATE TABLE candles.minute_candles_revisions (
    open_time TIMESTAMP WITH TIME ZONE NOT NULL,
    symbol_id INTEGER NOT NULL,
    close_time TIMESTAMP WITH TIME ZONE NOT NULL,
    open NUMERIC NOT NULL,
    high NUMERIC NOT NULL,
    low NUMERIC NOT NULL,
    close NUMERIC NOT NULL,
    volume NUMERIC NOT NULL,
    quote_volume NUMERIC,
    trade_count BIGINT,
    taker_base_volume NUMERIC,
    taker_quote_volume NUMERIC,
    is_final BOOLEAN NOT NULL,
    source TEXT NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE NOT NULL,
    payload_sha256 BYTEA,
    run_id TEXT,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    superseded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_minute_candles_revisions PRIMARY KEY (open_time, symbol_id, superseded_at)
);
COMMENT ON TABLE candles.minute_candles_revisions IS
'What candles.minute_candles said, once final, before it was changed.';
COMMENT ON COLUMN candles.minute_candles_revisions.open_time IS 'Start of the minute.';
COMMENT ON COLUMN candles.minute_candles_revisions.symbol_id IS 'The symbol, as in candles.symbols.';
COMMENT ON COLUMN candles.minute_candles_revisions.close_time IS 'Last millisecond of the minute.';
COMMENT ON COLUMN candles.minute_candles_revisions.open IS 'First price.';
COMMENT ON COLUMN candles.minute_candles_revisions.high IS 'Highest price.';
COMMENT ON COLUMN candles.minute_candles_revisions.low IS 'Lowest price.';
COMMENT ON COLUMN candles.minute_candles_revisions.close IS 'Last price.';
COMMENT ON COLUMN candles.minute_candles_revisions.volume IS 'How much was traded.';
COMMENT ON COLUMN candles.minute_candles_revisions.quote_volume IS 'What was paid for it.';
COMMENT ON COLUMN candles.minute_candles_revisions.trade_count IS 'Number of trades.';
COMMENT ON COLUMN candles.minute_candles_revisions.taker_base_volume IS 'The part of the volume that buyers took.';
COMMENT ON COLUMN candles.minute_candles_revisions.taker_quote_volume IS 'What those buyers paid.';
COMMENT ON COLUMN candles.minute_candles_revisions.is_final IS
'False while it is only reckoned from trades and not confirmed by the exchange.';
COMMENT ON COLUMN candles.minute_candles_revisions.source IS 'Where it comes from, weakest first.';
COMMENT ON COLUMN candles.minute_candles_revisions.fetched_at IS 'When it was received.';
COMMENT ON COLUMN candles.minute_candles_revisions.payload_sha256 IS 'Hash of the answer or file that held it.';
COMMENT ON COLUMN candles.minute_candles_revisions.run_id IS 'Dagster run that collected it, when one did.';
COMMENT ON COLUMN candles.minute_candles_revisions.recorded_at IS 'When this version became visible.';
COMMENT ON COLUMN candles.minute_candles_revisions.superseded_at IS
'When the row was changed: it was believed until then.';

CREATE TABLE candles.price_ticks (
    traded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    symbol_id INTEGER NOT NULL,
    trade_id BIGINT NOT NULL,
    price NUMERIC NOT NULL,
    quantity NUMERIC NOT NULL,
    is_buyer_maker BOOLEAN,
    fills INTEGER NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_price_ticks PRIMARY KEY (traded_at, symbol_id, trade_id),
    CONSTRAINT ck_price_ticks_price CHECK (price > 0),
    CONSTRAINT ck_price_ticks_quantity CHECK (quantity > 0),
    CONSTRAINT ck_price_ticks_fills CHECK (fills >= 1)
)
 PARTITION BY RANGE (traded_at);
COMMENT ON TABLE candles.price_ticks IS 'Every trade of the followed symbols, each once by the exchange''s number.';
COMMENT ON COLUMN candles.price_ticks.traded_at IS 'The exchange''s own time of the trade.';
COMMENT ON COLUMN candles.price_ticks.symbol_id IS 'The symbol, as in candles.symbols.';
COMMENT ON COLUMN candles.price_ticks.trade_id IS 'The exchange''s number of the trade within its symbol.';
COMMENT ON COLUMN candles.price_ticks.price IS 'Price of one unit.';
COMMENT ON COLUMN candles.price_ticks.quantity IS 'How much was traded.';
COMMENT ON COLUMN candles.price_ticks.is_buyer_maker IS 'True: the seller took the buyer''s offer.';
COMMENT ON COLUMN candles.price_ticks.fills IS 'Trades that it stands for, where whole orders are numbered.';
COMMENT ON COLUMN candles.price_ticks.recorded_at IS 'When this version became visible.';

CREATE TABLE candles.symbols (
    symbol_id INTEGER GENERATED ALWAYS AS IDENTITY,
    exchange TEXT NOT NULL,
    symbol TEXT NOT NULL,
    base TEXT NOT NULL,
    quote TEXT NOT NULL,
    price_step NUMERIC,
    quantity_step NUMERIC,
    min_quantity NUMERIC,
    min_notional NUMERIC,
    status TEXT NOT NULL,
    listed_at TIMESTAMP WITH TIME ZONE,
    delisted_at TIMESTAMP WITH TIME ZONE,
    asset_id INTEGER,
    first_seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_seen_at TIMESTAMP WITH TIME ZONE,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_symbols PRIMARY KEY (symbol_id),
    CONSTRAINT uq_symbols_exchange_symbol UNIQUE (exchange, symbol),
    CONSTRAINT ck_symbols_price_step CHECK (price_step > 0),
    CONSTRAINT ck_symbols_quantity_step CHECK (quantity_step > 0),
    CONSTRAINT ck_symbols_min_quantity CHECK (min_quantity >= 0),
    CONSTRAINT ck_symbols_min_notional CHECK (min_notional >= 0),
    CONSTRAINT ck_symbols_status CHECK (status IN ('trading', 'halted', 'closed', 'unknown')),
    CONSTRAINT fk_symbols_asset_id_assets FOREIGN KEY (asset_id) REFERENCES market.assets (asset_id)
);
CREATE INDEX ix_symbols_asset_id ON candles.symbols (asset_id);
COMMENT ON TABLE candles.symbols IS 'What is traded where: each pair of each exchange, as the exchange lists it.';
COMMENT ON COLUMN candles.symbols.symbol_id IS 'Surrogate key; never reused.';
COMMENT ON COLUMN candles.symbols.exchange IS 'The exchange.';
COMMENT ON COLUMN candles.symbols.symbol IS
'The exchange''s own name of the pair. Another exchange''s same name is another symbol.';
COMMENT ON COLUMN candles.symbols.base IS 'What is traded, by the exchange''s name for it.';
COMMENT ON COLUMN candles.symbols.quote IS 'What it is paid in.';
COMMENT ON COLUMN candles.symbols.price_step IS 'Smallest step of a price.';
COMMENT ON COLUMN candles.symbols.quantity_step IS 'Smallest step of a quantity.';
COMMENT ON COLUMN candles.symbols.min_quantity IS 'Smallest quantity of an order.';
COMMENT ON COLUMN candles.symbols.min_notional IS 'Smallest value of an order.';
COMMENT ON COLUMN candles.symbols.status IS
'Whether it trades; halted: listed, but not just now; closed: it has left; unknown: only files told of it.';
COMMENT ON COLUMN candles.symbols.listed_at IS 'When trading began, where that is known.';
COMMENT ON COLUMN candles.symbols.delisted_at IS 'When the exchange was first seen without it.';
COMMENT ON COLUMN candles.symbols.asset_id IS 'The asset that is traded, where it is known.';
COMMENT ON COLUMN candles.symbols.first_seen_at IS 'When it was first heard of.';
COMMENT ON COLUMN candles.symbols.last_seen_at IS 'When the exchange last listed it.';
COMMENT ON COLUMN candles.symbols.updated_at IS 'When the row last changed.';

CREATE TABLE candles.candle_backfills (
    symbol_id INTEGER NOT NULL,
    interval TEXT NOT NULL,
    part TEXT NOT NULL,
    kind TEXT NOT NULL,
    starts TIMESTAMP WITH TIME ZONE,
    ends TIMESTAMP WITH TIME ZONE,
    state TEXT NOT NULL,
    rows_received BIGINT DEFAULT '0' NOT NULL,
    rows_stored BIGINT DEFAULT '0' NOT NULL,
    rows_refused BIGINT DEFAULT '0' NOT NULL,
    payload_sha256 BYTEA,
    attempts INTEGER DEFAULT '0' NOT NULL,
    error TEXT,
    started_at TIMESTAMP WITH TIME ZONE,
    finished_at TIMESTAMP WITH TIME ZONE,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    run_id TEXT,
    CONSTRAINT pk_candle_backfills PRIMARY KEY (symbol_id, interval, part),
    CONSTRAINT ck_candle_backfills_interval CHECK (interval IN ('1m', '5m', '15m', '30m', '1h', '4h', '1d', '1w')),
    CONSTRAINT ck_candle_backfills_kind CHECK (kind IN ('monthly', 'daily', 'rest', 'file')),
    CONSTRAINT ck_candle_backfills_state CHECK (state IN ('pending', 'running', 'done', 'absent', 'failed')),
    CONSTRAINT ck_candle_backfills_rows_received CHECK (rows_received >= 0),
    CONSTRAINT ck_candle_backfills_rows_stored CHECK (rows_stored >= 0),
    CONSTRAINT ck_candle_backfills_rows_refused CHECK (rows_refused >= 0),
    CONSTRAINT ck_candle_backfills_attempts CHECK (attempts >= 0),
    CONSTRAINT fk_candle_backfills_symbol_id_symbols FOREIGN KEY (symbol_id) REFERENCES candles.symbols (symbol_id)
);
CREATE INDEX ix_candle_backfills_state ON candles.candle_backfills (state);
COMMENT ON TABLE candles.candle_backfills IS
'Every file and span that history was or is to be fetched by, and how that went.';
COMMENT ON COLUMN candles.candle_backfills.symbol_id IS 'The symbol, as in candles.symbols.';
COMMENT ON COLUMN candles.candle_backfills.interval IS 'Interval of its candles.';
COMMENT ON COLUMN candles.candle_backfills.part IS 'Name of the file, or the span that is asked for.';
COMMENT ON COLUMN candles.candle_backfills.kind IS
'A file of the archive by month or day, a span of REST, a local file.';
COMMENT ON COLUMN candles.candle_backfills.starts IS 'First instant that it covers, where that is known.';
COMMENT ON COLUMN candles.candle_backfills.ends IS 'First instant after it.';
COMMENT ON COLUMN candles.candle_backfills.state IS 'How it stands; absent: the source has no such file.';
COMMENT ON COLUMN candles.candle_backfills.rows_received IS 'Rows that it held.';
COMMENT ON COLUMN candles.candle_backfills.rows_stored IS 'Rows that said something new.';
COMMENT ON COLUMN candles.candle_backfills.rows_refused IS 'Rows that went to quarantine.';
COMMENT ON COLUMN candles.candle_backfills.payload_sha256 IS 'Hash of the file.';
COMMENT ON COLUMN candles.candle_backfills.attempts IS 'How often it was begun.';
COMMENT ON COLUMN candles.candle_backfills.error IS 'What went wrong and what to do.';
COMMENT ON COLUMN candles.candle_backfills.started_at IS 'When it was last begun.';
COMMENT ON COLUMN candles.candle_backfills.finished_at IS 'When it was last ended.';
COMMENT ON COLUMN candles.candle_backfills.updated_at IS 'When the row last changed.';
COMMENT ON COLUMN candles.candle_backfills.run_id IS 'Dagster run that did it, when one did.';

CREATE TABLE candles.candle_certificates (
    symbol_id INTEGER NOT NULL,
    day TIMESTAMP WITH TIME ZONE NOT NULL,
    expected_minutes INTEGER NOT NULL,
    observed_minutes INTEGER NOT NULL,
    traded_minutes INTEGER NOT NULL,
    confirmed_empty_minutes INTEGER NOT NULL,
    source_has_none_minutes INTEGER NOT NULL,
    unknown_minutes INTEGER NOT NULL,
    rows_sha256 BYTEA NOT NULL,
    issued_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    run_id TEXT,
    CONSTRAINT pk_candle_certificates PRIMARY KEY (symbol_id, day),
    CONSTRAINT ck_candle_certificates_adds_up CHECK (
        observed_minutes + confirmed_empty_minutes + source_has_none_minutes + unknown_minutes = expected_minutes
    ),
    CONSTRAINT ck_candle_certificates_traded_was_observed CHECK (traded_minutes <= observed_minutes),
    CONSTRAINT ck_candle_certificates_expected_minutes CHECK (expected_minutes >= 0),
    CONSTRAINT ck_candle_certificates_observed_minutes CHECK (observed_minutes >= 0),
    CONSTRAINT ck_candle_certificates_traded_minutes CHECK (traded_minutes >= 0),
    CONSTRAINT ck_candle_certificates_confirmed_empty_minutes CHECK (confirmed_empty_minutes >= 0),
    CONSTRAINT ck_candle_certificates_source_has_none_minutes CHECK (source_has_none_minutes >= 0),
    CONSTRAINT ck_candle_certificates_unknown_minutes CHECK (unknown_minutes >= 0),
    CONSTRAINT fk_candle_certificates_symbol_id_symbols FOREIGN KEY (symbol_id) REFERENCES candles.symbols (symbol_id)
);
COMMENT ON TABLE candles.candle_certificates IS
'What a day of minutes of a symbol held when it was certified, with a hash over its rows.';
COMMENT ON COLUMN candles.candle_certificates.symbol_id IS 'The symbol, as in candles.symbols.';
COMMENT ON COLUMN candles.candle_certificates.day IS 'Start of the UTC day.';
COMMENT ON COLUMN candles.candle_certificates.expected_minutes IS 'Minutes in which it could trade.';
COMMENT ON COLUMN candles.candle_certificates.observed_minutes IS 'Minutes with a final candle.';
COMMENT ON COLUMN candles.candle_certificates.traded_minutes IS 'Those of them with a volume.';
COMMENT ON COLUMN candles.candle_certificates.confirmed_empty_minutes IS
'Minutes without a candle of which the source says that nothing traded.';
COMMENT ON COLUMN candles.candle_certificates.source_has_none_minutes IS
'Minutes that the source was asked for and does not have.';
COMMENT ON COLUMN candles.candle_certificates.unknown_minutes IS 'Minutes of which nothing is known.';
COMMENT ON COLUMN candles.candle_certificates.rows_sha256 IS 'Hash over the rows of the day, in the order of time.';
COMMENT ON COLUMN candles.candle_certificates.issued_at IS 'When it was issued.';
COMMENT ON COLUMN candles.candle_certificates.run_id IS 'Dagster run that issued it, when one did.';

CREATE TABLE candles.candle_differences (
    symbol_id INTEGER NOT NULL,
    interval TEXT NOT NULL,
    open_time TIMESTAMP WITH TIME ZONE NOT NULL,
    field TEXT NOT NULL,
    ours NUMERIC,
    theirs NUMERIC,
    coverage NUMERIC,
    found_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_found_at TIMESTAMP WITH TIME ZONE NOT NULL,
    settled_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_candle_differences PRIMARY KEY (symbol_id, interval, open_time, field),
    CONSTRAINT ck_candle_differences_interval CHECK (interval IN ('1m', '5m', '15m', '30m', '1h', '4h', '1d', '1w')),
    CONSTRAINT ck_candle_differences_field CHECK (
        field IN (
            'presence', 'open', 'high', 'low', 'close', 'volume', 'quote_volume', 'trade_count', 'taker_base_volume',
            'taker_quote_volume'
        )
    ),
    CONSTRAINT ck_candle_differences_coverage CHECK (coverage >= 0),
    CONSTRAINT fk_candle_differences_symbol_id_symbols FOREIGN KEY (symbol_id) REFERENCES candles.symbols (symbol_id)
);
CREATE INDEX ix_candle_differences_found_at ON candles.candle_differences (found_at);
COMMENT ON TABLE candles.candle_differences IS
'Where our candles and the exchange''s own of the same interval were found to differ.';
COMMENT ON COLUMN candles.candle_differences.symbol_id IS 'The symbol, as in candles.symbols.';
COMMENT ON COLUMN candles.candle_differences.interval IS 'Interval of the candle.';
COMMENT ON COLUMN candles.candle_differences.open_time IS 'Start of the bucket.';
COMMENT ON COLUMN candles.candle_differences.field IS
'What differs; presence: only one of us has the candle (1: has it, 0: has it not).';
COMMENT ON COLUMN candles.candle_differences.ours IS 'What stands here.';
COMMENT ON COLUMN candles.candle_differences.theirs IS 'What the exchange says.';
COMMENT ON COLUMN candles.candle_differences.coverage IS 'Share of its minutes that ours had.';
COMMENT ON COLUMN candles.candle_differences.found_at IS 'When the difference was first found.';
COMMENT ON COLUMN candles.candle_differences.last_found_at IS 'When it was last found.';
COMMENT ON COLUMN candles.candle_differences.settled_at IS 'When both were found equal again.';

CREATE TABLE candles.candle_slots (
    symbol_id INTEGER NOT NULL,
    starts TIMESTAMP WITH TIME ZONE NOT NULL,
    ends TIMESTAMP WITH TIME ZONE NOT NULL,
    span TSTZRANGE GENERATED ALWAYS AS (tstzrange(starts, ends, '[)')) STORED,
    state TEXT NOT NULL,
    reason TEXT,
    times_asked INTEGER NOT NULL,
    told_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_candle_slots PRIMARY KEY (symbol_id, starts),
    CONSTRAINT ck_candle_slots_period CHECK (ends > starts),
    CONSTRAINT ex_candle_slots_one_state_per_minute EXCLUDE USING gist (symbol_id WITH =, span WITH &&),
    CONSTRAINT ck_candle_slots_state CHECK (
        state IN ('confirmed_empty', 'source_has_none', 'feed_down', 'throttled', 'pending', 'not_due')
    ),
    CONSTRAINT ck_candle_slots_times_asked CHECK (times_asked >= 0),
    CONSTRAINT fk_candle_slots_symbol_id_symbols FOREIGN KEY (symbol_id) REFERENCES candles.symbols (symbol_id)
);
COMMENT ON TABLE candles.candle_slots IS
'Spans of minutes without a candle, and why there is none. A candle that is there outranks it.';
COMMENT ON COLUMN candles.candle_slots.symbol_id IS 'The symbol, as in candles.symbols.';
COMMENT ON COLUMN candles.candle_slots.starts IS 'First minute.';
COMMENT ON COLUMN candles.candle_slots.ends IS 'First minute after it.';
COMMENT ON COLUMN candles.candle_slots.span IS 'The period [starts, ends).';
COMMENT ON COLUMN candles.candle_slots.state IS 'Why minutes without a candle have none.';
COMMENT ON COLUMN candles.candle_slots.reason IS 'Why, in words.';
COMMENT ON COLUMN candles.candle_slots.times_asked IS 'How often the source was asked for it.';
COMMENT ON COLUMN candles.candle_slots.told_at IS 'When this was last said.';

CREATE VIEW analytics.symbols AS
SELECT
    symbols.symbol_id AS id,
    symbols.symbol_id,
    symbols.symbol,
    symbols.base AS base_asset,
    symbols.quote AS quote_asset,
    symbols.exchange,
    scale(trim_scale(symbols.price_step)) AS precision_price,
    scale(trim_scale(symbols.quantity_step)) AS precision_qty,
    symbols.min_quantity AS min_qty,
    symbols.price_step,
    symbols.quantity_step,
    symbols.min_notional,
    symbols.status,
    symbols.status IN ('trading', 'halted') AS is_active,
    symbols.listed_at,
    symbols.delisted_at,
    symbols.asset_id,
    assets.slug,
    symbols.first_seen_at AS created_at,
    symbols.last_seen_at,
    symbols.updated_at
FROM candles.symbols AS symbols
LEFT JOIN market.assets AS assets ON symbols.asset_id = assets.asset_id;
COMMENT ON VIEW analytics.symbols IS 'What is traded where: each pair of each exchange, as the exchange lists it.';
COMMENT ON COLUMN analytics.symbols.id IS 'Surrogate key, as symbol_id in candles.symbols.';
COMMENT ON COLUMN analytics.symbols.symbol_id IS 'The same as id.';
COMMENT ON COLUMN analytics.symbols.symbol IS
'The exchange''s own name of the pair. Another exchange''s same name is another symbol.';
COMMENT ON COLUMN analytics.symbols.base_asset IS 'What is traded, by the exchange''s name for it.';
COMMENT ON COLUMN analytics.symbols.quote_asset IS 'What it is paid in.';
COMMENT ON COLUMN analytics.symbols.exchange IS 'The exchange.';
COMMENT ON COLUMN analytics.symbols.precision_price IS
'Decimals of the smallest step of a price; NULL where the exchange does not say.';
COMMENT ON COLUMN analytics.symbols.precision_qty IS
'Decimals of the smallest step of a quantity; NULL where the exchange does not say.';
COMMENT ON COLUMN analytics.symbols.min_qty IS 'Smallest quantity of an order. Unit: base currency.';
COMMENT ON COLUMN analytics.symbols.price_step IS 'Smallest step of a price. Unit: quote currency.';
COMMENT ON COLUMN analytics.symbols.quantity_step IS 'Smallest step of a quantity. Unit: base currency.';
COMMENT ON COLUMN analytics.symbols.min_notional IS 'Smallest value of an order. Unit: quote currency.';
COMMENT ON COLUMN analytics.symbols.status IS
'Whether it trades; halted: listed, but not just now; closed: it has left; unknown: only files told of it.';
COMMENT ON COLUMN analytics.symbols.is_active IS 'Whether the exchange lists it.';
COMMENT ON COLUMN analytics.symbols.listed_at IS 'When trading began, where that is known.';
COMMENT ON COLUMN analytics.symbols.delisted_at IS 'When the exchange was first seen without it.';
COMMENT ON COLUMN analytics.symbols.asset_id IS 'The asset that is traded, where it is known.';
COMMENT ON COLUMN analytics.symbols.slug IS 'Readable key of that asset, as in market.assets.';
COMMENT ON COLUMN analytics.symbols.created_at IS 'When it was first heard of.';
COMMENT ON COLUMN analytics.symbols.last_seen_at IS 'When the exchange last listed it.';
COMMENT ON COLUMN analytics.symbols.updated_at IS 'When the row last changed.';

CREATE VIEW analytics.price_candles AS
SELECT
    ((extract(EPOCH FROM candles.open_time)::BIGINT / 60) << 27)
    | (candles.symbol_id::BIGINT << 3)
    | 0 AS id,
    candles.symbol_id,
    symbols.exchange,
    symbols.symbol,
    '1m'::TEXT AS interval,
    candles.open_time,
    candles.close_time,
    candles.open,
    candles.high,
    candles.low,
    candles.close,
    candles.volume,
    candles.quote_volume,
    candles.trade_count,
    candles.taker_base_volume,
    candles.taker_quote_volume,
    1 AS samples,
    1 AS expected_samples,
    1::NUMERIC AS coverage,
    candles.source,
    candles.is_final,
    candles.recorded_at AS created_at,
    candles.recorded_at,
    CASE
        WHEN NOT candles.is_final OR now() < candles.close_time + INTERVAL '2 minutes' THEN 'provisional'
        WHEN
            EXISTS (
                SELECT 1
                FROM candles.minute_candles_revisions AS revisions
                WHERE
                    revisions.open_time = candles.open_time
                    AND revisions.symbol_id = candles.symbol_id
            )
            THEN 'revised'
        ELSE 'final'
    END AS status
FROM candles.minute_candles AS candles
INNER JOIN candles.symbols AS symbols ON candles.symbol_id = symbols.symbol_id
UNION ALL
SELECT
    ((extract(EPOCH FROM candles.open_time)::BIGINT / 60) << 27)
    | (candles.symbol_id::BIGINT << 3)
    | CASE candles.interval
        WHEN '5m' THEN 1
        WHEN '15m' THEN 2
        WHEN '30m' THEN 3
        WHEN '1h' THEN 4
        WHEN '4h' THEN 5
        WHEN '1d' THEN 6
        WHEN '1w' THEN 7
    END AS id,
    candles.symbol_id,
    symbols.exchange,
    symbols.symbol,
    candles.interval,
    candles.open_time,
    candles.close_time,
    candles.open,
    candles.high,
    candles.low,
    candles.close,
    candles.volume,
    candles.quote_volume,
    candles.trade_count,
    candles.taker_base_volume,
    candles.taker_quote_volume,
    candles.samples,
    candles.expected_samples,
    candles.coverage,
    'rollup'::TEXT AS source,
    candles.is_final,
    candles.recorded_at AS created_at,
    candles.recorded_at,
    CASE
        WHEN NOT candles.is_final OR now() < candles.close_time + INTERVAL '2 minutes' THEN 'provisional'
        WHEN
            EXISTS (
                SELECT 1
                FROM candles.coarse_candles_revisions AS revisions
                WHERE
                    revisions.interval = candles.interval
                    AND revisions.open_time = candles.open_time
                    AND revisions.symbol_id = candles.symbol_id
            )
            THEN 'revised'
        ELSE 'final'
    END AS status
FROM candles.coarse_candles AS candles
INNER JOIN candles.symbols AS symbols ON candles.symbol_id = symbols.symbol_id;
COMMENT ON VIEW analytics.price_candles IS
'Candles of every interval, from 1m to 1w: ask with interval, symbol_id (or exchange and symbol) and open_time.';
COMMENT ON COLUMN analytics.price_candles.id IS
'A number made of open time, symbol and interval: unique, and the same for ever.';
COMMENT ON COLUMN analytics.price_candles.symbol_id IS 'The symbol, as in candles.symbols.';
COMMENT ON COLUMN analytics.price_candles.exchange IS 'The exchange.';
COMMENT ON COLUMN analytics.price_candles.symbol IS
'The exchange''s own name of the pair. Another exchange''s same name is another symbol.';
COMMENT ON COLUMN analytics.price_candles.interval IS '1m, 5m, 15m, 30m, 1h, 4h, 1d or 1w.';
COMMENT ON COLUMN analytics.price_candles.open_time IS 'Start of the bucket; weeks start on Monday.';
COMMENT ON COLUMN analytics.price_candles.close_time IS 'Last millisecond of the bucket.';
COMMENT ON COLUMN analytics.price_candles.open IS 'First price. Unit: quote currency.';
COMMENT ON COLUMN analytics.price_candles.high IS 'Highest price. Unit: quote currency.';
COMMENT ON COLUMN analytics.price_candles.low IS 'Lowest price. Unit: quote currency.';
COMMENT ON COLUMN analytics.price_candles.close IS 'Last price. Unit: quote currency.';
COMMENT ON COLUMN analytics.price_candles.volume IS 'How much was traded. Unit: base currency.';
COMMENT ON COLUMN analytics.price_candles.quote_volume IS 'What was paid for it. Unit: quote currency.';
COMMENT ON COLUMN analytics.price_candles.trade_count IS 'Number of trades.';
COMMENT ON COLUMN analytics.price_candles.taker_base_volume IS
'The part of the volume that buyers took. Unit: base currency.';
COMMENT ON COLUMN analytics.price_candles.taker_quote_volume IS 'What those buyers paid. Unit: quote currency.';
COMMENT ON COLUMN analytics.price_candles.samples IS 'Minutes that it is built from. Unit: minutes.';
COMMENT ON COLUMN analytics.price_candles.expected_samples IS 'Minutes of a whole bucket. Unit: minutes.';
COMMENT ON COLUMN analytics.price_candles.coverage IS 'Share of its minutes that are there. Unit: ratio.';
COMMENT ON COLUMN analytics.price_candles.source IS
'Where a minute comes from: trades, stream, rest or archive; rollup: built from minutes.';
COMMENT ON COLUMN analytics.price_candles.is_final IS 'Whether every minute in it is confirmed by the exchange.';
COMMENT ON COLUMN analytics.price_candles.created_at IS 'When this version became visible: the same as recorded_at.';
COMMENT ON COLUMN analytics.price_candles.recorded_at IS 'When this version became visible.';
COMMENT ON COLUMN analytics.price_candles.status IS
'provisional: open, in its grace, or not yet confirmed; final; revised: changed after it was final.';

CREATE VIEW analytics.price_ticks AS
SELECT
    ticks.trade_id AS id,
    ticks.symbol_id,
    symbols.exchange,
    symbols.symbol,
    ticks.trade_id,
    ticks.price,
    ticks.quantity,
    ticks.traded_at AS timestamp,
    ticks.traded_at,
    ticks.is_buyer_maker,
    ticks.fills,
    ticks.recorded_at
FROM candles.price_ticks AS ticks
INNER JOIN candles.symbols AS symbols ON ticks.symbol_id = symbols.symbol_id;
COMMENT ON VIEW analytics.price_ticks IS 'Trades of the last day, each once.';
COMMENT ON COLUMN analytics.price_ticks.id IS 'The same as trade_id: unique within its symbol.';
COMMENT ON COLUMN analytics.price_ticks.symbol_id IS 'The symbol, as in candles.symbols.';
COMMENT ON COLUMN analytics.price_ticks.exchange IS 'The exchange.';
COMMENT ON COLUMN analytics.price_ticks.symbol IS
'The exchange''s own name of the pair. Another exchange''s same name is another symbol.';
COMMENT ON COLUMN analytics.price_ticks.trade_id IS 'The exchange''s number of the trade within its symbol.';
COMMENT ON COLUMN analytics.price_ticks.price IS 'Price of one unit. Unit: quote currency.';
COMMENT ON COLUMN analytics.price_ticks.quantity IS 'How much was traded. Unit: base currency.';
COMMENT ON COLUMN analytics.price_ticks.timestamp IS 'The same as traded_at.';
COMMENT ON COLUMN analytics.price_ticks.traded_at IS 'The exchange''s own time of the trade.';
COMMENT ON COLUMN analytics.price_ticks.is_buyer_maker IS 'True: the seller took the buyer''s offer.';
COMMENT ON COLUMN analytics.price_ticks.fills IS 'Trades that it stands for, where whole orders are numbered.';
COMMENT ON COLUMN analytics.price_ticks.recorded_at IS 'When this version became visible.';

-- Days know how many minutes they hold, so that no minute is counted here.
CREATE MATERIALIZED VIEW candles.symbol_summary AS
WITH days AS (
    SELECT
        symbol_id,
        sum(samples) AS candle_count,
        min(open_time) AS first_day,
        max(open_time) AS last_day
    FROM candles.coarse_candles
    WHERE interval = '1d'
    GROUP BY symbol_id
)

SELECT
    days.symbol_id,
    days.candle_count,
    days.first_day,
    newest.close_time AS last_update,
    newest.close AS last_price,
    now() AS refreshed_at
FROM days
INNER JOIN LATERAL (
    SELECT
        minutes.close_time,
        minutes.close
    FROM candles.minute_candles AS minutes
    WHERE
        minutes.symbol_id = days.symbol_id
        AND minutes.open_time >= days.last_day
        AND minutes.open_time < days.last_day + INTERVAL '1 day'
    ORDER BY minutes.open_time DESC
    LIMIT 1
) AS newest ON TRUE;
-- What lets it be refreshed while it is read.
CREATE UNIQUE INDEX uq_symbol_summary_symbol_id ON candles.symbol_summary (symbol_id);
COMMENT ON MATERIALIZED VIEW candles.symbol_summary IS
'How much is known of each symbol, as of refreshed_at; read it as analytics.symbol_summary.';
GRANT SELECT ON candles.symbol_summary TO cryptoflow_reader;

CREATE VIEW analytics.symbol_summary AS
SELECT
    summary.symbol_id,
    symbols.exchange,
    symbols.symbol,
    summary.candle_count,
    summary.first_day,
    summary.last_update,
    summary.last_price,
    summary.refreshed_at
FROM candles.symbol_summary AS summary
INNER JOIN candles.symbols AS symbols ON summary.symbol_id = symbols.symbol_id;
COMMENT ON VIEW analytics.symbol_summary IS 'How much is known of each symbol that has candles, as of refreshed_at.';
COMMENT ON COLUMN analytics.symbol_summary.symbol_id IS 'The symbol, as in candles.symbols.';
COMMENT ON COLUMN analytics.symbol_summary.exchange IS 'The exchange.';
COMMENT ON COLUMN analytics.symbol_summary.symbol IS
'The exchange''s own name of the pair. Another exchange''s same name is another symbol.';
COMMENT ON COLUMN analytics.symbol_summary.candle_count IS 'Minutes that have a candle.';
COMMENT ON COLUMN analytics.symbol_summary.first_day IS 'First day that has one.';
COMMENT ON COLUMN analytics.symbol_summary.last_update IS 'Close time of the newest minute.';
COMMENT ON COLUMN analytics.symbol_summary.last_price IS 'Its close. Unit: quote currency.';
COMMENT ON COLUMN analytics.symbol_summary.refreshed_at IS 'When this was reckoned.';

CREATE VIEW analytics.market_data AS
SELECT DISTINCT ON (symbols.asset_id, candles.open_time)
    ((extract(EPOCH FROM candles.open_time)::BIGINT / 3600) << 32) | symbols.asset_id::BIGINT AS id,
    symbols.asset_id AS cryptocurrency_id,
    assets.slug,
    candles.open_time AS timestamp,
    candles.open AS open_price,
    candles.high AS high_price,
    candles.low AS low_price,
    candles.close AS close_price,
    candles.quote_volume AS volume,
    closes.market_cap_usd AS market_cap,
    symbols.exchange AS data_source,
    symbols.symbol,
    candles.coverage,
    candles.recorded_at AS created_at
FROM candles.coarse_candles AS candles
INNER JOIN candles.symbols AS symbols ON candles.symbol_id = symbols.symbol_id
INNER JOIN market.assets AS assets ON symbols.asset_id = assets.asset_id
LEFT JOIN market.hourly_close AS closes
    ON symbols.asset_id = closes.asset_id AND candles.open_time = closes.bucket
WHERE candles.interval = '1h' AND symbols.quote IN ('USD', 'USDT', 'USDC', 'FDUSD')
ORDER BY
    symbols.asset_id ASC, candles.open_time ASC, candles.quote_volume DESC NULLS LAST, candles.symbol_id ASC;
COMMENT ON VIEW analytics.market_data IS
'Hours of each asset on the exchange pair in dollars (or dollar coins) that traded most in the hour.';
COMMENT ON COLUMN analytics.market_data.id IS 'A number made of hour and asset: unique, and the same for ever.';
COMMENT ON COLUMN analytics.market_data.cryptocurrency_id IS 'The asset, as asset_id in market.assets.';
COMMENT ON COLUMN analytics.market_data.slug IS 'Readable key of the asset, as in market.assets.';
COMMENT ON COLUMN analytics.market_data.timestamp IS 'Start of the hour.';
COMMENT ON COLUMN analytics.market_data.open_price IS 'First price. Unit: quote currency.';
COMMENT ON COLUMN analytics.market_data.high_price IS 'Highest price. Unit: quote currency.';
COMMENT ON COLUMN analytics.market_data.low_price IS 'Lowest price. Unit: quote currency.';
COMMENT ON COLUMN analytics.market_data.close_price IS 'Last price. Unit: quote currency.';
COMMENT ON COLUMN analytics.market_data.volume IS 'What was paid within the hour. Unit: quote currency.';
COMMENT ON COLUMN analytics.market_data.market_cap IS
'Market cap at the close of the hour, where an aggregator was asked. Unit: usd.';
COMMENT ON COLUMN analytics.market_data.data_source IS 'The exchange.';
COMMENT ON COLUMN analytics.market_data.symbol IS
'The exchange''s own name of the pair. Another exchange''s same name is another symbol.';
COMMENT ON COLUMN analytics.market_data.coverage IS 'Share of its minutes that are there. Unit: ratio.';
COMMENT ON COLUMN analytics.market_data.created_at IS 'When this version became visible.';

CREATE FUNCTION analytics.minute_candles_as_of(instant TIMESTAMPTZ)
RETURNS TABLE (
    open_time TIMESTAMPTZ,
    symbol_id INTEGER,
    close_time TIMESTAMPTZ,
    open NUMERIC,
    high NUMERIC,
    low NUMERIC,
    close NUMERIC,
    volume NUMERIC,
    quote_volume NUMERIC,
    trade_count BIGINT,
    taker_base_volume NUMERIC,
    taker_quote_volume NUMERIC,
    is_final BOOLEAN,
    source TEXT,
    fetched_at TIMESTAMPTZ,
    payload_sha256 BYTEA,
    run_id TEXT,
    recorded_at TIMESTAMPTZ,
    exchange TEXT,
    symbol TEXT,
    superseded_at TIMESTAMPTZ
)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
SELECT
    versions.open_time,
    versions.symbol_id,
    versions.close_time,
    versions.open,
    versions.high,
    versions.low,
    versions.close,
    versions.volume,
    versions.quote_volume,
    versions.trade_count,
    versions.taker_base_volume,
    versions.taker_quote_volume,
    versions.is_final,
    versions.source,
    versions.fetched_at,
    versions.payload_sha256,
    versions.run_id,
    versions.recorded_at,
    symbols.exchange,
    symbols.symbol,
    versions.superseded_at
FROM (
    SELECT
        known.open_time,
        known.symbol_id,
        known.close_time,
        known.open,
        known.high,
        known.low,
        known.close,
        known.volume,
        known.quote_volume,
        known.trade_count,
        known.taker_base_volume,
        known.taker_quote_volume,
        known.is_final,
        known.source,
        known.fetched_at,
        known.payload_sha256,
        known.run_id,
        known.recorded_at,
        NULL::TIMESTAMPTZ AS superseded_at
    FROM candles.minute_candles AS known
    WHERE known.recorded_at <= instant
    UNION ALL
    SELECT
        kept.open_time,
        kept.symbol_id,
        kept.close_time,
        kept.open,
        kept.high,
        kept.low,
        kept.close,
        kept.volume,
        kept.quote_volume,
        kept.trade_count,
        kept.taker_base_volume,
        kept.taker_quote_volume,
        kept.is_final,
        kept.source,
        kept.fetched_at,
        kept.payload_sha256,
        kept.run_id,
        kept.recorded_at,
        kept.superseded_at
    FROM candles.minute_candles_revisions AS kept
    WHERE kept.recorded_at <= instant AND kept.superseded_at > instant
) AS versions
INNER JOIN candles.symbols AS symbols ON versions.symbol_id = symbols.symbol_id
$$;
COMMENT ON FUNCTION analytics.minute_candles_as_of(TIMESTAMPTZ) IS
'What candles.minute_candles said at the instant; superseded_at is NULL while it still says so.';

CREATE FUNCTION analytics.coarse_candles_as_of(instant TIMESTAMPTZ)
RETURNS TABLE (
    "interval" TEXT, -- noqa: RF06
    open_time TIMESTAMPTZ,
    symbol_id INTEGER,
    close_time TIMESTAMPTZ,
    open NUMERIC,
    high NUMERIC,
    low NUMERIC,
    close NUMERIC,
    volume NUMERIC,
    quote_volume NUMERIC,
    trade_count BIGINT,
    taker_base_volume NUMERIC,
    taker_quote_volume NUMERIC,
    is_final BOOLEAN,
    samples INTEGER,
    expected_samples INTEGER,
    coverage NUMERIC,
    formula_version SMALLINT,
    recorded_at TIMESTAMPTZ,
    exchange TEXT,
    symbol TEXT,
    superseded_at TIMESTAMPTZ
)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
SELECT
    versions.interval,
    versions.open_time,
    versions.symbol_id,
    versions.close_time,
    versions.open,
    versions.high,
    versions.low,
    versions.close,
    versions.volume,
    versions.quote_volume,
    versions.trade_count,
    versions.taker_base_volume,
    versions.taker_quote_volume,
    versions.is_final,
    versions.samples,
    versions.expected_samples,
    versions.coverage,
    versions.formula_version,
    versions.recorded_at,
    symbols.exchange,
    symbols.symbol,
    versions.superseded_at
FROM (
    SELECT
        known.interval,
        known.open_time,
        known.symbol_id,
        known.close_time,
        known.open,
        known.high,
        known.low,
        known.close,
        known.volume,
        known.quote_volume,
        known.trade_count,
        known.taker_base_volume,
        known.taker_quote_volume,
        known.is_final,
        known.samples,
        known.expected_samples,
        known.coverage,
        known.formula_version,
        known.recorded_at,
        NULL::TIMESTAMPTZ AS superseded_at
    FROM candles.coarse_candles AS known
    WHERE known.recorded_at <= instant
    UNION ALL
    SELECT
        kept.interval,
        kept.open_time,
        kept.symbol_id,
        kept.close_time,
        kept.open,
        kept.high,
        kept.low,
        kept.close,
        kept.volume,
        kept.quote_volume,
        kept.trade_count,
        kept.taker_base_volume,
        kept.taker_quote_volume,
        kept.is_final,
        kept.samples,
        kept.expected_samples,
        round(kept.samples::NUMERIC / kept.expected_samples, 6) AS coverage,
        kept.formula_version,
        kept.recorded_at,
        kept.superseded_at
    FROM candles.coarse_candles_revisions AS kept
    WHERE kept.recorded_at <= instant AND kept.superseded_at > instant
) AS versions
INNER JOIN candles.symbols AS symbols ON versions.symbol_id = symbols.symbol_id
$$;
COMMENT ON FUNCTION analytics.coarse_candles_as_of(TIMESTAMPTZ) IS
'What candles.coarse_candles said at the instant; superseded_at is NULL while it still says so.';

-- Trades go by the hour.
ALTER TABLE ops.retention_policies DROP CONSTRAINT ck_retention_policies_drop_unit;
ALTER TABLE ops.retention_policies
ADD CONSTRAINT ck_retention_policies_drop_unit CHECK (drop_unit IN ('row', 'hour', 'day', 'month', 'year'));
COMMENT ON COLUMN analytics.retention_policy.drop_unit IS
'What goes at once: row, or the partition of an hour, day, month or year; NULL: nothing goes.';

GRANT SELECT ON ALL TABLES IN SCHEMA analytics TO cryptoflow_reader;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA analytics TO cryptoflow_reader;
