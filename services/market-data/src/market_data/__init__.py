"""Market data: candles, and the feeds and the store they come from."""
