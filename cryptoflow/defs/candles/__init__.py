"""Assets of the candles domain: exchange symbols, minutes, larger candles, history, live trades."""
