"""The outside of market data: the Hummingbot engine's feeds, and the files candles are kept in."""
