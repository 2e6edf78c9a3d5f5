"""The outside of trading: the Hummingbot engine's connectors. Only these modules import it."""
