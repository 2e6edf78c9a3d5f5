"""What market data computes, without asking anybody: spans of time and what is missing in them."""
