"""The pure half of accounts: what may happen, and what the portfolio is worth."""
