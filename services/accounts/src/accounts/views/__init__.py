"""The read side of accounts: tables, their projections and queries."""
