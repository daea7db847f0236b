-- Purpose: live feeds of trades: how far they are whole, and when they were out.
-- Writes: tables in candles.
-- Idempotent: no; Alembic runs it once, in one transaction.
CREATE TABLE candles.trade_feeds (
    symbol_id INTEGER NOT NULL,
    state TEXT NOT NULL,
    state_since TIMESTAMP WITH TIME ZONE NOT NULL,
    reason TEXT,
    first_trade_id BIGINT,
    next_trade_id BIGINT,
    whole_from TIMESTAMP WITH TIME ZONE,
    whole_until TIMESTAMP WITH TIME ZONE,
    lag_ms BIGINT,
    waiting INTEGER DEFAULT '0' NOT NULL,
    trades_stored BIGINT DEFAULT '0' NOT NULL,
    trades_refilled BIGINT DEFAULT '0' NOT NULL,
    beat_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_trade_feeds PRIMARY KEY (symbol_id),
    CONSTRAINT ck_trade_feeds_state CHECK (state IN ('live', 'catching_up', 'down')),
    CONSTRAINT ck_trade_feeds_waiting CHECK (waiting >= 0),
    CONSTRAINT ck_trade_feeds_trades_stored CHECK (trades_stored >= 0),
    CONSTRAINT ck_trade_feeds_trades_refilled CHECK (trades_refilled >= 0),
    CONSTRAINT fk_trade_feeds_symbol_id_symbols FOREIGN KEY (symbol_id) REFERENCES candles.symbols (symbol_id)
);
COMMENT ON TABLE candles.trade_feeds IS
'The live feed of each followed symbol: how it stands, and how far its trades are whole.';
COMMENT ON COLUMN candles.trade_feeds.symbol_id IS 'The symbol, as in candles.symbols.';
COMMENT ON COLUMN candles.trade_feeds.state IS
'live: trades are told as they happen; catching_up: connected, missed ones are being fetched; down: neither.';
COMMENT ON COLUMN candles.trade_feeds.state_since IS 'Since when.';
COMMENT ON COLUMN candles.trade_feeds.reason IS 'Why it is down, in words.';
COMMENT ON COLUMN candles.trade_feeds.first_trade_id IS 'Number of the first trade of the unbroken run.';
COMMENT ON COLUMN candles.trade_feeds.next_trade_id IS
'First number that is not there yet: from first_trade_id up to it none is missing.';
COMMENT ON COLUMN candles.trade_feeds.whole_from IS 'Exchange''s time of the first trade of the run.';
COMMENT ON COLUMN candles.trade_feeds.whole_until IS 'Exchange''s time of its last trade.';
COMMENT ON COLUMN candles.trade_feeds.lag_ms IS 'Age of the newest trade when it was stored.';
COMMENT ON COLUMN candles.trade_feeds.waiting IS 'Messages of its exchange that wait to be stored.';
COMMENT ON COLUMN candles.trade_feeds.trades_stored IS 'Trades stored so far.';
COMMENT ON COLUMN candles.trade_feeds.trades_refilled IS 'Those of them fetched by number.';
COMMENT ON COLUMN candles.trade_feeds.beat_at IS 'When the collector last said so.';

CREATE TABLE candles.feed_outages (
    symbol_id INTEGER NOT NULL,
    starts TIMESTAMP WITH TIME ZONE NOT NULL,
    ends TIMESTAMP WITH TIME ZONE,
    reason TEXT NOT NULL,
    is_refilled BOOLEAN DEFAULT false NOT NULL,
    noticed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_feed_outages PRIMARY KEY (symbol_id, starts),
    CONSTRAINT fk_feed_outages_symbol_id_symbols FOREIGN KEY (symbol_id) REFERENCES candles.symbols (symbol_id)
);
COMMENT ON TABLE candles.feed_outages IS
'When the live feed of a symbol was out, why, and whether its missed trades are there by now.';
COMMENT ON COLUMN candles.feed_outages.symbol_id IS 'The symbol, as in candles.symbols.';
COMMENT ON COLUMN candles.feed_outages.starts IS
'From when on nothing is known to be whole: the exchange''s time of the last trade before.';
COMMENT ON COLUMN candles.feed_outages.ends IS 'Up to when missed trades were fetched; NULL: it lasts.';
COMMENT ON COLUMN candles.feed_outages.reason IS 'Why it was out, in words.';
COMMENT ON COLUMN candles.feed_outages.is_refilled IS 'Whether every missed trade is there.';
COMMENT ON COLUMN candles.feed_outages.noticed_at IS 'When it was noticed.';
