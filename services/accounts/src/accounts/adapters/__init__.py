"""The outside of accounts: one technology a file."""
